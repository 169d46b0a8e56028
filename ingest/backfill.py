"""Backfill: a recorded file through the same gate and writer as live readings; resumable, and idempotent."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.batch import Batch, reject
from ingest.contract import Fault
from ingest.gate import UNKNOWN_DEVICE, Limits, SensorTable, judge
from ingest.recorded import Chunk, read_csv
from ingest.recorded_parquet import count_rows, read_parquet
from ingest.writer import Writer, Written
from lifeline.clock import Clock, SystemClock
from lifeline.errors import ReplayError
from lifeline.reading import QualityReason, RejectReason
from lifeline.settings import IngestSettings
from lifeline.store.backfills import Progress, record, unfinished
from lifeline.store.devices import TALLY
from lifeline.store.pool import Connection, Store
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
    """Stores the readings of `path` (CSV as `ingest.recorded` says, or `.parquet`); returns what became of its rows.

    `progress` hears the share of the file that is in, 0 to 1. A line that is no reading becomes a reject row naming
    file and line, and the rest goes on. An interrupted backfill of the same file goes on where it stopped; a finished
    file is offered anew and stores nothing twice. Raises ReplayError where the file cannot be read, StoreError.
    """
    clock = clock or SystemClock()
    digest = _identify(path)
    is_parquet = path.suffix == ".parquet"
    size = max(count_rows(path) if is_parquet else path.stat().st_size, 1)
    done = unfinished(store, digest)
    table = SensorTable(sensors(store))
    writer = Writer(store)
    may_collide = done.bytes_done > 0
    progress(done.bytes_done / size)
    chunks = (
        read_parquet(path, rows_done=done.bytes_done)
        if is_parquet
        else read_csv(path, bytes_done=done.bytes_done, lines_done=done.lines_done)
    )
    for chunk in chunks:
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


def _identify(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
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
        self._topic = f"file:{name}"
        self._chunk = chunk
        self._table = table
        self._now_us = round(clock.now().timestamp() * 1e6)
        self._batch = Batch()
        self._owners: dict[str, int] = {}
        self._names: list[str] = []
        self._rejected: list[int] = []

    def finish(self, limits: Limits) -> Batch:
        chunk, batch = self._chunk, self._batch
        for line, text, fault in chunk.faults:
            self._reject(self._owner(""), line, text, fault)
        keys = list(zip(chunk.sensor_ids, chunk.units, strict=True))
        found = {key: self._route(*key) for key in set(keys)}
        pairs = np.array([found[key] for key in keys], np.int64).reshape(-1, 2)
        routes, owners = pairs[:, 0], pairs[:, 1].astype(np.intp)
        judged = judge(
            self._table,
            limits,
            routes=routes,
            times_s=chunk.times_s,
            values=chunk.values,
            received_us=np.full(len(routes), self._now_us, np.int64),
            said=QualityReason.BACKFILLED,
        )
        for position, reason in zip(judged.rejected.tolist(), judged.reasons, strict=True):
            fault = self._fault(position, reason)
            self._reject(int(owners[position]), chunk.lines[position], chunk.texts[position], fault)
        batch.rows, batch.owner = judged.rows, owners[judged.accepted]
        self._count(owners)
        return batch

    def _count(self, owners: npt.NDArray[np.intp]) -> None:
        batch, devices = self._batch, len(self._owners)
        faults = np.zeros(devices, np.int64)
        if "" in self._owners:
            faults[self._owners[""]] = len(self._chunk.faults)
        newest_us = np.full(devices, np.iinfo(np.int64).min)
        np.maximum.at(newest_us, batch.owner, batch.rows["observed_at"].view(np.int64))
        batch.device_ids = self._names
        batch.city_codes = [None] * devices
        batch.tallies = np.zeros(devices, TALLY)
        batch.tallies["seen_at"] = np.datetime64("NaT")
        batch.tallies["observed_at"] = newest_us.view("M8[us]")
        batch.tallies["clock_skew_s"] = np.nan
        batch.tallies["received"] = np.bincount(owners, minlength=devices) + faults
        batch.tallies["rejected"] = self._rejected

    def _route(self, sensor_id: str, unit: str) -> tuple[int, int]:
        """Route and owner of a sensor; what no pack names belongs to nobody."""
        sensor = self._table.sensor(sensor_id)
        if sensor is None:
            return UNKNOWN_DEVICE, self._owner("")
        unit = unit or SI_UNIT[sensor.quantity]
        route = self._table.route(sensor.city_code, sensor.device_id, sensor.channel, unit)
        return route, self._owner(sensor.device_id)

    def _owner(self, device_id: str) -> int:
        if device_id not in self._owners:
            self._owners[device_id] = len(self._owners)
            self._names.append(device_id)
            self._rejected.append(0)
        return self._owners[device_id]

    def _fault(self, position: int, reason: RejectReason) -> Fault:
        if reason is RejectReason.UNKNOWN_DEVICE:
            sensor_id = self._chunk.sensor_ids[position]
            return Fault(RejectReason.UNKNOWN_SENSOR, f"no city pack names the sensor {sensor_id!r}")
        if reason is RejectReason.UNIT:
            return Fault(reason, f"unit {self._chunk.units[position]!r} is unknown or measures something else")
        return Fault(reason, f"value {self._chunk.values[position]!r}, observed at {self._chunk.times_s[position]!r}")

    def _reject(self, owner: int, line: int, text: str, fault: Fault) -> None:
        device_id = self._names[owner]
        details = [f"line {line}: {fault.detail}"]
        payload = text.encode("utf-8", "surrogateescape")
        self._batch.rejects.append(
            reject(device_id, self._topic, fault.reason, details, payload, received_us=self._now_us)
        )
        self._rejected[owner] += 1
