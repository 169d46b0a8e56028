"""The pressure tests of one zone: a CUSUM per pressure on what the others and the meters do not explain.

Every six hours each pressure's deviation from its expectation is whitened (AR(1)) and summed up, downwards and upwards
(Page 1954; thresholds by Siegmund 1985, detect/cusum.py). The zone's threshold is such that all its pressures together
are wrong once in thirty years. What was told of, or has another cause, is taken into what is normal from then on, so
that the next change is seen as one.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

import numpy as np

from detect.cusum import threshold_for
from detect.instant import DAY_S
from detect.port import Floats, Json
from detect.pressure.lesson import BLOCK_S, LEAST_HOURS, Lesson
from detect.residual.place import SIGNIFICANT

FALSE_ALARM_S = 30 * 365 * DAY_S
"""a zone's pressures together may be wrong once in thirty years by the formula"""
REFERENCE = 0.75
"""half of the smallest step, in standard deviations of a block, that the test is made for"""
_BLOCKS_LEAST = 2.5
"""no fewer blocks than three can pass the test, however wild"""
_KEPT = 56
"""blocks that are remembered: two weeks"""
_BEFORE = 28
"""of them make up what was before a change"""
_BALANCE_LEAST = 2.0
"""standard deviations that the inflow must have risen by where it is measured"""
_VOUCH = 2
"""pressures that must have fallen significantly where it is not"""
_RECENT_STEPS = 40
_STEP_ERROR, _STEP_FORGOTTEN = 0.1, 0.5
"""what is accepted wanders by so much of itself, as it follows the flow; a lesson takes half of the variance off"""


