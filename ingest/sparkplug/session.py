"""One edge node as its messages tell it: births, deaths, order, names. Pure; the time is passed in.

Rules: Sparkplug 3.0, chapters 5 and 6. `seq` counts 0 to 255 over all messages of a node; a message that comes too
early waits a while for those before it; where they do not come, and where a birth is missing, the node is asked to tell
all anew, seldom enough that a bad connection does not become a storm.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ingest.sparkplug.payload import Known, Metric, Payload, named, parse
from lifeline.errors import WireError

REORDER_S = 5.0
"""How long a gap in `seq` is left open."""
REBIRTH_EVERY_S = 30.0
"""A node is not asked again before."""
_SEQUENCE = 256


class Verb(StrEnum):
    """What a message of a node is."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"


class Heard(NamedTuple):
    """A message as it came."""

    verb: Verb
    device: str
    """empty: the node itself"""
    payload: bytes
    at_s: float
    """when it came"""


class Data(NamedTuple):
    """A payload under its names."""

    device: str
    payload: bytes
    at_s: float


class State(NamedTuple):
    """The node (`device` empty) or a device of it is there, or gone and its values with it."""

    device: str
    online: bool
    since_s: float
    at_s: float


class Rebirth(NamedTuple):
    """The node is to tell all its metrics anew."""


Outcome = Data | State | Rebirth


@dataclass(slots=True)
class Session:
    """One node."""

    is_born: bool = False
    birth_sequence: int | None = None
    next_seq: int = 0
    aliases: dict[int, Known] = field(default_factory=dict)
    """over the node and its devices"""
    names: dict[tuple[str, str], Known] = field(default_factory=dict)
    """by device and name"""
    devices: set[str] = field(default_factory=set)
    _early: dict[int, tuple[Heard, Payload]] = field(default_factory=dict)
    _gap_since_s: float = 0.0
    _asked_at_s: float = float("-inf")

    def hear(self, heard: Heard) -> Iterator[Outcome]:
        """What follows from a message. Nothing of it is ever dropped: what cannot be read goes on as it is."""
        try:
            payload = parse(heard.payload)
        except WireError:
            yield Data(heard.device, heard.payload, heard.at_s)
            return
        if heard.verb is Verb.NDEATH:
            yield from self._die(heard, payload)
        elif heard.verb is Verb.NBIRTH:
            yield from self._release()
            yield from self._be_born(heard, payload)
        elif not self.is_born or payload.seq is None:
            yield from self._take(heard, payload)
            yield from self._ask(heard.at_s)
        elif payload.seq == self.next_seq:
            yield from self._in_order(heard, payload)
        else:
            if payload.seq in self._early:
                yield from self._give_up(heard.at_s)
            if not self._early:
                self._gap_since_s = heard.at_s
            self._early[payload.seq] = heard, payload

    def tick(self, now_s: float) -> Iterator[Outcome]:
        """What follows from the time alone: a gap that has stayed open too long."""
        if self._early and now_s - self._gap_since_s >= REORDER_S:
            yield from self._give_up(now_s)

    def _in_order(self, heard: Heard, payload: Payload) -> Iterator[Outcome]:
        self.next_seq = (self.next_seq + 1) % _SEQUENCE
        yield from self._take(heard, payload)
        while (waiting := self._early.pop(self.next_seq, None)) is not None:
            self.next_seq = (self.next_seq + 1) % _SEQUENCE
            self._gap_since_s = waiting[0].at_s
            yield from self._take(*waiting)

    def _give_up(self, now_s: float) -> Iterator[Outcome]:
        """The messages of the gap are lost: what waits goes on without them."""
        yield from self._release()
        yield from self._ask(now_s)

    def _release(self) -> Iterator[Outcome]:
        for seq in sorted(self._early, key=lambda seq: (seq - self.next_seq) % _SEQUENCE):
            yield from self._take(*self._early[seq])
            self.next_seq = (seq + 1) % _SEQUENCE
        self._early.clear()

    def _be_born(self, heard: Heard, payload: Payload) -> Iterator[Outcome]:
        self.is_born = True
        self.birth_sequence = payload.birth_sequence
        # the chapters of the standard differ on the first number: any is taken
        self.next_seq = ((payload.seq or 0) + 1) % _SEQUENCE
        self.aliases.clear()
        self.names.clear()
        gone, self.devices = self.devices, set()
        for device in sorted(gone):
            yield State(device, False, heard.at_s, heard.at_s)
        yield State("", True, heard.at_s, heard.at_s)
        yield from self._data(heard, payload)

    def _die(self, heard: Heard, payload: Payload) -> Iterator[Outcome]:
        """A death of an earlier birth is none of the present one."""
        if not self.is_born or payload.birth_sequence != self.birth_sequence:
            return
        yield from self._release()
        self.is_born = False
        # the next birth may give the same numbers to other metrics
        self.aliases.clear()
        self.names.clear()
        for device in ("", *sorted(self.devices)):
            yield State(device, False, heard.at_s, heard.at_s)
        self.devices.clear()

    def _take(self, heard: Heard, payload: Payload) -> Iterator[Outcome]:
        since_s = heard.at_s if payload.timestamp_ms is None else payload.timestamp_ms / 1000
        if heard.verb is Verb.DDEATH:
            self.devices.discard(heard.device)
            yield State(heard.device, False, since_s, heard.at_s)
            return
        if heard.verb is Verb.DBIRTH and self.is_born:
            self.devices.add(heard.device)
            yield State(heard.device, True, since_s, heard.at_s)
        yield from self._data(heard, payload)
        if heard.verb is Verb.DDATA and self.is_born and heard.device not in self.devices:
            yield from self._ask(heard.at_s)

    def _data(self, heard: Heard, payload: Payload) -> Iterator[Outcome]:
        if heard.verb in (Verb.NBIRTH, Verb.DBIRTH):
            for metric in payload.metrics:
                self._learn(heard.device, metric)
        if payload.metrics:
            yield Data(heard.device, named(heard.payload, lambda metric: self._known(heard.device, metric)), heard.at_s)

    def _learn(self, device: str, metric: Metric) -> None:
        if metric.name:
            known = self.names[device, metric.name] = Known(metric.name, metric.datatype)
            if metric.alias is not None:
                self.aliases[metric.alias] = known

    def _known(self, device: str, metric: Metric) -> Known | None:
        if metric.name:
            return self.names.get((device, metric.name))
        return None if metric.alias is None else self.aliases.get(metric.alias)

    def _ask(self, now_s: float) -> Iterator[Outcome]:
        if now_s - self._asked_at_s >= REBIRTH_EVERY_S:
            self._asked_at_s = now_s
            yield Rebirth()
