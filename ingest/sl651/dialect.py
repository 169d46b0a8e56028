"""SL 651-2014 on a connection: packets of one message are one message, answered once it is stored (modes M2 and M3)."""

from dataclasses import dataclass, field, replace
from functools import partial

from ingest.conversation import Heard
from ingest.sl651.frame import FRAMING, Frame, answer, parse

KEPT_BYTES = 262_144
"""What a connection may send of messages that are not whole."""


@dataclass(slots=True)
class _Parts:
    """The packets of a message so far, by number."""

    frames: dict[int, tuple[Frame, bytes]] = field(default_factory=dict)

    @property
    def payload(self) -> bytes:
        return b"".join(data for _, (_, data) in sorted(self.frames.items()))


class Sl651Dialect:
    """Keeps the packets of messages that are not whole."""

    format = "sl651"
    framing = FRAMING

    def __init__(self) -> None:
        self._parts: dict[tuple[str, int, int, bool], _Parts] = {}

    def hear(self, frame: bytes) -> list[Heard]:
        packet = parse(frame)
        if packet.total == 1:
            return [Heard(packet.station, frame, partial(answer, packet))]
        key = (packet.station, packet.function, packet.total, packet.is_ascii)
        parts = self._parts.setdefault(key, _Parts())
        parts.frames[packet.number] = packet, frame
        if len(parts.frames) == packet.total:
            del self._parts[key]
            # the serial number stands in the first packet; whether more follows, in the last that came
            first = replace(parts.frames[1][0], end=packet.end)
            return [Heard(packet.station, parts.payload, partial(answer, first))]
        kept = sum(len(data) for parts in self._parts.values() for _, data in parts.frames.values())
        return self.end() if kept > KEPT_BYTES else []

    def end(self) -> list[Heard]:
        unfinished, self._parts = self._parts, {}
        return [Heard(key[0], parts.payload) for key, parts in unfinished.items()]
