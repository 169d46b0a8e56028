"""How the operations centre does: alarms and answers by level, floods of alarms, what rings most, channels."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("kpis")


@dataclass(frozen=True, slots=True)
class Kpis:
    """Rows of sql/kpis.sql, named tuples, of the alarms that opened (notices: were written) in a span."""

    alarms: list[Any]
    tens: list[Any]
    sources: list[Any]
    notices: list[Any]


def kpis(store: Store, *, cities: Collection[str] | None, start: datetime, end: datetime) -> Kpis:
    """The figures of [start, end), of some cities or all. Raises StoreError."""
    span = {"cities": None if cities is None else list(cities), "start": start, "end": end}
    with store.transaction() as connection:
        return Kpis(*(connection.execute(_SQL[name], span).fetchall() for name in Kpis.__slots__))
