"""What is learned of a zone: expected pressures, how closely six hours of each keep to them, and the usual inflow."""

from dataclasses import dataclass

import numpy as np

from detect.instant import DAY_S, day_type
from detect.leak.trust import DIFFERENCE_MEDIAN
from detect.port import Floats, Ints, Json
from detect.pressure.expect import Expectation
from detect.pressure.expect import learn as learn_expectation

HOUR_S = 3600.0
BLOCK_H = 6
"""pressures are judged in means of so many hours, from local midnight on"""
BLOCK_S = BLOCK_H * HOUR_S
LEAST_HOURS = 4
"""of a block that must be known"""
_BLOCKS_A_DAY = 4
_MEMORY_MOST = 0.8
_CAUTION = 1.15
"""errors of the hours that were learned from are smaller than those of new ones"""
_FLOOR_M = 0.005
"""measured on the real pressures of L-Town: what is left of a day's mean when the other pressures are known"""
_FLOW_FLOOR_SHARE = 0.01
"""half of the 2 % that a class 2 meter may be wrong (OIML R 49)"""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hourly means of a zone: pressures (n, n_pressures) m, drivers (n, n_drivers), inflow (n,) m3/h; NaN = unknown."""

    at_s: Floats
    """begin of each hour, UTC"""
    local_s: Floats
    pressure_m: Floats
    drivers: Floats
    inflow: Floats


@dataclass(frozen=True, slots=True)
class Lesson:
    """Learned figures of one zone."""

    sensor_ids: tuple[str, ...]
    """of all that it depends on: another zone, another lesson"""
    expectation: Expectation
    scatter_m: Floats
    """(n_pressures,) of six-hour means, less what the other pressures explain"""
    memory: Floats
    """(n_pressures,) their correlation from one block to the next"""
    inflow: Floats
    """(2, 4) usual inflow of a block, workdays and days off, m3/h; NaN without meters"""
    inflow_scatter: float
    """of a day's mean inflow around it"""
    learned_s: float

    def to_json(self) -> Json:
        return {
            "sensor_ids": list(self.sensor_ids),
            "expectation": self.expectation.to_json(),
            "scatter_m": [float(v) if np.isfinite(v) else None for v in self.scatter_m],
            "memory": self.memory.tolist(),
            "inflow": None if np.isnan(self.inflow).any() else self.inflow.tolist(),
            "inflow_scatter": self.inflow_scatter,
            "learned_s": self.learned_s,
        }

    @classmethod
    def from_json(cls, saved: Json) -> "Lesson":
        """The inverse of `to_json`."""
        return cls(
            sensor_ids=tuple(saved["sensor_ids"]),
            expectation=Expectation.from_json(saved["expectation"]),
            scatter_m=np.array([np.inf if v is None else v for v in saved["scatter_m"]]),
            memory=np.array(saved["memory"], dtype=float),
            inflow=np.full((2, _BLOCKS_A_DAY), np.nan) if saved["inflow"] is None else np.array(saved["inflow"]),
            inflow_scatter=saved["inflow_scatter"],
            learned_s=saved["learned_s"],
        )

    def usual_inflow(self, local_s: float) -> float:
        """Of the block that begins at `local_s`."""
        return float(self.inflow[int(day_type(np.array(int(local_s // DAY_S)))), int(local_s % DAY_S // BLOCK_S)])


def study(hours: Hours, sensor_ids: tuple[str, ...], *, learned_s: float) -> Lesson | None:
    """Learns from hours in order of time; None where they do not suffice."""
    expectation = learn_expectation(hours.pressure_m, hours.drivers, hours.local_s)
    if expectation is None:
        return None
    known = np.isfinite(hours.drivers).all(axis=1)
    left = np.full(hours.pressure_m.shape, np.nan)
    for n in np.flatnonzero(known):
        left[n] = expectation.common(hours.pressure_m[n], hours.drivers[n], float(hours.local_s[n]))
    number, means = _blocks(hours.local_s, left)
    alone = np.array([expectation.alone(row) for row in means]).reshape(len(means), -1)
    scatter = np.array([_robust(column) for column in alone.T])
    memory = np.array([_memory(column, number) for column in alone.T])
    inflow, inflow_scatter = _inflow(hours)
    return Lesson(
        sensor_ids, expectation, np.maximum(_CAUTION * scatter, _FLOOR_M), memory, inflow, inflow_scatter, learned_s
    )


def _blocks(local_s: Floats, values: Floats) -> tuple[Ints, Floats]:
    """Numbers of the blocks (n_blocks,) and their means (n_blocks, ...), NaN where too little is known."""
    number = np.floor_divide(local_s, BLOCK_S).astype(np.intp)
    found = np.unique(number)
    means = np.full((len(found), *values.shape[1:]), np.nan)
    for n, block in enumerate(found):
        own = values[number == block]
        count = np.isfinite(own).sum(axis=0)
        means[n] = np.where(count >= LEAST_HOURS, np.nansum(own, axis=0) / np.maximum(count, 1), np.nan)
    return found, means


def _robust(values: Floats) -> float:
    """Standard deviation, a tenth of strays left out of account by the median; the larger of both."""
    known = values[np.isfinite(values)]
    if len(known) < 8:
        return np.inf
    middle = float(np.median(known))
    return max(1.4826 * float(np.median(np.abs(known - middle))), float(np.sqrt(np.mean(known**2))))


def _memory(values: Floats, number: Ints) -> float:
    next_to = np.flatnonzero(np.diff(number) == 1)
    before, after = values[next_to], values[next_to + 1]
    known = np.isfinite(before) & np.isfinite(after)
    if known.sum() < 8:
        return 0.0
    power = float(np.sum(before[known] ** 2))
    return float(np.clip(np.sum(before[known] * after[known]) / max(power, 1e-12), 0.0, _MEMORY_MOST))


def _inflow(hours: Hours) -> tuple[Floats, float]:
    usual = np.full((2, _BLOCKS_A_DAY), np.nan)
    number, means = _blocks(hours.local_s, hours.inflow)
    day, part = number // _BLOCKS_A_DAY, number % _BLOCKS_A_DAY
    kind = day_type(day)
    for block in range(_BLOCKS_A_DAY):
        every = means[(part == block) & np.isfinite(means)]
        if not len(every):
            return usual, 0.0
        for off in (0, 1):
            own = means[(part == block) & (kind == off) & np.isfinite(means)]
            usual[off, block] = float(np.median(own if len(own) >= 2 else every))
    over = means - usual[kind, part]
    days = [np.mean(over[day == d]) for d in np.unique(day) if np.isfinite(over[day == d]).sum() == _BLOCKS_A_DAY]
    floor = _FLOW_FLOOR_SHARE * float(np.nanmean(np.abs(usual)))
    # from day to day: leaks that began or ended within the weeks are steps, not scatter
    steps = np.abs(np.diff(days))
    return usual, max(float(np.median(steps)) / DIFFERENCE_MEDIAN if len(steps) > 2 else 0.0, floor)
