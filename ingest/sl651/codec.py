"""SL 651-2014: one payload is one frame or several; each value of each report is a row or a fault that names it."""

from dataclasses import dataclass

from ingest.contract import Decoded, Fault
from ingest.cutter import cut
from ingest.sl651 import bcd, text
from ingest.sl651.frame import FRAMING, HEARTBEAT, Frame, parse
from ingest.sl651.report import Report, malformed
from lifeline.errors import WireError
from lifeline.reading import RejectReason

REPORTS = frozenset({0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, bcd.STATUS_REPORT})
"""Functions whose bodies hold elements."""
SILENT = frozenset({HEARTBEAT, 0x41, 0x43, 0x45, 0x50, 0x51})
"""Functions that a station may send and that hold no readings: heartbeat, settings, version, events, clock."""


@dataclass(frozen=True, slots=True)
class Message:
    """The packets of one message put together; of one packet alone, the frame itself."""

    at: int
    """position of its last packet in the payload"""
    frame: Frame
    """the first packet"""
    body: bytes


class Sl651:
    """The codec `sl651`: the station's address is the device, the element's name the channel."""

    name = "sl651"

    def decode(self, payload: bytes, *, device_id: str, received_s: float) -> Decoded:
        del received_s
        pieces = cut(FRAMING, payload)
        if not any(piece.is_frame for piece in pieces):
            raise malformed("no frame with a right length, end and CRC")
        decoded = Decoded()
        for piece in pieces:
            if not piece.is_frame:
                detail = f"byte {piece.at}: {len(piece.data)} bytes of no good frame"
                decoded.faults.append(Fault(RejectReason.MALFORMED, detail))
        messages, incomplete = _put_together(
            [(piece.at, parse(piece.data).spoken_by((device_id,))) for piece in pieces if piece.is_frame]
        )
        decoded.faults += [Fault(RejectReason.MALFORMED, detail) for detail in incomplete]
        for message in messages:
            _add(decoded, _read(message, device_id))
        return decoded


def _put_together(frames: list[tuple[int, Frame]]) -> tuple[list[Message], list[str]]:
    """The whole messages in the order of their last packets, and what is said of those that are not whole."""
    messages: list[Message] = []
    parts: dict[tuple[str, int, int, bool], dict[int, Frame]] = {}
    for at, frame in frames:
        key = (frame.station, frame.function, frame.total, frame.is_ascii)
        found = parts.setdefault(key, {})
        found[frame.number] = frame
        if len(found) == frame.total:
            del parts[key]
            body = b"".join(found[number].body for number in sorted(found))
            messages.append(Message(at, found[1], body))
    incomplete = [
        f"station {station}, function {function:02X}: {len(found)} of {total} packets"
        for (station, function, total, _), found in parts.items()
    ]
    return messages, incomplete


def _read(message: Message, device_id: str) -> Decoded:
    frame = message.frame
    report = Report(frame.station, device_id, frame.function)
    place = f"byte {message.at}, function {frame.function:02X}: "
    try:
        if not frame.is_uplink:
            raise malformed("not from a station")
        if frame.function in REPORTS:
            (text if frame.is_ascii else bcd).read(message.body, report, frame.function)
        elif frame.function not in SILENT:
            raise malformed("a function that is not taken")
    except WireError as error:
        return Decoded(faults=[Fault(RejectReason.MALFORMED, place + str(error.args[0]))])
    report.decoded.faults = [Fault(fault.reason, place + fault.detail) for fault in report.decoded.faults]
    return report.decoded


def _add(decoded: Decoded, more: Decoded) -> None:
    decoded.channels += more.channels
    decoded.units += more.units
    decoded.times_s += more.times_s
    decoded.values += more.values
    decoded.faults += more.faults
