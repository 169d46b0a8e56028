"""Messages that were rejected because nobody named their device or channel go through the gate again once somebody has.

They go as they came, with the time at which they came; what they give is stored as released, for the record. It may be
done twice, and be cut short anywhere: what is stored already is a duplicate. Each counts as received once more, so the
conservation law holds; its reject stays and says when it was resolved.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.assembler import Assembler
from ingest.codecs import CODECS
from ingest.gate import Limits, SensorTable
from ingest.message import Message
from ingest.quarantine import Quarantine
from ingest.writer import Writer, Written
from lifeline.clock import Clock
from lifeline.log import logger
from lifeline.reading import QualityReason
from lifeline.settings import IngestSettings
from lifeline.store.pool import Connection, Store
from lifeline.store.sensors import sensors
from lifeline.store.strangers import OpenReject, Sender, known_by_now, leave, open_rejects, resolve

PORTION = 500
"""Messages of one transaction."""
_log = logger("ingest")


@dataclass(slots=True)
class Released:
    """What became of the messages of a device."""

    messages: int = 0
    resolved: int = 0
    """rejects of which the message now gives something"""
    written: Written = field(default_factory=lambda: Written(0, 0, 0, 0))


class Release:
    """Takes rejects in again."""

    def __init__(self, store: Store, settings: IngestSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._writer = Writer(store, Quarantine.of(settings))

    def known_by_now(self, stop: threading.Event) -> None:
        """All strangers that a pack or an operator names by now; they leave the quarantine. Raises StoreError."""
        for sender in known_by_now(self._store):
            released = self.device(sender, stop)
            if stop.is_set():
                return
            leave(self._store, sender)
            _log.info("released", city=sender[0], device=sender[1], messages=released.messages)

    def device(self, sender: Sender, stop: threading.Event | None = None) -> Released:
        """The open rejects of one device, oldest first. Raises StoreError; what is done by then stays done."""
        table = SensorTable(sensors(self._store, city_code=sender[0]))
        assembler = Assembler(
            CODECS,
            Limits.of(self._settings),
            max_payload_bytes=self._settings.max_payload_bytes,
            batch_readings=self._settings.batch_readings,
        )
        released, after = Released(), 0
        while stop is None or not stop.is_set():
            rejects = open_rejects(self._store, sender, after=after, limit=PORTION)
            if not rejects:
                break
            done = self._portion(rejects, assembler, table, released)
            released.messages += done
            after = rejects[done - 1].reject_id
        return released

    def _portion(
        self, rejects: Sequence[OpenReject], assembler: Assembler, table: SensorTable, released: Released
    ) -> int:
        """Stores what as many of `rejects` give as fill a transaction; how many these were."""
        batch = assembler.assemble([_message(reject) for reject in rejects], table, said=QualityReason.RELEASED)
        # nobody waits for a receipt, and it is not the device that speaks now
        batch.tallies["seen_at"] = "NaT"
        batch.states.clear()
        own = [reject.reject_id for reject in rejects[: batch.messages]]

        def mark(connection: Connection, _: Written) -> None:
            released.resolved += resolve(connection, own, batch.rejects, now=self._clock.now())

        written = self._writer.write(batch, also=mark)
        released.written = Written(
            released.written.stored + written.stored,
            released.written.duplicate + written.duplicate,
            released.written.conflict + written.conflict,
            released.written.rejected + written.rejected,
        )
        return batch.messages


def _message(reject: OpenReject) -> Message:
    received_us = round(reject.received_at.timestamp() * 1e6)
    return Message(reject.topic, reject.payload, received_us, 0, 0, is_again=True, correlation=None)
