"""Rain at each place: what its nearest gauge that reports has measured, and what a forecast says will fall.

Sums of the last 5 to 120 minutes by place, from readings in whatever order gauges send them; a gauge that falls silent
hands its places to the next nearest. Without a gauge heard lately rain is not known (NaN), never zero.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from detect.flood.basins import MEMORY_MIN, Basins, followed
from detect.port import Floats, Ints
from lifeline.asset import Position, Sensor

WINDOWS_MIN = (5, 10, 15, 30, 60, 120)
_MINUTE_S = 60.0
_KEEP_MIN = MEMORY_MIN + 5
_FRESH_S = 900.0
_STALE_S = 1800.0
"""a forecast that was issued longer ago is not looked at"""
_STEP_S = 300.0
_STEPS = 12
_LEAST_MM = 1.0
_TRUST_MM, _NO_MM = 0.5, 1e-3
"""rain after which half of a forecast's bias is believed; what counts as none"""
_VARIANCE, _LEFT_VARIANCE = 0.36, 0.03
"""of the logarithm of a forecast's error, and what is left of it when its bias is known"""
_MM_PER_M = 1000.0
_WET_MM = 0.2
FORECAST_SUMS = 6


@dataclass(frozen=True)
class RainForecast:
    """Rain to come as an ensemble: `mm` (n_members, n_steps) in steps of `step_s` from `issued_s` on, or one such
    for each gauge, (n_gauges, n_members, n_steps), gauges in the order of the city's sensors."""

    issued_s: float
    step_s: float
    mm: Floats

    @property
    def end_s(self) -> float:
        """Until when it reaches."""
        return self.issued_s + self.step_s * float(self.mm.shape[-1])

    def until(self, at_s: Floats) -> Floats:
        """mm from `issued_s` to each of `at_s` (n,), by gauge (one row where it is for all) and member, (g, m, n)."""
        mm = self.mm if self.mm.ndim == 3 else self.mm[None, :, :]
        total = np.concatenate([np.zeros((*mm.shape[:2], 1)), np.cumsum(mm, axis=2)], axis=2)
        place = np.clip((at_s - self.issued_s) / self.step_s, 0.0, mm.shape[2])
        low = np.minimum(place.astype(int), mm.shape[2] - 1)
        return np.asarray(total[:, :, low] + (place - low) * (total[:, :, low + 1] - total[:, :, low]))


class Issues:
    """The latest forecasts, blended: each was wrong in its own way, so that together they are less wrong."""

    def __init__(self) -> None:
        self._kept: list[RainForecast] = []

    def hear(self, newest: RainForecast | None) -> None:
        """The forecast of the moment; the same again changes nothing."""
        if newest is not None and (not self._kept or newest.issued_s > self._kept[-1].issued_s):
            self._kept = [f for f in self._kept if newest.issued_s - f.issued_s <= _STALE_S + _STEP_S] + [newest]

    def steps(
        self, now_s: float, newest: RainForecast | None, heard_s: Floats, fell: Callable[[float], Floats]
    ) -> Floats | None:
        """mm in each of the next twelve steps of five minutes, (12, n_gauges or 1); None where no forecast is fresh.

        Forecasts are averaged as logarithms, each after it has been set right by what fell since its issue: `fell`
        gives that by gauge, from an instant until it was last heard, at `heard_s` (n_gauges,). What has been checked
        against much rain weighs more.
        """
        self.hear(newest)
        if newest is None or now_s - newest.issued_s > _STALE_S or now_s < newest.issued_s - _MINUTE_S:
            return None
        edges: Floats = now_s + _STEP_S * np.arange(_STEPS + 1.0)
        total = weights = np.zeros((_STEPS, 1))
        for issue in self._kept:
            coming = np.diff(np.median(issue.until(edges), axis=1), axis=1).T
            checked = np.median(issue.until(np.minimum(heard_s, now_s)), axis=1)
            said = checked[np.arange(len(heard_s)) % len(checked), np.arange(len(heard_s))]
            rained = np.nan_to_num(fell(issue.issued_s))
            known = np.where(said > 0.0, rained / (rained + _TRUST_MM), 0.0)
            bias = known * np.log(np.maximum(said, _NO_MM) / np.maximum(rained, _NO_MM))
            whole = (edges[1:] <= issue.end_s + 1.0)[:, None]
            weight = whole / (_VARIANCE * (1.0 - known) ** 2 + _LEFT_VARIANCE)
            total = total + weight * (np.log(coming + _NO_MM) - bias)
            weights = weights + weight
        last = np.log(np.diff(np.median(newest.until(edges), axis=1), axis=1).T + _NO_MM) + 0.0 * total
        blended = np.where(weights > 0.0, total / np.maximum(weights, 1e-9), last)
        return np.asarray(np.maximum(np.exp(blended) - _NO_MM, 0.0))

    def sums(self, now_s: float, newest: RainForecast, steps: Floats, past30_mm: Floats) -> Floats:
        """Of `steps`, by gauge (n_gauges or 1, FORECAST_SUMS): mm in the next 15, 30, 60 minutes, the highest 10
        minutes of the hour, what lies between the highest and the lowest member within the hour, and by how much the
        forecasts of the last half hour were too low (logarithm; 0: not known)."""
        sums = np.cumsum(steps, axis=0)
        pairs = steps[1:] + steps[:-1]
        hour = newest.until(np.array([now_s + _STEP_S * _STEPS]))
        spread = np.ptp(hour[:, :, 0], axis=1) * np.ones(steps.shape[1])
        return np.column_stack([
            sums[2], sums[5], sums[11], pairs.max(axis=0), spread, self._too_low(now_s, past30_mm)
        ])  # fmt: skip

    def _too_low(self, now_s: float, past30_mm: Floats) -> Floats:
        old = [f for f in self._kept if now_s - f.issued_s >= 0.8 * _STALE_S]
        if not old or not len(past30_mm):
            return np.zeros(max(len(past30_mm), 1))
        since, until = np.array([now_s - _STALE_S]), np.array([now_s])
        said = np.mean([(np.median(f.until(until) - f.until(since), axis=1))[:, 0] for f in old], axis=0)
        fell = np.nan_to_num(past30_mm)
        known = (fell >= _LEAST_MM) & (said >= _LEAST_MM)
        return np.asarray(np.where(known, np.log(np.maximum(fell, _LEAST_MM) / np.maximum(said, _LEAST_MM)), 0.0))


