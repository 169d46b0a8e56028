"""A TCP proxy that cuts each connection after a random number of bytes."""

import contextlib
import random
import select
import socket
import threading
import time
from types import TracebackType
from typing import Self

_CHUNK_BYTES, _CHUNK_S = 1024, 0.001
"""A line of 1 MB/s: what is sent takes its time, so that an answer can come before the cut."""


class CuttingProxy:
    """Stands before 127.0.0.1:`target`; a connection lives for `shortest` to `longest` bytes of either direction."""

    def __init__(self, target: int, chance: random.Random, *, shortest: int, longest: int) -> None:
        self._target = target
        self._chance = chance
        self._shortest, self._longest = shortest, longest
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.cuts = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if select.select([self._listener], [], [], 0.1)[0]:
                near, _ = self._listener.accept()
                with near, socket.create_connection(("127.0.0.1", self._target)) as far, contextlib.suppress(OSError):
                    self._relay(near, far)

    def _relay(self, near: socket.socket, far: socket.socket) -> None:
        left = self._chance.randint(self._shortest, self._longest)
        while not self._stop.is_set():
            for source in select.select([near, far], [], [], 0.1)[0]:
                data = source.recv(min(left, _CHUNK_BYTES))
                if not data:
                    return
                (far if source is near else near).sendall(data)
                left -= len(data)
                time.sleep(_CHUNK_S)
                if left <= 0:
                    self.cuts += 1
                    return
