"""A whole city at a steady rate: 85,000 devices with a report a minute for ten minutes.

Everything runs on this machine at once: broker, database, the four stages, the sender, and who follows the table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.flow import Flow, flow, running_stages
from benchmarks.servers import servers
from benchmarks.table import Figure
from deploy.local.broker import LocalBroker
from deploy.stages import STAGES
from lifeline.store.pool import Store
from lifeline.store.readings import conservation

TITLE = "ingest, sustained: devices that report once a minute; broker, database, four stages and sender together"
DEVICES, INTERVAL_S, DURATION_S = 85_000, 60.0, 600.0
FIRST_MESSAGES_PER_S = 8_000.0
LIMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class City:
    """Everything that runs, and how many devices it knows."""

    store: Store
    broker: LocalBroker
    pids: dict[str, int]

    def run(self, devices: int, *, duration_s: float) -> Flow:
        """A report a minute of each device for a while."""
        return self._flow(devices, devices / INTERVAL_S, duration_s)

    def meet(self, devices: int) -> None:
        """Lets every device be heard once: the first time costs more, and is no part of a steady state."""
        self._flow(devices, FIRST_MESSAGES_PER_S, devices / FIRST_MESSAGES_PER_S)

    def _flow(self, devices: int, messages_per_s: float, duration_s: float) -> Flow:
        return flow(
            self.store, self.broker, self.pids, devices=devices, messages_per_s=messages_per_s, duration_s=duration_s
        )


@contextmanager
def city(devices: int) -> Iterator[City]:
    """Broker, database and stages with `devices` known and heard once."""
    with (
        servers(devices) as own,
        running_stages(STAGES, own.database, own.broker, own.store, own.folder) as pids,
    ):
        made = City(own.store, own.broker, pids)
        made.meet(devices)
        yield made


def measure(share: float = 1.0) -> list[Figure]:
    """The ten minutes, or `share` of them for a trial."""
    with city(DEVICES) as running:
        seen = running.run(DEVICES, duration_s=DURATION_S * share)
        return _sustained(running.store, seen)


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
