"""Sensors that need a person: who reads nonsense, stands still, falls silent, jumps, drifts or has the wrong clock.

What the core's own checks mask (out of range, flat, missing, wrong unit) is counted here per day; spikes, drift and the
clock are looked for in what is left, and while a pressure is in doubt for one of them the core does not use it. A
faulty value is masked, never replaced: a zone without sound sensors is unknown.
"""

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import numpy as np

from detect.leak.baseline import window_mean
from detect.leak.course import as_row
from detect.port import Floats, Ints, Json

DAY_H = 24
_FAULTY_SHARE, _SOUND_SHARE = 0.25, 0.02
"""of a day's samples: from the first on the sensor is in doubt, below the second it is sound again"""
_SPIKES_A_DAY = 6
_SPIKE_DEVIATIONS = 12.0
_MOVE_MEMORY = 0.01
_LEAST_SAMPLES = 12
_DRIFT_DAYS, _DRIFT_DEVIATIONS, _DRIFT_FIT, _DRIFT_ALONE = 10, 5.0, 0.8, 2.5
"""a straight line over so many days, of so many standard deviations, explaining so much, steeper than any other's"""
_DRIFT_OVER = 0.4
"""a drift is over when the line of the last days is shorter than this part of the one that is told"""
_DAYS_KEPT = 24
_LAGS_H, _LAG_GAIN, _LAG_LEAST = 3, 0.15, 0.8
"""a shift of the course of two days that fits so much better, and fits at all"""
_LAG_DAYS = 3
"""the same shift on so many days in a row"""
_COURSE_H = 48
_TOGETHER_LEAST, _TOGETHER_SHARE = 3, 0.1
"""so many at once have one cause behind them (a line, a storm): the zone is told to be unknown, not each sensor"""
FROZEN_BELOW_CEL = -10.0
"""a flat pressure in such air is taken as frozen: impulse lines freeze before the pipe does"""


class UpkeepReason(StrEnum):
    """Why a sensor is in doubt."""

    RANGE = "sensor-range"
    FLAT = "sensor-flat"
    GAP = "sensor-gap"
    SPIKE = "sensor-spike"
    DRIFT = "sensor-drift"
    CLOCK = "sensor-clock"
    UNIT = "sensor-unit"
    FROZEN = "sensor-frozen"
    """flat in hard frost: its state, and what it watches, is unknown"""
    SOUND = "sensor-sound"
    ZONE_UNKNOWN = "zone-unknown"
    """more than half of a zone's pressures are in doubt"""
    ZONE_KNOWN = "zone-known"


NOT_USED = frozenset({UpkeepReason.SPIKE, UpkeepReason.DRIFT, UpkeepReason.CLOCK})
"""of the others the checks have masked each value that is wrong"""
_OF_CHECKS = {
    "missing": UpkeepReason.GAP,
    "range": UpkeepReason.RANGE,
    "flat": UpkeepReason.FLAT,
    "unit": UpkeepReason.UNIT,
}


_ARRAYS = ("before", "last", "move", "spikes")


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is wrong with a sensor: its place in the core's columns, the reason, and the numbers."""

    sensor: int
    reason: UpkeepReason
    why: Json


@dataclass(slots=True)
class Memory:
    """Goes through JSON as it is; lists are per sensor."""

    before: Floats
    last: Floats
    move: Floats
    """usual step from a sample to the next"""
    spikes: Floats
    counted: dict[str, list[int]] = field(default_factory=dict)
    """what the checks had masked a day ago, by reason"""
    samples: int = 0
    """since then"""
    days: list[list[float | None]] = field(default_factory=list)
    """mean of what was not expected of each pressure, day by day"""
    course: list[list[float | None]] = field(default_factory=list)
    """[measured..., not expected...] of the pressures, hour by hour"""
    late: dict[str, list[int]] = field(default_factory=dict)
    """sensor number -> [hours that its course is late, days in a row]"""
    doubted: dict[str, str] = field(default_factory=dict)
    """sensor number -> reason"""
    untold: list[str] = field(default_factory=list)
    """of these, the ones that share their reason with so many that each is not told by itself"""


