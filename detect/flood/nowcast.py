"""What comes next at a wet place: the probability of each level within 30 and 60 minutes, quantiles, crossing times.

Forecasts come from the highest rung of a ladder that stands: the full model, the model without a rain forecast,
linear extrapolation, the thresholds alone. Each forecast names its rung, the age of its data and its reasons.
"""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from statistics import NormalDist

import numpy as np

from detect.flood.basins import Basins
from detect.flood.exceedance import FIT_HORIZONS_MIN, Examples, Exceedance, fit
from detect.flood.features import (
    DRY_M,
    FEATURES,
    FORECAST,
    PIPE_POND_AHEAD,
    POND_AHEAD,
    RAIN,
    RECORD,
    RECORD_AHEAD,
    columns,
)
from detect.flood.known import Known
from detect.port import Floats

HORIZONS_MIN = (30.0, 60.0)
QUANTILES = (0.1, 0.5, 0.9)
WARN_PROBABILITY = 0.4
"""Warns from here on. The threshold of best F1 is half the F1 reached (Lipton et al., ECML 2014): 0.35 for F1 0.7;
a little more, since a false closure costs trust."""
_AHEAD_M = np.array([0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.75])
_DEPTH = FEATURES.index("depth_m")
_RISE_5, _RISE_10 = FEATURES.index("rise_5min_m"), FEATURES.index("rise_10min_m")
_WET_S, _AGE_S = FEATURES.index("wet_s"), FEATURES.index("age_s")
_FORECASTS = list(range(len(FEATURES)))[columns(FORECAST)]
_AHEADS = [FEATURES.index(name) for name in (*FORECAST, *RECORD_AHEAD, *POND_AHEAD, *PIPE_POND_AHEAD)]
_RAINED = columns(RAIN).start + 3
_RECORDED = columns(RECORD).start
_DRY_BELOW, _LOWEST_M = 0.02, 0.05
"""a dry place where 5 cm are less likely than this within the hour is not looked at closer"""
_NORMAL = NormalDist()
_STALE_S = 1800.0
"""older data say what was: the thresholds alone are left"""


class Rung(StrEnum):
    """What a forecast rests on, best first."""

    FULL = "full"
    NO_RAIN_FORECAST = "no-rain-forecast"
    LINEAR = "linear"
    THRESHOLDS = "thresholds"


