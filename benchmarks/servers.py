"""A broker, a crash-safe database and a city of pressure sensors for one benchmark; all of it goes with it."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.flow import load_city, load_devices
from deploy.local import root
from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs, and where."""

    database: LocalDatabase
    broker: LocalBroker
    store: Store
    folder: Path
    """for logs; goes too"""
    root: Path
    """where the programs of the servers are"""


@contextmanager
def servers(devices: int) -> Iterator[Servers]:
    """With `devices` known: D1, D2, ... with a pressure sensor each."""
    programs = root.ensure(lambda text: print(text, file=sys.stderr))
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as scratch:
        folder = Path(scratch)
        with (
            LocalDatabase(programs, folder / "database") as database,
            LocalBroker(programs, folder / "broker") as broker,
        ):
            migrate(database.url)
            with Store(database.url, name="benchmark") as store:
                load_city(store)
                load_devices(store, 1, devices)
                yield Servers(database, broker, store, folder, programs)
