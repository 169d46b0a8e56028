"""What was, condensed: means over intervals instead of every reading, for whoever learns from weeks of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from lifeline.store.binary import BinaryRows, Rows
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("history")

MEAN = np.dtype([("sensor_key", "i4"), ("at_s", "f8"), ("value", "f8"), ("readings", "i8"), ("spread", "f8")])
"""One interval of one sensor: mean instant (seconds since 1970 UTC), mean (SI), number, standard deviation."""
_ROWS = BinaryRows(MEAN)


def means(
    store: Store, sensor_keys: Sequence[int], start: datetime, end: datetime, *, interval_s: float, max_quality: int = 1
) -> Rows:
    """Means of readings with start <= observed_at < end over intervals of `interval_s`.

    Returns (n,) of MEAN ordered by (sensor_key, at_s); intervals without readings are missing. Raises StoreError.
    """
    query = {
        "sensor_keys": list(sensor_keys),
        "start": start,
        "end": end,
        "interval": timedelta(seconds=interval_s),
        "max_quality": max_quality,
    }
    with (
        store.transaction() as connection,
        connection.cursor() as cursor,
        cursor.copy(_SQL["means"], query) as copy,
    ):
        return _ROWS.unpack(b"".join(copy))


def span(store: Store, sensor_keys: Sequence[int]) -> tuple[datetime, datetime] | None:
    """Observation times of the oldest and the newest reading of the sensors; None without any. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["span"], {"sensor_keys": list(sensor_keys)}).fetchone()
        return None if row is None or row.first_at is None else (row.first_at, row.last_at)
