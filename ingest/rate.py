"""How fast a sensor's value may change: a jump that nothing in the street can do is doubtful, its neighbours are not.

Readings are compared in the order of their observation, each with the last good one before it. A jump that the next
reading confirms is a real one from then on: of a true step one reading is doubtful, of a spike the spike alone. What
comes late, or again, is compared only with what is older and known; where that is nothing, it is not judged.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_SECOND_US = 1_000_000


class _Point(NamedTuple):
    at_us: int
    value: float

    def reaches(self, other: "_Point", rate_max: float) -> bool:
        """Whether `other`, which is later, can follow."""
        return abs(other.value - self.value) <= rate_max * (other.at_us - self.at_us) / _SECOND_US


@dataclass(slots=True)
class _Past:
    """Of one sensor: its newest reading that can be trusted, and a jump after it that nothing has confirmed yet."""

    good: _Point
    jump: _Point | None = None

    def is_doubtful(self, point: _Point, rate_max: float) -> bool:
        newest_us = self.good.at_us if self.jump is None else max(self.good.at_us, self.jump.at_us)
        if point.at_us <= newest_us:
            # late or again: what it would change is decided
            return self.good.at_us < point.at_us and not self.good.reaches(point, rate_max)
        if self.good.reaches(point, rate_max) or (self.jump is not None and self.jump.reaches(point, rate_max)):
            self.good, self.jump = point, None
            return False
        self.jump = point
        return True


class Rates:
    """What is remembered of sensors that have a limit; of one worker, or of one file."""

    def __init__(self) -> None:
        self._past: dict[int, _Past] = {}

    def doubtful(self, rows: npt.NDArray[np.void], rate_max: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """(n,) which of `rows` (dtype READING) changed faster than `rate_max` (n,), SI a second; NaN: not judged."""
        found = np.zeros(len(rows), np.bool_)
        limited = np.flatnonzero(~np.isnan(rate_max))
        if not len(limited):
            return found
        at_us = rows["observed_at"].astype(np.int64)
        limited = limited[np.lexsort((at_us[limited], rows["sensor_key"][limited]))]
        columns = (limited, rows["sensor_key"][limited], at_us[limited], rows["value"][limited], rate_max[limited])
        for position, key, at, value, limit in zip(*(column.tolist() for column in columns), strict=True):
            known, point = self._past.get(key), _Point(at, value)
            if known is None:
                self._past[key] = _Past(point)
            elif known.is_doubtful(point, limit):
                found[position] = True
        return found
