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
from ingest.contract import Fault, Registry, Single
from ingest.gate import Limits, SensorTable, judge
from ingest.message import Message
from ingest.rate import Rates
from ingest.source import Source, Sources
from ingest.topic import receipt_topic
from lifeline.errors import WireError
from lifeline.reading import QualityReason, RejectReason
from lifeline.store.devices import TALLY, State

_MICROSECONDS = 1e6
CHANNELS = 64
"""Channels of a stranger that are told of."""
SHORT_BYTES = 200
"""A longer payload hardly holds one reading alone."""
_NEVER = np.iinfo(np.int64).min


class Assembler:
    """Turns messages into batches by the codecs and the gate. Pure but for its caches and what it knows of rates."""

    def __init__(self, codecs: Registry, limits: Limits, *, max_payload_bytes: int, batch_readings: int) -> None:
        self._codecs = codecs
        self._limits = limits
        self._max_payload_bytes = max_payload_bytes
        self._batch_readings = batch_readings
        self._rates = Rates()
        self._sources = Sources(SensorTable(()), codecs)

    def assemble(
        self, messages: Sequence[Message], table: SensorTable, *, said: QualityReason = QualityReason.OK
    ) -> Batch:
        """The batch of `messages`, or of as many as fill it; never raises for what is in them.

        `said` is what is known of all readings beforehand: OK for live ones.
        """
        if self._sources.table is not table:
            self._sources = Sources(table, self._codecs)
        draft = _Draft(self._codecs, self._sources, self._max_payload_bytes, said)
        draft.add(messages, self._batch_readings)
        return draft.finish(self._limits, self._rates)


def receipt_payload(identities: Sequence[str]) -> bytes:
    """The receipt for messages of one device."""
    return orjson.dumps({"stored": list(identities)})


