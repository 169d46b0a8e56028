"""The bounded buffer between link and writer: counts what is in hand until it is settled, and says when to stop."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from ingest.message import Message


class Buffer:
    """Messages taken from the broker and not settled yet. Full at `messages` or `bytes`, open again at half.

    The link puts, one worker takes and settles. `on_room` is called, from the settling thread, when a full buffer is
    open again.
    """

    def __init__(self, *, messages: int, bytes_: int) -> None:
        self._limit_messages = messages
        self._limit_bytes = bytes_
        self.on_room: Callable[[], None] = lambda: None
        self._waiting: deque[Message] = deque()
        self._changed = threading.Condition()
        self._held = 0
        self._held_bytes = 0
        self._full = False

    @property
    def held(self) -> int:
        """Messages in hand: waiting, or taken and not settled."""
        return self._held

    @property
    def is_full(self) -> bool:
        """True from the moment a limit is reached until half of it is free again."""
        return self._full

    def put(self, messages: Sequence[Message]) -> None:
        """Adds messages; they are taken even when full, because they have already been read."""
        with self._changed:
            self._waiting.extend(messages)
            self._held += len(messages)
            self._held_bytes += sum(len(message.payload) for message in messages)
            self._full = self._full or self._held >= self._limit_messages or self._held_bytes >= self._limit_bytes
            self._changed.notify()

    def take(self, at_most: int, timeout_s: float) -> list[Message]:
        """Up to `at_most` messages in order; waits up to `timeout_s` for the first."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._waiting:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    return []
            if len(self._waiting) <= at_most:
                taken = list(self._waiting)
                self._waiting.clear()
                return taken
            return [self._waiting.popleft() for _ in range(at_most)]

    def put_back(self, messages: Sequence[Message]) -> None:
        """Gives taken messages back, to be taken next, in the same order."""
        with self._changed:
            self._waiting.extendleft(reversed(messages))

    def settle(self, messages: Sequence[Message]) -> None:
        """Says that taken messages are stored (or given back to the broker): they are no longer in hand."""
        with self._changed:
            self._held -= len(messages)
            self._held_bytes -= sum(len(message.payload) for message in messages)
            reopened = (
                self._full and self._held <= self._limit_messages // 2 and self._held_bytes <= self._limit_bytes // 2
            )
            if reopened:
                self._full = False
        if reopened:
            self.on_room()

    def wake(self) -> None:
        """Ends a waiting `take`."""
        with self._changed:
            self._changed.notify_all()
