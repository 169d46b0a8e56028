"""What one report says, element by element: rows and faults of it alone, so that an unreadable one leaves nothing."""

import re
from datetime import datetime

from ingest.contract import Decoded, Fault
from ingest.sl651.elements import INVERTED, POINT_S, POINTS, STATUS_ELEMENT, Element, Series
from ingest.sl651.frame import BEIJING
from lifeline.errors import WireError
from lifeline.reading import RejectReason

TEST = 0x30
_TIME = re.compile(r"[0-9]{10}(?:[0-9]{2})?", re.ASCII)


class Report:
    """Rows and faults of one message of `station`, offered as `device_id`."""

    def __init__(self, station: str, device_id: str, function: int) -> None:
        self.decoded = Decoded()
        self.at_s = 0.0
        """when the next elements were observed"""
        self.step_s = 0.0
        """time between the values of a series; 0: none is stated"""
        self._station = station
        self._of = station
        self._device_id = device_id
        self._is_test = function == TEST

    def speak_of(self, station: str) -> None:
        """The next elements are of that station: of the sender itself, or of one that it relays."""
        self._of = station.upper()

    def number(self, element: Element, digits: int, decimals: int, *, at_s: float) -> None:
        """A value of `digits` with the decimal point put in."""
        text = f"{digits}/{10**decimals}" if decimals else str(digits)
        if digits in (outlier * 10**decimals for outlier in element.outliers):
            self.fault(RejectReason.FLAGGED, element.name, f"{text} is a code, not a measurement")
        elif self._is_test:
            self.fault(RejectReason.FLAGGED, element.name, f"{text} is of a test report")
        elif self._station != self._device_id:
            self.fault(RejectReason.DEVICE_MISMATCH, element.name, f"station {self._station} is not {self._device_id}")
        else:
            value = digits * 60 / (10**decimals * element.minutes) if element.minutes else digits / 10**decimals
            self.decoded.channels.append(self._channel(element.name))
            self.decoded.units.append(element.unit)
            self.decoded.times_s.append(at_s)
            self.decoded.values.append(value)

    def points(self, series: Series, data: bytes, *, at_s: float) -> None:
        """Twelve points in steps of 5 minutes, the first at `at_s`; all bits set means that a point is invalid."""
        invalid = (1 << 8 * series.bytes_) - 1
        for i in range(POINTS):
            point = int.from_bytes(data[i * series.bytes_ : (i + 1) * series.bytes_], "big")
            if point == invalid:
                self.missing(f"{series.element.name} point {i + 1}")
            else:
                self.number(series.element, point, series.decimals, at_s=at_s + i * POINT_S)

    def status(self, word: int) -> None:
        """The status word as it was sent."""
        self.number(STATUS_ELEMENT, word ^ INVERTED, 0, at_s=self.at_s)

    def missing(self, name: str) -> None:
        """An element that the station names and has no value of."""
        self.fault(RejectReason.NO_VALUE, name, "the station has no value")

    def fault(self, reason: RejectReason, name: str, detail: str) -> None:
        """An element that is no reading."""
        self.decoded.faults.append(Fault(reason, f"{self._channel(name)}: {detail}"))

    def _channel(self, name: str) -> str:
        return name if self._of == self._station else f"{self._of}.{name}"


def instant_s(digits: str) -> float:
    """Seconds since 1970 UTC of YYMMDDHHmm[SS], Beijing time. Raises WireError."""
    parts = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)] if _TIME.fullmatch(digits) else []
    try:
        year, month, day, hour, minute, second = parts if len(parts) == 6 else [*parts, 0]
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=BEIJING).timestamp()
    except ValueError as error:
        raise malformed(f"{digits!r:.40} is no time") from error


def malformed(message: str) -> WireError:
    """The error of a report of which nothing is taken."""
    return WireError(message, reason=RejectReason.MALFORMED, advice="see docs/wire.md")
