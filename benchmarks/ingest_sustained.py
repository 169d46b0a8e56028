"""A whole city at a steady rate: 85,000 devices with a report a minute for ten minutes, then more until it is too much.

Everything runs on this machine at once: broker, database, the four stages, the sender, and who follows the table.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.flow import Flow, flow, load_city, load_devices, running_stages
from benchmarks.table import Figure
from deploy.local import root
from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from deploy.stages import STAGES
from ingest.worker import REFRESH_S
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store
from lifeline.store.readings import conservation

TITLE = "ingest, sustained: devices that report once a minute; broker, database, four stages and sender together"
DEVICES, INTERVAL_S, DURATION_S = 85_000, 60.0, 600.0
STEP_S = 75.0
GROWTH = 1.5
"""From one step to the next; the last that held and the first that did not are then halved twice."""
HALVINGS = 2
WARM_UP_S = 5.0
FIRST_MESSAGES_PER_S = 8_000.0
LIMIT_S = 1.0
MOST_DEVICES = 3_000_000


def measure(share: float = 1.0) -> list[Figure]:
    """The ten minutes, then the search for the ceiling; `share` of the stated times, for a trial."""
    folder = root.ensure(lambda text: print(text, file=sys.stderr))
    with (
        tempfile.TemporaryDirectory(prefix="lifeline-bench-") as scratch,
        LocalDatabase(folder, Path(scratch, "database")) as database,
        LocalBroker(folder, Path(scratch, "broker")) as broker,
    ):
        migrate(database.url)
        with Store(database.url, name="benchmark") as store:
            load_city(store)
            load_devices(store, 1, DEVICES)
            with running_stages(STAGES, database, broker, store, Path(scratch)) as pids:
                _meet(store, broker, pids, DEVICES)
                seen = _run(store, broker, pids, DEVICES, duration_s=DURATION_S * share)
                return [*_sustained(store, seen), *_ceiling(store, broker, pids, step_s=STEP_S * share)]


def _run(store: Store, broker: LocalBroker, pids: dict[str, int], devices: int, *, duration_s: float) -> Flow:
    return flow(store, broker, pids, devices=devices, messages_per_s=devices / INTERVAL_S, duration_s=duration_s)


def _meet(store: Store, broker: LocalBroker, pids: dict[str, int], devices: int) -> None:
    """Lets every device be heard once: the first time costs more, and is no part of a steady state."""
    duration_s = devices / FIRST_MESSAGES_PER_S
    flow(store, broker, pids, devices=devices, messages_per_s=FIRST_MESSAGES_PER_S, duration_s=duration_s)


def _sustained(store: Store, seen: Flow) -> list[Figure]:
    duration_s = seen.sent / (DEVICES / INTERVAL_S)
    load = f"{DEVICES:,} devices for {duration_s:,.0f} s"
    law = conservation(store)
    return [
        Figure(f"{load}: readings lost", float(seen.lost), f"of {seen.sent:,}", "limit", 0.0),
        Figure(f"{load}: sending to committed row, p50", seen.percentile_s(50), "s"),
        Figure(f"{load}: p95", seen.percentile_s(95), "s", "limit", LIMIT_S),
        Figure(f"{load}: p99", seen.percentile_s(99), "s"),
        Figure(f"{load}: conservation law", float(law.holds), "1: holds"),
        Figure("memory of ingest at the end", seen.memory_mib[-1][1], "MiB"),
        Figure("memory of ingest, slope of the last 4/5", seen.memory_slope_mib_per_h, "MiB/h"),
        *(Figure(f"processor time of {name}", cores, "cores") for name, cores in seen.cores.items()),
        Figure("the sender behind its rate, at most", seen.behind_s, "s"),
    ]


def _ceiling(store: Store, broker: LocalBroker, pids: dict[str, int], *, step_s: float) -> list[Figure]:
    """Steps up until one does not hold, then halves the distance. The load must hold for a whole step."""
    figures: list[Figure] = []
    loaded = held = DEVICES
    failed, halvings = 0, HALVINGS
    while halvings and held < MOST_DEVICES:
        if failed:
            halvings -= 1
        devices = round((held + failed) / 2 if failed else held * GROWTH) // 1000 * 1000
        if devices > loaded:
            load_devices(store, loaded + 1, devices)
            time.sleep(REFRESH_S + 1.0)
            _run(store, broker, pids, loaded, duration_s=WARM_UP_S)  # ingest reads the sensors anew
            loaded = devices
            _meet(store, broker, pids, loaded)
        seen = _run(store, broker, pids, devices, duration_s=step_s)
        p95_s = seen.percentile_s(95)
        figures.append(Figure(f"step of {step_s:.0f} s, {devices:,} devices: p95", p95_s, "s", "limit", LIMIT_S))
        print(f"{figures[-1].what} {p95_s:.2f} s, {seen.lost} lost, sender {seen.behind_s:.2f} s", file=sys.stderr)
        if p95_s < LIMIT_S and not seen.lost and seen.behind_s < LIMIT_S:
            held = devices
        else:
            failed = devices
    return [*figures, Figure("the ceiling: most devices at p95 below 1 s", float(held), "devices", "asked", DEVICES)]
