"""What a large table costs: the same work on an empty table and beside 10 and 100 million readings, in one run.

The readings are those of 10,000 sensors over 15 weeks, in as many chunks; the newest, to which new readings go, has its
full share. They are copied without indexes, then indexed and vacuumed.
"""

import sys
import time

import numpy as np
import numpy.typing as npt
import orjson

from benchmarks.flow import flow, number, running_stages, stored
from benchmarks.gateway import CITY, Gateway, packet
from benchmarks.servers import Servers, servers
from benchmarks.table import Figure
from deploy.local.database import DATABASE
from lifeline.store.binary import BinaryRows
from lifeline.store.queries import queries
from lifeline.store.readings import READING

TITLE = "ingest as the table grows: the same work on an empty table and beside many readings"
SENSORS, WEEKS = 10_000, 15
SIZES = (10_000_000, 100_000_000)
PACKS, PACK_READINGS, PACKED_DEVICES = 10_000, 100, 1_000
STEADY_MESSAGES_PER_S, STEADY_S = 1_417.0, 60.0
"""85,000 devices that report once a minute."""
_WARM_UP_S = 15.0
_INTERVAL_S = 60
_LIMIT_S = 300.0
_COPY_INSTANTS = 50
_WEEK_US = 7 * 86_400 * 1_000_000
_LAST_MID = 65_535


def measure(share: float = 1.0) -> list[Figure]:
    """Three times the same; `share` of the stated rows and times, for a trial."""
    with servers(SENSORS) as own:
        work = _Work(own, share)
        empty = work.measure(0)
        figures = [*_figures(0, empty)]
        for turn, size in enumerate(SIZES, 1):
            rows = work.fill(round(size * share))
            figures += _figures(rows, work.measure(turn), beside=empty)
        return figures


def _figures(rows: int, seen: tuple[float, float], *, beside: tuple[float, float] | None = None) -> list[Figure]:
    where = f"beside {rows:,} readings" if rows else "empty table"
    peer = "empty table" if beside else ""
    rate, p95_s = seen
    rate_beside, p95_beside_s = beside or (None, None)
    return [
        Figure(f"packs of {PACK_READINGS}, {where}", rate, "readings/s", peer, rate_beside),
        Figure(f"{STEADY_MESSAGES_PER_S:,.0f} messages/s, {where}: p95", p95_s, "s", peer, p95_beside_s),
    ]


