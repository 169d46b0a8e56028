"""Water balances of zones and days: written by the detect stage, read by dashboards."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.zone_day import ZoneDay

_SQL = queries("zone_days")
_FIELDS = tuple(field.name for field in fields(ZoneDay))


def put(store: Store, days: Sequence[ZoneDay]) -> None:
    """Stores days, in place of what was counted of them before. Raises StoreError."""
    with store.transaction() as connection, connection.cursor() as cursor:
        cursor.executemany(_SQL["put"], [{name: getattr(day, name) for name in _FIELDS} for day in days])


def days(store: Store, city_code: str, first: date, last: date) -> list[ZoneDay]:
    """Days of a city's zones, both ends included, oldest first. Raises StoreError."""
    query = {"city_code": city_code, "first": first, "last": last}
    with store.transaction() as connection:
        return [_day(row) for row in connection.execute(_SQL["days"], query)]


def counted(store: Store, city_code: str, first: date, last: date) -> dict[date, datetime]:
    """Which days are counted, and when. Raises StoreError."""
    query = {"city_code": city_code, "first": first, "last": last}
    with store.transaction() as connection:
        return {row.day: row.counted_at for row in connection.execute(_SQL["counted"], query)}


def told_m3(store: Store, zone_id: str, since: datetime, till: datetime) -> float:
    """What the leaks and bursts that findings told of took from a zone in a span. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["told"], {"zone_id": zone_id, "since": since, "till": till}).fetchone()
        return 0.0 if row is None else float(row.told_m3)


def _day(row: Any) -> ZoneDay:
    return ZoneDay(**{name: getattr(row, name) for name in _FIELDS})
