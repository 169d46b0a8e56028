"""Watches one zone through its readings: standardises them, keeps the three tests, and says when one is passed."""

import math
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from detect.cusum import Cusum
from detect.instant import DAY_S
from detect.port import Floats, Json
from detect.residual.model import (
    DROP_CLIP,
    NIGHT_FROM_S,
    NIGHT_REFERENCE,
    NIGHT_TO_S,
    SLOT_REFERENCE,
    Channels,
    ZoneModel,
    whiten,
)
from detect.residual.profile import BLOCKS, next_level

RUN = 3
"""readings in a row above the threshold before a burst is called: one outlier never is"""
_SLOTS_LEAST = 2.5
"""no fewer slots than three can pass the slot test, however wild"""
_STALE_INTERVALS = 2.5
_CURVE = 120
_PRESSURE_LEAD_Z = 1.0
"""pressures may confirm what the balance says, hardly more: tanks and pumps move them too"""
_WARM_FRAMES = 8
_WHITE_MEMORY = 0.02
_UNUSABLE = 1e29
_LONGEST_STEP_S = 6 * 3600.0


@dataclass(slots=True)
class Frame:
    """One look at the zone: all its meters have reported since the last. Arrays are (n_channels,)."""

    at_s: float
    block: int
    """of the day"""
    left: Floats
    """what is over the expectation, NaN where unknown"""
    z: Floats
    scale: Floats
    expected: Floats
    weight: Floats
    """how much a unit of slow level is now"""
    balance_z: float
    drop: float
    pressure_z: float = np.nan
    joint: float = np.nan


@dataclass(slots=True)
class Memory:
    """What the watch remembers; goes through JSON as it is. Lists are per channel or per sensor of the zone."""

    last_value: list[float | None]
    last_at_s: list[float]
    total: list[float]
    count: list[int]
    level: list[float]
    white: list[float]
    """mean squared successive difference / 2 of the readings, per channel"""
    before: list[float | None]
    frame_at_s: float = 0.0
    frames: int = 0
    run: int = 0
    run_since_s: float = 0.0
    slot: int = -1
    slot_total: float = 0.0
    slot_count: int = 0
    slot_before: float | None = None
    slot_balance: float = 0.0
    slot_balance_before: float = 0.0
    """mean balance deviation of the last complete slot"""
    slot_flow: float = 0.0
    slot_flow_before: float = 0.0
    """mean flow over the expectation in it, m3/s"""
    slot_sum: float = 0.0
    slot_since_s: float = 0.0
    night: int = -1
    night_total: float = 0.0
    night_count: int = 0
    night_sum: float = 0.0
    night_since_s: float = 0.0
    night_accepted: float = 0.0
    """m3/s over the expectation of nights that a person has found to be no leak"""
    curve: list[list[float]] = field(default_factory=list)
    """[at_s, observed, expected, threshold] of the balance in m3/s, or of the drop statistic"""


