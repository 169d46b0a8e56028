"""What the courier asks of a channel: hand one letter over, or say why not."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """What is handed over. The same letter again carries the same `idempotency_key`."""

    idempotency_key: str
    address: str
    subject_line: str
    body: str
    payload: dict[str, Any]
    urgency: int
    """1 red to 4 blue, 9 good news"""


class Channel(Protocol):
    """One way to tell people. Used by several threads at once."""

    per_minute: float
    """Messages a minute that it takes; 0: as many as come."""

    def cost(self, letter: Letter) -> int:
        """Messages that a letter takes."""
        ...

    def deliver(self, letter: Letter) -> None:
        """Returns when the receiver has taken the letter.

        Raises DeliveryError where it has not, or where that is not known: `permanent` where the same letter will never
        be taken, `retry_after_s` where the receiver asked for a pause.
        """
        ...
