"""A message as the link hands it over, and the ticket by which it is acknowledged."""

from collections.abc import Callable
from typing import NamedTuple


class Ticket(NamedTuple):
    """Which message of which connection: packet identifiers mean another message in another epoch."""

    epoch: int
    mid: int


class Message(NamedTuple):
    """One PUBLISH. `mid` is 0 for QoS 0, which wants no acknowledgement; `received_us` since 1970 UTC."""

    topic: str
    payload: bytes
    received_us: int
    epoch: int
    mid: int
    is_again: bool
    """the broker says that it may have come before"""
    correlation: bytes | None
    """the device's own message id: it waits for a receipt"""
    settled: Callable[[], None] | None = None
    """called after the commit; of a message that did not come from the broker"""

    @property
    def ticket(self) -> Ticket:
        return Ticket(self.epoch, self.mid)