class _Work:
    """The parts of one run."""

    def __init__(self, own: Servers, share: float) -> None:
        self._own = own
        self._database = own.database
        self._broker = own.broker
        self._store = own.store
        self._share = share

    def measure(self, turn: int) -> tuple[float, float]:
        """Readings/s of packs and p95 at the steady rate, with a worker that has just started and warmed up."""
        with running_stages(("ingest",), self._database, self._broker, self._store, self._own.folder) as pids:
            self._flow(pids, _WARM_UP_S * self._share)
            rate = self._packs(1 + turn * PACKED_DEVICES)
            self._flow(pids, _WARM_UP_S * self._share)
            p95_s = self._flow(pids, STEADY_S * self._share)
        print(f"turn {turn}: {rate:,.0f} readings/s, p95 {p95_s:.2f} s", file=sys.stderr)
        return rate, p95_s

    def fill(self, rows: int) -> int:
        """Brings the table to `rows` readings and more; how many of them there are then."""
        there = number(self._store, "SELECT count(*) AS number FROM reading")
        instants = max(1, (rows - there) // SENSORS)
        began = time.monotonic()
        indexes = self._drop_indexes()
        every_us = self._instants_us(instants)
        keys = np.arange(1, SENSORS + 1, dtype="i4")
        layout, copy_readings = BinaryRows(READING), queries("readings")["copy_readings"]
        for start in range(0, instants, _COPY_INSTANTS):
            part_us = every_us[start : start + _COPY_INSTANTS]
            batch = np.zeros(len(part_us) * SENSORS, READING)
            batch["sensor_key"] = np.tile(keys, len(part_us))
            batch["observed_at"] = np.repeat(part_us, SENSORS).view("M8[us]")
            batch["received_at"] = batch["observed_at"] + np.timedelta64(1, "s")
            batch["value"] = 300_000.0
            with (
                self._store.transaction() as connection,
                connection.cursor() as cursor,
                cursor.copy(copy_readings) as copy,
            ):
                copy.write(layout.pack(batch))
        with self._store.transaction() as connection:
            connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
            for definition in indexes:
                connection.execute(definition.encode())
        for statement in ("VACUUM (ANALYZE) reading", "CHECKPOINT"):
            self._database.sql(statement, database=DATABASE)
        print(f"filled to {rows:,} readings in {time.monotonic() - began:.0f} s", file=sys.stderr)
        return number(self._store, "SELECT count(*) AS number FROM reading")

    def _drop_indexes(self) -> list[str]:
        """Their definitions, by which they come again."""
        with self._store.transaction() as connection:
            found = connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = 'reading'"
            ).fetchall()
            for index in found:
                connection.execute(f"DROP INDEX {index.indexname}".encode())
        return [str(index.indexdef) for index in found]

    def _instants_us(self, instants: int) -> npt.NDArray[np.int64]:
        """In order; the newest chunk, however young, has its full share. No whole seconds: nothing else is there."""
        chunk_us = 1_000_000 * number(
            self._store,
            "SELECT extract(epoch FROM max(range_start))::bigint AS number FROM timescaledb_information.chunks"
            " WHERE hypertable_name = 'reading' AND range_start < now()",
        )
        now_us = round(time.time() * 1e6)
        newest = max(1, instants // WEEKS)
        before = np.linspace(chunk_us - (WEEKS - 1) * _WEEK_US, chunk_us, instants - newest, endpoint=False)
        latest = np.linspace(chunk_us, now_us, newest, endpoint=False)
        return np.concatenate([before, latest]).astype("i8") // 1000 * 1000 + 1 + instants % 900

    def _packs(self, first_device: int) -> float:
        """Readings/s from the first publish to the last committed row."""
        now_s, packs = int(time.time()), max(PACKED_DEVICES, round(PACKS * self._share))
        packets = [
            _pack(
                first_device + i % PACKED_DEVICES,
                now_s - _INTERVAL_S * PACK_READINGS * (1 + i // PACKED_DEVICES),
                1 + i % _LAST_MID,
            )
            for i in range(packs)
        ]
        before, total = stored(self._store), packs * PACK_READINGS
        gateway = Gateway(self._broker.port)
        began = time.monotonic()
        for start in range(0, packs, 100):
            gateway.send(packets[start : start + 100])
        gateway.finish()
        while (there := stored(self._store) - before) < total:
            if time.monotonic() > began + _LIMIT_S:
                raise AssertionError(f"{there:,} of {total:,} readings were stored within {_LIMIT_S:.0f} s")
            time.sleep(0.02)
        return total / (time.monotonic() - began)

    def _flow(self, pids: dict[str, int], duration_s: float) -> float:
        seen = flow(
            self._store,
            self._broker,
            pids,
            devices=SENSORS,
            messages_per_s=STEADY_MESSAGES_PER_S,
            duration_s=duration_s,
        )
        if seen.lost:
            raise AssertionError(f"{seen.lost} readings were lost")
        return seen.percentile_s(95)


def _pack(device: int, start_s: int, mid: int) -> bytes:
    """A pack of PACK_READINGS as a packet."""
    head = {"bn": f"D{device}:", "bt": start_s, "bu": "Pa", "n": "p", "v": 300_000.5}
    rest = [{"n": "p", "t": _INTERVAL_S * i, "v": 300_000.25 + i} for i in range(1, PACK_READINGS)]
    return packet(f"lifeline/1/{CITY}/D{device}/up/senml", orjson.dumps([head, *rest]), mid)
