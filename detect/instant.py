"""Event time as numbers: seconds since 1970 UTC, local time of day, and the kind of day."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from detect.port import Floats, Ints

DAY_S = 86_400.0
WORKDAY, WEEKEND = 0, 1


def instant(at_s: float) -> datetime:
    """The instant `at_s`, UTC, to the microsecond."""
    return datetime.fromtimestamp(round(at_s, 6), UTC)


def iso(at_s: float) -> str:
    """The instant as text.

    >>> iso(0.5)
    '1970-01-01T00:00:00.500Z'
    """
    return instant(at_s).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LocalTime:
    """Local time of one time zone, for arrays; offsets are looked up once per hour that occurs."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._offsets: dict[int, float] = {}

    def seconds(self, at_s: Floats) -> Floats:
        """Local seconds: local midnight falls on multiples of a day."""
        hours = np.floor_divide(at_s, 3600.0).astype(np.int64)
        offsets = np.empty(len(at_s))
        for hour in np.unique(hours):
            offsets[hours == hour] = self._offset(int(hour))
        return at_s + offsets

    def one(self, at_s: float) -> float:
        """`seconds` for one instant."""
        return at_s + self._offset(int(at_s // 3600.0))

    def _offset(self, hour: int) -> float:
        known = self._offsets.get(hour)
        if known is None:
            delta = datetime.fromtimestamp(hour * 3600.0, self._zone).utcoffset()
            known = delta.total_seconds() if delta else 0.0
            if len(self._offsets) > 10_000:
                self._offsets.clear()
            self._offsets[hour] = known
        return known


def day_type(local_day: Ints) -> Ints:
    """0 workday, 1 weekend, for days since 1970 (a Thursday)."""
    return np.where((local_day + 3) % 7 >= 5, WEEKEND, WORKDAY).astype(np.intp)
