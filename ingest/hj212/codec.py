"""HJ 212-2017: one payload is one packet or several; each value of each item is a row or a fault that names it."""

import re
from datetime import datetime, timedelta, timezone

from ingest.contract import Decoded, Fault
from ingest.cutter import Piece, cut
from ingest.hj212.factors import unit
from ingest.hj212.packet import FRAMING, UPLOADS, Packet, parse
from lifeline.errors import WireError
from lifeline.reading import RejectReason

BEIJING = timezone(timedelta(hours=8))
"""Times of the standard are local time."""
NORMAL = "N"
"""The one data flag of a value that the instrument stands for."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_NOT_VALUES = frozenset({"Flag", "EFlag", "SampleTime"})
_TIME = re.compile(r"[0-9]{14}", re.ASCII)


class Hj212:
    """The codec `hj212`: MN is the device, `code-kind` the channel (`w01018-Rtd`), DataTime the time."""

    name = "hj212"

    def decode(self, payload: bytes, *, device_id: str, received_s: float) -> Decoded:
        del received_s
        pieces = cut(FRAMING, payload)
        if not any(piece.is_frame for piece in pieces):
            raise WireError(
                "no packet with a right length and CRC", reason=RejectReason.MALFORMED, advice="see docs/wire.md"
            )
        decoded = Decoded()
        for piece in pieces:
            _add(decoded, piece, device_id)
        return decoded


def _add(decoded: Decoded, piece: Piece, device_id: str) -> None:
    place = f"byte {piece.at}"
    if not piece.is_frame:
        decoded.faults.append(Fault(RejectReason.MALFORMED, f"{place}: {len(piece.data)} bytes of no good packet"))
        return
    try:
        packet = parse(piece.data)
    except WireError as error:
        decoded.faults.append(Fault(RejectReason.MALFORMED, f"{place}: {error.args[0]}"))
        return
    if packet.cn not in UPLOADS:
        return
    if packet.mn != device_id:
        detail = f"{place}: MN {packet.mn!r} is not {device_id!r}"
        decoded.faults += [Fault(RejectReason.DEVICE_MISMATCH, detail)] * max(1, len(_values(packet)))
        return
    _add_values(decoded, packet, place)


def _add_values(decoded: Decoded, packet: Packet, place: str) -> None:
    values = _values(packet)
    time_s = _time_s(packet)
    for name, text, flag in values:
        code, _, kind = name.partition("-")
        if time_s is None:
            decoded.faults.append(Fault(RejectReason.MALFORMED, f"{place}: {name}: no DataTime that is a time"))
        elif not _NUMBER.fullmatch(text):
            decoded.faults.append(Fault(RejectReason.NO_VALUE, f"{place}: {name}: {text!r:.40} is not a number"))
        elif flag != NORMAL:
            decoded.faults.append(Fault(RejectReason.FLAGGED, f"{place}: {name}={text}: data flag {flag!r:.8}"))
        else:
            decoded.channels.append(name)
            decoded.units.append(unit(code, kind))
            decoded.times_s.append(time_s)
            decoded.values.append(float(text))
    if not values:
        decoded.faults.append(Fault(RejectReason.NO_VALUE, f"{place}: {packet.cn} without a value"))


def _items(packet: Packet) -> list[list[tuple[str, str]]]:
    """(name, text) of every field of every item of CP."""
    items: list[list[tuple[str, str]]] = []
    for item in packet.content.split(";"):
        parts = [field.partition("=") for field in item.split(",") if field.strip()]
        items.append([(name, text) for name, _, text in parts])
    return items


def _values(packet: Packet) -> list[tuple[str, str, str]]:
    """(name, text, data flag) of every value; a value without a data flag is normal."""
    found: list[tuple[str, str, str]] = []
    for fields in _items(packet):
        flags = {name.removesuffix("-Flag"): text for name, text in fields if name.endswith("-Flag")}
        for name, text in fields:
            code, _, kind = name.partition("-")
            if kind not in _NOT_VALUES and name != "DataTime":
                found.append((name, text, flags.get(code, NORMAL)))
    return found


def _time_s(packet: Packet) -> float | None:
    """DataTime in seconds since 1970 UTC: the sampling instant, or the start of the interval; None where it is none."""
    text = next((text for fields in _items(packet) for name, text in fields if name == "DataTime"), "")
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING).timestamp()
    except (ValueError, OverflowError):
        return None
