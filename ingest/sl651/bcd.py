"""The body of a report in HEX/BCD: identifiers, definition bytes and data, read by what the frame itself says."""

from ingest.sl651.elements import ELEMENTS, POINTS, SERIES, STATUS, STEP, Element
from ingest.sl651.report import Report, instant_s, malformed
from lifeline.reading import RejectReason

SERIES_REPORTS = frozenset({0x31, 0x38})
"""One element, named once, then its values in equal steps to the end of the body."""
STATUS_REPORT = 0x46
"""The one report with a station but without its type and an observation time."""
_STATION, _TIME, _TEXT, _PICTURE = 0xF1, 0xF0, 0xF2, 0xF3
_TO_THE_END = {_TEXT: "a text", _PICTURE: "a picture", 0xFD: "a batch of velocities"}
_OWN = 0xFF


def read(body: bytes, report: Report, function: int) -> None:
    """Reads a body into `report`. Raises WireError where its end or its times are wrong."""
    _take(body, 0, 8)
    report.at_s = instant_s(body[2:8].hex())
    at = 8
    while at < len(body):
        at = _group(body, at, report, function)


def _group(body: bytes, at: int, report: Report, function: int) -> int:
    """Reads what begins at `at`; returns where the next begins."""
    lead, definition = _take(body, at, 2)
    data = at + 2
    if lead in (_STATION, _TIME) and definition == lead:
        if lead == _TIME:
            report.at_s = instant_s(_take(body, data, 5).hex())
            return data + 5
        report.speak_of(_take(body, data, 5).hex())
        return data + (5 if function == STATUS_REPORT else 6)
    if lead in _TO_THE_END:
        report.fault(RejectReason.NO_VALUE, f"{lead:02X}", f"{_TO_THE_END[lead]} of {len(body) - data} bytes")
        return len(body)
    element = ELEMENTS.get(lead) or Element(f"{lead:02X}")
    if lead == _OWN:
        element = Element(f"FF{definition:02X}")
        definition = _take(body, data, 1)[0]
        data += 1
    size, decimals = definition >> 3, definition & 7
    if not size:
        raise malformed(f"{element.name} without data")
    if lead == STEP:
        report.step_s = _step_s(_take(body, data, size).hex())
        return data + size
    stop = data + size
    if function in SERIES_REPORTS:
        if not report.step_s:
            raise malformed("a series without a time step")
        stop = len(body)
    if (stop - data) % size:
        raise malformed(f"{element.name}: {stop - data} bytes are no series of {size} bytes each")
    _take(body, data, stop - data)
    for i, position in enumerate(range(data, stop, size)):
        _value(lead, element, body[position : position + size], decimals, report, report.at_s + i * report.step_s)
    return stop


def _value(lead: int, element: Element, data: bytes, decimals: int, report: Report, at_s: float) -> None:
    series = SERIES.get(lead)
    if series is not None and len(data) == POINTS * series.bytes_:
        report.points(series, data, at_s=at_s)
    elif lead == STATUS:
        report.status(int.from_bytes(data, "big"))
    elif (digits := number(data)) is not None:
        report.number(element, digits, decimals, at_s=at_s)
    elif data == b"\xff" * len(data):
        report.missing(element.name)
    else:
        report.fault(RejectReason.NO_VALUE, element.name, f"{data.hex().upper()} are no decimal digits")


def number(data: bytes) -> int | None:
    """Decimal digits, negative behind FF; None where there is another one among them, or none.

    >>> number(bytes.fromhex("00001250")), number(bytes.fromhex("FF00000125")), number(bytes.fromhex("FFFF"))
    (1250, -125, None)
    """
    digits = data.hex()
    is_negative = digits.startswith("ff")
    if is_negative:
        digits = digits[2:]
    if not digits.isdecimal():
        return None
    return -int(digits) if is_negative else int(digits)


def _step_s(digits: str) -> float:
    """Seconds of a time step DDHHMM, of which one part is not zero."""
    if len(digits) != 6 or not digits.isdecimal() or not int(digits):
        raise malformed(f"time step {digits!r} is not DDHHMM")
    return int(digits[:2]) * 86_400.0 + int(digits[2:4]) * 3_600.0 + int(digits[4:]) * 60.0


def _take(body: bytes, at: int, size: int) -> bytes:
    if at + size > len(body):
        raise malformed(f"the body ends at byte {len(body)}, within what begins at {at}")
    return body[at : at + size]