class ZoneWatch:
    """The tests of one zone. `sensors` are meters in, meters out, pressures, in the order of the model."""

    def __init__(self, channels: Channels, intervals_s: Floats, model: ZoneModel) -> None:
        self.model = model
        self._intervals_s = intervals_s
        self._meters = len(channels.inflow) + len(channels.outflow) if len(channels.inflow) else 0
        self._inflows = len(channels.inflow)
        self._pressures = len(channels.pressure)
        self._usable: NDArray[np.bool_] = model.scale.max(axis=0) < _UNUSABLE
        sensors = len(intervals_s)
        self.memory = Memory(
            last_value=[None] * sensors,
            last_at_s=[0.0] * sensors,
            total=[0.0] * sensors,
            count=[0] * sensors,
            level=model.level.tolist(),
            white=[0.0] * (1 + self._pressures),
            before=[None] * (1 + self._pressures),
        )
        self.level = np.array(model.level)

    def take(self, sensor: int, at_s: float, value: float) -> None:
        """A reading of the zone's `sensor`."""
        memory = self.memory
        memory.last_value[sensor], memory.last_at_s[sensor] = value, at_s
        memory.total[sensor] += value
        memory.count[sensor] += 1

    def frame(self, at_s: float, local_s: float) -> Frame | None:
        """The next look, None while meters that should report have not."""
        memory = self.memory
        age = at_s - np.array(memory.last_at_s)
        fresh: NDArray[np.bool_] = np.array([count > 0 for count in memory.count], dtype=np.bool_)
        alive = fresh | (age <= _STALE_INTERVALS * self._intervals_s)
        metered = self._meters > 0 and bool(self._usable[0]) and bool(alive[: self._meters].all())
        pressed = fresh[len(fresh) - self._pressures :]
        complete = fresh[: self._meters].all() if metered else 2 * pressed.sum() >= max(self._pressures, 1)
        if not complete:
            return None
        mean = np.where(fresh, np.array(memory.total) / np.maximum(memory.count, 1), np.nan)
        held = np.array([np.nan if v is None else v for v in memory.last_value])
        value = np.where(fresh, mean, np.where(alive, held, np.nan))
        memory.total, memory.count = [0.0] * len(value), [0] * len(value)
        balance = np.nan
        if metered:
            balance = float(value[: self._inflows].sum() - value[self._inflows : self._meters].sum())
        observed = np.concatenate([[balance], value[len(value) - self._pressures :]])
        observed[~self._usable] = np.nan
        profile = self.model.profile.at(local_s)
        weight = self.model.profile.weight(profile)
        expected = profile + self.level * weight
        left = observed - expected
        block = int(local_s % DAY_S * BLOCKS // DAY_S)
        scale = self.model.scale[block]
        scale = np.maximum(scale, np.sqrt(self._whiteness(left, scale)))
        z = left / scale
        drops = sorted(-v for v in z[1:].tolist() if not math.isnan(v))
        half = len(drops) // 2
        median = np.nan
        if drops and 2 * len(drops) >= self._pressures:
            middle = drops[half] if len(drops) % 2 else (drops[half - 1] + drops[half]) / 2.0
            median = min(max(middle, -DROP_CLIP), DROP_CLIP)
        memory.frames += 1
        return Frame(at_s, block, left, z, scale, expected, weight, float(z[0]), median)

    def _whiteness(self, left: Floats, scale: Floats) -> Floats:
        """Variance of single readings by their differences: live readings may be noisier than history's means."""
        memory = self.memory
        before = np.array([np.nan if v is None else v for v in memory.before])
        change = np.clip(left - before, -4.0 * scale, 4.0 * scale)
        known = ~np.isnan(change)
        white = np.array(memory.white)
        gain = max(_WHITE_MEMORY, 1.0 / (memory.frames + 1))
        white[known] += gain * (change[known] ** 2 / 2.0 - white[known])
        memory.white = white.tolist()
        memory.before = [None if np.isnan(v) else float(v) for v in left]
        return white if memory.frames >= _WARM_FRAMES else np.zeros(len(white))

    def judge(self, frame: Frame, common: float, *, elsewhere: bool, frozen: bool) -> None:
        """Completes the frame with the other zones' `common` drop (or NaN) and moves the tests on.

        `elsewhere`: another zone has a burst, which lowers pressures here too; then the own balance alone speaks.
        """
        model, memory = self.model, self.memory
        share = 0.0 if np.isnan(common) else model.common_gain * common
        frame.pressure_z = (frame.drop - share) / float(model.drop_scale[frame.block])
        pressure_z = np.nan if elsewhere else frame.pressure_z
        confirmed_z = min(pressure_z, frame.balance_z + _PRESSURE_LEAD_Z)
        both = (frame.balance_z + confirmed_z) / float(model.joint_scale[frame.block])
        frame.joint = frame.balance_z if math.isnan(pressure_z) else pressure_z if math.isnan(frame.balance_z) else both
        step_s = min(max(frame.at_s - memory.frame_at_s, 0.0), _LONGEST_STEP_S) if memory.frame_at_s else 0.0
        memory.frame_at_s = frame.at_s
        if frame.joint > model.at_once:
            memory.run_since_s = frame.at_s if memory.run == 0 else memory.run_since_s
            memory.run += 1
        else:
            memory.run = 0
        if not frozen and memory.run == 0:
            scale = np.where(self._usable, frame.scale, 0.0) / frame.weight
            self.level = next_level(self.level, frame.left / frame.weight, scale, step_s)
            memory.level = self.level.tolist()
        self._slot(frame)
        self._curve(frame)

    def at_once(self) -> bool:
        """Whether enough readings in a row were above their threshold."""
        return self.memory.run >= RUN and self.memory.frames > _WARM_FRAMES

    def per_slot(self) -> bool:
        """Whether the slots have drifted too far."""
        return self.memory.slot_sum >= self.model.per_slot

    def calm(self) -> None:
        """Forgets what led to an event, at its begin and its end."""
        self.memory.run, self.memory.slot_sum, self.memory.slot_before = 0, 0.0, None

    def accept(self, flow: float | None, drops_pa: Floats, frame: Frame) -> None:
        """What is over the expectation now is what is normal: the level takes in all of it."""
        over = np.concatenate([[np.nan if flow is None else flow], -drops_pa])
        self.level = self.level + np.where(np.isnan(over), 0.0, over / frame.weight)
        self.memory.level = self.level.tolist()
        if flow is not None:
            self.memory.night_accepted += flow

    def accept_nights(self, flow: float) -> None:
        """What nights have over the expectation, m3/s, is normal."""
        self.memory.night_accepted += flow
        self.memory.night_sum = 0.0

    def _slot(self, frame: Frame) -> None:
        memory = self.memory
        slot = int(frame.at_s // self.model.profile.slot_s)
        if slot != memory.slot:
            if memory.slot_count:
                z = memory.slot_total / memory.slot_count
                if memory.slot_before is not None:
                    cusum = Cusum(SLOT_REFERENCE, memory.slot_sum, memory.slot_since_s)
                    white = whiten(z, memory.slot_before, self.model.memory) / self.model.slot_scale
                    most = SLOT_REFERENCE + self.model.per_slot / _SLOTS_LEAST
                    memory.slot_sum = cusum.add(min(white, most), memory.slot * self.model.profile.slot_s)
                    memory.slot_since_s = cusum.since_s
                memory.slot_before = z if slot == memory.slot + 1 else None
                memory.slot_balance_before = memory.slot_balance / memory.slot_count
                memory.slot_flow_before = memory.slot_flow / memory.slot_count
            memory.slot, memory.slot_count = slot, 0
            memory.slot_total = memory.slot_balance = memory.slot_flow = 0.0
        if not np.isnan(frame.joint):
            most = 2.0 * self.model.at_once
            memory.slot_total += min(max(frame.joint, -most), most)
            if not np.isnan(frame.balance_z):
                memory.slot_balance += frame.balance_z
                memory.slot_flow += float(frame.left[0])
            memory.slot_count += 1

    def night(self, frame: Frame, local_s: float, *, disturbed: bool) -> float | None:
        """Adds to the night's mean; after the night its mean residual in m3/s, once. Disturbed nights do not count."""
        memory = self.memory
        day, second = divmod(local_s, DAY_S)
        mean = None
        if memory.night >= 0 and (int(day) != memory.night or second >= NIGHT_TO_S):
            if memory.night_count >= 3 and self.model.night_scale > 0:
                mean = memory.night_total / memory.night_count - memory.night_accepted
                cusum = Cusum(NIGHT_REFERENCE, memory.night_sum, memory.night_since_s)
                memory.night_sum = cusum.add(mean / self.model.night_scale, frame.at_s)
                memory.night_since_s = cusum.since_s
            memory.night, memory.night_total, memory.night_count = -1, 0.0, 0
        if disturbed:
            memory.night, memory.night_total, memory.night_count = -1, 0.0, 0
        elif NIGHT_FROM_S <= second < NIGHT_TO_S and not np.isnan(frame.left[0]):
            memory.night = int(day)
            memory.night_total += float(frame.left[0] + self.level[0] * frame.weight[0])
            memory.night_count += 1
        return mean

    def _curve(self, frame: Frame) -> None:
        model = self.model
        if not np.isnan(frame.left[0]):
            expected = float(frame.expected[0])
            row = [
                frame.at_s,
                expected + float(frame.left[0]),
                expected,
                expected + model.at_once * float(frame.scale[0]),
            ]
        elif not np.isnan(frame.pressure_z):
            row = [frame.at_s, frame.pressure_z, 0.0, model.at_once]
        else:
            return
        rounded = [row[0], *(float(f"{v:.6g}") for v in row[1:])]
        self.memory.curve = [*self.memory.curve[1 - _CURVE :], rounded]

    def to_json(self) -> Json:
        return asdict(self.memory)

    def restore(self, saved: Json) -> None:
        """Goes on from `to_json` of a watch over the same sensors."""
        self.memory = Memory(**saved)
        self.level = np.array(self.memory.level)
