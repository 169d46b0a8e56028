"""The official double of a channel: keeps what it takes and fails as it is told."""

import threading
from collections.abc import Iterable

from alerts.channels.port import Letter
from lifeline.errors import DeliveryError


class ChannelDouble:
    """Takes every letter, after raising the errors of `script` one by one (None: take this one)."""

    def __init__(self, script: Iterable[DeliveryError | None] = (), *, per_minute: float = 0.0) -> None:
        self.letters: list[Letter] = []
        self.attempts: list[Letter] = []
        self.script = list(script)
        self.per_minute = per_minute
        self._lock = threading.Lock()

    def cost(self, letter: Letter) -> int:
        """One message."""
        del letter
        return 1

    def deliver(self, letter: Letter) -> None:
        with self._lock:
            self.attempts.append(letter)
            outcome = self.script.pop(0) if self.script else None
            if outcome is not None:
                raise outcome
            self.letters.append(letter)
