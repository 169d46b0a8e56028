"""From messages to one batch with nothing left over.

Every record of every message is a row of the batch or counted in its rejects; a message that cannot be read is one
reject. The loop over messages is the hot path of ingest: what can wait until the end of the batch is done for all
messages at once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import orjson

from ingest.batch import Batch, Stranger, instant, reject
from ingest.contract import Decoded, Fault, Registry
from ingest.gate import Limits, SensorTable, judge
from ingest.message import Message
from ingest.rate import Rates
from ingest.topic import Topic, parse, receipt_topic
from lifeline.errors import WireError
from lifeline.reading import QualityReason, RejectReason
from lifeline.store.devices import TALLY, State

_MICROSECONDS = 1e6
CHANNELS = 64
"""Channels of a stranger that are told of."""
_NEVER = np.iinfo(np.int64).min


class Assembler:
    """Turns messages into batches by the codecs and the gate. Pure but for its caches and what it knows of rates."""

    def __init__(self, codecs: Registry, limits: Limits, *, max_payload_bytes: int, batch_readings: int) -> None:
        self._codecs = codecs
        self._limits = limits
        self._max_payload_bytes = max_payload_bytes
        self._batch_readings = batch_readings
        self._rates = Rates()

    def assemble(
        self, messages: Sequence[Message], table: SensorTable, *, said: QualityReason = QualityReason.OK
    ) -> Batch:
        """The batch of `messages`, or of as many as fill it; never raises for what is in them.

        `said` is what is known of all readings beforehand: OK for live ones.
        """
        draft = _Draft(self._codecs, table, self._max_payload_bytes, said)
        draft.add(messages, self._batch_readings)
        return draft.finish(self._limits, self._rates)


def receipt_payload(identities: Sequence[str]) -> bytes:
    """The receipt for messages of one device."""
    return orjson.dumps({"stored": list(identities)})


class _Draft:
    """The columns of a batch while they grow: per device (as a topic names it), per message, per value."""

    def __init__(self, codecs: Registry, table: SensorTable, max_payload_bytes: int, said: QualityReason) -> None:
        self._codecs = codecs
        self._table = table
        self._max_payload_bytes = max_payload_bytes
        self._said = said
        self._batch = Batch()
        self._owners: dict[Topic | None, int] = {}
        self._seen_us: list[int] = []
        self._received: list[int] = []
        self._rejected: list[int] = []
        self._messages: list[Message] = []
        self._message_owner: list[int] = []
        self._counts: list[int] = []
        self._channels: list[str] = []
        self._routes: list[int] = []
        self._times_s: list[float] = []
        self._values: list[float] = []
        self._historical: list[int] = []

    def add(self, messages: Sequence[Message], at_most: int) -> None:
        owners, seen_us, received = self._owners, self._seen_us, self._received
        limit, find = self._max_payload_bytes, self._codecs.find
        values, strangers = self._values, self._batch.strangers
        for position, message in enumerate(messages):
            if len(values) >= at_most:
                self._batch.messages = position
                return
            owner = -1
            try:
                topic = parse(message.topic)
                known = owners.get(topic)
                owner = self._enter(topic) if known is None else known
                seen_us[owner] = message.received_us
                if message.is_again:
                    self._batch.may_collide = True
                if message.correlation is not None:
                    self._promise_receipt(topic, message.correlation)
                if (stranger := strangers.get(owner)) is not None:
                    self._note_stranger(stranger, message)
                if len(message.payload) > limit:
                    raise WireError(f"{len(message.payload)} bytes", reason=RejectReason.TOO_LARGE)
                if topic.is_state:
                    self._note_state(owner, message)
                    continue
                decoded = find(topic.format).decode(
                    message.payload, device_id=topic.device_id, received_s=message.received_us / _MICROSECONDS
                )
            except WireError as error:
                self._refuse(message, self._enter(None) if owner < 0 else owner, error)
                continue
            if decoded.faults:
                self._add_faults(message, owner, decoded.faults)
            if decoded.values:
                received[owner] += len(decoded.values)
                self._add_values(message, owner, topic, decoded)
        self._batch.messages = len(messages)

    def finish(self, limits: Limits, rates: Rates) -> Batch:
        batch = self._batch
        newest_us = np.full(len(self._received), _NEVER)
        ahead_s = np.full(len(self._received), -np.inf)
        if self._values:
            counts = np.array(self._counts)
            of_message = np.repeat(np.arange(len(counts)), counts)
            owner = np.array(self._message_owner, np.intp)[of_message]
            received_us = np.array([message.received_us for message in self._messages], np.int64)[of_message]
            times_s = np.array(self._times_s, np.float64)
            said = np.full(len(times_s), self._said, np.int16)
            said[self._historical] = QualityReason.HISTORICAL
            judged = judge(
                self._table,
                limits,
                routes=self._routes,
                times_s=times_s,
                values=self._values,
                received_us=received_us,
                said=said,
                rates=rates,
            )
            batch.rows, batch.owner = judged.rows, owner[judged.accepted]
            self._reject_judged(judged.rejected, judged.reasons, of_message)
            np.maximum.at(newest_us, batch.owner, batch.rows["observed_at"].view(np.int64))
            live = said == QualityReason.OK
            np.maximum.at(ahead_s, owner[live], (times_s - received_us / _MICROSECONDS)[live])
        batch.tallies = np.zeros(len(self._received), TALLY)
        batch.tallies["seen_at"] = np.array(self._seen_us, np.int64).view("M8[us]")
        batch.tallies["observed_at"] = newest_us.view("M8[us]")
        batch.tallies["clock_skew_s"] = np.where(np.isfinite(ahead_s), ahead_s, np.nan)
        batch.tallies["received"] = self._received
        batch.tallies["rejected"] = self._rejected
        return batch

    def _add_values(self, message: Message, owner: int, topic: Topic, decoded: Decoded) -> None:
        channels, units = decoded.channels, decoded.units
        if (stranger := self._batch.strangers.get(owner)) is not None and len(stranger.channels) < CHANNELS:
            stranger.channels.update(channels[:CHANNELS])
        self._historical += [len(self._values) + row for row in decoded.historical]
        if len(channels) == 1:
            self._routes.append(self._table.route(topic.city_code, topic.device_id, channels[0], units[0]))
        else:
            keys = list(zip(channels, units, strict=True))
            found = {key: self._table.route(topic.city_code, topic.device_id, *key) for key in set(keys)}
            self._routes += map(found.__getitem__, keys)
        self._channels += channels
        self._times_s += decoded.times_s
        self._values += decoded.values
        self._messages.append(message)
        self._counts.append(len(channels))
        self._message_owner.append(owner)

    def _add_faults(self, message: Message, owner: int, faults: Sequence[Fault]) -> None:
        self._received[owner] += len(faults)
        for reason in dict.fromkeys(fault.reason for fault in faults):
            self._add_reject(message, owner, reason, [fault.detail for fault in faults if fault.reason is reason])

    def _enter(self, topic: Topic | None) -> int:
        """The position of a sender that is new to this batch; None sends what names no device."""
        if topic in self._owners:
            return self._owners[topic]
        batch, table, known = self._batch, self._table, False
        batch.device_ids.append(topic.device_id if topic else "")
        batch.city_codes.append(None)
        if topic is not None:
            known = table.knows(topic.city_code, topic.device_id)
            if known or not table.knows_elsewhere(topic.device_id):
                batch.city_codes[-1] = topic.city_code
            batch.unknown_devices = batch.unknown_devices or not known
        self._seen_us.append(_NEVER)
        self._received.append(0)
        self._rejected.append(0)
        position = self._owners[topic] = len(self._received) - 1
        if topic is None:
            batch.strangers[position] = Stranger("", "")
        elif not known:
            batch.strangers[position] = Stranger(topic.city_code, topic.device_id)
        return position

    def _note_stranger(self, stranger: Stranger, message: Message) -> None:
        stranger.topic, stranger.payload = message.topic, message.payload
        stranger.messages += 1

    def _note_state(self, owner: int, message: Message) -> None:
        """Takes a birth or death over; an empty message only removes the retained one. Raises WireError."""
        if not message.payload:
            return
        try:
            said = orjson.loads(message.payload)
            online, at_s = said["online"], said["at"]
            if type(online) is not bool or type(at_s) not in (int, float):
                raise TypeError("online is true or false, at is a number")
            state = State(online, instant(round(at_s * _MICROSECONDS)))
        except (orjson.JSONDecodeError, KeyError, TypeError, OverflowError) as error:
            raise WireError(f"not a state: {error}", reason=RejectReason.MALFORMED) from error
        known = self._batch.states.get(owner)
        if known is None or state.at >= known.at:
            self._batch.states[owner] = state

    def _promise_receipt(self, topic: Topic, correlation: bytes) -> None:
        try:
            identity = correlation.decode()
        except UnicodeDecodeError:
            return
        self._batch.receipts.setdefault(receipt_topic(topic), []).append(identity)

    def _refuse(self, message: Message, owner: int, error: WireError) -> None:
        if not self._batch.device_ids[owner]:
            self._note_stranger(self._batch.strangers[owner], message)
        self._received[owner] += 1
        self._add_reject(message, owner, RejectReason(error.reason), [error.args[0]])

    def _add_reject(self, message: Message, owner: int, reason: RejectReason, details: Sequence[str]) -> None:
        self._rejected[owner] += len(details)
        self._batch.reject_owners.append(owner)
        self._batch.rejects.append(
            reject(
                self._batch.device_ids[owner],
                message.topic,
                reason,
                details,
                message.payload[: self._max_payload_bytes],
                received_us=message.received_us,
            )
        )

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
            self._add_reject(self._messages[index], self._message_owner[index], reason, details)
