"""Drills as they were run, with their scorecards; each start and end is an entry of the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.store import audit
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("drills")


@dataclass(frozen=True, slots=True)
class Drill:
    """One run. `scorecard`: {"step", "seconds", "limit_s", "met"} each; empty while it runs."""

    drill_id: int
    scenario: str
    city_code: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    scorecard: list[dict[str, Any]]


def start(store: Store, scenario: str, city_code: str, *, who: str, now: datetime) -> int:
    """Notes that a drill begins; its number. Raises StoreError."""
    with store.transaction() as connection:
        values = {"scenario": scenario, "city_code": city_code, "now": now, "who": who}
        row: Any = connection.execute(_SQL["start"], values).fetchone()
        detail = {"scenario": scenario, "city_code": city_code}
        audit.record(connection, who=who, action="drill.start", subject=f"drill:{row.drill_id}", detail=detail, at=now)
        return int(row.drill_id)


def end(store: Store, drill_id: int, scorecard: Sequence[dict[str, Any]], *, who: str, now: datetime) -> None:
    """Notes its end and what came of it. Raises StoreError."""
    with store.transaction() as connection:
        card = list(scorecard)
        connection.execute(_SQL["end"], {"drill_id": drill_id, "now": now, "scorecard": Jsonb(card)})
        detail = {"scorecard": card}
        audit.record(connection, who=who, action="drill.end", subject=f"drill:{drill_id}", detail=detail, at=now)


def alarm_of(store: Store, subject: str) -> int | None:
    """The alarm about a drill's subject, None before it opened. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["alarm"], {"subject": subject}).fetchone()
        return None if row is None else int(row.alarm_id)


def told_at(store: Store, alarm_id: int) -> datetime | None:
    """When the first notice about an alarm went out. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["told"], {"alarm_id": alarm_id}).fetchone()
        found: datetime | None = row.at
        return found


def drills(store: Store, city_code: str | None = None) -> list[Drill]:
    """Drills of a city or of all, newest first. Raises StoreError."""
    with store.transaction() as connection:
        return [Drill(*row) for row in connection.execute(_SQL["drills"], {"city_code": city_code})]
