"""Which standard basin behaves like each place, and how deep its street stands at which pond of that basin.

Learned from storms over the drainage model: the basin whose pond, by a curve that rises with it, tells the depths best.
A place without storms is given the basin of its pipes: time of concentration, least capacity, area of the street.
"""

from dataclasses import dataclass

import numpy as np

from detect.flood.basins import CAPACITY_MM_PER_H, TIME_MIN, Basins
from detect.flood.drains import PHYSICAL
from detect.port import Floats, Ints

GRID_MM = np.concatenate([[0.0], np.geomspace(0.1, 200.0, 40)])
_MIDDLE_MM = (GRID_MM[1:] + GRID_MM[:-1]) / 2.0
_DEEPEST_M, _LEVEL_M, _WET_M = 0.6, 0.15, 0.02
_ROWS = 3000
_LEAST_MM = 0.3
PONDS = ("now_m", "more_mm", "stops_30min_m", "stops_60min_m", "goes_on_30min_m", "goes_on_60min_m", "goes_on_load")
PONDS_AHEAD = ("30min_m", "60min_m", "load")
"""what `ponds` gives: `load` is the logarithm of the highest pond over that of 15 cm"""


@dataclass(frozen=True)
class Likeness:
    """Of places: their basin (n,), and the depth at each of GRID_MM (n, len(GRID_MM)), which rises."""

    basin: Ints
    curve_m: Floats

    def of(self, places: Ints) -> "Likeness":
        """Those of `places`, by position."""
        return Likeness(self.basin[places], self.curve_m[places])

    def depth_m(self, pond_mm: Floats) -> Floats:
        """(n, ...): the depth that goes with ponds (n, ...)."""
        flat = pond_mm.reshape(len(self.basin), -1)
        place, share = _between(flat)
        row = np.arange(len(flat))[:, None]
        low, high = self.curve_m[row, place], self.curve_m[row, place + 1]
        return np.asarray((low + share * (high - low)).reshape(pond_mm.shape))

    def pond_mm(self, depth_m: Floats) -> Floats:
        """(n,): the least pond at which the street stands so deep; the largest of the grid where it never does."""
        there = self.curve_m >= depth_m[:, None]
        high = np.where(there.any(axis=1), there.argmax(axis=1), len(GRID_MM) - 1)
        low = np.maximum(high - 1, 0)
        row = np.arange(len(high))
        rise = self.curve_m[row, high] - self.curve_m[row, low]
        share = np.clip((depth_m - self.curve_m[row, low]) / np.maximum(rise, 1e-9), 0.0, 1.0)
        return np.asarray(GRID_MM[low] + share * (GRID_MM[high] - GRID_MM[low]))


def ponds(like: Likeness, basins: Basins, depth_m: Floats) -> tuple[Floats, Floats]:
    """PONDS and PONDS_AHEAD of rows, (n, len(PONDS)) and (n, len(PONDS_AHEAD)), from the depths that are seen, (n,).

    What stands on the street now says how full the pond is; where the street is dry, the rain so far does.
    """
    rained_mm = np.asarray(basins.pond_mm[basins.series, like.basin], dtype=np.float64)
    wet_mm = like.pond_mm(np.full(len(depth_m), _WET_M))
    now_mm = np.where(depth_m >= _WET_M, like.pond_mm(depth_m), np.minimum(rained_mm, wet_mm))
    highest_mm = basins.highest_mm(like.basin, now_mm)
    highest_m = like.depth_m(highest_mm)
    flood_mm = like.pond_mm(np.full(len(depth_m), _LEVEL_M))[:, None]
    load = np.log((highest_mm[:, :, -1] + _LEAST_MM) / (flood_mm + _LEAST_MM))
    more = np.log((now_mm + 1.0) / (rained_mm + 1.0))
    past = [like.depth_m(rained_mm), more, *highest_m[:, 0].T, *highest_m[:, 1].T, load[:, 1]]
    return np.column_stack(past), np.column_stack([*highest_m[:, 2].T, load[:, 2]])


def learned(places: int, place: Ints, depth_m: Floats, series: Ints, pond_mm: Floats, *, seed: int = 0) -> Likeness:
    """From rows of storms: place (n,), true depth (n,), and the ponds (n_series, n_basins) that `series` (n,) names."""
    rng = np.random.default_rng(seed)
    basin = np.zeros(places, dtype=np.intp)
    curves = np.zeros((places, len(GRID_MM)))
    order = np.argsort(place, kind="stable")
    edges = np.searchsorted(place[order], np.arange(places + 1))
    for n in range(places):
        rows = order[edges[n] : edges[n + 1]]
        rows = rows if len(rows) <= _ROWS else rng.choice(rows, _ROWS, replace=False)
        basin[n], curves[n] = _best(pond_mm[series[rows]], np.minimum(depth_m[rows], _DEEPEST_M))
    return Likeness(basin, curves)


def guessed(physical: Floats) -> Likeness:
    """From pipes alone, `physical` (n, len(PHYSICAL)): the basin nearest to their time and capacity."""
    of = dict(zip(PHYSICAL, physical.T, strict=True))
    takes = np.minimum(of["bottleneck_mm_per_h"], of["capacity_mm_per_h"])
    away = np.abs(np.log(of["concentration_min"][:, None] / TIME_MIN)) + np.abs(
        np.log(np.maximum(takes, 0.1)[:, None] / CAPACITY_MM_PER_H)
    )
    curve = np.minimum(_LEVEL_M * GRID_MM / np.maximum(of["pond_mm"], 0.05)[:, None], _DEEPEST_M)
    return Likeness(np.argmin(np.nan_to_num(away), axis=1), curve)


def _best(pond_mm: Floats, depth_m: Floats) -> tuple[int, Floats]:
    """The basin of least mean error, and its curve. `pond_mm` (n, n_basins), `depth_m` (n,)."""
    known = np.isfinite(pond_mm).all(axis=1)
    pond_mm, depth_m = pond_mm[known], depth_m[known]
    if not len(depth_m) or depth_m.max() < _WET_M:
        # never seen wet: the basin that fills least
        return int(np.argmin(pond_mm.sum(axis=0))) if len(depth_m) else 0, np.zeros(len(GRID_MM))
    from sklearn.isotonic import IsotonicRegression

    nearest = np.searchsorted(_MIDDLE_MM, pond_mm)
    best: tuple[float, int, Floats] | None = None
    for k in range(pond_mm.shape[1]):
        count = np.bincount(nearest[:, k], minlength=len(GRID_MM))
        total = np.bincount(nearest[:, k], weights=depth_m, minlength=len(GRID_MM))
        seen = np.flatnonzero(count)
        fit = IsotonicRegression(y_min=0.0, out_of_bounds="clip")
        fit.fit(GRID_MM[seen], total[seen] / count[seen], sample_weight=count[seen])
        curve = fit.predict(GRID_MM)
        error = float(np.abs(curve[nearest[:, k]] - depth_m).mean())
        if best is None or error < best[0]:
            best = (error, k, curve)
    assert best is not None
    return best[1], best[2]


def _between(pond_mm: Floats) -> tuple[Ints, Floats]:
    """Place on the grid, and the share of the way to the next."""
    place = np.clip(np.searchsorted(GRID_MM, np.nan_to_num(pond_mm), side="right") - 1, 0, len(GRID_MM) - 2)
    share = np.clip((pond_mm - GRID_MM[place]) / (GRID_MM[place + 1] - GRID_MM[place]), 0.0, 1.0)
    return place, np.asarray(share)
