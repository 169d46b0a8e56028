"""A socket as paho sees it, from which PUBLISH packets are taken out in bulk; every other packet is paho's.

paho reads a packet in three system calls and acknowledges it in one more; at ten thousand messages a second that is
most of the time. Here one read brings hundreds of packets and one write acknowledges them all.
"""

import socket
from collections.abc import Sequence

import numpy as np

from ingest.message import Message

READ_BYTES = 262_144
_PUBLISH = 0x30
_KIND = 0xF0
_QOS = 0x06
_DUP = 0x08
_CORRELATION_DATA = 0x09
_ONE_BYTE = frozenset({0x01})
_TWO_BYTES = frozenset({0x23})
_FOUR_BYTES = frozenset({0x02})
_VARIABLE = frozenset({0x0B})
_TEXT = frozenset({0x03, 0x08, _CORRELATION_DATA})
_TEXT_PAIR = frozenset({0x26})
_PUBACK = np.dtype([("head", ">u2"), ("mid", ">u2")])
_PUBACK_HEAD = 0x4002
"""kind and remaining length; without a reason code it means success"""


class FrameError(Exception):
    """The broker sent something that is not MQTT 5; the connection is of no use any more."""


class FrameSocket:
    """Stands between paho and the real socket (plain or TLS, non-blocking)."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self._unread = b""
        self._for_paho = bytearray()
        self._unsent = bytearray()

    def fill(self, *, epoch: int, received_us: int) -> list[Message]:
        """Reads once, at most READ_BYTES; returns the messages and keeps the rest for paho.

        Raises BlockingIOError where nothing has come, ConnectionError where the broker has gone, FrameError.
        """
        try:
            data = self._real.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError) as error:
            raise BlockingIOError from error
        except OSError as error:
            if type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError"):
                raise BlockingIOError from error
            raise
        if not data:
            raise ConnectionError("the broker closed the connection")
        messages, others, rest = split(self._unread + data if self._unread else data, epoch, received_us)
        self._unread = rest
        self._for_paho += others
        return messages

    @property
    def has_packets_for_paho(self) -> bool:
        return bool(self._for_paho)

    @property
    def wants_write(self) -> bool:
        return bool(self._unsent)

    @property
    def has_read_ahead(self) -> bool:
        """True when a TLS layer holds bytes that no `select` tells of."""
        pending = getattr(self._real, "pending", None)
        return pending is not None and pending() > 0

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Queues a PUBACK for each packet identifier, in order."""
        acks = np.empty(len(mids), _PUBACK)
        acks["head"], acks["mid"] = _PUBACK_HEAD, mids
        self._unsent += acks.tobytes()

    def flush(self) -> None:
        """Writes what the socket takes. Raises ConnectionError and other OSErrors."""
        while self._unsent:
            try:
                sent = self._real.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError"):
                    return
                raise
            del self._unsent[:sent]

    # what paho calls

    def recv(self, buffer_size: int) -> bytes:
        if not self._for_paho:
            raise BlockingIOError
        data = bytes(self._for_paho[:buffer_size])
        del self._for_paho[:buffer_size]
        return data

    def send(self, buffer: bytes | bytearray) -> int:
        self._unsent += buffer
        return len(buffer)

    def close(self) -> None:
        self._real.close()

    def fileno(self) -> int:
        return self._real.fileno()

    def setblocking(self, flag: bool) -> None:
        self._real.setblocking(flag)


def split(data: bytes, epoch: int, received_us: int) -> tuple[list[Message], bytes, bytes]:
    """The messages of all whole PUBLISH packets in `data`, the other whole packets as they are, and the rest.

    Raises FrameError.
    """
    messages: list[Message] = []
    others = bytearray()
    position, end = 0, len(data)
    while end - position >= 2:
        head = data[position]
        length, body = data[position + 1], position + 2
        if length & 0x80:
            length, body = _variable(data, position + 1)
            if body == 0:
                break
        stop = body + length
        if stop > end:
            break
        if head & _KIND != _PUBLISH:
            others += data[position:stop]
        elif head & _QOS > 2:
            raise FrameError("a PUBLISH of QoS 2 although QoS 1 was subscribed")
        else:
            try:
                topic_stop = body + 2 + (data[body] << 8 | data[body + 1])
                mid, cursor = 0, topic_stop
                if head & _QOS:
                    mid = data[cursor] << 8 | data[cursor + 1]
                    cursor += 2
                correlation, cursor = (None, cursor + 1) if not data[cursor] else _correlation(data, cursor)
            except IndexError as error:
                raise FrameError("a PUBLISH shorter than its own lengths") from error
            if cursor > stop:
                raise FrameError("a PUBLISH shorter than its own lengths")
            messages.append(
                Message(
                    data[body + 2 : topic_stop].decode("utf-8", "replace"),
                    data[cursor:stop],
                    received_us,
                    epoch,
                    mid,
                    head & _DUP != 0,
                    correlation,
                )
            )
        position = stop
    return messages, bytes(others), data[position:]


def _variable(data: bytes, position: int) -> tuple[int, int]:
    """A variable byte integer and the position behind it; (0, 0) where it is not whole yet."""
    value = 0
    for i, byte in enumerate(data[position : position + 4]):
        value |= (byte & 0x7F) << (7 * i)
        if not byte & 0x80:
            return value, position + i + 1
    if len(data) - position >= 4:
        raise FrameError("a length of more than four bytes")
    return 0, 0


def _correlation(data: bytes, position: int) -> tuple[bytes | None, int]:
    """Correlation Data of the properties that begin at `position`, and the position behind them."""
    length, cursor = _variable(data, position)
    stop = cursor + length
    found = None
    while cursor < stop:
        kind, cursor = data[cursor], cursor + 1
        if kind in _TEXT:
            size = data[cursor] << 8 | data[cursor + 1]
            if kind == _CORRELATION_DATA:
                found = data[cursor + 2 : cursor + 2 + size]
            cursor += 2 + size
        elif kind in _TEXT_PAIR:
            for _ in range(2):
                cursor += 2 + (data[cursor] << 8 | data[cursor + 1])
        elif kind in _ONE_BYTE:
            cursor += 1
        elif kind in _TWO_BYTES:
            cursor += 2
        elif kind in _FOUR_BYTES:
            cursor += 4
        elif kind in _VARIABLE:
            _, cursor = _variable(data, cursor)
        else:
            raise FrameError(f"property {kind:#x} in a PUBLISH")
    return found, stop
