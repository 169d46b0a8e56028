"""A frame of SL 651-2014: found in a stream, checked, taken apart, answered. Pure.

Both encodings carry the same fields: start, centre, station, password, function, direction and length, start of text,
body, end, CRC; in downlinks station and centre change places. Source: SL 651-2014, chapter 6.
"""

import re
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import IntEnum

from ingest.crc import MODBUS, Spans
from ingest.cutter import Framing

BEIJING = timezone(timedelta(hours=8))
"""The standard names no time zone; stations run on local time."""
HEARTBEAT = 0x2F


class Control(IntEnum):
    """Control characters: starts of text, then ends."""

    STX = 0x02
    SYN = 0x16
    ETX = 0x03
    ETB = 0x17
    ENQ = 0x05
    EOT = 0x04
    ACK = 0x06
    NAK = 0x15
    ESC = 0x1B


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame with a right length, end and CRC."""

    is_ascii: bool
    is_uplink: bool
    centre: int
    station: str
    """ten hexadecimal digits"""
    password: str
    function: int
    body: bytes
    """as it is coded, without the packet numbers"""
    end: int
    total: int = 1
    """packets of the message"""
    number: int = 1
    """of this packet, from 1"""
    is_multipacket: bool = False

    def spoken_by(self, stations: Container[str]) -> "Frame":
        """The frame with its header read the other way round, station before centre, where only that names a station
        of `stations`: some send so with 50H and 51H, although the standard has it of downlinks alone.
        """
        if not self.is_uplink or self.station in stations:
            return self
        addresses = f"{self.centre:02X}{self.station}"
        if addresses[:10] not in stations:
            return self
        return replace(self, station=addresses[:10], centre=int(addresses[10:], 16))


_STARTS_OF_TEXT = frozenset({Control.STX, Control.SYN})
_ENDS = frozenset(Control) - _STARTS_OF_TEXT
_HEX_START = b"\x7e\x7e"
_HEX_HEAD, _HEX_TAIL = 14, 3
_ASCII_START = b"\x01"
_ASCII_HEAD, _ASCII_TAIL = 24, 5
_ASCII_HEADER = re.compile(rb"\x01[0-9A-Fa-f]{18}[08][0-9A-Fa-f]{3}[\x02\x16]")
_ASCII_CRC = re.compile(rb"[0-9A-Fa-f]{4}")
_ASCII_SHAPE = b"\x01" + b"0" * 22 + b"\x02"


def crc(data: bytes) -> int:
    """CRC-16 with the polynomial A001h (reflected) from FFFFh; the frame sends its high byte first.

    >>> hex(crc(bytes.fromhex("7E7E01001234567812342F000802000359101115511103")))
    '0x6bca'
    """
    return MODBUS.of(data)


def parse(data: bytes) -> Frame:
    """The fields of a good frame."""
    if data[:1] == _ASCII_START:
        head, start_of_text = data[1:23].decode("ascii"), data[23]
        body, end = data[_ASCII_HEAD:-_ASCII_TAIL], data[-_ASCII_TAIL]
    else:
        head, start_of_text = data[2:13].hex().upper(), data[13]
        body, end = data[_HEX_HEAD:-_HEX_TAIL], data[-_HEX_TAIL]
    is_ascii, is_uplink = data[:1] == _ASCII_START, head[18] == "0"
    centre, station = (head[:2], head[2:12]) if is_uplink else (head[10:12], head[:10])
    total = number = 1
    if start_of_text == Control.SYN:
        numbers = body[:6].decode("ascii") if is_ascii else body[:3].hex()
        total, number = int(numbers[:3], 16), int(numbers[3:], 16)
        body = body[6:] if is_ascii else body[3:]
    return Frame(
        is_ascii,
        is_uplink,
        int(centre, 16),
        station.upper(),
        head[12:16],
        int(head[16:18], 16),
        body,
        end,
        total,
        number,
        start_of_text == Control.SYN,
    )


def build(frame: Frame) -> bytes:
    """The bytes of a frame."""
    centre = f"{frame.centre:02X}"
    addresses = centre + frame.station if frame.is_uplink else frame.station + centre
    numbers = f"{frame.total:03X}{frame.number:03X}" if frame.is_multipacket else ""
    packet = numbers.encode() if frame.is_ascii else bytes.fromhex(numbers)
    direction = 0 if frame.is_uplink else 0x8000
    length = len(packet) + len(frame.body)
    head = f"{addresses}{frame.password}{frame.function:02X}{direction | length:04X}"
    start_of_text = Control.SYN if frame.is_multipacket else Control.STX
    start = _ASCII_START + head.encode() if frame.is_ascii else _HEX_START + bytes.fromhex(head)
    data = start + bytes((start_of_text,)) + packet + frame.body + bytes((frame.end,))
    return data + (b"%04X" % crc(data) if frame.is_ascii else crc(data).to_bytes(2, "big"))


def answer(frame: Frame, now: datetime) -> bytes | None:
    """What the centre says once an uplink is stored: serial number and time of the centre; None to a heartbeat, and to
    what has no serial number.

    ACK where the station announced that more follows, else EOT; to a message of several packets with the number of the
    last.
    """
    if frame.function == HEARTBEAT or not frame.is_uplink or len(frame.body) < (16 if frame.is_ascii else 8):
        return None
    return _reply(frame, frame, Control.ACK if frame.end == Control.ETB else Control.EOT, frame.total, now)


def ask_again(packet: Frame, number: int, first: Frame | None, now: datetime) -> bytes:
    """What the centre says to the last packet of a message of which packet `number` is missing: NAK, in mode M3.

    The serial number stands in the `first` packet; 0 while that is missing.
    """
    return _reply(packet, first, Control.NAK, number, now)


def _reply(frame: Frame, first: Frame | None, end: Control, number: int, now: datetime) -> bytes:
    """Serial number and time of the centre, ended by `end`."""
    digits = 4 if frame.is_ascii else 2
    serial = first.body[:digits] if first is not None else (b"0000" if frame.is_ascii else b"\0\0")
    time = now.astimezone(BEIJING).strftime("%y%m%d%H%M%S")
    body = serial + (time.encode() if frame.is_ascii else bytes.fromhex(time))
    return build(replace(frame, is_uplink=False, body=body, end=end, number=number))


def _measure(data: bytes, at: int, spans: Spans) -> int | None:
    return (_measure_ascii if data[at] == _ASCII_START[0] else _measure_hex)(data, at, spans)


def _measure_hex(data: bytes, at: int, spans: Spans) -> int | None:
    head = data[at : at + _HEX_HEAD]
    if len(head) > 1 and head[1] != _HEX_START[1]:
        return 0
    if len(head) < _HEX_HEAD:
        return None
    length = (head[11] & 0x0F) << 8 | head[12]
    if head[11] >> 4 not in (0, 8) or not length or head[13] not in _STARTS_OF_TEXT:
        return 0
    end = at + _HEX_HEAD + length
    if len(data) < end + _HEX_TAIL:
        return None
    if head[13] == Control.SYN and not _packet_is_numbered(data[at + _HEX_HEAD : min(end, at + _HEX_HEAD + 3)].hex()):
        return 0
    is_good = data[end] in _ENDS and spans.of(at, end + 1) == int.from_bytes(data[end + 1 : end + 3], "big")
    return end + _HEX_TAIL - at if is_good else 0


def _measure_ascii(data: bytes, at: int, spans: Spans) -> int | None:
    head = data[at : at + _ASCII_HEAD]
    # a beginning is judged as if it went on well
    if not _ASCII_HEADER.fullmatch(head + _ASCII_SHAPE[len(head) :]):
        return 0
    if len(head) < _ASCII_HEAD:
        return None
    length = int(head[20:23], 16)
    end = at + _ASCII_HEAD + length
    if not length:
        return 0
    if len(data) < end + _ASCII_TAIL:
        return None
    stated = data[end + 1 : end + _ASCII_TAIL]
    if head[23] == Control.SYN and not _packet_is_numbered(
        data[at + _ASCII_HEAD : min(end, at + _ASCII_HEAD + 6)].decode("latin-1")
    ):
        return 0
    is_good = data[end] in _ENDS and _ASCII_CRC.fullmatch(stated) and spans.of(at, end + 1) == int(stated, 16)
    return end + _ASCII_TAIL - at if is_good else 0


def _packet_is_numbered(numbers: str) -> bool:
    """Whether six hexadecimal digits are a total and a number up to it."""
    return re.fullmatch("[0-9A-Fa-f]{6}", numbers) is not None and 1 <= int(numbers[3:], 16) <= int(numbers[:3], 16)


FRAMING = Framing(re.compile(rb"[\x01\x7e]"), MODBUS, _measure)
