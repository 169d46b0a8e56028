"""From messages to one batch: what the writer stores in one transaction, with nothing left over.

Every record of every message is a row of `rows` or counted in `rejects`; a message that cannot be read is one reject.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import orjson

from ingest.contract import Registry
from ingest.gate import Limits, SensorTable, judge
from ingest.message import Message
from ingest.topic import Topic, parse, receipt_topic
from lifeline.errors import WireError
from lifeline.reading import RejectReason
from lifeline.store.devices import Tally
from lifeline.store.readings import READING
from lifeline.store.rejects import Reject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DETAILS = 3
"""Faults of one message and reason that are told one by one; the others are counted."""


@dataclass(slots=True)
class Batch:
    """What one transaction stores."""

    rows: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, READING))
    """(n,) of READING in the order of arrival, duplicates included"""
    owner: npt.NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    """(n,) whose row it is: position in `tallies`"""
    tallies: list[Tally] = field(default_factory=list)
    """one a device; `rejected` is counted already"""
    rejects: list[Reject] = field(default_factory=list)
    receipts: dict[str, list[str]] = field(default_factory=dict)
    """message ids to confirm, by receipt topic"""
    may_collide: bool = False
    """some may be stored already"""
    unknown_devices: bool = False
    """a device that no city pack names has spoken"""


class Assembler:
    """Turns messages into batches by the codecs and the gate. Pure but for its caches."""

    def __init__(self, codecs: Registry, limits: Limits, *, max_payload_bytes: int) -> None:
        self._codecs = codecs
        self._limits = limits
        self._max_payload_bytes = max_payload_bytes

    def assemble(self, messages: Sequence[Message], table: SensorTable) -> Batch:
        """The batch of `messages`; never raises for what is in them."""
        draft = _Draft(self._codecs, table, self._max_payload_bytes)
        for message in messages:
            draft.add(message)
        return draft.finish(self._limits)


class _Draft:
    """The columns of a batch while they grow."""

    def __init__(self, codecs: Registry, table: SensorTable, max_payload_bytes: int) -> None:
        self._codecs = codecs
        self._table = table
        self._max_payload_bytes = max_payload_bytes
        self._batch = Batch()
        self._owners: dict[str, int] = {}
        self._messages: list[Message] = []
        self._counts: list[int] = []
        self._message_owner: list[int] = []
        self._channels: list[str] = []
        self._routes: list[int] = []
        self._times_s: list[float] = []
        self._values: list[float] = []

    def add(self, message: Message) -> None:
        try:
            topic = parse(message.topic)
        except WireError as error:
            self._reject(message, "", error)
            return
        owner = self._owner(topic, message)
        try:
            if len(message.payload) > self._max_payload_bytes:
                raise WireError(f"{len(message.payload)} bytes", reason=RejectReason.TOO_LARGE)
            if topic.is_state:
                _note_state(self._batch.tallies[owner], message)
            else:
                self._decode(topic, message, owner)
        except WireError as error:
            self._reject(message, topic.device_id, error)
        self._batch.may_collide = self._batch.may_collide or message.is_again
        if message.correlation is not None:
            self._promise_receipt(topic, message.correlation)

    def finish(self, limits: Limits) -> Batch:
        batch = self._batch
        if not self._values:
            return batch
        counts = np.array(self._counts)
        received_us = np.repeat(np.array([m.received_us for m in self._messages], np.int64), counts)
        of_message = np.repeat(np.arange(len(counts)), counts)
        owner = np.array(self._message_owner, np.intp)[of_message]
        judged = judge(
            self._table,
            limits,
            routes=self._routes,
            times_s=self._times_s,
            values=self._values,
            received_us=received_us,
        )
        batch.rows = judged.rows
        batch.owner = owner[judged.accepted]
        self._reject_judged(judged.rejected, judged.reasons, of_message)
        ahead_s = np.array(self._times_s) - received_us / 1e6
        self._note_times(owner, ahead_s)
        return batch

    def _decode(self, topic: Topic, message: Message, owner: int) -> None:
        decoded = self._codecs.find(topic.format).decode(
            message.payload, device_id=topic.device_id, received_s=message.received_us / 1e6
        )
        for reason in dict.fromkeys(fault.reason for fault in decoded.faults):
            details = [fault.detail for fault in decoded.faults if fault.reason is reason]
            self._add_reject(message, topic.device_id, reason, details)
        if not decoded.values:
            return
        route, city, device = self._table.route, topic.city_code, topic.device_id
        self._routes += [route(city, device, *of) for of in zip(decoded.channels, decoded.units, strict=True)]
        self._channels += decoded.channels
        self._times_s += decoded.times_s
        self._values += decoded.values
        self._messages.append(message)
        self._counts.append(len(decoded.values))
        self._message_owner.append(owner)

    def _owner(self, topic: Topic, message: Message) -> int:
        known = self._table.knows(topic.city_code, topic.device_id)
        if not known:
            self._batch.unknown_devices = True
        place_is_right = known or not self._table.knows_elsewhere(topic.device_id)
        owner = self._position(topic.device_id)
        tally = self._batch.tallies[owner]
        if place_is_right:
            tally.city_code = topic.city_code
        tally.seen_at = _instant(message.received_us)
        return owner

    def _position(self, device_id: str) -> int:
        position = self._owners.get(device_id)
        if position is None:
            position = self._owners[device_id] = len(self._batch.tallies)
            self._batch.tallies.append(Tally(device_id))
        return position

    def _reject(self, message: Message, device_id: str, error: WireError) -> None:
        self._add_reject(message, device_id, RejectReason(error.reason), [error.args[0]])

    def _add_reject(self, message: Message, device_id: str, reason: RejectReason, details: list[str]) -> None:
        detail = "; ".join(details[:_DETAILS])
        if len(details) > _DETAILS:
            detail += f"; and {len(details) - _DETAILS} more"
        self._batch.rejects.append(
            Reject(
                received_at=_instant(message.received_us),
                device_id=device_id,
                topic=storable(message.topic),
                reason=reason,
                detail=storable(detail),
                payload=message.payload[: self._max_payload_bytes],
                times=len(details),
            )
        )
        self._batch.tallies[self._position(device_id)].rejected += len(details)

    def _reject_judged(
        self, rejected: npt.NDArray[np.intp], reasons: list[RejectReason], of_message: npt.NDArray[np.intp]
    ) -> None:
        grouped: dict[tuple[int, RejectReason], list[str]] = {}
        for position, reason in zip(rejected.tolist(), reasons, strict=True):
            detail = f"channel {self._channels[position]!r}, value {self._values[position]!r}"
            if reason in (RejectReason.FUTURE, RejectReason.TOO_OLD):
                detail += f", observed at {self._times_s[position]!r}"
            grouped.setdefault((int(of_message[position]), reason), []).append(detail)
        for (index, reason), details in grouped.items():
            message = self._messages[index]
            self._add_reject(message, parse(message.topic).device_id, reason, details)

    def _note_times(self, owner: npt.NDArray[np.intp], ahead_s: npt.NDArray[np.float64]) -> None:
        """The newest observation of each device, and how far it is ahead of its reception."""
        tallies = self._batch.tallies
        newest_ahead = np.full(len(tallies), -np.inf)
        np.maximum.at(newest_ahead, owner, ahead_s)
        newest_observed = np.full(len(tallies), np.iinfo(np.int64).min)
        np.maximum.at(newest_observed, self._batch.owner, self._batch.rows["observed_at"].view(np.int64))
        for tally, ahead, observed in zip(tallies, newest_ahead.tolist(), newest_observed.tolist(), strict=True):
            if np.isfinite(ahead):
                tally.clock_skew_s = ahead
            if observed != np.iinfo(np.int64).min:
                tally.observed_at = _instant(observed)

    def _promise_receipt(self, topic: Topic, correlation: bytes) -> None:
        try:
            identity = correlation.decode()
        except UnicodeDecodeError:
            return
        self._batch.receipts.setdefault(receipt_topic(topic), []).append(identity)


def receipt_payload(identities: Sequence[str]) -> bytes:
    """The receipt for messages of one device."""
    return orjson.dumps({"stored": list(identities)})


def _note_state(tally: Tally, message: Message) -> None:
    """Takes a birth or death message over; an empty one only removes the retained state. Raises WireError."""
    if not message.payload:
        return
    try:
        state = orjson.loads(message.payload)
        online, at_s = state["online"], state["at"]
        if type(online) is not bool or type(at_s) not in (int, float):
            raise TypeError("online is true or false, at is a number")
        at = _EPOCH + timedelta(seconds=at_s)
    except (orjson.JSONDecodeError, KeyError, TypeError, OverflowError) as error:
        raise WireError(f"not a state: {error}", reason=RejectReason.MALFORMED, advice="see docs/wire.md") from error
    if tally.state_at is None or at >= tally.state_at:
        tally.online, tally.state_at = online, at


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def storable(text: str) -> str:
    """`text` as PostgreSQL can keep it: no NUL, no half surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
