"""What a nowcast looks at: one row of named numbers per place, from what was known at the moment and nothing later.

`Memory` hears trusted depths and keeps, per place, the last forty minutes, the flood that is going on, and the peaks
of the floods before it. Cost of a reading: microseconds; of a row: about fifty where there is water, one where not.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import cos, log, nan, pi, sin
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from detect.flood.datum import values
from detect.flood.drains import PHYSICAL
from detect.flood.likeness import PONDS, PONDS_AHEAD
from detect.flood.rainfield import FORECAST_SUMS, WINDOWS_MIN
from detect.flood.record import SPANS_MIN
from detect.port import Floats, Ints
from lifeline.asset import Position

WET_M, DRY_M = 0.02, 0.01
_MINUTE_S, _HOUR_S = 60.0, 3600.0
_KEEP_S = 40 * _MINUTE_S
_OVER_S = 600.0
"""a flood is over when it was dry this long, or nothing was heard for _LOST_S"""
_LOST_S = 6 * _HOUR_S
_PAST = 30
_NEIGHBOURS = 12
_BESIDE_KM, _NEAR_S, _KM_PER_DEGREE = 2.0, 1800.0, 111.2
"""a flood so near and so lately makes another one likely"""
_RISES_MIN = (1, 2, 3, 5, 10, 30)
_TIDE_S = 12.4206 * _HOUR_S
"""the principal lunar tide: streets at the sea and at tidal rivers"""
_USUAL_PEAK_M, _USUAL_WEIGHT = 0.12, 3.0
OWN = (
    "depth_m", "peak_m", *(f"rise_{m}min_m" for m in _RISES_MIN), "wet_s", "age_s", "creep_s", "first_m",
)  # fmt: skip
PAST = ("past_n", "past_mean_m", "past_median_m", "past_max_m", "past_last_m", "past_last3_m", "past_log_s")
AROUND = ("wet_n", "wet_new_n", "wet_peak_m", "wet_rise_m", "near_wet_n", "near_peak_m")
TIME = ("year_sin", "year_cos", "day_sin", "day_cos", "tide_sin", "tide_cos")
RAIN = (*(f"rain_{m}min_mm" for m in WINDOWS_MIN), "temperature_c", "fill", "fill_mean", "fill_rise")
FORECAST = (
    "forecast_15min_mm", "forecast_30min_mm", "forecast_60min_mm", "forecast_10min_peak_mm", "forecast_spread_mm",
    "forecast_too_low",
)  # fmt: skip
RECORD = (*(f"record_{m}min_m" for m in SPANS_MIN), "load", "excess_mm", "excess_m")
"""what the rain so far makes of the place by its record, and by its pipes"""
RECORD_AHEAD = tuple(f"{name}_ahead" for name in RECORD)
POND = tuple(f"pond_{name}" for name in PONDS)
"""how the basin that is most like the place stands"""
POND_AHEAD = tuple(f"pond_{name}_ahead" for name in PONDS_AHEAD)
PIPE_POND, PIPE_POND_AHEAD = (tuple(f"pipe_{name}" for name in names) for names in (POND, POND_AHEAD))
"""the same of the basin that the pipes alone make likely"""
FEATURES = (
    *OWN, *PAST, *AROUND, *TIME, *RAIN, *FORECAST, *PHYSICAL, *RECORD, *RECORD_AHEAD, *POND, *POND_AHEAD, *PIPE_POND,
    *PIPE_POND_AHEAD,
)  # fmt: skip


def columns(names: tuple[str, ...]) -> slice:
    """Where a group of features stands in a row."""
    first = FEATURES.index(names[0])
    return slice(first, first + len(names))


@dataclass(frozen=True)
class Surroundings:
    """What is known around all places of a city: rain `past_mm` (n_places, 6), `ahead_mm` (n_places, FORECAST_SUMS),
    manholes `fill` (n_places, 3), `temperature_c`; NaN is not known."""

    past_mm: Floats
    ahead_mm: Floats
    fill: Floats
    temperature_c: float = nan

    @classmethod
    def unknown(cls, n: int) -> "Surroundings":
        """Nothing is known."""
        return cls(np.full((n, len(WINDOWS_MIN)), nan), np.full((n, FORECAST_SUMS), nan), np.full((n, 3), nan))


@dataclass(slots=True)
class _Place:
    times_s: list[float] = field(default_factory=list)
    depths_m: list[float] = field(default_factory=list)
    wet_since_s: float | None = None
    creep_since_s: float | None = None
    dry_since_s: float | None = None
    first_m: float = 0.0
    peak_m: float = 0.0
    past: list[tuple[float, float]] = field(default_factory=list)
    """end and peak of the latest floods"""

    def at(self, at_s: float) -> float:
        """Depth at an instant, joined linearly; 0 before anything was heard."""
        place = bisect_right(self.times_s, at_s)
        if place == 0:
            return 0.0
        if place == len(self.times_s):
            return self.depths_m[-1]
        before_s, after_s = self.times_s[place - 1], self.times_s[place]
        share = (at_s - before_s) / (after_s - before_s)
        return self.depths_m[place - 1] + share * (self.depths_m[place] - self.depths_m[place - 1])


class Memory:
    """What is known of all places of a city, for rows of features."""

    def __init__(self, positions: tuple[Position, ...]) -> None:
        self._places = [_Place() for _ in positions]
        n = len(positions)
        if n > 1:
            lat = np.array([p.lat for p in positions])
            lon = np.array([p.lon for p in positions])
            plane = np.column_stack([lon * np.cos(np.radians(lat.mean())), lat])
            found = cKDTree(plane).query(plane, k=min(_NEIGHBOURS + 1, n))
            away, near = np.asarray(found[0]), np.asarray(found[1])
            # of places in one spot the tree may name another one first
            itself = near == np.arange(n)[:, None]
            itself[~itself.any(axis=1), -1] = True
            self._near: Ints = near[~itself].reshape(n, -1)
            self._beside = away[~itself].reshape(n, -1) <= _BESIDE_KM / _KM_PER_DEGREE
        else:
            self._near = np.zeros((n, 0), dtype=np.intp)
            self._beside = np.zeros((n, 0), dtype=bool)
        # of each place, for its neighbours: begin and peak of a flood that is going on or has just ended, its end
        self._begin_s = np.full(n, -np.inf)
        self._peak_m = np.zeros(n)
        self._heard_s = np.full(n, -np.inf)
        self._rise_m = np.zeros(n)
        self._last_s, self._last_m = np.full(n, -np.inf), np.zeros(n)
        self._past = np.full((n, len(PAST)), nan)
        self._past[:, :2] = 0.0, _USUAL_PEAK_M
        self._past_end_s = np.full(n, -np.inf)

    def hear(self, number: int, at_s: float, depth_m: float) -> None:
        """A trusted depth; one that is older than the last is passed over."""
        p = self._places[number]
        if p.times_s and at_s <= p.times_s[-1]:
            return
        if p.times_s and at_s - p.times_s[-1] > _LOST_S:
            self._over(number, p.times_s[-1])
        p.times_s.append(at_s)
        p.depths_m.append(depth_m)
        self._last_s[number], self._last_m[number] = at_s, depth_m
        keep = bisect_right(p.times_s, at_s - _KEEP_S) - 1
        if keep > 32:
            del p.times_s[:keep], p.depths_m[:keep]
        if depth_m < DRY_M:
            p.creep_since_s = None if p.wet_since_s is None else p.creep_since_s
            p.dry_since_s = at_s if p.dry_since_s is None else p.dry_since_s
            if at_s - p.dry_since_s >= _OVER_S:
                self._over(number, at_s)
        else:
            p.dry_since_s = None
            p.creep_since_s = at_s if p.creep_since_s is None else p.creep_since_s
        if depth_m >= WET_M and p.wet_since_s is None:
            p.wet_since_s, p.first_m, p.peak_m = at_s, depth_m, 0.0
            self._begin_s[number] = at_s
        if p.wet_since_s is not None:
            p.peak_m = max(p.peak_m, depth_m)
            self._peak_m[number], self._heard_s[number] = p.peak_m, at_s
            self._rise_m[number] = depth_m - p.at(at_s - 15 * _MINUTE_S)

    def wet(self, number: int) -> bool:
        """Whether a flood is going on: from 2 cm until it has been dry for ten minutes."""
        return self._places[number].wet_since_s is not None

    def any_wet(self) -> bool:
        """Whether a flood is going on anywhere."""
        return any(p.wet_since_s is not None for p in self._places)

    def since_wet_s(self, number: int, now_s: float) -> float:
        """How long ago the first 2 cm were seen."""
        begin_s = self._places[number].wet_since_s
        return 0.0 if begin_s is None else now_s - begin_s

    def depth_m(self, number: int) -> float:
        """The last trusted depth."""
        depths = self._places[number].depths_m
        return depths[-1] if depths else 0.0

    def peak_m(self, number: int) -> float:
        """The highest of the flood that is going on."""
        return self._places[number].peak_m

    def near_peak_m(self, number: int, now_s: float) -> float:
        """The peak of the floods that go on within 2 km, 0 where there is none."""
        beside = (self._places[n] for n in self._near[number][self._beside[number]].tolist())
        lately = (p for p in beside if p.wet_since_s is not None and now_s - p.times_s[-1] <= _NEAR_S)
        return max((p.peak_m for p in lately), default=0.0)

    def readings(self, number: int, now_s: float, within_s: float) -> int:
        """How many trusted readings lie in the time before `now_s`."""
        times = self._places[number].times_s
        return len(times) - bisect_right(times, now_s - within_s)

    def rows(self, numbers: list[int], now_s: float, around: Surroundings | None = None) -> Floats:
        """Features of places at `now_s`, (n, len(FEATURES)); NaN is not known. What a model knows of its places
        (`PHYSICAL`, `RECORD`) is left to the model."""
        chosen = np.array(numbers, dtype=np.intp)
        rows = np.full((len(chosen), len(FEATURES)), nan)
        self._dry_rows(rows, chosen, now_s)
        for row, number in enumerate(numbers):
            p = self._places[number]
            if p.wet_since_s is not None or (p.depths_m and max(p.depths_m) >= DRY_M):
                rows[row, : len(OWN) + len(PAST)] = self._own(number, now_s)
        rows[:, columns(AROUND)] = self._around(chosen, now_s)
        rows[:, columns(TIME)] = _clock(now_s)
        around = around or Surroundings.unknown(len(self._places))
        rain = columns(RAIN)
        rows[:, rain.start : rain.start + len(WINDOWS_MIN)] = around.past_mm[chosen]
        rows[:, rain.start + len(WINDOWS_MIN)] = around.temperature_c
        rows[:, rain.stop - 3 : rain.stop] = around.fill[chosen]
        rows[:, columns(FORECAST)] = around.ahead_mm[chosen]
        return rows

    def state(self) -> dict[str, Any]:
        """Of places that have something to remember, by position; goes through JSON unchanged."""
        return {str(n): values(p) for n, p in enumerate(self._places) if p.times_s}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave."""
        for key, saved in state.items():
            number, p = int(key), _Place(*saved)
            p.past = [(t, d) for t, d in p.past]
            self._places[number] = p
            self._last_s[number], self._last_m[number] = p.times_s[-1], p.depths_m[-1]
            self._remember_past(number)
            if p.wet_since_s is not None:
                self._begin_s[number], self._peak_m[number] = p.wet_since_s, p.peak_m
                self._heard_s[number] = p.times_s[-1]
                self._rise_m[number] = p.depths_m[-1] - p.at(p.times_s[-1] - 15 * _MINUTE_S)

    def _dry_rows(self, rows: Floats, chosen: Ints, now_s: float) -> None:
        """What all places have in common with one that is dry and has always been."""
        own = columns(OWN)
        rows[:, own] = 0.0
        rows[:, 0] = rows[:, 1] = self._last_m[chosen]
        heard = np.isfinite(self._last_s[chosen])
        rows[:, FEATURES.index("age_s")] = np.where(heard, now_s - self._last_s[chosen], 0.0)
        past = columns(PAST)
        rows[:, past] = np.where(heard[:, None], self._past[chosen], nan)
        rows[~heard, past.start] = 0.0
        since_s = np.maximum(now_s - self._past_end_s[chosen], 1.0)
        rows[:, past.stop - 1] = np.where(np.isfinite(since_s), np.log(since_s), nan)

    def _around(self, chosen: Ints, now_s: float) -> Floats:
        """`AROUND` of each place: the others that were wet within the hour, and the twelve nearest among them."""
        lately = self._heard_s > now_s - _HOUR_S
        new = lately & (self._begin_s > now_s - _HOUR_S)
        own = lately[chosen]
        found = np.zeros((len(chosen), len(AROUND)))
        found[:, 0] = lately.sum() - own
        found[:, 1] = new.sum() - new[chosen]
        for column, of in ((2, self._peak_m), (3, self._rise_m)):
            found[:, column] = _most_of_others(of, np.flatnonzero(lately), chosen)
        near = self._near[chosen]
        if near.shape[1]:
            wet = lately[near]
            found[:, 4] = wet.sum(axis=1)
            found[:, 5] = np.where(wet, self._peak_m[near], 0.0).max(axis=1)
        return found

    def _own(self, number: int, now_s: float) -> list[float]:
        p = self._places[number]
        depth_m, wet_s = p.depths_m[-1], self.since_wet_s(number, now_s)
        begin_s = now_s - wet_s
        creep_s = begin_s - p.creep_since_s if p.creep_since_s is not None else 0.0
        past = self._past[number].tolist()
        if p.past:
            past[-1] = log(max(begin_s - p.past[-1][0], 1.0))
        return [
            depth_m, max(p.peak_m, depth_m),
            *(depth_m - p.at(now_s - m * _MINUTE_S) for m in _RISES_MIN),
            wet_s, now_s - p.times_s[-1], creep_s, p.first_m, *past,
        ]  # fmt: skip

    def _over(self, number: int, at_s: float) -> None:
        p = self._places[number]
        if p.wet_since_s is not None:
            p.past = [*p.past[1 - _PAST :], (at_s, p.peak_m)]
            self._remember_past(number)
        p.wet_since_s = p.creep_since_s = p.dry_since_s = None
        p.first_m = p.peak_m = 0.0

    def _remember_past(self, number: int) -> None:
        peaks = [peak for _, peak in self._places[number].past]
        mean = (sum(peaks) + _USUAL_PEAK_M * _USUAL_WEIGHT) / (len(peaks) + _USUAL_WEIGHT)
        self._past[number, :2] = len(peaks), mean
        if peaks:
            latest = peaks[-3:]
            self._past[number, 2:6] = sorted(peaks)[len(peaks) // 2], max(peaks), peaks[-1], sum(latest) / len(latest)
            self._past_end_s[number] = self._places[number].past[-1][0]


def _most_of_others(values_m: Floats, among: Ints, chosen: Ints) -> Floats:
    """For each of `chosen` the highest of `among` but itself, 0 where there is none."""
    if not len(among):
        return np.zeros(len(chosen))
    order = among[np.argsort(values_m[among])]
    first, second = order[-1], values_m[order[-2]] if len(order) > 1 else 0.0
    return np.asarray(np.where(chosen == first, second, values_m[first]))


def _clock(now_s: float) -> list[float]:
    year = 2.0 * pi * datetime.fromtimestamp(now_s, UTC).timetuple().tm_yday / 365.25
    day, tide = 2.0 * pi * now_s / (24 * _HOUR_S), 2.0 * pi * now_s / _TIDE_S
    return [sin(year), cos(year), sin(day), cos(day), sin(tide), cos(tide)]
