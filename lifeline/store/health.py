"""How the database itself stands: what the doctor asks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("health")


@dataclass(frozen=True, slots=True)
class Edition:
    """Versions and `timescaledb.license`: `apache`, or `timescale` (community)."""

    postgresql: str
    timescaledb: str
    license: str


def edition(store: Store) -> Edition:
    """Raises StoreError."""
    return Edition(*_one(store, "edition"))


def server_time(store: Store) -> datetime:
    """The database's clock. Raises StoreError."""
    now: datetime = _one(store, "server_time").now
    return now


def _one(store: Store, name: str) -> Any:
    with store.transaction() as connection:
        return connection.execute(_SQL[name]).fetchone()
