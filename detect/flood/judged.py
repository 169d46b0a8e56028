"""What forecasts were worth in storms over a drainage model: forecast by forecast and flood by flood, each rung."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detect.flood.campaign import ForecastError, Instruments, Told
from detect.flood.exceedance import FIT_HORIZONS_MIN
from detect.flood.nowcast import HORIZONS_MIN, WARN_PROBABILITY, Nowcast, without_forecast
from detect.flood.replay import ROAD
from detect.flood.score import Bin, Flags, Score, brier, reliability, score
from detect.port import Floats

LEVELS_M = (ROAD.blue, ROAD.yellow, ROAD.orange, ROAD.red)
YELLOW = 1
FULL, BARE, LINEAR, RULE = "full, noisy rain forecast", "no rain forecast", "linear extrapolation", "depth >= 5 cm"
WAYS = (FULL, BARE, LINEAR, RULE)
NOISY = {ForecastError.COMMON: "full, one error a forecast", ForecastError.PER_STEP: "full, an error a step"}
"""the first way, by what the error of a rain forecast is"""
_LONGEST_MIN = HORIZONS_MIN[-1]


@dataclass(frozen=True)
class Worth:
    """Of one way to forecast 15 cm within 60 minutes."""

    floods: Score
    """place by place and storm by storm: warned within the hour before 15 cm; false: warned, and 15 cm never came"""
    forecasts: Score
    """each forecast of a place that is not there yet"""
    standing: Score
    """the same with places that are there already"""
    raining: Score
    """of these, those made when it had begun to rain"""
    lead_min: tuple[float, ...]
    """of each flood, 0 where it was not warned of"""
    brier: float
    climate_brier: float
    bins: tuple[Bin, ...]
    by_level: dict[str, Score]

    @property
    def lead_median_min(self) -> float:
        """NaN without floods."""
        return float(np.median(self.lead_min)) if self.lead_min else float("nan")


@dataclass(frozen=True)
class Ahead:
    """Forecasts of one storm by one way: `probability` (n, 4, 2), rows as in `Told`."""

    told: Told
    probability: Floats


def foreseen(nowcast: Nowcast, tools: Instruments, told: Told, way: str) -> Ahead:
    """All forecasts of a storm by one way."""
    rows = told.features.astype(np.float64)
    if way == RULE:
        wet = rows[:, 0] >= LEVELS_M[0]
        there = rows[:, [0]] >= np.array(LEVELS_M)[None, :]
        probability = np.where(there | (wet[:, None] & (np.arange(4) == YELLOW)), 1.0, 0.0)
        return Ahead(told, np.repeat(probability[:, :, None], 2, axis=2))
    ids = [tools.place_ids[p] for p in told.place]
    if way == LINEAR:
        return Ahead(told, Nowcast().chances(rows, LEVELS_M))
    return Ahead(told, nowcast.chances(without_forecast(rows) if way == BARE else rows, LEVELS_M, ids, told.basins))


def worth(aheads: Sequence[Ahead]) -> Worth:
    """What the forecasts of some storms were worth."""
    p = np.concatenate([a.probability for a in aheads])
    depth = np.concatenate([a.told.depth_m for a in aheads])
    ahead = np.concatenate([a.told.ahead_m for a in aheads])
    warned = p[:, YELLOW, -1] >= WARN_PROBABILITY
    happened = ahead[:, -1] >= LEVELS_M[YELLOW]
    before = depth < LEVELS_M[YELLOW]
    rained = np.concatenate([a.told.minute >= a.told.rained_min for a in aheads])
    by_level = {}
    for level, level_m in enumerate(LEVELS_M):
        for column, horizon in enumerate(HORIZONS_MIN):
            open_ = depth < level_m
            reached = ahead[open_, FIT_HORIZONS_MIN.index(horizon)] >= level_m
            name = f"{100.0 * level_m:.0f} cm within {horizon:.0f} min"
            by_level[name] = score(p[open_, level, column] >= WARN_PROBABILITY, reached)
    floods, leads = _floods(aheads)
    truth, chance = happened[before], p[before, YELLOW, -1]
    share = float(truth.mean()) if len(truth) else float("nan")
    return Worth(
        floods, score(warned[before], truth), score(warned | ~before, happened | ~before),
        score((warned | ~before)[rained], (happened | ~before)[rained]), tuple(leads),
        brier(chance, truth), share * (1.0 - share), tuple(reliability(chance, truth, 10)), by_level,
    )  # fmt: skip


def _floods(aheads: Sequence[Ahead]) -> tuple[Score, list[float]]:
    happened: list[Flags] = []
    warned: list[Flags] = []
    leads: list[float] = []
    for a in aheads:
        told = a.told
        n = len(told.yellow_min)
        reached = np.isfinite(told.yellow_min)
        until = np.where(reached, told.yellow_min, np.inf)
        warns = a.probability[:, YELLOW, -1] >= WARN_PROBABILITY
        minute, place = told.minute[warns], told.place[warns]
        fair = (minute < until[place]) & (~reached[place] | (minute >= until[place] - _LONGEST_MIN))
        first = np.full(n, np.inf)
        np.minimum.at(first, place[fair], minute[fair])
        warned.append(np.isfinite(first))
        happened.append(reached)
        leads += [float(until[k] - first[k]) if np.isfinite(first[k]) else 0.0 for k in np.flatnonzero(reached)]
    return score(np.concatenate(warned), np.concatenate(happened)), leads


def table(worths: dict[str, Worth]) -> list[str]:
    """Lines to print."""
    head = f"{'15 cm within 60 min':<30}{'cases':>8}{'POD':>7}{'FAR':>7}{'CSI':>7}{'lead':>8}"
    blocks: tuple[tuple[str, Callable[[Worth], Score]], ...] = (
        ("floods (place and storm)", lambda w: w.floods),
        ("forecasts, not there yet", lambda w: w.forecasts),
        ("forecasts, with those standing", lambda w: w.standing),
        ("the same, since the first rain", lambda w: w.raining),
    )
    lines = [head]
    for name, of in blocks:
        lines.append(name)
        for way, w in worths.items():
            s = of(w)
            lead = f"{w.lead_median_min:>5.0f} min" if of is blocks[0][1] else ""
            lines.append(f"  {way:<28}{s.cases:>8}{_two(s.pod):>7}{_two(s.far):>7}{_two(s.csi):>7}{lead:>9}")
    return lines


def _two(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
