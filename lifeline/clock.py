"""Time as a port: what is decided asks a Clock, so that a test can set it."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Now, and waiting."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        ...

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Waits; True when `stop` was set meanwhile."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        return stop.wait(seconds)


class SetClock:
    """The official double of Clock: stands still until it is told otherwise; waiting moves it on at once."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        time.sleep(0)
        self.advance(seconds)
        return stop.is_set()
