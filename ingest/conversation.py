"""One connection of a station that speaks without a broker: bytes in, whole messages out, each with its answer.

What belongs to no good frame is a message too, so that the codec rejects it with its bytes. Pure.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from ingest.cutter import Cutter, Framing

NOISE_BYTES = 1024
"""Noise is gathered up to here before it is told."""
NOISE_LIMIT_BYTES = 65_536
"""Who sends that much without one good frame is not a station."""


class Heard(NamedTuple):
    """One message, whole."""

    device_id: str
    """who speaks; empty where nobody has said so yet"""
    payload: bytes
    """empty: nothing is to be stored, the answer goes at once"""
    answer: Callable[[datetime], bytes | None] | None = None
    """what to send back once it is stored, at that instant"""


class Dialect(Protocol):
    """How the frames of one protocol become messages. It keeps what is not whole yet: one for each connection."""

    @property
    def format(self) -> str:
        """Name of the codec."""
        ...

    @property
    def framing(self) -> Framing:
        """How its frames are found."""
        ...

    def hear(self, frame: bytes) -> list[Heard]:
        """The messages that a good frame completes."""
        ...

    def end(self) -> list[Heard]:
        """What is not whole when the connection ends."""
        ...


class Conversation:
    """The listening side of one connection."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._cutter = Cutter(dialect.framing)
        self._device_id = ""
        self._noise = b""
        self._noise_bytes = 0

    @property
    def format(self) -> str:
        """Name of the codec."""
        return self._dialect.format

    @property
    def is_noise(self) -> bool:
        """True when nothing but garbage has come for a long time."""
        return self._noise_bytes > NOISE_LIMIT_BYTES

    def feed(self, data: bytes) -> list[Heard]:
        """The messages that `data` completes."""
        heard: list[Heard] = []
        for piece in self._cutter.feed(data):
            if piece.is_frame:
                heard += self._tell_noise()
                new = self._dialect.hear(piece.data)
                self._device_id = next((one.device_id for one in new if one.device_id), self._device_id)
                self._noise_bytes = 0
                heard += new
            else:
                self._noise += piece.data
                self._noise_bytes += len(piece.data)
        if len(self._noise) >= NOISE_BYTES:
            heard += self._tell_noise()
        return heard

    def end(self) -> list[Heard]:
        """What is left when the connection ends."""
        self._noise += self._cutter.end()
        return self._dialect.end() + self._tell_noise()

    def _tell_noise(self) -> list[Heard]:
        noise, self._noise = self._noise, b""
        return [Heard(self._device_id, noise)] if noise else []
