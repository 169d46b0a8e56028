"""Backfill: a recorded file through the same gate and writer as live readings; resumable, and idempotent."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ingest.batch import Batch, storable
from ingest.contract import Fault
from ingest.gate import UNKNOWN_DEVICE, Limits, SensorTable, judge
from ingest.recorded import Chunk, read_csv
from ingest.writer import Writer, Written
from lifeline.clock import Clock, SystemClock
from lifeline.errors import ReplayError
from lifeline.reading import RejectReason
from lifeline.settings import IngestSettings
from lifeline.store.backfills import Progress, record, unfinished
from lifeline.store.devices import Tally
from lifeline.store.pool import Connection, Store
from lifeline.store.rejects import Reject
from lifeline.store.sensors import sensors
from lifeline.units import SI_UNIT


def backfill(
    store: Store,
    settings: IngestSettings,
    path: Path,
    *,
    progress: Callable[[float], None] = lambda _: None,
    clock: Clock | None = None,
) -> Written:
    """Stores the readings of `path` (CSV as `ingest.recorded` says); returns what became of its rows.

    `progress` hears the share of the file that is in, 0 to 1. A line that is no reading becomes a reject row naming
    file and line, and the rest goes on. An interrupted backfill of the same file goes on where it stopped; a finished
    file is offered anew and stores nothing twice. Raises ReplayError where the file cannot be read, StoreError.
    """
    clock = clock or SystemClock()
    size, digest = _identify(path)
    done = unfinished(store, digest)
    table = SensorTable(sensors(store))
    writer = Writer(store)
    may_collide = done.bytes_done > 0
    progress(done.bytes_done / size)
    for chunk in read_csv(path, bytes_done=done.bytes_done, lines_done=done.lines_done):
        batch = _Draft(path.name, chunk, table, clock).finish(Limits.of(settings))
        batch.may_collide = may_collide
        before = done

        def advance(connection: Connection, written: Written, before: Progress = before, chunk: Chunk = chunk) -> None:
            finished_at = clock.now() if chunk.bytes_done >= size else None
            record(connection, digest, path.name, _after(before, chunk, written), finished_at=finished_at)

        written = writer.write(batch, also=advance)
        done = _after(before, chunk, written)
        may_collide = written.duplicate + written.conflict > 0
        progress(chunk.bytes_done / size)
    return Written(done.stored, done.duplicate, done.conflict, done.rejected)


def _identify(path: Path) -> tuple[int, bytes]:
    try:
        with path.open("rb") as file:
            return max(path.stat().st_size, 1), hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror}", advice="see that the file is there and may be read") from error


def _after(before: Progress, chunk: Chunk, written: Written) -> Progress:
    return Progress(
        bytes_done=chunk.bytes_done,
        lines_done=chunk.lines_done,
        stored=before.stored + written.stored,
        duplicate=before.duplicate + written.duplicate,
        conflict=before.conflict + written.conflict,
        rejected=before.rejected + written.rejected,
    )


class _Draft:
    """One chunk on its way to a batch."""

    def __init__(self, name: str, chunk: Chunk, table: SensorTable, clock: Clock) -> None:
        self._topic = storable(f"file:{name}")
        self._chunk = chunk
        self._table = table
        self._now = clock.now()
        self._batch = Batch()
        self._owners: dict[str, int] = {}

    def finish(self, limits: Limits) -> Batch:
        chunk, batch = self._chunk, self._batch
        for line, text, fault in chunk.faults:
            self._reject("", line, text, fault)
        found = {key: self._route(*key) for key in set(zip(chunk.sensor_ids, chunk.units, strict=True))}
        pairs = np.array([found[key] for key in zip(chunk.sensor_ids, chunk.units, strict=True)], np.int64).reshape(
            -1, 2
        )
        routes, owners = pairs[:, 0], pairs[:, 1]
        judged = judge(
            self._table,
            limits,
            routes=routes,
            times_s=chunk.times_s,
            values=chunk.values,
            received_us=np.full(len(routes), round(self._now.timestamp() * 1e6), np.int64),
            backfilled=True,
        )
        for position, reason in zip(judged.rejected.tolist(), judged.reasons, strict=True):
            device_id = batch.tallies[owners[position]].device_id
            fault = self._fault(position, reason)
            self._reject(device_id, chunk.lines[position], chunk.texts[position], fault)
        batch.rows = judged.rows
        batch.owner = owners[judged.accepted].astype(np.intp)
        return batch

    def _route(self, sensor_id: str, unit: str) -> tuple[int, int]:
        """Route and owner of a sensor; what no pack names belongs to nobody."""
        sensor = self._table.sensor(sensor_id)
        if sensor is None:
            return UNKNOWN_DEVICE, self._owner("")
        unit = unit or SI_UNIT[sensor.quantity]
        route = self._table.route(sensor.city_code, sensor.device_id, sensor.channel, unit)
        return route, self._owner(sensor.device_id)

    def _owner(self, device_id: str) -> int:
        owner = self._owners.get(device_id)
        if owner is None:
            owner = self._owners[device_id] = len(self._batch.tallies)
            self._batch.tallies.append(Tally(device_id))
        return owner

    def _fault(self, position: int, reason: RejectReason) -> Fault:
        if reason is RejectReason.UNKNOWN_DEVICE:
            sensor_id = self._chunk.sensor_ids[position]
            return Fault(RejectReason.UNKNOWN_SENSOR, f"no city pack names the sensor {sensor_id!r}")
        if reason is RejectReason.UNIT:
            return Fault(reason, f"unit {self._chunk.units[position]!r} is unknown or measures something else")
        return Fault(reason, f"value {self._chunk.values[position]!r}, observed at {self._chunk.times_s[position]!r}")

    def _reject(self, device_id: str, line: int, text: str, fault: Fault) -> None:
        self._batch.rejects.append(
            Reject(
                received_at=self._now,
                device_id=device_id,
                topic=self._topic,
                reason=fault.reason,
                detail=storable(f"line {line}: {fault.detail}"),
                payload=text.encode("utf-8", "surrogateescape"),
            )
        )
        self._batch.tallies[self._owner(device_id)].rejected += 1
