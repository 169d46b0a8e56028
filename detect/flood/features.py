"""What a nowcast looks at: one row of named numbers per wet place, from what was known at the moment and nothing later.

`Memory` hears trusted depths and keeps, per place, the last forty minutes, the flood that is going on, and the peaks
of the floods before it. Cost of a reading: microseconds; of a row: about a hundred, whatever the size of the city.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import cos, log, nan, pi, sin

import numpy as np
from scipy.spatial import cKDTree

from detect.flood.sky import Sky
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
_RISES_MIN = (1, 2, 3, 5, 10, 30)
_TIDE_S = 12.4206 * _HOUR_S
"""the principal lunar tide: streets at the sea and at tidal rivers"""
_USUAL_PEAK_M, _USUAL_WEIGHT = 0.12, 3.0
_RAINS_MIN = (5, 15, 30, 60, 120)

OWN = (
    "depth_m", "peak_m", *(f"rise_{m}min_m" for m in _RISES_MIN), "wet_s", "age_s", "creep_s", "first_m",
)  # fmt: skip
PAST = ("past_n", "past_mean_m", "past_median_m", "past_max_m", "past_last_m", "past_last3_m", "past_log_s")
AROUND = ("wet_n", "wet_new_n", "wet_peak_m", "wet_rise_m", "near_wet_n", "near_peak_m")
TIME = ("year_sin", "year_cos", "day_sin", "day_cos", "tide_sin", "tide_cos")
RAIN = (*(f"rain_{m}min_mm" for m in _RAINS_MIN), "temperature_c", "fill")
FORECAST = ("forecast_30min_mm", "forecast_60min_mm", "forecast_spread_mm")
FEATURES = (*OWN, *PAST, *AROUND, *TIME, *RAIN, *FORECAST)


@dataclass(frozen=True, slots=True)
class RainForecast:
    """Rain to come as an ensemble, mm: arrays of shape (n_members,)."""

    next_30min_mm: Floats
    next_60min_mm: Floats


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
            _, near = cKDTree(plane).query(plane, k=min(_NEIGHBOURS + 1, n))
            self._near: Ints = np.asarray(near)[:, 1:]
        else:
            self._near = np.zeros((n, 0), dtype=np.intp)
        # of each place, for its neighbours: begin and peak of a flood that is going on or has just ended, its end
        self._begin_s = np.full(n, -np.inf)
        self._peak_m = np.zeros(n)
        self._heard_s = np.full(n, -np.inf)
        self._rise_m = np.zeros(n)

    def hear(self, number: int, at_s: float, depth_m: float) -> None:
        """A trusted depth; one that is older than the last is passed over."""
        p = self._places[number]
        if p.times_s and at_s <= p.times_s[-1]:
            return
        if p.times_s and at_s - p.times_s[-1] > _LOST_S:
            self._over(p, p.times_s[-1])
        p.times_s.append(at_s)
        p.depths_m.append(depth_m)
        keep = bisect_right(p.times_s, at_s - _KEEP_S) - 1
        if keep > 32:
            del p.times_s[:keep], p.depths_m[:keep]
        if depth_m < DRY_M:
            p.creep_since_s = None if p.wet_since_s is None else p.creep_since_s
            p.dry_since_s = at_s if p.dry_since_s is None else p.dry_since_s
            if at_s - p.dry_since_s >= _OVER_S:
                self._over(p, at_s)
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

    def readings(self, number: int, now_s: float, within_s: float) -> int:
        """How many trusted readings lie in the time before `now_s`."""
        times = self._places[number].times_s
        return len(times) - bisect_right(times, now_s - within_s)

    def rows(
        self, numbers: list[int], now_s: float, sky: Sky | None = None, forecast: RainForecast | None = None
    ) -> Floats:
        """Features of places at `now_s`, (n, len(FEATURES)); NaN is not known."""
        recent = np.flatnonzero(self._heard_s > now_s - _HOUR_S)
        new = self._begin_s[recent] > now_s - _HOUR_S
        common = [*_clock(now_s), *_rain(now_s, sky), *_forecast(forecast)]
        rows = []
        for number in numbers:
            other = recent != number
            around = recent[other]
            near = self._near[number]
            near = near[self._heard_s[near] > now_s - _HOUR_S]
            rows.append([
                *self._own(number, now_s),
                len(around), int(new[other].sum()), _most(self._peak_m[around]), _most(self._rise_m[around]),
                len(near), _most(self._peak_m[near]),
                *common,
            ])  # fmt: skip
        return np.array(rows, dtype=np.float64).reshape(len(numbers), len(FEATURES))

    def _own(self, number: int, now_s: float) -> list[float]:
        p = self._places[number]
        if not p.times_s:
            return [0.0] * (len(OWN) + 1) + [nan] * (len(PAST) - 1)
        depth_m, wet_s = p.depths_m[-1], self.since_wet_s(number, now_s)
        begin_s = now_s - wet_s
        creep_s = begin_s - p.creep_since_s if p.creep_since_s is not None else 0.0
        peaks = [peak for _, peak in p.past]
        mean = (sum(peaks) + _USUAL_PEAK_M * _USUAL_WEIGHT) / (len(peaks) + _USUAL_WEIGHT)
        latest = peaks[-3:]
        return [
            depth_m, max(p.peak_m, depth_m),
            *(depth_m - p.at(now_s - m * _MINUTE_S) for m in _RISES_MIN),
            wet_s, now_s - p.times_s[-1], creep_s, p.first_m,
            len(peaks), mean, *(
                [sorted(peaks)[len(peaks) // 2], max(peaks), peaks[-1], sum(latest) / len(latest),
                 log(max(begin_s - p.past[-1][0], 1.0))]
                if peaks else [nan] * 5
            ),
        ]  # fmt: skip

    @staticmethod
    def _over(p: _Place, at_s: float) -> None:
        if p.wet_since_s is not None:
            p.past = [*p.past[1 - _PAST :], (at_s, p.peak_m)]
        p.wet_since_s = p.creep_since_s = p.dry_since_s = None
        p.first_m = p.peak_m = 0.0


def _most(values: Floats) -> float:
    return float(values.max()) if len(values) else 0.0


def _clock(now_s: float) -> list[float]:
    year = 2.0 * pi * datetime.fromtimestamp(now_s, UTC).timetuple().tm_yday / 365.25
    day, tide = 2.0 * pi * now_s / (24 * _HOUR_S), 2.0 * pi * now_s / _TIDE_S
    return [sin(year), cos(year), sin(day), cos(day), sin(tide), cos(tide)]


def _rain(now_s: float, sky: Sky | None) -> list[float]:
    if sky is None:
        return [nan] * len(RAIN)
    rains = [sky.rain_mm(now_s, m * _MINUTE_S) for m in _RAINS_MIN]
    return [nan if v is None else v for v in [*rains, sky.temperature_c(now_s), sky.fill(now_s)]]


def _forecast(forecast: RainForecast | None) -> list[float]:
    if forecast is None:
        return [nan] * len(FORECAST)
    hour = forecast.next_60min_mm
    return [float(np.median(forecast.next_30min_mm)), float(np.median(hour)), float(np.ptp(hour))]
