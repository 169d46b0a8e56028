"""One TCP connection of a station: its socket, what it has said and what is still to be sent to it."""

import socket
from collections import deque

from ingest.conversation import Conversation

READ_BYTES = 65_536
UNSENT_LIMIT_BYTES = 65_536
"""Answers that a station does not read; beyond it the connection is of no use."""


class Line:
    """Not blocking. One thread reads and writes; `say` may be called from another."""

    def __init__(self, accepted: socket.socket, peer: str, conversation: Conversation) -> None:
        self.socket = accepted
        self.peer = peer
        self.conversation = conversation
        self._answers: deque[bytes] = deque()
        self._unsent = bytearray()
        accepted.setblocking(False)
        _notice_dead_peer(accepted)

    @property
    def wants_write(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._unsent or self._answers)

    def say(self, data: bytes) -> None:
        """Queues bytes for the station."""
        self._answers.append(data)

    def read(self) -> bytes | None:
        """What has come; empty where the station has gone, None where nothing has come."""
        try:
            return self.socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def flush(self) -> bool:
        """Writes what the socket takes; False where the station has gone or does not read."""
        while self._answers:
            self._unsent += self._answers.popleft()
        try:
            while self._unsent:
                sent = self.socket.send(self._unsent)
                del self._unsent[:sent]
        except (BlockingIOError, InterruptedError):
            return len(self._unsent) <= UNSENT_LIMIT_BYTES
        except OSError:
            return False
        return True


def _notice_dead_peer(accepted: socket.socket) -> None:
    """Lets the kernel find out within a few minutes that a station has gone without a word."""
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
