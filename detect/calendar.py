"""Which days people live as: by weekday, by public holiday, by a Saturday that is worked for a holiday taken elsewhere.

Holidays and moved working days come from the library `holidays` (China: the yearly notices of the State Council, for
the years that have been published; later years have the statutory days only). A city without a country has weekdays.
"""

from datetime import date, timedelta
from functools import lru_cache

import holidays
import numpy as np

from detect.port import Ints, Json
from lifeline.errors import SettingsError

WORKDAY, FREE = 0, 1
SUNDAY, MIDWEEK = 6, 2
COUNTRY = "CN"
"""of a city whose pack names no other: `[leak] holidays`"""
_EPOCH = date(1970, 1, 1)


class Calendar:
    """Days are counted since 1970-01-01, local."""

    def __init__(self, country: str = "") -> None:
        """`country` is an ISO 3166 code; "" knows no holidays. Raises SettingsError for one that is not known."""
        self.country = country
        if country and country not in holidays.list_supported_countries():
            raise SettingsError(
                f"no holidays are known of country {country!r}", advice='give an ISO 3166 code such as "CN", or ""'
            )

    @classmethod
    def of(cls, settings: Json) -> "Calendar":
        """Of a pack's settings: `[leak] holidays`. Raises SettingsError."""
        return cls(str(settings.get("leak", {}).get("holidays", COUNTRY)))

    def kind(self, day: int) -> int:
        """The weekday (0 is Monday) that the day is lived as: a holiday as a Sunday, a worked weekend as a Wednesday.

        >>> from datetime import date
        >>> china, first = Calendar("CN"), date(1970, 1, 1)
        >>> [china.kind((date(2025, 10, d) - first).days) for d in (1, 11, 12)]   # National Day, worked, free
        [6, 2, 6]
        """
        return _kind(self.country, day)

    def odd(self, day: int) -> bool:
        """Whether the day is unlike the weekday that it falls on, or the eve of such a day or the day after one."""
        return any(_kind(self.country, d) != _weekday(d) for d in (day - 1, day, day + 1))

    def free(self, day: int) -> bool:
        """Whether most people have no work."""
        return self.kind(day) >= 5

    def types(self, days: Ints) -> Ints:
        """0 workday, 1 free, of days `(n,)`."""
        return np.array([FREE if self.free(day) else WORKDAY for day in np.asarray(days).tolist()], dtype=np.intp)


def _weekday(day: int) -> int:
    return (day + 3) % 7


@lru_cache(maxsize=65_536)
def _kind(country: str, day: int) -> int:
    weekday = _weekday(day)
    if not country:
        return weekday
    working = _holidays(country).is_working_day(_EPOCH + timedelta(days=day))
    if weekday >= 5:
        return MIDWEEK if working else weekday
    return weekday if working else SUNDAY


@lru_cache(maxsize=16)
def _holidays(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)
