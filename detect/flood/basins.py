"""Standard basins: how much water would stand behind pipes of many kinds, run on the rain of each gauge.

Rain passes two reservoirs in a row (roofs and streets, then pipes), which together delay it by a basin's time, into a
pond that a pipe empties at no more than its capacity (Nash 1957; the pond is Lindley's recursion of 1952). Which basin
behaves like a place is learned from storms over the drainage model, or guessed from its pipes (likeness.py). mm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.port import Floats, Ints

TIMES_MIN = (4.0, 8.0, 16.0, 32.0, 64.0)
CAPACITIES_MM_PER_H = tuple(np.geomspace(3.0, 180.0, 15).tolist())
TIME_MIN = np.repeat(TIMES_MIN, len(CAPACITIES_MM_PER_H))
CAPACITY_MM_PER_H = np.tile(CAPACITIES_MM_PER_H, len(TIMES_MIN))
"""of each basin"""
MEMORY_MIN = 360
"""rain before that is forgotten"""
SPANS_MIN = (30, 60)
_KEEP_MIN = 10
_PASSED = 1.0 - np.exp(-2.0 / TIME_MIN)
_TAKEN = CAPACITY_MM_PER_H / 60.0
Singles = NDArray[np.float32]
"""as many as there are, half as large"""
STOPS, GOES_ON, FORECAST = range(3)
"""what the rain may do: end now, go on as in the last ten minutes, fall as forecast"""


@dataclass(frozen=True)
class Basins:
    """Of some rows, `(n,)`, each under the rain of one series (a gauge at one moment).

    `pond_mm` (n_series, n_basins) now; within each of SPANS_MIN, if the rain stops, goes on, or falls as forecast,
    `(n_series, n_basins, 3, 2)`: `adds_mm`, the most that comes in beyond what goes out, and `fills_mm`, the highest
    pond from an empty one. NaN is not known.
    """

    series: Ints
    pond_mm: Floats | Singles
    adds_mm: Floats | Singles
    fills_mm: Floats | Singles

    def rows(self, chosen: Ints) -> "Basins":
        """Those rows alone."""
        return Basins(self.series[chosen], self.pond_mm, self.adds_mm, self.fills_mm)

    def highest_mm(self, basin: Ints, now_mm: Floats) -> Floats:
        """(n, 3, 2): the highest pond of each row's basin that begins with `now_mm` (n,)."""
        adds, fills = self.adds_mm[self.series, basin], self.fills_mm[self.series, basin]
        return np.asarray(np.maximum(now_mm[:, None, None] + adds, fills), dtype=np.float64)


def joined(parts: Sequence[Basins]) -> Basins:
    """One after the other, in half the space."""
    n = len(TIME_MIN)
    if not parts:
        return Basins(np.zeros(0, dtype=np.intp), np.zeros((0, n)), np.zeros((0, n, 3, 2)), np.zeros((0, n, 3, 2)))
    first = np.cumsum([0, *(len(p.pond_mm) for p in parts)])
    series = np.concatenate([k + p.series for k, p in zip(first, parts, strict=False)])
    pond, adds, fills = (
        np.concatenate(arrays).astype(np.float32)
        for arrays in zip(*((p.pond_mm, p.adds_mm, p.fills_mm) for p in parts), strict=True)
    )
    return Basins(series, pond, adds, fills)


def followed(past_mm: Floats, forecast_mm: Floats | None) -> tuple[Floats, Floats, Floats]:
    """`pond_mm`, `adds_mm`, `fills_mm` of `Basins` from rain by minute, the latest last, (n_minutes, n_gauges), and
    from a forecast by minute, (60, n_gauges)."""
    gauges = past_mm.shape[1]
    street, pipe, pond = (np.zeros((gauges, len(TIME_MIN))) for _ in range(3))
    rained = np.flatnonzero(past_mm.any(axis=1))
    for rain in past_mm[rained[0] if len(rained) else len(past_mm) :]:
        street += (rain[:, None] - street) * _PASSED
        pipe += (street - pipe) * _PASSED
        pond = np.maximum(0.0, pond + pipe - _TAKEN)
    ahead = np.zeros((3, SPANS_MIN[-1], gauges))
    ahead[GOES_ON] = past_mm[-_KEEP_MIN:].mean(axis=0)
    ahead[FORECAST] = np.nan if forecast_mm is None else forecast_mm
    shape = (3, gauges, len(TIME_MIN))
    street, pipe = np.broadcast_to(street, shape), np.broadcast_to(pipe, shape)
    total, fill = np.zeros(shape), np.zeros(shape)
    most, highest = np.full(shape, -np.inf), np.zeros(shape)
    adds, fills = [], []
    for minute in range(SPANS_MIN[-1]):
        street = street + (ahead[:, minute, :, None] - street) * _PASSED
        pipe = pipe + (street - pipe) * _PASSED
        total = total + (pipe - _TAKEN)
        fill = np.maximum(0.0, fill + (pipe - _TAKEN))
        most, highest = np.maximum(most, total), np.maximum(highest, fill)
        if minute + 1 in SPANS_MIN:
            adds.append(most)
            fills.append(highest)
    return pond, np.stack(adds, axis=-1).transpose(1, 2, 0, 3), np.stack(fills, axis=-1).transpose(1, 2, 0, 3)
