"""One partition's way: link -> buffer -> codecs and gate -> one transaction -> acknowledgement and receipts.

A message is acknowledged after the transaction that stores it, never before. While the database is away nothing is
acknowledged: the batch in hand is tried again, the buffer fills, the socket is no longer read, the broker queues.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ingest import upkeep
from ingest.assembler import Assembler, receipt_payload
from ingest.backlog import Backlog, Watch, findings, subject
from ingest.batch import Batch
from ingest.buffer import Buffer
from ingest.codecs import CODECS
from ingest.gate import Limits, SensorTable
from ingest.known import known
from ingest.link import Link
from ingest.message import Message
from ingest.partition import WHOLE, Partition
from ingest.quarantine import Quarantine
from ingest.sparkplug.host import Host
from ingest.tcp import Ports, located
from ingest.writer import Writer, Written
from lifeline import metrics
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.finding import Finding, Phase
from lifeline.log import logger
from lifeline.mqtt import BrokerAddress
from lifeline.settings import Settings
from lifeline.store.backlog import Standing, settle
from lifeline.store.devices import fold_tallies, off_clocks
from lifeline.store.pool import Store
from lifeline.store.readings import forget_arrivals
from lifeline.store.sensors import version as sensors_version
from lifeline.store.stages import StageBeat, beat, stages

STAGE = "ingest"
BEAT_S = 2.0
REFRESH_S = 30.0
REFRESH_FOR_STRANGER_S = 3.0
FORGET_S = 600.0
BACKLOG_LOOK_S = 30.0
FIRST_RETRY_S = 0.1
LONGEST_RETRY_S = 5.0
BYTES_PER_READING = 32
"""Payload of one reading in a pack of many: with this much in hand a batch does not wait for more."""
LOOK_S = 0.5
"""How long a thread waits before it looks whether it shall stop."""
RECEIPTS_PER_MESSAGE = 500
_log = logger("ingest")


class Worker:
    """Takes from one partition; `name` is its own among all workers, `permit` and `drain` are those of Link."""

    def __init__(
        self,
        settings: Settings,
        address: BrokerAddress,
        store: Store,
        clock: Clock,
        *,
        name: str = "worker",
        partition: Partition = WHOLE,
        permit: Callable[[], bool] = lambda: True,
        drain: bool = False,
    ) -> None:
        """Raises SettingsError where a TCP port cannot be had."""
        own = settings.ingest
        self._settings = own
        self._upkeep = settings
        self._store = store
        self._clock = clock
        self._buffer = Buffer(messages=own.buffer_messages, bytes_=own.buffer_bytes)
        # what there is once for all devices goes with the first partition
        self._is_first = partition.number == 0 and not drain
        self._ports = Ports.of(own, self._buffer, clock) if self._is_first else None
        self._link = Link(
            address,
            partition.client_id(own.client_id),
            self._buffer,
            clock,
            sparkplug=Host(own.sparkplug_host) if own.sparkplug_host and self._is_first else None,
            keeps=partition.filter,
            permit=permit,
            drain=drain,
        )
        self._assembler = Assembler(
            CODECS, Limits.of(own), max_payload_bytes=own.max_payload_bytes, batch_readings=own.batch_readings
        )
        self._writer = Writer(store, Quarantine.of(own))
        self._table = SensorTable(())
        self._table_version: object = None
        self._refreshed_at = float("-inf")
        self._failure: Exception | None = None
        self._ready: queue.Queue[tuple[list[Message], Batch]] = queue.Queue(maxsize=1)
        self._backlog = Backlog(self._buffer, own.backlog_limit_s)
        self._watch = Watch(
            self._backlog, self._link, clock, name=partition.client_id(own.client_id), limit_s=own.backlog_limit_s
        )
        self._pulse = _Pulse(store, clock, self._buffer, name, self._backlog, own.backlog_limit_s)

    @property
    def held(self) -> int:
        """Messages in hand: taken from the broker and not committed."""
        return self._buffer.held

    @property
    def is_drained(self) -> bool:
        """True when all that was queued for a draining worker is committed."""
        return self._link.is_drained and self._buffer.held == 0

    def run(self, stop: threading.Event) -> None:
        """Serves until `stop`; what is in hand and not stored then stays with the broker. Raises LinkError."""
        link_stop, writer_stop = threading.Event(), threading.Event()
        writer = threading.Thread(target=self._watched, args=(self._store_ready, writer_stop), name="ingest-writer")
        threads = [
            threading.Thread(target=self._watched, args=(self._link.run, link_stop), name="ingest-link"),
            threading.Thread(target=self._pulse.run, args=(link_stop,), name="ingest-pulse"),
            threading.Thread(target=self._watch.run, args=(link_stop,), name="ingest-watch"),
        ]
        if self._is_first:
            keeping = {"stop": link_stop, "clock": self._clock}
            parts = (self._store, self._upkeep)
            threads.append(threading.Thread(target=upkeep.run, args=parts, kwargs=keeping, name="ingest-upkeep"))
        if self._ports is not None:
            threads.append(threading.Thread(target=self._watched, args=(self._ports.run, link_stop), name="ingest-tcp"))
        for thread in (writer, *threads):
            thread.start()
        try:
            self._refresh(stop)
            while not stop.is_set() and self._failure is None:
                self._turn(stop)
        finally:
            writer_stop.set()
            writer.join()
            link_stop.set()
            self._link.wake()
            if self._ports is not None:
                self._ports.wake()
            for thread in threads:
                thread.join()
            self._link.close()
            if self._ports is not None:
                self._ports.close()
        if self._failure is not None:
            raise self._failure

    def _watched(self, run: Callable[[threading.Event], None], stop: threading.Event) -> None:
        try:
            run(stop)
        except Exception as error:
            self._failure = error
            self._buffer.wake()

    def _turn(self, stop: threading.Event) -> None:
        messages = self._gather()
        if not messages:
            return
        batch = self._assemble(messages, self._fresh_table())
        if batch.unknown_devices and self._age_of_table() > REFRESH_FOR_STRANGER_S and self._refresh(stop, once=True):
            batch = self._assemble(messages, self._table)
        self._buffer.put_back(messages[batch.messages :])
        del messages[batch.messages :]
        while not stop.is_set() and self._failure is None:
            with contextlib.suppress(queue.Full):
                self._ready.put((messages, batch), timeout=LOOK_S)
                return

    def _store_ready(self, stop: threading.Event) -> None:
        """Stores batch after batch, while the next one is being made."""
        while not stop.is_set():
            with contextlib.suppress(queue.Empty):
                messages, batch = self._ready.get(timeout=LOOK_S)
                written = self._write(batch, stop)
                if written is not None:
                    self._settle(messages, batch, written)

    def _settle(self, messages: Sequence[Message], batch: Batch, written: Written) -> None:
        """What follows the commit: room in the buffer, acknowledgements, receipts."""
        self._backlog.committed(batch, messages[0].received_us, self._clock.now().timestamp())
        self._buffer.settle(messages)
        self._link.acknowledge(messages)
        if self._ports is not None:
            for message in messages:
                if message.settled is not None:
                    message.settled()
        for topic, identities in batch.receipts.items():
            for start in range(0, len(identities), RECEIPTS_PER_MESSAGE):
                self._link.publish(topic, receipt_payload(identities[start : start + RECEIPTS_PER_MESSAGE]))
        self._pulse.count(messages, batch, written)

    def _assemble(self, messages: Sequence[Message], table: SensorTable) -> Batch:
        return self._assembler.assemble(messages if self._ports is None else located(messages, table), table)

    def _gather(self) -> list[Message]:
        """Messages for one transaction: what is there, or what comes within `batch_wait_s` after the first."""
        at_most = self._settings.batch_readings
        messages = self._buffer.take(at_most, 1.0)
        if not messages:
            return messages
        likely = _likely_readings(messages)
        deadline = time.monotonic() + self._settings.batch_wait_s
        while likely < at_most and (remaining := deadline - time.monotonic()) > 0:
            more = self._buffer.take(at_most - likely, remaining)
            messages += more
            likely += _likely_readings(more)
        return messages

    def _write(self, batch: Batch, stop: threading.Event) -> Written | None:
        """Stores the batch however long the database is away; None where `stop` came first."""
        retry_s = FIRST_RETRY_S
        while True:
            began = time.monotonic()
            try:
                written = self._writer.write(batch)
            except StoreError as error:
                self._backlog.refused()
                _log.warning("not stored, will try again", error=str(error), retry_s=retry_s, held=self._buffer.held)
                if self._failure is not None or self._clock.wait(retry_s, stop):
                    return None
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
                # the answer to a commit may have been lost on the way: look what is there
                batch.may_collide = True
                continue
            metrics.COMMIT_SECONDS.observe(time.monotonic() - began)
            return written

    def _fresh_table(self) -> SensorTable:
        if self._age_of_table() > REFRESH_S:
            self._refresh(threading.Event(), once=True)
        return self._table

    def _age_of_table(self) -> float:
        return time.monotonic() - self._refreshed_at

    def _refresh(self, stop: threading.Event, *, once: bool = False) -> bool:
        """Reads the sensors anew; at the start until the database answers, later one try. True where it did."""
        while not stop.is_set():
            try:
                behind = frozenset(off_clocks(self._store, behind_s=self._settings.late_after_s))
                version = sensors_version(self._store), behind
                if version != self._table_version:
                    self._table, self._table_version = known(self._store, behind), version
                self._refreshed_at = time.monotonic()
                return True
            except StoreError as error:
                if once:
                    return False
                _log.warning("sensors not read, will try again", error=str(error))
                self._clock.wait(1.0, stop)
        return False


def _likely_readings(messages: Sequence[Message]) -> int:
    return max(len(messages), sum(len(message.payload) for message in messages) // BYTES_PER_READING)


class _Pulse:
    """The stage's figures: metrics at once, the heartbeat every BEAT_S from a thread of its own."""

    def __init__(
        self, store: Store, clock: Clock, buffer: Buffer, worker: str, backlog: Backlog, backlog_limit_s: float
    ) -> None:
        self._backlog = backlog
        self._backlog_limit_s = backlog_limit_s
        self._has_backlog = True
        self._looked_at: datetime | None = None
        self._store = store
        self._clock = clock
        self._buffer = buffer
        self._worker = worker
        self._started_at = clock.now()
        self._readings = 0
        self._rejects = 0

    def count(self, messages: Sequence[Message], batch: Batch, written: Written) -> None:
        self._readings += written.stored
        self._rejects += written.rejected
        metrics.MESSAGES.inc(len(messages))
        for outcome in ("stored", "duplicate", "conflict", "rejected"):
            metrics.READINGS.labels(outcome).inc(getattr(written, outcome))
        for reject in batch.rejects:
            metrics.REJECTS.labels(reject.reason.value).inc(reject.times)
        if len(batch.rows):
            newest_s = int(batch.rows["observed_at"].view("i8").max()) / 1e6
            metrics.DELAY_SECONDS.observe(max(0.0, self._clock.now().timestamp() - newest_s))

    def run(self, stop: threading.Event) -> None:
        counted, at, forgot_at = 0, time.monotonic(), float("-inf")
        while True:
            now, readings = time.monotonic(), self._readings
            rate = (readings - counted) / max(now - at, 1e-9)
            counted, at = readings, now
            metrics.BUFFERED.set(self._buffer.held)
            peak_s = self._backlog.peak()
            try:
                self._look_back()
                self._beat(
                    {
                        "readings_per_s": round(rate, 1),
                        "buffered": self._buffer.held,
                        "rejects": self._rejects,
                        "backlog_s": round(peak_s, 1),
                        "backlog_reason": self._backlog.reason.value,
                    }
                )
                self._tell_backlog(peak_s)
                fold_tallies(self._store)
                if now - forgot_at > FORGET_S:
                    forget_arrivals(self._store)
                    forgot_at = now
            except StoreError as error:
                self._backlog.untold(peak_s)
                _log.debug("no heartbeat", error=str(error))
            if stop.wait(BEAT_S):
                return

    def _look_back(self) -> None:
        """Once, before the first sign of life: where ingest has been away, much may wait at the broker."""
        if self._looked_at is not None:
            return
        now = self._clock.now()
        beats = [one.beat_at for one in stages(self._store) if one.stage == STAGE]
        if beats and (now - max(beats)).total_seconds() > self._backlog_limit_s:
            self._backlog.suspect(now.timestamp())
        self._looked_at = now

    def _tell_backlog(self, peak_s: float) -> None:
        """Findings about what waits, for all workers; without a backlog a look now and then sees that none stands."""
        now = self._clock.now()
        is_due = self._looked_at is None or (now - self._looked_at).total_seconds() > BACKLOG_LOOK_S
        if not (self._has_backlog or is_due or peak_s > self._backlog_limit_s):
            return
        self._looked_at = now
        limit_s = self._backlog_limit_s

        def decide(beats: Sequence[StageBeat], standing: Mapping[str, Standing | None]) -> list[Finding]:
            self._has_backlog = any(last is not None and last.phase is not Phase.END for last in standing.values())
            found = findings(beats, standing, limit_s=limit_s, now=now)
            self._has_backlog = self._has_backlog or bool(found)
            return found

        for finding in settle(self._store, decide, stage=STAGE, prefix=subject(""), now=now):
            metrics.FINDINGS.labels(finding.kind.value, finding.phase.value).inc()
            _log.info("backlog finding", city=finding.city_code, phase=finding.phase.value, reason=finding.reason)

    def _beat(self, detail: dict[str, Any]) -> None:
        beat(
            self._store,
            stage=STAGE,
            worker=self._worker,
            started_at=self._started_at,
            now=self._clock.now(),
            detail=detail,
        )
