"""Readings through the running stages at a steady rate: from the sending to the hand of who follows the table."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.gateway import CITY
from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from deploy.stages import verb_command
from lifeline import city
from lifeline.clock import SystemClock
from lifeline.store.cities import load_pack
from lifeline.store.pool import Store, Topic
from lifeline.store.readings import position, readings_since
from lifeline.store.stages import stages
from lifeline.supervise import Supervisor

_PACK = Path(__file__).parents[1] / "simulators" / "packs" / "jilin"
_SETTLE_S = 60.0
_READY_S = 180.0
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Flow:
    """What was seen of one run."""

    sent: int
    lost: int
    """sent, and not a row a minute after the last was sent"""
    delays_s: npt.NDArray[np.float64]
    behind_s: float
    """how far the sender itself fell behind its rate at the most"""
    memory_mib: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, resident memory of ingest)"""
    cores: dict[str, float] = field(default_factory=dict)
    """processor time by stage, as cores"""

    def percentile_s(self, share: float) -> float:
        return float(np.percentile(self.delays_s, share))

    @property
    def memory_slope_mib_per_h(self) -> float:
        """Of a straight line through the last four fifths."""
        points = np.array(self.memory_mib[len(self.memory_mib) // 5 :])
        if len(points) < 3:
            return float("nan")
        return float(np.polyfit(points[:, 0], points[:, 1], 1)[0] * 3600)


def load_city(store: Store) -> None:
    """The city in which the devices stand, without a sensor of its own."""
    pack = replace(city.load(_PACK), sensors=(), assets=(), zones=(), shelters=(), population=(), crews=())
    load_pack(store, pack, now=datetime.now(UTC))


def load_devices(store: Store, first: int, last: int) -> None:
    """Devices Dn with a pressure sensor each, outside of every zone."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, lon, lat,"
            " elevation_m, interval_s, range_min, range_max, name_zh, name_en)"
            " SELECT 'S' || i, %s, 'D' || i, 'p', 'pressure', 'Pa', 'junction', 126.5, 43.8, 0, 60, 0, 1e6, '', ''"
            " FROM generate_series(%s::int, %s::int) i",
            (CITY, first, last),
        )


@contextmanager
def running_stages(
    names: Sequence[str], database: LocalDatabase, broker: LocalBroker, store: Store, folder: Path
) -> Iterator[dict[str, int]]:
    """The stages as processes under a supervisor; gives their process ids when all have shown that they live."""
    env = {
        "LIFELINE_DATABASE_URL": database.url,
        "LIFELINE_MQTT_URL": broker.url,
        "LIFELINE_CONSOLE__PORT": "0",
        "LIFELINE_METRICS_PORT": "0",
        "LIFELINE_LOG_LEVEL": "warning",
    }
    stop = threading.Event()
    commands = [verb_command(name, [name], env, logs=folder) for name in names]
    supervisor = Supervisor(commands, clock=SystemClock(), report=lambda line: print(line, file=sys.stderr))
    thread = threading.Thread(target=supervisor.run, args=(stop,))
    thread.start()
    try:
        deadline = time.monotonic() + _READY_S
        while not set(names) <= {beat.stage for beat in stages(store)}:
            if time.monotonic() > deadline:
                raise AssertionError(f"not all of {', '.join(names)} came up; see {folder}")
            time.sleep(0.2)
        yield supervisor.pids()
    finally:
        stop.set()
        thread.join()


def flow(
    store: Store, broker: LocalBroker, pids: dict[str, int], *, devices: int, messages_per_s: float, duration_s: float
) -> Flow:
    """Lets `devices` send for `duration_s` and follows the table until everything has come, or a minute longer."""
    argv = [sys.executable, "-m", "benchmarks.gateway", str(broker.port)]
    argv += [str(messages_per_s), str(duration_s), str(devices)]
    since, already = position(store), stored(store)
    began = time.monotonic()
    worked = {name: _processor_s(pid) for name, pid in pids.items()}
    newest = np.full(_last_key(store) + 1, np.iinfo("i8").min)
    delays: list[npt.NDArray[np.float64]] = []
    memory: list[tuple[float, float]] = []
    expected, ended_at = round(messages_per_s * duration_s), float("inf")
    listener = store.listener(Topic.READING)
    listener.wait(0.0)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as sender:
        while stored(store) - already < expected and time.monotonic() < ended_at + _SETTLE_S:
            listener.wait(1.0)
            rows, since = readings_since(store, since, max_quality=2)
            delays.append(_delays_s(rows, newest))
            elapsed_s = time.monotonic() - began
            if "ingest" in pids and (not memory or elapsed_s - memory[-1][0] > 1.0):
                memory.append((elapsed_s, _resident_mib(pids["ingest"])))
            if ended_at == float("inf") and sender.poll() is not None:
                ended_at = time.monotonic()
        delays.append(_delays_s(readings_since(store, since, max_quality=2)[0], newest))
        took_s = time.monotonic() - began
        told = json.loads(sender.communicate(timeout=_SETTLE_S)[0])
    listener.close()
    cores = {name: (_processor_s(pid) - worked[name]) / took_s for name, pid in pids.items()}
    lost = told["sent"] - (stored(store) - already)
    return Flow(told["sent"], lost, np.concatenate(delays), told["behind_s"], memory, cores)


def _delays_s(rows: npt.NDArray[np.void], newest: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """From the sending to now, of those rows that were not there before; `newest` by sensor is brought up to date."""
    now_s, at_us = time.time(), rows["observed_at"].astype("i8")
    new = at_us > newest[rows["sensor_key"]]
    np.maximum.at(newest, rows["sensor_key"], at_us)
    delays_s: npt.NDArray[np.float64] = now_s - at_us[new] / 1e6
    return delays_s


def stored(store: Store) -> int:
    """Readings that were ever stored, by the row that goes with each transaction."""
    return number(store, "SELECT coalesce(sum(readings), 0)::bigint AS number FROM arrival")


def _last_key(store: Store) -> int:
    return number(store, "SELECT max(sensor_key) AS number FROM sensor")


def number(store: Store, query: str) -> int:
    """What `query` says in its column `number`."""
    with store.transaction() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row.number)


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MIB


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
