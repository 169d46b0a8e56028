"""What every recording gives: readings in time order, the rows that were wrong, and the instruments that made them."""

import csv
import gzip
import io
import math
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, tzinfo
from pathlib import Path
from typing import Protocol

from lifeline.asset import Name, Position, Site
from lifeline.errors import ReplayError
from lifeline.units import Quantity


@dataclass(frozen=True, slots=True)
class Record:
    """One recorded reading; `unit` is one that SenML knows."""

    device_id: str
    channel: str
    unit: str
    observed_at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row or cell that is not as its layout says; `lost` readings of it are not sent, the rest goes on."""

    file: str
    line: int
    column: str
    text: str
    lost: int

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f": {self.column}" if self.column else "")
        return f"{place}: {self.text}" + (f" ({self.lost} not sent)" if self.lost else " (all sent)")


EARLIEST = datetime.fromtimestamp(2**28, UTC)
"""SenML takes smaller numbers for times relative to reception."""


@dataclass(frozen=True, slots=True)
class Period:
    """begin <= time < end, UTC; None leaves an end open."""

    begin: datetime | None = None
    end: datetime | None = None

    def __contains__(self, time: datetime) -> bool:
        return (self.begin is None or self.begin <= time) and (self.end is None or time < self.end)


ALWAYS = Period()
Report = Callable[[RowFault], None]
"""Where a recording tells of its faults, as it meets them."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a city pack says of a recorded sensor."""

    sensor_id: str
    device_id: str
    channel: str
    quantity: Quantity
    unit: str
    site: Site
    name: Name
    range_min: float
    range_max: float
    interval_s: float
    element: str | None = None
    position: Position | None = None


class Recording(Protocol):
    """A recorded source."""

    def records(self, report: Report, period: Period = ALWAYS) -> Iterator[Record]:
        """Readings of `period` in time order, UTC. Raises ReplayError where a file has another layout or ends early."""
        ...

    def span(self) -> tuple[datetime, datetime]:
        """First and last time, UTC, for the progress bar. Raises ReplayError."""
        ...

    def devices(self) -> set[str]:
        """Every device that may speak. Raises ReplayError."""
        ...

    def instruments(self) -> list[Instrument]:
        """Every sensor that the recording speaks for. Raises ReplayError."""
        ...


@contextmanager
def opened(path: Path) -> Iterator[Iterator[tuple[int, str]]]:
    """The numbered lines of a text file, plain or gzip; a byte that is not UTF-8 becomes U+FFFD, which no number has.

    Raises ReplayError where the file cannot be read, also in its middle.
    """
    line = 0

    def numbered(stream: io.TextIOBase) -> Iterator[tuple[int, str]]:
        nonlocal line
        for content in stream:
            line += 1
            yield line, content.rstrip("\r\n")

    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8-sig", errors="replace") as stream:
                yield numbered(stream)
        else:
            with path.open(encoding="utf-8-sig", errors="replace") as stream:
                yield numbered(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise ReplayError(
            f"{path}:{line + 1}: the file breaks off or cannot be read: {error}", advice="get the file again"
        ) from error


def cells(content: str) -> list[str] | None:
    """One line of comma-separated values; None where its quotes are not in pairs."""
    try:
        return next(csv.reader([content], strict=True), [])
    except csv.Error:
        return None


def number(text: str) -> float | None:
    """A finite number with `.`; None where it is none.

    >>> number("1.5"), number("1,5"), number("nan"), number("1_0")
    (1.5, None, None, None)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def instant(text: str, zone: tzinfo) -> datetime:
    """An ISO 8601 time as UTC; without an offset of its own it is local time in `zone`.

    Of an hour that the clock shows twice (end of summer time) it is the first. Raises ValueError where the text is no
    time that SenML can say, or where the clock never shows it (beginning of summer time).
    """
    time = datetime.fromisoformat(text)
    if not EARLIEST.year < time.year < MAXYEAR:
        raise ValueError(f"{text!r}, which is out of reach: SenML has no time before {EARLIEST:%Y-%m-%d}")
    if time.tzinfo is not None:
        return time.astimezone(UTC)
    moment = time.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != time:
        raise ValueError(f"{text!r}, which does not exist in {zone}: the clock passes over it")
    return moment


def named(text: str) -> bool:
    """Whether `text` can be part of a device's name (docs/wire.md), with room for a prefix.

    >>> named("n1"), named("Wall St."), named("")
    (True, False, False)
    """
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,56}", text) is not None


def plain(text: str) -> str:
    """`text` without accents, which no device's name has.

    >>> plain("niñé")
    'nine'
    """
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def unheard(fault: RowFault) -> None:
    """A Report for a pass that only looks; the pass that sends tells."""
    del fault
