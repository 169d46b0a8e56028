"""The feed of public messages: what is in force or was ever told, and when that last changed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.alarm import Level
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("bulletin_feed")


@dataclass(frozen=True, slots=True)
class Entry:
    """A message without its body; `chain`: identifier of the first one of its event, which was sent at `first_sent`."""

    bulletin_id: int
    identifier: str
    chain: str
    alarm_id: int
    city_code: str
    status: str
    msg_type: str
    level: Level
    sent: datetime
    expires: datetime
    sender: str
    event: str
    headline: str
    description: str
    provisions: tuple[str, ...]
    first_sent: datetime


def entries(
    store: Store,
    *,
    now: datetime,
    status: str | None = None,
    cities: Collection[str] | None = None,
    in_force: bool = True,
    before: int | None = None,
    limit: int = 100,
) -> list[Entry]:
    """Messages of some cities or all, newest first. `in_force`: only the last one of each event, as long as it has
    neither expired nor cancelled; `before`: only bulletin ids below it. Raises StoreError."""
    values = {"now": now, "in_force": in_force, "before": before, "limit": limit, **_which(status, cities)}
    with store.transaction() as connection:
        return [_entry(row) for row in connection.execute(_SQL["entries"], values)]


def changed_at(
    store: Store, *, now: datetime, status: str | None = None, cities: Collection[str] | None = None
) -> datetime | None:
    """When a message last came or ran out; None: there has been none. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["changed"], {"now": now, **_which(status, cities)}).fetchone()
        found: datetime | None = row.at
        return found


def _which(status: str | None, cities: Collection[str] | None) -> dict[str, Any]:
    return {"status": status, "cities": None if cities is None else sorted(cities)}


def _entry(row: Any) -> Entry:
    return Entry(**{**row._asdict(), "level": Level(row.level), "provisions": tuple(row.provisions)})
