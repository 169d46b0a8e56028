"""SL 651-2014 on a connection: packets of one message are one message, answered once it is stored (modes M2 and M3)."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial

from ingest.conversation import Heard
from ingest.sl651.frame import FRAMING, Control, Frame, answer, ask_again, parse

KEPT_BYTES = 262_144
"""What a connection may send of messages that are not whole."""
MOST_RESENDS = 2
"""How often a packet is asked for once more; source: SL 651-2014, mode M3."""


@dataclass(slots=True)
class _Parts:
    """The packets of a message so far, by number."""

    frames: dict[int, tuple[Frame, bytes]] = field(default_factory=dict)
    asked: Counter[int] = field(default_factory=Counter)
    missing: int = 1
    """the lowest number that has not come"""

    @property
    def payload(self) -> bytes:
        return b"".join(data for _, (_, data) in sorted(self.frames.items()))

    def add(self, packet: Frame, data: bytes) -> int:
        """Takes a packet; how many bytes more are kept."""
        _, before = self.frames.get(packet.number, (packet, b""))
        self.frames[packet.number] = packet, data
        while self.missing in self.frames:
            self.missing += 1
        return len(data) - len(before)


class Sl651Dialect:
    """Keeps the packets of messages that are not whole, and which stations have spoken."""

    format = "sl651"
    framing = FRAMING

    def __init__(self) -> None:
        self._parts: dict[tuple[str, int, int, bool], _Parts] = {}
        self._kept_bytes = 0
        self._stations: set[str] = set()

    def hear(self, frame: bytes) -> list[Heard]:
        packet = parse(frame).spoken_by(self._stations)
        self._stations.add(packet.station)
        if packet.total == 1:
            return [Heard(packet.station, frame, partial(answer, packet))]
        key = (packet.station, packet.function, packet.total, packet.is_ascii)
        parts = self._parts.setdefault(key, _Parts())
        self._kept_bytes += parts.add(packet, frame)
        if len(parts.frames) == packet.total:
            del self._parts[key]
            self._kept_bytes -= len(parts.payload)
            # the serial number stands in the first packet; whether more follows, in the last that came
            first = replace(parts.frames[1][0], end=packet.end)
            return [Heard(packet.station, parts.payload, partial(answer, first))]
        if self._kept_bytes > KEPT_BYTES:
            return self.end()
        if packet.is_uplink and packet.end == Control.ETX and parts.asked[parts.missing] < MOST_RESENDS:
            # nothing follows, and one is missing
            parts.asked[parts.missing] += 1
            first_part = parts.frames.get(1)
            first_frame = first_part[0] if first_part is not None else None
            return [Heard(packet.station, b"", partial(ask_again, packet, parts.missing, first_frame))]
        return []

    def end(self) -> list[Heard]:
        unfinished, self._parts, self._kept_bytes = self._parts, {}, 0
        return [Heard(key[0], parts.payload) for key, parts in unfinished.items()]
