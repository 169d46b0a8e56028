"""Corrects a nowcast by what the city's own sensors have seen: how often what it forecast has happened.

The readings go through the online code as they came. On the log-odds of the forecasts a line is fitted (Platt 1999)
that stays at no change until the floods that were seen outweigh a prior of some thirty.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from detect.flood.basins import Basins
from detect.flood.detector import FloodDetector
from detect.flood.features import WET_M
from detect.flood.levels import ladders
from detect.flood.nowcast import HORIZONS_MIN, Nowcast
from detect.flood.score import brier
from detect.instant import instant
from detect.port import Batch, Floats, Scope

_TICK_S = 300.0
_PRIOR = 30.0
_LEAST_FLOODS = 5


@dataclass(frozen=True)
class Correction:
    """What was seen and what follows: log-odds become `shift + slope` times themselves."""

    floods: int
    """floods of at least blue that were seen"""
    cases: int
    shift: float
    slope: float
    brier_before: float
    brier_after: float

    def line(self) -> str:
        """For people."""
        if self.floods < _LEAST_FLOODS:
            return f"observed: {self.floods} floods, fewer than {_LEAST_FLOODS}: nothing is corrected"
        return (
            f"observed (real): {self.floods} floods, {self.cases} forecasts; Brier {self.brier_before:.4f} before "
            f"and {self.brier_after:.4f} after the correction (shift {self.shift:+.2f}, slope {self.slope:.2f}; "
            "the same floods that it was fitted to)"
        )


@dataclass(frozen=True)
class _Tick:
    at_s: float
    rows: Floats
    basins: Basins | None


def corrected(nowcast: Nowcast, scope: Scope, batches: Iterable[Batch]) -> tuple[Nowcast, Correction]:
    """`batches`: all readings of the scope's sensors, positions in `scope.sensors`, in order of time."""
    detector = FloodDetector(replace(scope, nowcast=nowcast), foresee=False)
    number = {s.sensor_id: n for n, s in enumerate(detector.sensors)}
    own = np.array([number.get(s.sensor_id, -1) for s in scope.sensors], dtype=np.intp)
    look = detector.lookout
    place = {n: k for k, n in enumerate(look.numbers)}
    steps = ladders(scope.levels)
    levels = [np.array(steps[detector.sensors[n].site].depths_m) for n in look.numbers]
    courses: list[list[tuple[float, float]]] = [[] for _ in look.numbers]
    ticks: list[_Tick] = []
    due_s = 0.0
    for batch in batches:
        inside = own[batch.sensor] >= 0
        sensors, times, values = own[batch.sensor[inside]], batch.at_s[inside], batch.value[inside]
        edges = np.flatnonzero(np.diff(times // _TICK_S)) + 1
        for part in np.split(np.arange(len(times)), edges):
            if not len(part):
                continue
            at_s = float(times[part[-1]])
            detector.step(Batch(sensors[part], times[part], values[part]), instant(at_s))
            for heard, heard_s, depth_m in detector.trusted:
                courses[place[heard]].append((heard_s, depth_m))
            if at_s >= due_s and not look.idle(at_s, None):
                ticks.append(_Tick(at_s, look.rows(at_s, detector.sky, None), look.basins(at_s, None)))
                due_s = at_s + _TICK_S
    chance, happened = _cases(nowcast, look.ids, levels, courses, ticks)
    floods = sum(_floods(course, float(of[0])) for course, of in zip(courses, levels, strict=True))
    if floods < _LEAST_FLOODS:
        return nowcast, Correction(floods, len(chance), 0.0, 1.0, np.nan, np.nan)
    # forecasts of one flood are alike: together they weigh as one
    weight = floods / max(len(chance), 1)
    odds = np.log(chance / (1.0 - chance))
    shift, slope = _line(odds, happened, weight)
    after = 1.0 / (1.0 + np.exp(-(shift + slope * odds)))
    correction = Correction(floods, len(chance), shift, slope, brier(chance, happened), brier(after, happened))
    return nowcast.shifted(shift, slope), correction


def _cases(
    nowcast: Nowcast, ids: tuple[str, ...], levels: list[Floats], courses: list[list[tuple[float, float]]],
    ticks: list[_Tick],
) -> tuple[Floats, np.ndarray]:  # fmt: skip
    chances, outcomes = [], []
    tracks = [np.array(course).reshape(-1, 2) for course in courses]
    for tick in ticks:
        at_s, rows = tick.at_s, nowcast.known.completed(tick.rows, list(ids), tick.basins)
        for k in range(len(ids)):
            times, depths = tracks[k][:, 0], tracks[k][:, 1]
            if not len(times) or times[-1] < at_s + 60.0 * HORIZONS_MIN[-1]:
                continue
            found = nowcast.chances(rows[[k]], tuple(levels[k].tolist()))[0]
            for column, horizon in enumerate(HORIZONS_MIN):
                inside = (times > at_s) & (times <= at_s + 60.0 * horizon)
                if not inside.any():
                    continue
                open_ = (rows[k, 0] < levels[k]) & (found[:, column] > 0.001) & (found[:, column] < 0.999)
                chances += found[open_, column].tolist()
                outcomes += (depths[inside].max() >= levels[k][open_]).tolist()
    return np.array(chances, dtype=np.float64), np.array(outcomes, dtype=bool)


def _floods(course: list[tuple[float, float]], blue_m: float) -> int:
    """How often the water came from below 2 cm to blue."""
    count, armed = 0, True
    for _, depth_m in course:
        if armed and depth_m >= blue_m:
            count, armed = count + 1, False
        elif depth_m < WET_M:
            armed = True
    return count


def _line(odds: Floats, happened: np.ndarray, weight: float) -> tuple[float, float]:
    """Shift and slope of least penalised log loss; the penalty is that of `_PRIOR` floods which say: no change."""
    from scipy.optimize import minimize

    def loss(of: Floats) -> float:
        z = of[0] + of[1] * odds
        data = weight * float(np.sum(np.logaddexp(0.0, z) - happened * z))
        return data + 0.05 * _PRIOR * float(of[0] ** 2 + 4.0 * (of[1] - 1.0) ** 2)

    found = minimize(loss, np.array([0.0, 1.0]), bounds=[(-4.0, 4.0), (0.1, 3.0)]).x
    return float(found[0]), float(found[1])
