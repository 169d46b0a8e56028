"""Times that a caller sends: with any offset that can be written, taken as UTC, which every part behind understands."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def as_utc(at: datetime) -> datetime:
    """The same instant in UTC; the first or last instant there is where it lies beyond.

    >>> as_utc(datetime.fromisoformat("2026-07-01T08:00:00+22:30")).isoformat()
    '2026-06-30T09:30:00+00:00'
    >>> as_utc(datetime.fromisoformat("0001-01-01T00:00:00+14:00")).year
    1
    """
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if at.year == 1 else datetime.max.replace(tzinfo=UTC)


Instant = Annotated[AwareDatetime, AfterValidator(as_utc)]