class Change(StrEnum):
    """What a change of pressures is taken for."""

    LEAK = "leak"
    """pressures fell and more flows in, or nobody measures what flows in"""
    ALONE = "alone"
    """a pressure fell, and no more flows in, or no other fell where that is not measured"""
    RISE = "rise"


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a block has shown."""

    change: Change
    pressure: int
    """the one that says it most clearly"""
    began_s: float
    at_s: float
    step_m: Floats
    """(n_pressures,) how much each rose since, less what the drivers explain; 0 where unknown"""
    deviations: Floats
    """(n_pressures,) of each since, less what the others explain"""
    total: float
    """the sum that passed the threshold"""
    threshold: float
    flow_m3_per_h: float
    """by how much the inflow rose; NaN where it is not measured"""
    flow_deviations: float


@dataclass(frozen=True, slots=True)
class _Moved:
    """Pressures less what the drivers explain, the same in deviations less what the others explain, and the inflow."""

    step_m: Floats
    deviations: Floats
    flow_m3_per_h: float
    flow_deviations: float


@dataclass(slots=True)
class Memory:
    """What the watch remembers; goes through JSON as it is."""

    total: list[float]
    count: list[int]
    flow_total: float = 0.0
    flow_count: int = 0
    block: int = -1
    down: list[float] = field(default_factory=list)
    down_since_s: list[float] = field(default_factory=list)
    up: list[float] = field(default_factory=list)
    up_since_s: list[float] = field(default_factory=list)
    before: list[float | None] = field(default_factory=list)
    offset: list[float] = field(default_factory=list)
    """steps that are normal now and not learned yet"""
    doubt: list[float] = field(default_factory=list)
    """variance that this adds, m2"""
    recent: list[list[float | None]] = field(default_factory=list)
    """blocks: [begin_s, local_s, inflow, pressures less what the drivers explain ...]"""
    steps: list[list[float]] = field(default_factory=list)
    """[began_s, step of each pressure ...]: history before it is shifted by so much when it is learned from"""
    taken_for: dict[str, int] = field(default_factory=lambda: {change.value: 0 for change in Change})
    """how often the tests spoke, by what it was"""


class ZoneWatch:
    """Takes hours in order of time; `hour` gives what the block that they end has shown."""

    def __init__(self, lesson: Lesson) -> None:
        n = len(lesson.scatter_m)
        self.lesson = lesson
        zeros = [0.0] * n
        self.memory = Memory(
            list(zeros), [0] * n, down=list(zeros), down_since_s=list(zeros), up=list(zeros), up_since_s=list(zeros),
            before=[None] * n, offset=list(zeros), doubt=list(zeros),
        )  # fmt: skip
        watched = max(int(np.isfinite(lesson.scatter_m).sum()), 1)
        self.threshold = threshold_for(FALSE_ALARM_S / BLOCK_S * watched, REFERENCE)

    def learned(self, lesson: Lesson) -> None:
        """Goes on with a new lesson: what was accepted since the last is part of it."""
        self.lesson = lesson
        self.memory.offset = [0.0] * len(lesson.scatter_m)
        self.memory.doubt = [_STEP_FORGOTTEN * v for v in self.memory.doubt]

    def shifted(self, at_s: Floats, pressure_m: Floats) -> Floats:
        """History (n_hours, n_pressures) with accepted steps made good: as it would read under what is normal now."""
        value = pressure_m.copy()
        for began_s, *step in self.memory.steps:
            value[at_s < began_s] += np.array(step)
        return value

    def hour(self, at_s: float, local_s: float, pressure_m: Floats, drivers: Floats, inflow: float) -> Alarm | None:
        """Takes in the hour that begins at `at_s`; the alarm of the block before, where it has one."""
        memory, found = self.memory, None
        block = int(local_s // BLOCK_S)
        if block != memory.block:
            if memory.block >= 0:
                found = self._close(at_s - (local_s - memory.block * BLOCK_S), memory.block * BLOCK_S)
            memory.block = block
        if np.isfinite(drivers).all():
            left = self.lesson.expectation.common(pressure_m, drivers, local_s) - np.array(memory.offset)
            for n in np.flatnonzero(np.isfinite(left)).tolist():
                memory.total[n] += float(left[n])
                memory.count[n] += 1
        if np.isfinite(inflow):
            memory.flow_total += inflow
            memory.flow_count += 1
        return found

    def _close(self, begin_s: float, local_s: float) -> Alarm | None:
        memory, lesson = self.memory, self.lesson
        count = np.array(memory.count)
        left = np.where(count >= LEAST_HOURS, np.array(memory.total) / np.maximum(count, 1), np.nan)
        inflow = memory.flow_total / memory.flow_count if memory.flow_count >= LEAST_HOURS else np.nan
        memory.total, memory.count = [0.0] * len(left), [0] * len(left)
        memory.flow_total, memory.flow_count = 0.0, 0
        memory.recent = [*memory.recent[1 - _KEPT :], [begin_s, local_s, _json(inflow), *(_json(v) for v in left)]]
        z = lesson.expectation.alone(left) / self._scatter_m()
        before = np.array([np.nan if v is None else v for v in memory.before])
        known_before = np.where(np.isfinite(before), before, 0.0)
        white = (z - lesson.memory * known_before) / np.sqrt(1.0 - lesson.memory**2)
        memory.before = [_json(v) for v in z]
        most = REFERENCE + self.threshold / _BLOCKS_LEAST
        for n in np.flatnonzero(np.isfinite(white)).tolist():
            one = float(np.clip(white[n], -most, most))
            _add(memory.down, memory.down_since_s, n, -one, begin_s)
            _add(memory.up, memory.up_since_s, n, one, begin_s)
        over = [(n, memory.down[n], memory.down_since_s[n], -1.0) for n in range(len(left))]
        over += [(n, memory.up[n], memory.up_since_s[n], 1.0) for n in range(len(left))]
        over = [one for one in over if one[1] >= self.threshold]
        if not over:
            return None
        # sums are capped, so several pass together: the one that moved most, as the sum says, speaks
        moved = [self._moved(since_s) for _, _, since_s, _ in over]
        said = [sign * float(np.nan_to_num(m.deviations[n])) for (n, _, _, sign), m in zip(over, moved, strict=True)]
        first = int(np.argmax(said))
        number, total, since_s, sign = over[first]
        alarm = self._alarm(number, total, since_s, begin_s + BLOCK_S, moved[first], fell=sign < 0.0)
        self._accept(alarm)
        return alarm

    def _scatter_m(self) -> Floats:
        scatter: Floats = np.sqrt(self.lesson.scatter_m**2 + np.array(self.memory.doubt))
        return scatter

    def _moved(self, began_s: float) -> _Moved:
        """What is different since `began_s`."""
        memory, lesson = self.memory, self.lesson
        rows = np.array([[np.nan if v is None else v for v in row] for row in memory.recent])
        rows[:, 2] -= [lesson.usual_inflow(local_s) for local_s in rows[:, 1]]
        since, ago = rows[rows[:, 0] >= began_s], rows[rows[:, 0] < began_s]
        since = since[1:] if len(since) > 1 else since  # it began within the first block
        alike = ago[ago[:, 0] >= (memory.steps[-1][0] if memory.steps else 0.0)]
        # pressures of before a step were made good by it, the inflow was not
        step = _mean(since[:, 3:]) - np.nan_to_num(_mean(ago[-_BEFORE:, 3:]))
        flow = float(_mean(since[:, 2:3])[0] - _mean((alike if len(alike) else ago)[-_BEFORE:, 2:3])[0])
        days = max(len(since) * BLOCK_S / DAY_S, 0.25)
        flow_deviations = flow / (lesson.inflow_scatter / np.sqrt(days)) if lesson.inflow_scatter > 0 else np.nan
        return _Moved(step, lesson.expectation.alone(step) / self._scatter_m(), flow, float(flow_deviations))

    def _alarm(self, pressure: int, total: float, began_s: float, at_s: float, moved: _Moved, *, fell: bool) -> Alarm:
        if not fell:
            change = Change.RISE
        elif np.isfinite(moved.flow_deviations):
            change = Change.LEAK if moved.flow_deviations >= _BALANCE_LEAST else Change.ALONE
        else:
            change = Change.LEAK if np.sum(moved.deviations <= -SIGNIFICANT) >= _VOUCH else Change.ALONE
        return Alarm(
            change, pressure, began_s, at_s, np.nan_to_num(moved.step_m), moved.deviations, total, self.threshold,
            moved.flow_m3_per_h, moved.flow_deviations,
        )  # fmt: skip

    def _accept(self, alarm: Alarm) -> None:
        """What is there now is normal from now on; the tests begin anew."""
        memory = self.memory
        n = len(alarm.step_m)
        memory.offset = (np.array(memory.offset) + alarm.step_m).tolist()
        own = self.lesson.expectation.alone(alarm.step_m)
        memory.doubt = (np.array(memory.doubt) + (_STEP_ERROR * np.nan_to_num(own)) ** 2).tolist()
        memory.taken_for[alarm.change.value] += 1
        memory.steps = [*memory.steps[1 - _RECENT_STEPS :], [alarm.began_s, *alarm.step_m.tolist()]]
        memory.down, memory.up, memory.before = [0.0] * n, [0.0] * n, [None] * n
        for row in memory.recent:
            if (row[0] or 0.0) >= alarm.began_s:
                row[3:] = [None if v is None else v - float(s) for v, s in zip(row[3:], alarm.step_m, strict=True)]

    def to_json(self) -> Json:
        return asdict(self.memory)

    def restore(self, saved: Json) -> None:
        """Goes on from `to_json` of a watch over the same sensors."""
        self.memory = Memory(**saved)


def _add(sums: list[float], since_s: list[float], n: int, z: float, at_s: float) -> None:
    after = max(0.0, sums[n] + z - REFERENCE)
    if after > 0.0 and sums[n] == 0.0:
        since_s[n] = at_s
    sums[n] = after


def _mean(rows: Floats) -> Floats:
    """(n_columns,) of what is known, NaN where nothing is."""
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    mean: Floats = np.where(count > 0, np.where(known, rows, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    return mean


def _json(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
