"""Damages a recording as input is damaged in the field, by a seed: what is lost, twice or late, and sensors that fail.

Lateness and repetition are of messages, so the damaged recording goes through the same slots that readings go through.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detect.leak.recording import Recording
from detect.leak.slots import Slots
from detect.port import Floats, Ints

LOST, TWICE, LATE = 0.05, 0.02, 0.02
"""parts of all messages"""
LATEST_STEPS = 12
DRIFT_M_PER_WEEK = 0.01
KILOPASCAL_PER_METRE = 9.80665
FIRST_SHARE, LAST_SHARE, FIRST_DAY = 0.08, 0.25, 8
"""between these parts of the recording, and not in its first week, a sensor fails, and nobody mends it"""
_DAY_S, _WEEK_S = 86400, 7 * 86400.0


class Failing(StrEnum):
    """How a pressure fails."""

    STUCK = "stuck"
    DRIFT = "drift"
    UNIT = "unit"
    """kilopascals where metres were"""


@dataclass(frozen=True)
class Fault:
    """A pressure that fails from `since_s` to the end."""

    sensor: str
    column: int
    kind: Failing
    since_s: int


@dataclass(frozen=True)
class Damaged:
    """Values `(n, n_sensors)` as they are sent, with how many steps of delay (-1: lost), and which come twice."""

    recording: Recording
    values: Floats
    delay: Ints
    twice: np.ndarray
    faults: tuple[Fault, ...]

    def samples(self) -> Iterator[tuple[int, Floats]]:
        """What the detector is fed with, in order: begin of each slot and its means, NaN where nothing came in time."""
        times, step_s = self.recording.times_s, self.recording.step_s
        slots = Slots(self.values.shape[1], step_s)
        waiting: dict[int, list[tuple[int, int]]] = {}
        late = np.argwhere(self.delay > 0)
        for row, sensor in late.tolist():
            waiting.setdefault(row + int(self.delay[row, sensor]), []).append((row, sensor))
        for row in range(len(times)):
            now = np.flatnonzero((self.delay[row] == 0) & np.isfinite(self.values[row]))
            again = np.flatnonzero(self.twice[row] & (self.delay[row] == 0) & np.isfinite(self.values[row]))
            old = waiting.pop(row, [])
            rows = np.array([r for r, _ in old] + [row] * (len(now) + len(again)), dtype=np.intp)
            sensors = np.concatenate([np.array([s for _, s in old], dtype=np.intp), now, again])
            order = np.argsort(rows, kind="stable")
            rows, sensors = rows[order], sensors[order]
            end_s = float(times[row] + step_s)
            yield from slots.add(sensors, times[rows].astype(float), self.values[rows, sensors], now_s=end_s)


def damage(recording: Recording, seed: int) -> Damaged:
    """The recording, damaged. Three pressures fail, one of each kind; with fewer pressures fewer fail."""
    rng = np.random.default_rng(seed)
    values, times = recording.samples.copy(), recording.times_s
    pressures = recording.sensors.pressure
    days = (times[-1] - times[0]) / _DAY_S
    faults = []
    for column, kind in zip(rng.permutation(len(pressures)).tolist(), Failing, strict=False):
        since_s = int(times[0]) + max(round(days * rng.uniform(FIRST_SHARE, LAST_SHARE)), FIRST_DAY) * _DAY_S
        faults.append(Fault(pressures[column], column, kind, since_s))
        first = int(np.searchsorted(times, since_s))
        own = values[first:, column]
        if kind is Failing.STUCK:
            own[:] = values[max(first - 1, 0), column]
        elif kind is Failing.DRIFT:
            own += DRIFT_M_PER_WEEK * (times[first:] - since_s) / _WEEK_S
        else:
            own *= KILOPASCAL_PER_METRE
    chance = rng.random(values.shape)
    delay = np.where(chance < LOST, -1, 0)
    late = (chance >= LOST) & (chance < LOST + LATE)
    delay[late] = rng.integers(1, LATEST_STEPS + 1, int(late.sum()))
    return Damaged(recording, values, delay, rng.random(values.shape) < TWICE, tuple(faults))