class Upkeep:
    """Looks at the samples that the core is fed with, and once a day says who is in doubt and who no longer is."""

    def __init__(self, n_sensors: int, n_pressure: int) -> None:
        self._n, self._n_pressure = n_sensors, n_pressure
        unknown = np.full(n_sensors, np.nan)
        self.memory = Memory(before=unknown, last=unknown, move=np.zeros(n_sensors), spikes=np.zeros(n_sensors))

    @property
    def not_used(self) -> Ints:
        """Pressures that the core must not use now."""
        doubted = self.memory.doubted.items()
        found = [int(name) for name, why in doubted if why in NOT_USED and int(name) < self._n_pressure]
        return np.array(sorted(found), dtype=np.intp)

    def doubt(self, sensor: int, reason: UpkeepReason) -> None:
        """Somebody else has found a reason to doubt a sensor, and tells it."""
        self.memory.doubted[str(sensor)] = reason.value
        self.memory.untold = [name for name in self.memory.untold if name != str(sensor)]

    def sample(self, values: Floats) -> None:
        """Takes a sample (n_sensors,)."""
        memory = self.memory
        memory.samples += 1
        before, last, move = memory.before, memory.last, memory.move
        step, back = last - before, values - last
        usual = _SPIKE_DEVIATIONS * np.maximum(move, 1e-9)
        # there and back again: a step that stays is news, not a spike
        spike = (np.abs(step) > usual) & (np.abs(back) > usual) & (np.abs(values - before) < 0.3 * np.abs(step))
        spike &= (move > 0) & (memory.samples > 2)
        spike[self._n_pressure :] = False  # a pump that switches is none
        memory.spikes = memory.spikes + spike
        known = np.isfinite(step)
        gain = np.where(move > 0, _MOVE_MEMORY, 1.0)
        size = np.minimum(np.abs(step), np.where(move > 0, 3.0 * move, np.inf))
        memory.move = np.where(known, move + gain * (size - move), move)
        memory.before, memory.last = last, np.where(np.isfinite(values), values, np.nan)

    def hour(self, pressure: Floats, unexpected: Floats) -> None:
        """Takes the hourly means of the pressures, and what of them was not expected; both (n_pressures,)."""
        self.memory.course = [*self.memory.course[1 - _COURSE_H :], as_row(np.concatenate([pressure, unexpected]))]

    def day(self, counts: dict[str, np.ndarray], scatter: Floats, air_cel: float | None) -> list[Doubt]:
        """Closes a day: who came into doubt, and (reason SOUND) who is out of it.

        `counts` are the core's masks so far (n_sensors,) by name; `scatter` (n_pressures,) the standard deviation of
        daily means of what is not expected; `air_cel` the day's mean, None unknown.
        """
        memory = self.memory
        if len(memory.course) >= DAY_H:
            today = np.array(memory.course[-DAY_H:], dtype=float)[:, self._n_pressure :]
            memory.days = [*memory.days[1 - _DAYS_KEPT :], as_row(window_mean(today))]
        days = np.array(memory.days, dtype=float).reshape(-1, self._n_pressure)
        found: dict[int, Doubt] = {}
        if memory.samples >= _LEAST_SAMPLES:
            found = self._masked(counts, air_cel)
            for sensor in np.flatnonzero(memory.spikes >= _SPIKES_A_DAY).tolist():
                spikes = int(memory.spikes[sensor])
                found.setdefault(sensor, Doubt(sensor, UpkeepReason.SPIKE, {"spikes_a_day": spikes}))
        for one in (*self._drifting(days, scatter), *self._shifted()):
            found.setdefault(one.sensor, one)
        new = [one for one in found.values() if memory.doubted.get(str(one.sensor)) != one.reason.value]
        shared = Counter(one.reason for one in new)
        common = {reason for reason, count in shared.items() if count > max(_TOGETHER_LEAST, _TOGETHER_SHARE * self._n)}
        said = [one for one in new if one.reason not in common]
        sound = self._sound(counts) - self._still_drifting(days, scatter)
        for name, reason in list(memory.doubted.items()):
            if int(name) not in found and int(name) in sound:
                if name not in memory.untold:
                    said.append(Doubt(int(name), UpkeepReason.SOUND, {"was": reason}))
                del memory.doubted[name]
        for one in new:
            memory.doubted[str(one.sensor)] = one.reason.value
            told = one.reason not in common
            memory.untold = [name for name in memory.untold if name != str(one.sensor)] + [str(one.sensor)] * (not told)
        memory.untold = [name for name in memory.untold if name in memory.doubted]
        self.pass_day(counts)
        return said

    def pass_day(self, counts: dict[str, np.ndarray]) -> None:
        """Ends a day of which nothing is said: what was counted in it is not counted on the next."""
        self.memory.counted = {name: count.tolist() for name, count in counts.items()}
        self.memory.samples, self.memory.spikes = 0, np.zeros(self._n)

    def _share(self, counts: dict[str, np.ndarray]) -> dict[str, Floats]:
        """Part of the day's samples that each check masked, (n_sensors,)."""
        before = {name: np.array(self.memory.counted.get(name, [0] * self._n)) for name in counts}
        return {name: (count - before[name]) / max(self.memory.samples, 1) for name, count in counts.items()}

    def _masked(self, counts: dict[str, np.ndarray], air_cel: float | None) -> dict[int, Doubt]:
        found: dict[int, Doubt] = {}
        for name, share in self._share(counts).items():
            reason = _OF_CHECKS.get(name)
            for sensor in np.flatnonzero(share >= _FAULTY_SHARE).tolist():
                if reason is None or sensor in found:
                    continue
                said: Json = {"masked_share": round(float(share[sensor]), 3)}
                why = reason
                if reason is UpkeepReason.FLAT and air_cel is not None and air_cel <= FROZEN_BELOW_CEL:
                    why, said = UpkeepReason.FROZEN, said | {"air_cel": round(air_cel, 1), "state": "unknown"}
                found[sensor] = Doubt(sensor, why, said)
        return found

    def _sound(self, counts: dict[str, np.ndarray]) -> set[int]:
        if self.memory.samples < _LEAST_SAMPLES:
            return set()
        masked = sum(self._share(counts).values(), np.zeros(self._n))
        spikes = self.memory.spikes / max(self.memory.samples, 1)
        return set(np.flatnonzero(masked + spikes <= _SOUND_SHARE).tolist())

    def _drifting(self, days: Floats, scatter: Floats) -> list[Doubt]:
        """One pressure that runs away from all others in a straight line; a growing leak moves its neighbours too."""
        if len(days) < _DRIFT_DAYS or days.shape[1] < 3:
            return []
        recent = days[-_DRIFT_DAYS:] / np.maximum(scatter, 1e-9)
        left = recent - np.nanmedian(recent, axis=1, keepdims=True)
        usable = np.isfinite(left).all(axis=0)
        at = np.arange(_DRIFT_DAYS) - (_DRIFT_DAYS - 1) / 2.0
        slope = np.where(usable, at @ np.nan_to_num(left) / (at @ at), 0.0)
        order = np.argsort(-np.abs(slope))
        worst, second = int(order[0]), int(order[1])
        travelled = slope[worst] * (_DRIFT_DAYS - 1)
        course = left[:, worst] - left[:, worst].mean()
        fit = 1.0 - float(((course - slope[worst] * at) ** 2).sum()) / max(float((course**2).sum()), 1e-12)
        alone = abs(slope[worst]) >= _DRIFT_ALONE * abs(slope[second])
        if abs(travelled) < _DRIFT_DEVIATIONS or fit < _DRIFT_FIT or not alone:
            return []
        per_week = float(slope[worst] * scatter[worst] * 7.0)
        return [Doubt(worst, UpkeepReason.DRIFT, {"drift_m_per_week": round(per_week, 4), "fit": round(fit, 3)})]

    def _still_drifting(self, days: Floats, scatter: Floats) -> set[int]:
        """Of those that are doubted for it: whose line against the others is not flat yet, or not known."""
        drifting = {int(name) for name, why in self.memory.doubted.items() if why == UpkeepReason.DRIFT}
        if not drifting or len(days) < _DRIFT_DAYS:
            return drifting
        recent = days[-_DRIFT_DAYS:] / np.maximum(scatter, 1e-9)
        left = recent - np.nanmedian(recent, axis=1, keepdims=True)
        at = np.arange(_DRIFT_DAYS) - (_DRIFT_DAYS - 1) / 2.0
        travelled = np.abs(at @ left / (at @ at)) * (_DRIFT_DAYS - 1)
        return {sensor for sensor in drifting if not travelled[sensor] < _DRIFT_OVER * _DRIFT_DEVIATIONS}

    def _shifted(self) -> list[Doubt]:
        """A pressure whose course of two days fits the expected one better some hours earlier or later."""
        if len(self.memory.course) < _COURSE_H:
            return []
        course = np.array(self.memory.course, dtype=float)
        measured, unexpected = course[:, : self._n_pressure], course[:, self._n_pressure :]
        expected = measured - unexpected
        found, before, self.memory.late = [], self.memory.late, {}
        for sensor in range(self._n_pressure):
            fit = {lag: _fit(measured[:, sensor], expected[:, sensor], lag) for lag in range(-_LAGS_H, _LAGS_H + 1)}
            best = max(fit, key=lambda lag: fit[lag])
            if best and fit[best] >= _LAG_LEAST and fit[best] - fit[0] >= _LAG_GAIN:
                last, days = before.get(str(sensor), [0, 0])
                self.memory.late[str(sensor)] = [best, days + 1 if last == best else 1]
                found.append(Doubt(sensor, UpkeepReason.CLOCK, {"clock_late_by_h": best, "fit": round(fit[best], 3)}))
        # where most sensors agree it is the day that is unusual, not their clocks
        if len(found) > self._n_pressure // 3:
            return []
        return [one for one in found if self.memory.late[str(one.sensor)][1] >= _LAG_DAYS]

    def to_json(self) -> Json:
        arrays = {name: getattr(self.memory, name).tolist() for name in _ARRAYS}
        return {**asdict(self.memory), **{name: [_number(v) for v in values] for name, values in arrays.items()}}

    def restore(self, saved: Json) -> None:
        """The inverse of `to_json`."""
        self.memory = Memory(**{**saved, **{name: np.array(saved[name], dtype=float) for name in _ARRAYS}})


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _fit(measured: Floats, expected: Floats, lag: int) -> float:
    """Correlation of what was measured with what was expected `lag` hours before."""
    own = measured[max(lag, 0) : len(measured) + min(lag, 0)]
    other = expected[max(-lag, 0) : len(expected) + min(-lag, 0)]
    known = np.isfinite(own) & np.isfinite(other)
    if known.sum() < DAY_H or np.std(own[known]) < 1e-6 or np.std(other[known]) < 1e-6:
        return 0.0
    return float(np.corrcoef(own[known], other[known])[0, 1])
