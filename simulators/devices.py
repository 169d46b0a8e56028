"""A simulated field device: samples, a bounded store of its own, and patience until each message is receipted."""

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from simulators.senml import Sample, senml


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a device waits for a receipt before it sends again: doubling from `first_s` to `longest_s`."""

    first_s: float = 30.0
    longest_s: float = 600.0


@dataclass(slots=True)
class Message:
    """A message that the device keeps: sent again unchanged until its receipt has come."""

    message_id: str
    payload: bytes
    readings: int
    due_s: float
    wait_s: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Readings of a device or a fleet: taken = receipted + pending + lost; `sends` counts messages, again too."""

    taken: int = 0
    published: int = 0
    receipted: int = 0
    pending: int = 0
    lost: int = 0
    sends: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.taken + other.taken,
            self.published + other.published,
            self.receipted + other.receipted,
            self.pending + other.pending,
            self.lost + other.lost,
            self.sends + other.sends,
        )


class Device:
    """One device of a city pack. Times are seconds of a clock that only goes forward; not safe for several threads."""

    def __init__(
        self, city: str, device_id: str, *, session: str, capacity: int = 2000, patience: Patience | None = None
    ) -> None:
        """Keeps at most `capacity` messages. `session` makes message ids unlike those of an earlier start."""
        self.city, self.device_id = city, device_id
        self._capacity, self._patience = capacity, patience or Patience()
        self._numbers = (f"{session}-{number:x}" for number in itertools.count(1))
        self._kept: OrderedDict[str, Message] = OrderedDict()
        self._taken = self._published = self._receipted = self._lost = self._sends = 0

    @property
    def topic(self) -> str:
        """Where its readings go."""
        return f"lifeline/1/{self.city}/{self.device_id}/up/senml"

    @property
    def state_topic(self) -> str:
        """Where it says that it is there."""
        return f"lifeline/1/{self.city}/{self.device_id}/state"

    @property
    def tally(self) -> Tally:
        """What became of its readings so far."""
        pending = sum(message.readings for message in self._kept.values())
        return Tally(self._taken, self._published, self._receipted, pending, self._lost, self._sends)

    def take(self, samples: Sequence[Sample], now_s: float) -> None:
        """Keeps `samples` as one message, due at once; the oldest message goes when the store is full."""
        if len(self._kept) >= self._capacity:
            _, oldest = self._kept.popitem(last=False)
            self._lost += oldest.readings
        message_id = next(self._numbers)
        payload = senml(self.device_id, samples)
        self._kept[message_id] = Message(message_id, payload, len(samples), now_s, self._patience.first_s)
        self._taken += len(samples)

    def due(self, now_s: float) -> Iterator[Message]:
        """Messages that want to be sent now, the oldest first."""
        return (message for message in list(self._kept.values()) if message.due_s <= now_s)

    def sent(self, message: Message, now_s: float) -> None:
        """Notes that `message` was given to the broker; it is due again when its patience is over."""
        if message.attempts == 0:
            self._published += message.readings
        message.attempts += 1
        self._sends += 1
        message.due_s = now_s + message.wait_s
        message.wait_s = min(message.wait_s * 2.0, self._patience.longest_s)

    def receipted(self, message_ids: Iterable[str]) -> None:
        """Lets go of messages that are stored; ids that it does not keep mean nothing."""
        for message_id in message_ids:
            if (message := self._kept.pop(message_id, None)) is not None:
                self._receipted += message.readings
