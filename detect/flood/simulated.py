"""Trains on storms over a drainage model and judges on storms never seen: `train flood`, `evaluate flood --swmm`.

Storms for training and for judging are made up from different seeds; given ones are only judged on.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detect.flood.campaign import SIGMA, ForecastError, Instruments, Told, campaign, instruments
from detect.flood.drains import Drains, read_drains
from detect.flood.judged import FULL, LEVELS_M, NOISY, WAYS, Worth, foreseen, table, worth
from detect.flood.nowcast import HORIZONS_MIN, WARN_PROBABILITY, Forecast, Nowcast
from detect.flood.storms import Storm, given, made_up
from detect.flood.training import Catchment, For, known_of, learn
from detect.flood.whole_file import whole_file
from lifeline.errors import ReplayError

_UNSEEN = 1_000_000
"""storms to judge on begin here: none of them is trained on"""
Progress = Callable[[str, float], None]


def quiet(what: str, share: float) -> None:
    """Reports nothing."""
    del what, share


@dataclass(frozen=True)
class Judgement:
    """What forecasts were worth: `worths` by way, on `storms` storms of a model; `own`: trained on the same model."""

    model: str
    trained_on: tuple[str, ...]
    trained_storms: int
    storms: int
    places: int
    own: bool
    worths: dict[str, Worth]

    def table(self) -> str:
        """For the terminal."""
        on = "its own storms" if self.own else f"storms of {', '.join(self.trained_on)}"
        head = (
            f"simulated (SWMM {self.model}, {self.places} places): {self.storms} storms never seen, learned from "
            f"{self.trained_storms} of {on}; rain forecast wrong by a log-normal factor, sigma {SIGMA}"
        )
        name, full = next(iter(self.worths.items()))
        bins = ", ".join(f"{b.forecast:.2f} -> {b.happened:.2f} ({b.cases})" for b in full.bins)
        return "\n".join([
            head, "", *table(self.worths), "",
            f"{name}: Brier score {full.brier:.4f} (climate {full.climate_brier:.4f}); forecast -> happened (cases): "
            + bins,
        ])  # fmt: skip

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "source": "simulated",
            "model": self.model,
            "trained_on": list(self.trained_on),
            "own_catchment": self.own,
            "trained_storms": self.trained_storms,
            "storms": self.storms,
            "places": self.places,
            "rain_forecast_sigma": SIGMA,
            "warn_probability": WARN_PROBABILITY,
            "ways": {
                way: {
                    "floods": w.floods.figures(),
                    "forecasts": w.forecasts.figures(),
                    "forecasts_with_standing": w.standing.figures(),
                    "forecasts_since_rain": w.raining.figures(),
                    "lead_median_min": None if np.isnan(w.lead_median_min) else w.lead_median_min,
                    "brier": None if np.isnan(w.brier) else round(w.brier, 5),
                    "climate_brier": None if np.isnan(w.climate_brier) else round(w.climate_brier, 5),
                    "reliability": [[b.cases, round(b.forecast, 4), round(b.happened, 4)] for b in w.bins],
                    "by_level": {name: s.figures() for name, s in w.by_level.items()},
                }
                for way, w in self.worths.items()
            },
        }


def drains_of(path: Path) -> Drains:
    """The drainage model in a file. Raises ReplayError."""
    try:
        return read_drains(path.read_text(encoding="utf-8", errors="replace"), path.name)
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error}", advice="check the file") from error


def trained(
    models: Sequence[tuple[Drains, Instruments]],
    *,
    storms: int,
    processes: int,
    places: For = For.BOTH,
    seed: int = 0,
    progress: Progress = quiet,
) -> tuple[Nowcast, tuple[Catchment, ...]]:
    """A nowcast from `storms` made-up storms over each model. Raises SimulationError."""
    catchments = []
    for drains, tools in models:
        made = [made_up(drains, seed + n) for n in range(storms)]
        told = campaign(
            drains, tools, made, processes=processes, seed=seed, thin=True,
            progress=partial(progress, f"storms over {drains.name}"),
        )  # fmt: skip
        catchments.append(Catchment(drains, tools, tuple(sorted(told, key=lambda t: t.name))))
    progress("learning", 0.0)
    nowcast = learn(catchments, places=places, seed=seed)
    progress("learning", 1.0)
    return nowcast, tuple(catchments)


def judged(
    nowcast: Nowcast,
    drains: Drains,
    tools: Instruments,
    *,
    trained_on: tuple[str, ...],
    trained_storms: int,
    own: bool,
    storms: int = 50,
    given_storms: Sequence[Storm] = (),
    errors: Sequence[ForecastError] = tuple(ForecastError),
    forecasts: Path | None = None,
    processes: int = 1,
    seed: int = 0,
    progress: Progress = quiet,
) -> Judgement:
    """Judges on `storms` unseen made-up storms, or on those given, with rain forecasts of each of `errors`; `forecasts`
    are written of the first. Raises SimulationError."""
    unseen = given_storms or [made_up(drains, _UNSEEN + seed + n) for n in range(storms)]
    if not own:
        # what a city knows of its places without a storm: its pipes
        known = known_of(Catchment(drains, tools, ()))
        nowcast = Nowcast(nowcast.models, known, from_rain=True)
    worths: dict[str, Worth] = {}
    for n, error in enumerate(errors):
        told = sorted(
            campaign(
                drains, tools, list(unseen), processes=processes, seed=_UNSEEN + seed, thin=False, error=error,
                progress=partial(progress, f"unseen storms, error {error}"),
            ),
            key=lambda t: t.name,
        )  # fmt: skip
        # only the first way looks at the rain forecast
        for way in WAYS if n == 0 else (FULL,):
            name = NOISY[error] if way == FULL else way
            worths[name] = worth([foreseen(nowcast, tools, one, way) for one in told])
        if n == 0 and forecasts is not None:
            _write(forecasts, nowcast, tools, told)
    worths = {name: worths[name] for name in (*NOISY.values(), *WAYS) if name in worths}
    return Judgement(drains.name, trained_on, trained_storms, len(unseen), len(drains.places), own, worths)


def evaluate_swmm(
    model: Path,
    *,
    train_on: Path | None = None,
    train_storms: int = 200,
    storms: int = 50,
    storms_csv: Path | None = None,
    errors: Sequence[ForecastError] = tuple(ForecastError),
    forecasts: Path | None = None,
    processes: int = 1,
    seed: int = 0,
    progress: Progress = quiet,
) -> Judgement:
    """Learns from storms over `train_on` (none: over `model` itself) and judges on unseen storms over `model`."""
    drains = drains_of(model)
    tools = instruments(drains)
    # a file that cannot be read is told now, not after an hour of learning
    given_storms = () if storms_csv is None else given(storms_csv, drains)
    teacher = drains if train_on is None else drains_of(train_on)
    nowcast, _ = trained(
        [(teacher, tools if train_on is None else instruments(teacher))],
        storms=train_storms, processes=processes, places=For.RECORDED if train_on is None else For.ELSEWHERE, seed=seed,
        progress=progress,
    )  # fmt: skip
    return judged(
        nowcast, drains, tools, trained_on=(teacher.name,), trained_storms=train_storms, own=train_on is None,
        storms=storms, given_storms=given_storms, errors=errors, forecasts=forecasts, processes=processes, seed=seed,
        progress=progress,
    )  # fmt: skip


def _write(path: Path, nowcast: Nowcast, tools: Instruments, storms: Sequence[Told]) -> None:
    """Each forecast with a rain forecast of a place that is wet, or that may become so; storms a day apart."""
    with whole_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(
            ("storm", "time", "sensor", "horizon_min", "level_cm", "probability", "q10_cm", "q50_cm", "q90_cm", "rung",
             "warn", "crossing_min", "data_age_s", "reasons", "happened")
        )  # fmt: skip
        for day, told in enumerate(storms):
            ids = [tools.place_ids[p] for p in told.place]
            found = nowcast.forecast(told.features.astype(np.float64), [LEVELS_M] * len(ids), ids, told.basins)
            for n, forecast in enumerate(found):
                at = _FIRST + timedelta(days=day, minutes=int(told.minute[n]) + 1)
                writer.writerows(_lines(told, n, ids[n], at, forecast))


_FIRST = datetime(2026, 7, 1, tzinfo=UTC)


def _lines(told: Told, n: int, place: str, at: datetime, f: Forecast) -> list[tuple[Any, ...]]:
    lines = []
    for column, horizon in enumerate(HORIZONS_MIN):
        quantiles = [f"{100.0 * q:.1f}" for q in f.quantiles_m[column]]
        for level, level_m in enumerate(f.levels_m):
            p = float(f.probability[level, column])
            crossing = "" if np.isnan(f.crossing_min[level]) else f"{f.crossing_min[level]:.1f}"
            lines.append((
                told.name, at.isoformat(), place, f"{horizon:.0f}", f"{100.0 * level_m:.0f}", f"{p:.4f}", *quantiles,
                f.rung.value, int(p >= WARN_PROBABILITY), crossing, f"{f.data_age_s:.0f}",
                " ".join(r.value for r in f.reasons), int(told.ahead_m[n, column + 1] >= level_m),
            ))  # fmt: skip
    return lines
