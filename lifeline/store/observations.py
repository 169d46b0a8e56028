"""Readings for whoever asks across sensors and in either order of time, a bounded piece at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("observations")


class Observation(NamedTuple):
    """One reading; `quality` and `reason` are the numbers of lifeline.reading."""

    sensor_key: int
    observed_at: datetime
    received_at: datetime
    value: float
    quality: int
    reason: int


def observations(
    store: Store, sensor_keys: Sequence[int], *, start: datetime, end: datetime, newest_first: bool, limit: int
) -> list[Observation]:
    """Readings of `sensor_keys` observed in [start, end) by time, then sensor; `limit` at the most.

    One index range of each sensor is read, so the cost goes with the number of sensors and with `limit`, not with
    what the table holds. Raises StoreError.
    """
    name = "newest_first" if newest_first else "oldest_first"
    values = {"sensor_keys": list(sensor_keys), "start": start, "end": end, "limit": limit}
    with store.transaction() as connection:
        return [Observation(*row) for row in connection.execute(_SQL[name], values)]


def count(store: Store, sensor_keys: Sequence[int], *, start: datetime, end: datetime) -> int:
    """How many readings of `sensor_keys` were observed in [start, end). Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(
            _SQL["count"], {"sensor_keys": list(sensor_keys), "start": start, "end": end}
        ).fetchone()
    return int(row[0]) if row else 0
