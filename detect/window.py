"""Event time of a city: up to when its readings are complete, and each of them handed out once, in order.

The watermark follows the devices' clocks, not ours: readings before it are judged, readings that come later than the
watermark are stored and counted, but change no decision. It stands `lateness_s` behind the frontier, the latest
instant at which enough devices agree; one clock that runs ahead does not move it. While nobody reports, it moves on
with our own clock after a while, so that silence is noticed.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from detect.port import Batch, Floats, Ints

_AGREE_LEAST_S = 120.0
_AGREE_SHARE, _FEW = 0.1, 10
SETTLE_S = 0.5
"""how long, by our clock, an instant must have been behind the frontier: replays outrun `lateness_s`"""
_KEPT_S = 120.0
"""judged readings are remembered this long, to tell those that come twice from late ones"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of a city in any order. Arrays of shape (n,); `sensor` is the position in the scope's sensors."""

    sensor: Ints
    at_s: Floats
    value: Floats

    def __len__(self) -> int:
        return len(self.at_s)

    def part(self, keep: np.ndarray) -> "Rows":
        return Rows(self.sensor[keep], self.at_s[keep], self.value[keep])


def batch_of(rows: Rows) -> Batch:
    """The rows in order of (at_s, sensor), each instant of a sensor once."""
    order = np.lexsort((rows.sensor, rows.at_s))
    sensor, at_s = rows.sensor[order], rows.at_s[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(at_s) != 0) | (np.diff(sensor) != 0)
    return Batch(sensor[first], at_s[first], rows.value[order][first])


class Window:
    """Readings wait here until they are complete. Nothing before `watermark_s` is handed out again."""

    def __init__(
        self, device: Ints, intervals_s: Floats, *, lateness_s: float, watermark_s: float, now_s: float
    ) -> None:
        """`device` (n_sensors,): number of each sensor's device; `intervals_s` (n_sensors,)."""
        self._device = device
        self._lateness_s = lateness_s
        interval_s = float(np.median(intervals_s)) if len(intervals_s) else 0.0
        self._agree_s = max(_AGREE_LEAST_S, 2.0 * interval_s)
        self._idle_s = max(_AGREE_LEAST_S, 3.0 * interval_s)
        self._last_s = np.full(int(device.max()) + 1 if len(device) else 0, -np.inf)
        self._waiting: list[Rows] = []
        self._judged: deque[tuple[float, set[tuple[int, float]]]] = deque()
        self._seen: deque[tuple[float, float]] = deque()
        self._moved_s = now_s
        self.frontier_s = watermark_s + lateness_s
        self.watermark_s = watermark_s
        self.late = 0

    def open(self, sensor: Ints, at_s: Floats, now_s: float) -> None:
        """Begins with the newest reading of each sensor: what lies before the watermark is left to others."""
        self.heard(sensor, at_s, now_s)
        self.watermark_s = max(self.watermark_s, self.frontier_s - self._lateness_s)

    def heard(self, sensor: Ints, at_s: Floats, now_s: float) -> None:
        """Moves the frontier; a device's clock counts no further than ours."""
        if not len(at_s):
            return
        np.maximum.at(self._last_s, self._device[sensor], np.minimum(at_s, now_s))
        frontier_s = self._agreed()
        if frontier_s > self.frontier_s:
            self.frontier_s, self._moved_s = frontier_s, now_s

    def add(self, rows: Rows, now_s: float) -> Rows:
        """Takes new readings; those that are in time. The others are counted as late, unless they were judged."""
        self.heard(rows.sensor, rows.at_s, now_s)
        in_time = rows.at_s >= self.watermark_s
        late = rows.part(~in_time)
        if len(late):
            self.late += sum(
                not any((sensor, at_s) in judged for _, judged in self._judged)
                for sensor, at_s in zip(late.sensor.tolist(), late.at_s.tolist(), strict=True)
            )
        taken = rows.part(in_time)
        if len(taken):
            self._waiting.append(taken)
        return taken

    def advance(self, now_s: float) -> Batch:
        """Moves the watermark on and hands out the readings before it."""
        self._seen.append((now_s, self.frontier_s))
        settled_s = -np.inf
        while self._seen and self._seen[0][0] <= now_s - SETTLE_S:
            settled_s = self._seen.popleft()[1]
        if np.isfinite(settled_s):
            self._seen.appendleft((now_s - SETTLE_S, settled_s))
        idle_s = now_s - self._moved_s - self._idle_s
        if idle_s > 0:
            settled_s = min(self.frontier_s + idle_s, now_s)
        self.watermark_s = max(self.watermark_s, settled_s - self._lateness_s)
        return self._take()

    def _take(self) -> Batch:
        if not self._waiting:
            return Batch(np.empty(0, np.intp), np.empty(0), np.empty(0))
        rows = self._waiting[0] if len(self._waiting) == 1 else _joined(self._waiting)
        due = rows.at_s < self.watermark_s
        rest = rows.part(~due)
        self._waiting = [rest] if len(rest) else []
        batch = batch_of(rows.part(due))
        if len(batch):
            self._judged.append((self.watermark_s, set(zip(batch.sensor.tolist(), batch.at_s.tolist(), strict=True))))
        while self._judged and self._judged[0][0] < self.watermark_s - _KEPT_S:
            self._judged.popleft()
        return batch

    def _agreed(self) -> float:
        """The latest instant that a tenth of the devices confirm to within `_agree_s`; of fewer than ten, any."""
        last = np.sort(self._last_s[np.isfinite(self._last_s)])[::-1]
        if not len(last):
            return -np.inf
        needed = int(np.ceil(_AGREE_SHARE * len(last))) if len(last) < _FEW else max(2, int(_AGREE_SHARE * len(last)))
        confirmed = last[: len(last) - needed + 1] - last[needed - 1 :] <= self._agree_s
        return float(last[np.argmax(confirmed)]) if confirmed.any() else float(last[needed - 1])


def _joined(parts: list[Rows]) -> Rows:
    return Rows(
        np.concatenate([p.sensor for p in parts]),
        np.concatenate([p.at_s for p in parts]),
        np.concatenate([p.value for p in parts]),
    )
