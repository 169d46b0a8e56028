"""Cuts frames out of bytes that may be glued, torn, damaged or garbage; every byte comes out again, in order.

On a failure the search goes on one byte behind the false start, so a good frame is found wherever it begins.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ingest.crc import Check, Spans


@dataclass(frozen=True, slots=True)
class Framing:
    """How the frames of one protocol are told from other bytes."""

    start: re.Pattern[bytes]
    """the first byte of a frame"""
    check: Check
    """the check value of its frames"""
    measure: Callable[[bytes, int, Spans], int | None]
    """(data, position, check values of data): bytes of the good frame that begins there; 0: none does; None: more
    bytes must come. Takes the same time wherever it is asked"""
    filler: bytes = b""
    """bytes that may stand between frames and say nothing"""


class Piece(NamedTuple):
    """A good frame, or bytes that belong to none."""

    at: int
    """position in the bytes given"""
    data: bytes
    is_frame: bool


def cut(framing: Framing, data: bytes) -> list[Piece]:
    """All of `data` as pieces, without filler between them. Nothing follows: a frame that is not whole is none."""
    pieces, done, _ = _scan(framing, data)
    return pieces + _noise(framing, data, done, len(data))


class Cutter:
    """The same for a stream: gives what is decided and keeps the beginning of a frame that is not whole yet.

    A good frame behind such a beginning is given at once: then the beginning was none.
    """

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._rest = b""

    @property
    def kept(self) -> int:
        """Bytes that wait for more; less than one frame."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that `data` completes."""
        data = self._rest + data
        pieces, done, waiting = _scan(self._framing, data)
        self._rest = data[waiting:]
        return pieces + _noise(self._framing, data, done, waiting)

    def end(self) -> bytes:
        """What was kept: the stream ends, so it is no frame."""
        rest, self._rest = self._rest, b""
        return rest


def _scan(framing: Framing, data: bytes) -> tuple[list[Piece], int, int]:
    """Every good frame with the noise before it, the position behind the last, and where a frame may have begun."""
    pieces: list[Piece] = []
    done, at, waiting = 0, 0, None
    spans = Spans(framing.check, data)
    while match := framing.start.search(data, at):
        at = match.start()
        length = framing.measure(data, at, spans)
        if length:
            pieces += _noise(framing, data, done, at)
            pieces.append(Piece(at, data[at : at + length], True))
            done = at = at + length
            waiting = None
        else:
            if length is None and waiting is None:
                waiting = at
            at += 1
    return pieces, done, len(data) if waiting is None else waiting


def _noise(framing: Framing, data: bytes, start: int, stop: int) -> list[Piece]:
    noise = data[start:stop]
    return [Piece(start, noise, False)] if noise.strip(framing.filler) else []