class RainField:
    """Follows the gauges of a city for places at `positions`."""

    def __init__(self, gauges: tuple[Sensor, ...], positions: tuple[Position, ...]) -> None:
        self.gauges = gauges
        n = len(gauges)
        self._interval_s = np.array([g.interval_s for g in gauges])
        self._mm = np.zeros((n, _KEEP_MIN))
        """rain of each minute, in a ring"""
        self._minute = np.full((n, _KEEP_MIN), -1, dtype=np.int64)
        """which minute stands there"""
        self._heard_s = np.full(n, -np.inf)
        self._issues = Issues()
        lon = np.array([p.lon for p in positions])
        lat = np.array([p.lat for p in positions])
        shrink = np.cos(np.radians(lat.mean())) if len(lat) else 1.0
        away = [np.hypot((lon - g.position.lon) * shrink, lat - g.position.lat) for g in gauges]
        self._order: Ints = np.argsort(np.array(away).reshape(n, len(positions)), axis=0, kind="stable").T

    def hear(self, gauge: int, at_s: float, m_per_s: float) -> None:
        """An intensity: it has rained so since the reading before, for two intervals at the most."""
        before_s = self._heard_s[gauge]
        if at_s <= before_s:
            return
        longest_s = 2.0 * self._interval_s[gauge]
        begin_s = max(before_s, at_s - longest_s) if np.isfinite(before_s) else at_s - self._interval_s[gauge]
        self._heard_s[gauge] = at_s
        rate = max(m_per_s, 0.0) * _MM_PER_M
        if rate == 0.0:
            return
        for minute in range(int(begin_s // _MINUTE_S), int(at_s // _MINUTE_S) + 1):
            low_s, high_s = max(begin_s, minute * _MINUTE_S), min(at_s, (minute + 1) * _MINUTE_S)
            if high_s > low_s:
                slot = minute % _KEEP_MIN
                if self._minute[gauge, slot] != minute:
                    self._minute[gauge, slot], self._mm[gauge, slot] = minute, 0.0
                self._mm[gauge, slot] += rate * (high_s - low_s)

    def past(self, now_s: float) -> Floats:
        """By gauge, (n_gauges, len(WINDOWS_MIN)): mm in each window before `now_s`; NaN where it was not heard."""
        age = now_s / _MINUTE_S - (self._minute + 0.5)
        known = np.where(self._minute >= 0, self._mm, 0.0)
        sums = [np.where((age >= -1.0) & (age < w), known, 0.0).sum(axis=1) for w in WINDOWS_MIN]
        found = np.column_stack(sums) if len(self.gauges) else np.zeros((0, len(WINDOWS_MIN)))
        found[~self._reports(now_s)] = np.nan
        return np.asarray(found)

    def minutes(self, now_s: float) -> Floats:
        """Rain of each of the last MEMORY_MIN minutes, the latest last, (MEMORY_MIN, n_gauges), mm; 0 is not known."""
        found = np.zeros((MEMORY_MIN, len(self.gauges)))
        place = MEMORY_MIN - 1 + self._minute - int(np.ceil(now_s / _MINUTE_S) - 1)
        gauge, slot = np.nonzero((self._minute >= 0) & (place >= 0) & (place < MEMORY_MIN))
        found[place[gauge, slot], gauge] = self._mm[gauge, slot]
        return found

    def fell(self, since_s: float, until_s: float) -> Floats:
        """By gauge (or one value where there is none), mm; NaN where it was not heard."""
        if not self.gauges:
            return np.full(1, np.nan)
        begin = self._minute * _MINUTE_S
        inside = (self._minute >= 0) & (begin >= since_s - 1.0) & (begin < until_s)
        return np.asarray(np.where(self._reports(until_s), np.where(inside, self._mm, 0.0).sum(axis=1), np.nan))

    def steps(self, now_s: float, forecast: RainForecast | None) -> Floats | None:
        """What is foreseen by gauge (or one column where there is none), (12, n_gauges); None: nothing is."""
        heard_s = self._heard_s if len(self.gauges) else np.full(1, -np.inf)
        steps = self._issues.steps(now_s, forecast, heard_s, lambda since_s: self.fell(since_s, now_s))
        return None if steps is None else steps * np.ones(max(len(self.gauges), 1))

    def at_places(self, now_s: float, forecast: RainForecast | None) -> tuple[Floats, Floats]:
        """Past (n_places, len(WINDOWS_MIN)) and forecast (n_places, FORECAST_SUMS) rain; NaN is not known."""
        n = len(self._order)
        past = np.full((n, len(WINDOWS_MIN)), np.nan)
        ahead = np.full((n, FORECAST_SUMS), np.nan)
        steps = self.steps(now_s, forecast)
        if forecast is not None and steps is not None:
            by_gauge = self._issues.sums(now_s, forecast, steps, self.past(now_s)[:, 3])
            ahead = by_gauge[self._order[:, 0]] if len(self.gauges) else np.repeat(by_gauge[:1], n, axis=0)
        if len(self.gauges):
            past = self.past(now_s)[self._told_by(now_s)]
        return past, ahead

    def basins(self, now_s: float, forecast: RainForecast | None) -> Basins | None:
        """What stands behind standard basins under the rain of each place; None without gauges."""
        if not self.gauges:
            return None
        steps = self.steps(now_s, forecast)
        coming = None if steps is None else np.repeat(steps / 5.0, 5, axis=0)
        pond, adds, fills = followed(self.minutes(now_s), coming)
        for array in (pond, adds, fills):
            array[~self._reports(now_s)] = np.nan
        return Basins(self._told_by(now_s), pond, adds, fills)

    def _told_by(self, now_s: float) -> Ints:
        """Of each place the nearest gauge that reports."""
        choice = np.argmax(self._reports(now_s)[self._order], axis=1)
        return np.asarray(self._order[np.arange(len(self._order)), choice])

    def wet(self, now_s: float, forecast: RainForecast | None) -> bool:
        """Whether any gauge has had 0.2 mm in two hours, or that much is foreseen within the hour."""
        past = np.nan_to_num(self.past(now_s)[:, -1])
        if past.max(initial=0.0) >= _WET_MM:
            return True
        if forecast is None or now_s - forecast.issued_s > _STALE_S:
            return False
        hour = forecast.until(np.array([now_s, now_s + 3600.0]))
        return bool(np.median(hour[:, :, 1] - hour[:, :, 0], axis=1).max() >= _WET_MM)

    def state(self) -> dict[str, Any]:
        """What is remembered; goes through JSON unchanged."""
        kept = {}
        for n, gauge in enumerate(self.gauges):
            if np.isfinite(self._heard_s[n]):
                slots = np.flatnonzero((self._minute[n] >= 0) & (self._mm[n] > 0.0))
                rows = [[int(self._minute[n, s]), float(self._mm[n, s])] for s in slots]
                kept[gauge.sensor_id] = [float(self._heard_s[n]), rows]
        return kept

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave; gauges that have gone are forgotten."""
        for n, gauge in enumerate(self.gauges):
            if gauge.sensor_id in state:
                self._heard_s[n], rows = state[gauge.sensor_id]
                for minute, mm in rows:
                    self._minute[n, minute % _KEEP_MIN], self._mm[n, minute % _KEEP_MIN] = minute, mm

    def _reports(self, now_s: float) -> np.ndarray:
        return now_s - self._heard_s <= np.maximum(_FRESH_S, 3.0 * self._interval_s)
