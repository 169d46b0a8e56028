"""How full the manholes are that a place's water passes: the nearest upstream where the drains are known, else nearest.

Share of the manhole, 0 empty to 1 at the street, and how it changed within a quarter of an hour.
"""

from bisect import bisect_right
from typing import Any

import numpy as np

from detect.port import Floats
from lifeline.asset import Position, Sensor

_NEAR = 2
_KEEP_S, _RISE_S, _FRESH_S = 1800.0, 900.0, 1800.0


class Fills:
    """Follows level sensors for places; `links`: ids of the level sensors of each place id, nearest first."""

    def __init__(
        self,
        levels: tuple[Sensor, ...],
        place_ids: tuple[str, ...],
        positions: tuple[Position, ...],
        links: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.levels = levels
        number = {sensor.sensor_id: n for n, sensor in enumerate(levels)}
        self._near = np.full((len(place_ids), _NEAR), -1, dtype=np.intp)
        for n, (place, at) in enumerate(zip(place_ids, positions, strict=True)):
            linked = [number[i] for i in (links or {}).get(place, ()) if i in number]
            if not linked and links is None:
                shrink = float(np.cos(np.radians(at.lat)))
                away = [np.hypot((s.position.lon - at.lon) * shrink, s.position.lat - at.lat) for s in levels]
                linked = [int(k) for k in np.argsort(away)]
            for k, level in enumerate(linked[:_NEAR]):
                self._near[n, k] = level
        self._times: list[list[float]] = [[] for _ in levels]
        self._shares: list[list[float]] = [[] for _ in levels]

    def hear(self, level: int, at_s: float, value_m: float) -> None:
        """A level above the bottom of the manhole; the sensor's range is its depth."""
        times, shares = self._times[level], self._shares[level]
        full_m = self.levels[level].range_max
        if (times and at_s <= times[-1]) or full_m <= 0.0:
            return
        times.append(at_s)
        shares.append(value_m / full_m)
        old = bisect_right(times, at_s - _KEEP_S) - 1
        if old > 16:
            del times[:old], shares[:old]

    def at_places(self, now_s: float) -> Floats:
        """(n_places, 3): the fullest and the mean of its manholes, the highest rise in 15 minutes; NaN: unknown."""
        share, rise = np.full(len(self.levels) + 1, np.nan), np.full(len(self.levels) + 1, np.nan)
        for n, (times, shares) in enumerate(zip(self._times, self._shares, strict=True)):
            if times and now_s - times[-1] <= _FRESH_S:
                before = max(bisect_right(times, now_s - _RISE_S) - 1, 0)
                share[n], rise[n] = shares[-1], shares[-1] - shares[before]
        own, change = share[self._near], rise[self._near]
        known = np.isfinite(own).any(axis=1)
        found = np.full((len(self._near), 3), np.nan)
        found[known] = np.column_stack([
            np.nanmax(own[known], axis=1), np.nanmean(own[known], axis=1), np.nanmax(change[known], axis=1)
        ])  # fmt: skip
        return found

    def state(self) -> dict[str, Any]:
        """What is remembered; goes through JSON unchanged."""
        return {s.sensor_id: [self._times[n], self._shares[n]] for n, s in enumerate(self.levels) if self._times[n]}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave; sensors that have gone are forgotten."""
        for n, sensor in enumerate(self.levels):
            if sensor.sensor_id in state:
                self._times[n], self._shares[n] = ([float(v) for v in row] for row in state[sensor.sensor_id])
