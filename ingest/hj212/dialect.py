"""HJ 212-2017 on a connection: every packet is a message; an upload that wants it is answered once it is stored."""

from functools import partial

from ingest.conversation import Heard
from ingest.hj212.packet import FRAMING, Packet, answer, parse
from lifeline.errors import WireError


class Hj212Dialect:
    """Packets stand on their own: nothing is kept."""

    format = "hj212"
    framing = FRAMING

    def hear(self, frame: bytes) -> list[Heard]:
        try:
            packet = parse(frame)
        except WireError:
            return [Heard("", frame)]
        return [Heard(packet.mn, frame, partial(_answer, packet))]

    def end(self) -> list[Heard]:
        return []


def _answer(packet: Packet, _now: object) -> bytes | None:
    return answer(packet)
