"""Rain that somebody else foresees, as an ensemble; the newest of each city counts."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("rain_forecasts")


@dataclass(frozen=True, slots=True)
class StoredRain:
    """mm in each step from `issued_at` on, one row for each member."""

    city_code: str
    issued_at: datetime
    source: str
    step_s: float
    members: tuple[tuple[float, ...], ...]


def put(store: Store, rain: StoredRain, *, now: datetime) -> None:
    """Stores a forecast; one of the same instant is replaced, those of two days before go. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["prune"], {"city_code": rain.city_code, "issued_at": rain.issued_at})
        connection.execute(
            _SQL["put"],
            {
                "city_code": rain.city_code, "issued_at": rain.issued_at, "source": rain.source, "step_s": rain.step_s,
                "members": Jsonb([list(member) for member in rain.members]), "now": now,
            },
        )  # fmt: skip


def newest(store: Store, city_code: str, *, now: datetime) -> StoredRain | None:
    """The newest that was issued at `now` or before. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["newest"], {"city_code": city_code, "now": now}).fetchone()
        if row is None:
            return None
        return StoredRain(row[0], row[1], row[2], row[3], tuple(tuple(float(v) for v in m) for m in row[4]))