class _Draft:
    """The columns of a batch while they grow: per source, per message, per value."""

    def __init__(self, codecs: Registry, sources: Sources, max_payload_bytes: int, said: QualityReason) -> None:
        self._codecs = codecs
        self._sources = sources
        self._max_payload_bytes = max_payload_bytes
        self._said = said
        self._batch = Batch()
        self._owners: dict[Source, int] = {}
        self._entered: list[Source] = []
        self._seen_us: list[int] = []
        self._lost: list[tuple[int, int]] = []
        """owner, and records of one message that are no values"""
        self._messages: list[Message] = []
        self._message_owner: list[int] = []
        self._counts: list[int] = []
        self._channels: list[str] = []
        self._routes: list[int] = []
        self._times_s: list[float] = []
        self._values: list[float] = []
        self._historical: list[int] = []

    def add(self, messages: Sequence[Message], at_most: int) -> None:
        owners, seen_us, sources = self._owners, self._seen_us, self._sources.known
        limit, values, strangers = self._max_payload_bytes, self._values, self._batch.strangers
        short = min(SHORT_BYTES, limit)
        for position, message in enumerate(messages):
            if len(values) >= at_most:
                self._batch.messages = position
                return
            topic, payload, received_us, _, _, is_again, correlation, _ = message
            owner = -1
            try:
                source = sources.get(topic) or self._sources.find(topic)
                known = owners.get(source)
                owner = self._enter(source) if known is None else known
                seen_us[owner] = received_us
                if is_again:
                    self._batch.may_collide = True
                if correlation is not None:
                    self._promise_receipt(source, correlation)
                if not source.is_known:
                    self._note_stranger(strangers[owner], message)
                size = len(payload)
                if size <= short and source.single is not None:
                    single = source.single(payload, source.device_id)
                    if single is not None:
                        self._add_single(message, owner, source, single)
                        continue
                if size > limit:
                    raise WireError(f"{size} bytes", reason=RejectReason.TOO_LARGE)
                self._take(message, owner, source)
            except WireError as error:
                self._refuse(message, self._enter(self._sources.nobody) if owner < 0 else owner, error)
        self._batch.messages = len(messages)

    def finish(self, limits: Limits, rates: Rates) -> Batch:
        batch, sources = self._batch, self._entered
        newest_us = np.full(len(sources), _NEVER)
        ahead_s = np.full(len(sources), -np.inf)
        received = np.zeros(len(sources), np.int64)
        if self._values:
            counts = np.array(self._counts)
            message_owner = np.array(self._message_owner, np.intp)
            of_message = np.repeat(np.arange(len(counts)), counts)
            owner = message_owner[of_message]
            received += np.bincount(owner, minlength=len(sources))
            received_us = np.array([message[2] for message in self._messages], np.int64)[of_message]
            times_s = np.array(self._times_s, np.float64)
            said = np.full(len(times_s), self._said, np.int16)
            said[self._historical] = QualityReason.HISTORICAL
            judged = judge(
                self._sources.table,
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
        for position, records in self._lost:
            received[position] += records
        batch.device_ids = [source.device_id for source in sources]
        batch.city_codes = [source.city_code for source in sources]
        batch.tallies = np.zeros(len(sources), TALLY)
        batch.tallies["seen_at"] = np.array(self._seen_us, np.int64).view("M8[us]")
        batch.tallies["observed_at"] = newest_us.view("M8[us]")
        batch.tallies["clock_skew_s"] = np.where(np.isfinite(ahead_s), ahead_s, np.nan)
        batch.tallies["received"] = received
        np.add.at(batch.tallies["rejected"], batch.reject_owners, [reject.times for reject in batch.rejects])
        return batch

    def _add_single(self, message: Message, owner: int, source: Source, single: Single) -> None:
        channel, unit, time_s, value = single
        route = source.routes.get((channel, unit))
        if route is None:
            route = self._route(source, channel, unit)
        if not source.is_known:
            self._note_channels(owner, (channel,))
        self._channels.append(channel)
        self._routes.append(route)
        self._times_s.append(time_s)
        self._values.append(value)
        self._messages.append(message)
        self._counts.append(1)
        self._message_owner.append(owner)

    def _take(self, message: Message, owner: int, source: Source) -> None:
        """Any message that has not been taken the short way. Raises WireError."""
        topic = source.topic
        assert topic is not None, "a message has a topic"
        if topic.is_state:
            self._note_state(owner, message)
            return
        codec = source.codec or self._codecs.find(topic.format)
        decoded = codec.decode(
            message.payload, device_id=topic.device_id, received_s=message.received_us / _MICROSECONDS
        )
        if decoded.faults:
            self._add_faults(message, owner, decoded.faults)
        if not decoded.values:
            return
        channels, units = decoded.channels, decoded.units
        if not source.is_known:
            self._note_channels(owner, channels[:CHANNELS])
        self._historical += [len(self._values) + row for row in decoded.historical]
        keys = list(zip(channels, units, strict=True))
        found = {key: self._route(source, *key) for key in set(keys)}
        self._routes += map(found.__getitem__, keys)
        self._channels += channels
        self._times_s += decoded.times_s
        self._values += decoded.values
        self._messages.append(message)
        self._counts.append(len(channels))
        self._message_owner.append(owner)

    def _route(self, source: Source, channel: str, unit: str | None) -> int:
        assert source.topic is not None, "a message with values has a topic"
        route = self._sources.table.route(source.topic.city_code, source.topic.device_id, channel, unit)
        if route >= 0:
            source.routes[channel, unit] = route
        return route

    def _add_faults(self, message: Message, owner: int, faults: Sequence[Fault]) -> None:
        self._lost.append((owner, len(faults)))
        for reason in dict.fromkeys(fault.reason for fault in faults):
            self._add_reject(message, owner, reason, [fault.detail for fault in faults if fault.reason is reason])

    def _enter(self, source: Source) -> int:
        """The position of a sender in this batch."""
        position = self._owners.get(source)
        if position is not None:
            return position
        position = self._owners[source] = len(self._entered)
        self._entered.append(source)
        self._seen_us.append(_NEVER)
        if not source.is_known:
            self._batch.unknown_devices = self._batch.unknown_devices or source.topic is not None
            city_code, device_id = (source.topic.city_code, source.topic.device_id) if source.topic else ("", "")
            self._batch.strangers[position] = Stranger(city_code, device_id)
        return position

    def _note_channels(self, owner: int, channels: Sequence[str]) -> None:
        stranger = self._batch.strangers[owner]
        if len(stranger.channels) < CHANNELS:
            stranger.channels.update(channels)

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

    def _promise_receipt(self, source: Source, correlation: bytes) -> None:
        assert source.topic is not None, "a message has a topic"
        try:
            identity = correlation.decode()
        except UnicodeDecodeError:
            return
        self._batch.receipts.setdefault(receipt_topic(source.topic), []).append(identity)

    def _refuse(self, message: Message, owner: int, error: WireError) -> None:
        if owner == self._owners.get(self._sources.nobody):
            self._note_stranger(self._batch.strangers[owner], message)
        self._lost.append((owner, 1))
        self._add_reject(message, owner, RejectReason(error.reason), [error.args[0]])

    def _add_reject(self, message: Message, owner: int, reason: RejectReason, details: Sequence[str]) -> None:
        self._batch.reject_owners.append(owner)
        self._batch.rejects.append(
            reject(
                self._entered[owner].device_id,
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