class Reason(StrEnum):
    """What speaks for a forecast, or against it."""

    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"
    RAINING = "raining"
    RAIN_COMING = "rain-coming"
    NO_RAIN = "no-rain"
    NEIGHBOURS_WET = "neighbours-wet"
    FLOODS_DEEP = "floods-deep-here"
    """the floods before this one were deep"""
    FLOODS_SHALLOW = "floods-shallow-here"
    DRAIN_FULL = "drain-full"
    DATA_OLD = "data-old"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of one place. Arrays: `probability` (n_levels, 2), `quantiles_m` (2, 3); `crossing_min` (n_levels,), NaN: never.

    Quantiles are of the highest depth within each horizon, never below the present depth.
    """

    rung: Rung
    depth_m: float
    data_age_s: float
    levels_m: tuple[float, ...]
    probability: Floats
    quantiles_m: Floats
    crossing_min: Floats
    reasons: tuple[Reason, ...]

    def warns(self, level: int) -> bool:
        """Whether the level (by position) is to be warned of: not there yet, and likely enough within the hour."""
        return self.depth_m < self.levels_m[level] and bool(self.probability[level].max() >= WARN_PROBABILITY)


@dataclass(frozen=True)
class Models:
    """What was learned: with and without a rain forecast, each for places on record and for places without one.

    `elsewhere` looks at nothing that only a record tells; either may be missing.
    """

    full: Exceedance | None = None
    full_elsewhere: Exceedance | None = None
    bare: Exceedance | None = None
    bare_elsewhere: Exceedance | None = None

    def of(self, rung: Rung, on_record: bool) -> Exceedance | None:
        """The model of a rung."""
        if rung is Rung.FULL:
            return self.full if on_record else self.full_elsewhere
        if rung is Rung.NO_RAIN_FORECAST:
            return self.bare if on_record else self.bare_elsewhere
        return None


class Nowcast:
    """The ladder. Without models it begins at linear extrapolation. `known` says what is known of places by their id;
    `from_rain`: the models were fitted to dry places under rain too, so that they foresee the first water."""

    def __init__(self, models: Models | None = None, known: Known | None = None, *, from_rain: bool = False) -> None:
        self.models, self.known, self.from_rain = models or Models(), known or Known(), from_rain

    def shifted(self, shift: float, slope: float) -> "Nowcast":
        """The same with corrected log-odds (observed.py)."""
        made = {f.name: getattr(self.models, f.name) for f in fields(Models)}
        models = Models(**{name: m and m.shifted(shift, slope) for name, m in made.items()})
        return Nowcast(models, self.known, from_rain=self.from_rain)

    def rung(self, row: Floats) -> Rung:
        """The highest rung that stands for a row of features."""
        if not np.isfinite(row[_DEPTH]) or row[_AGE_S] > _STALE_S:
            return Rung.THRESHOLDS
        on_record = bool(np.isfinite(row[_RECORDED]))
        rained = not self.from_rain or bool(np.isfinite(row[_RAINED]))
        if rained and np.isfinite(row[_FORECASTS]).all() and self.models.of(Rung.FULL, on_record) is not None:
            return Rung.FULL
        if rained and self.models.of(Rung.NO_RAIN_FORECAST, on_record) is not None:
            return Rung.NO_RAIN_FORECAST
        return Rung.LINEAR if row[_WET_S] > 0.0 else Rung.THRESHOLDS

    def forecast(
        self,
        rows: Floats,
        levels_m: list[tuple[float, ...]],
        place_ids: list[str] | None = None,
        basins: Basins | None = None,
    ) -> list[Forecast]:
        """Forecasts for rows of features (n, len(FEATURES)), each with the levels of its place; `basins` under the rain
        of the same rows."""
        if place_ids is not None:
            rows = self.known.completed(rows, place_ids, basins)
        groups: dict[tuple[Rung, bool, tuple[float, ...]], list[int]] = {}
        for n, row in enumerate(rows):
            groups.setdefault((self.rung(row), bool(np.isfinite(row[_RECORDED])), levels_m[n]), []).append(n)
        found: dict[int, Forecast] = {}
        for (rung, on_record, levels), chosen in groups.items():
            made = self._made(rung, self.models.of(rung, on_record), rows[chosen], levels)
            found.update(zip(chosen, made, strict=True))
        return [found[n] for n in range(len(rows))]

    def chances(
        self,
        rows: Floats,
        levels: tuple[float, ...],
        place_ids: list[str] | None = None,
        basins: Basins | None = None,
    ) -> Floats:
        """The probabilities of `forecast` alone, (n, n_levels, 2): much cheaper."""
        if place_ids is not None:
            rows = self.known.completed(rows, place_ids, basins)
        rungs = [(self.rung(row), bool(np.isfinite(row[_RECORDED]))) for row in rows]
        found = np.zeros((len(rows), len(levels), len(HORIZONS_MIN)))
        for rung, on_record in set(rungs):
            chosen = np.array([n for n, r in enumerate(rungs) if r == (rung, on_record)], dtype=np.intp)
            grid = np.tile(levels, (len(chosen), 1))
            curve = self._curve(rung, self.models.of(rung, on_record), rows[chosen], grid, np.array(HORIZONS_MIN))
            found[chosen] = curve
        return found

    def _made(self, rung: Rung, model: Exceedance | None, rows: Floats, levels: tuple[float, ...]) -> list[Forecast]:
        horizons = np.array(FIT_HORIZONS_MIN)
        grid = _grid(rows[:, _DEPTH], levels)
        curve = self._curve(rung, model, rows, grid, horizons)
        return [
            _read(rung, row, levels, places, probability, horizons)
            for row, places, probability in zip(rows, grid, curve, strict=True)
        ]

    @staticmethod
    def _curve(rung: Rung, model: Exceedance | None, rows: Floats, grid: Floats, horizons: Floats) -> Floats:
        """Probability that each depth of `grid` (n, width), ascending, is reached: (n, width, n_horizons)."""
        width = grid.shape[1]
        if model is not None:
            curve = np.where(grid <= rows[:, [_DEPTH]], 1.0, 0.0)[:, :, None].repeat(len(horizons), axis=2)
            close = rows[:, _DEPTH] >= DRY_M
            dry = np.flatnonzero(~close)
            if len(dry):
                low_m = np.maximum(grid[dry, 0], _LOWEST_M)
                most = model.at(rows[dry], low_m, np.full(len(dry), horizons[-1]))
                close[dry[most >= _DRY_BELOW]] = True
            if close.any():
                repeated = np.repeat(rows[close], width, axis=0)
                asked = _at_own_level(model, repeated, grid[close].ravel(), horizons)
                curve[close] = asked.reshape(-1, width, len(horizons))
        elif rung is Rung.LINEAR:
            curve = _extrapolated(rows, grid, horizons)
        else:
            curve = np.where(grid <= rows[:, [_DEPTH]], 1.0, 0.0)[:, :, None].repeat(len(horizons), axis=2)
        # where the rise of the last minutes falls off, an hour would be less likely than half of it
        return np.asarray(np.minimum.accumulate(np.maximum.accumulate(curve, axis=2), axis=1))


def train(examples: Examples, *, seed: int = 0) -> Nowcast:
    """A nowcast from recorded floods; rows of examples are rows of features. Rungs that cannot be fitted are left
    out."""
    bare = examples.rows.copy()
    bare[:, _AHEADS] = np.nan
    known = np.isfinite(examples.rows[:, _FORECASTS]).all(axis=1)
    full = fit(examples.part(known), seed=seed) if known.any() else None
    bare_model = fit(replace(examples, rows=bare), seed=seed)
    return Nowcast(Models(full, full, bare_model, bare_model))


def without_forecast(rows: Floats) -> Floats:
    """`rows` as they would be without a rain forecast."""
    bare = rows.copy()
    bare[:, _AHEADS] = np.nan
    return bare


def _grid(depth_m: Floats, levels: tuple[float, ...]) -> Floats:
    """Depths that each row is asked for, ascending, (n, width): its levels, and steps above its depth."""
    both = np.concatenate([np.tile(levels, (len(depth_m), 1)), depth_m[:, None] + _AHEAD_M], axis=1)
    return np.asarray(np.sort(both, axis=1))


def _at_own_level(model: Exceedance, rows: Floats, levels_m: Floats, horizons_min: Floats) -> Floats:
    """(n, n_horizons): each row at its own level."""
    found = np.empty((len(rows), len(horizons_min)))
    for number, horizon in enumerate(horizons_min):
        found[:, number] = model.at(rows, levels_m, np.full(len(rows), horizon))
    return found


def _extrapolated(rows: Floats, grid: Floats, horizons_min: Floats) -> Floats:
    """The rise of the last ten minutes goes on, less and less; its error grows with it. (n, n_levels, n_horizons)"""
    rate = np.maximum(rows[:, _RISE_10] / 10.0, rows[:, _RISE_5] / 5.0)
    shape = []
    for horizon in horizons_min:
        rise = rate * 10.0 * (1.0 - np.exp(-horizon / 10.0))
        error = 0.02 + 0.5 * np.maximum(rise, 0.0)
        score = (rows[:, [_DEPTH]] + np.maximum(rise, 0.0)[:, None] - grid) / error[:, None]
        p = np.vectorize(_NORMAL.cdf)(score)
        shape.append(np.where(grid <= rows[:, [_DEPTH]], 1.0, p))
    return np.stack(shape, axis=2)


def _read(
    rung: Rung, row: Floats, levels: tuple[float, ...], grid: Floats, probability: Floats, horizons: Floats
) -> Forecast:
    """A forecast from one exceedance curve: `probability` (n_grid, n_horizons) at depths `grid`."""
    own = np.searchsorted(grid, levels)
    columns = [int(np.flatnonzero(horizons == h)[0]) for h in HORIZONS_MIN]
    quantiles = np.empty((len(HORIZONS_MIN), len(QUANTILES)))
    for number, column in enumerate(columns):
        below = 1.0 - probability[:, column]
        steps = np.maximum.accumulate(below)
        quantiles[number] = np.maximum(np.interp(QUANTILES, steps, grid), row[_DEPTH])
    crossing = np.full(len(levels), np.nan)
    for level, place in enumerate(own):
        path = np.concatenate([[0.0], probability[place]])
        if levels[level] <= row[_DEPTH]:
            crossing[level] = 0.0
        elif path[-1] >= 0.5 * WARN_PROBABILITY:
            crossing[level] = np.interp(0.5 * path[-1], path, np.concatenate([[0.0], horizons]))
    return Forecast(
        rung, float(row[_DEPTH]), float(row[_AGE_S]), levels, probability[own][:, columns], quantiles, crossing,
        _reasons(row),
    )  # fmt: skip


def _reasons(row: Floats) -> tuple[Reason, ...]:
    """The three that say most, strongest first."""
    v = dict(zip(FEATURES, row.tolist(), strict=True))
    said: list[tuple[float, Reason]] = []
    rise = v["rise_5min_m"] / 0.03
    said.append((abs(rise), Reason.RISING if rise > 0.15 else Reason.FALLING if rise < -0.15 else Reason.STEADY))
    said.append((v["near_peak_m"] / 0.15 if v["near_wet_n"] else 0.0, Reason.NEIGHBOURS_WET))
    if v["past_n"] >= 3:
        deep = v["past_mean_m"] / 0.15
        said.append((abs(deep - 0.8), Reason.FLOODS_DEEP if deep > 0.8 else Reason.FLOODS_SHALLOW))
    if v["rain_30min_mm"] == v["rain_30min_mm"]:
        said.append((v["rain_30min_mm"] / 10.0, Reason.RAINING) if v["rain_30min_mm"] >= 0.5 else (0.4, Reason.NO_RAIN))
    if v["forecast_60min_mm"] == v["forecast_60min_mm"]:
        said.append((v["forecast_60min_mm"] / 15.0, Reason.RAIN_COMING))
    if v["fill"] == v["fill"]:
        said.append((v["fill"] if v["fill"] > 0.8 else 0.0, Reason.DRAIN_FULL))
    said.append((v["age_s"] / 600.0, Reason.DATA_OLD))
    told = sorted((s for s in said if s[0] > 0.1), key=lambda s: -s[0])[:3]
    return tuple(reason for _, reason in told) or (Reason.STEADY,)
