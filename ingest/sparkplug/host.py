"""The Sparkplug host: what nodes publish under spBv1.0/ becomes messages of docs/wire.md, in the order of a session.

The group is the city; the node is a device of its own name, a device of it is `{node}.{device}`. Pure; one thread.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from ingest.message import Message
from ingest.sparkplug.payload import rebirth_command
from ingest.sparkplug.session import Data, Heard, Outcome, Rebirth, Session, State, Verb

PREFIX = "spBv1.0/"
SUBSCRIPTION = PREFIX + "#"

_NODE = re.compile(
    rf"{re.escape(PREFIX)}([0-9]{{6}})/([ND](?:BIRTH|DEATH|DATA))/([A-Za-z0-9][A-Za-z0-9_.-]*)(?:/([A-Za-z0-9_.-]+))?"
)
_COMMAND = re.compile(rf"{re.escape(PREFIX)}[^/]+/[ND]CMD/.+")


class Publication(NamedTuple):
    """Something to publish."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Host:
    """All nodes of one connection to the broker."""

    def __init__(self, host_id: str) -> None:
        self._state_topic = f"{PREFIX}STATE/{host_id}"
        self._sessions: dict[tuple[str, str], Session] = {}
        self._born_ms = 0
        self._wanted: list[Publication] = []

    def connect(self, now_s: float) -> Publication:
        """Begins anew: what the nodes told before is no longer certain. Returns the will of the connection."""
        self._sessions.clear()
        self._wanted.clear()
        self._born_ms = round(now_s * 1000)
        return self._state(False)

    def birth(self) -> Publication:
        """To be published once the subscription stands."""
        return self._state(True)

    def death(self) -> Publication:
        """To be published before leaving."""
        return self._state(False)

    def wanted(self) -> list[Publication]:
        """What has become to be published since the last call."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def take(self, messages: list[Message]) -> list[Message]:
        """The same messages, those of nodes replaced by what follows from them."""
        if not any(message.topic.startswith(PREFIX) for message in messages):
            return messages
        return [out for message in messages for out in self._take(message)]

    def tick(self, now_s: float) -> list[Message]:
        """What follows from the time alone."""
        return [
            message
            for node, session in self._sessions.items()
            for message in self._messages(node, session.tick(now_s), now_s)
        ]

    def _take(self, message: Message) -> list[Message]:
        if not message.topic.startswith(PREFIX):
            return [message]
        now_s = message.received_us / 1e6
        match = _NODE.fullmatch(message.topic)
        if match is not None and (match[2][0] == "D") == (match[4] is not None):
            node = match[1], match[3]
            session = self._sessions.setdefault(node, Session())
            heard = Heard(Verb(match[2]), match[4] or "", message.payload, now_s)
            return list(self._messages(node, session.hear(heard), now_s))
        if message.topic == self._state_topic:
            self._contradict(message.payload)
            return []
        is_for_others = message.topic.startswith(f"{PREFIX}STATE/") or _COMMAND.fullmatch(message.topic)
        return [] if is_for_others else [message]

    def _messages(self, node: tuple[str, str], outcomes: Iterable[Outcome], now_s: float) -> Iterable[Message]:
        group, edge = node
        for outcome in outcomes:
            if isinstance(outcome, Rebirth):
                topic = f"{PREFIX}{group}/NCMD/{edge}"
                self._wanted.append(Publication(topic, rebirth_command(round(now_s * 1000)), 0, False))
                continue
            device_id = f"{edge}.{outcome.device}" if outcome.device else edge
            received_us = round(outcome.at_s * 1e6)
            if isinstance(outcome, Data):
                yield _message(f"lifeline/1/{group}/{device_id}/up/sparkplug", outcome.payload, received_us)
            elif isinstance(outcome, State):
                state = orjson.dumps({"online": outcome.online, "at": outcome.since_s})
                yield _message(f"lifeline/1/{group}/{device_id}/state", state, received_us)

    def _contradict(self, payload: bytes) -> None:
        """Somebody says that we are gone: the will of an earlier connection of ours, or a mistake."""
        try:
            said = orjson.loads(payload)
            is_wrong = said["online"] is False and said["timestamp"] <= self._born_ms
        except (orjson.JSONDecodeError, KeyError, TypeError):
            is_wrong = True
        if is_wrong:
            self._wanted.append(self.birth())

    def _state(self, online: bool) -> Publication:
        return Publication(
            self._state_topic, orjson.dumps({"online": online, "timestamp": self._born_ms}), qos=1, retain=True
        )


def _message(topic: str, payload: bytes, received_us: int) -> Message:
    """A message that wants no acknowledgement: nodes publish with QoS 0."""
    return Message(topic, payload, received_us, epoch=0, mid=0, is_again=False, correlation=None)
