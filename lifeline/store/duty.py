"""Who was called about which alarm and who comes next; and the rule files that came into force, as they stood."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from lifeline.alarm import Alarm, Level
from lifeline.finding import FindingKind, Phase
from lifeline.store import audit
from lifeline.store.alarms import alarm_of
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("duty")
RuleKind = Literal["policy", "roster", "users", "dispatch", "shelters"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alarm that waits for an answer since an event; `rung`: the last that was called, `declined`: who was called
    has said that they cannot come."""

    alarm: Alarm
    since: datetime
    rung: int
    next_at: datetime | None
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody was called about an alarm."""

    at: datetime
    rung: int
    role: str
    person: str
    reason: str


@dataclass(frozen=True, slots=True)
class InVain:
    """A city in which the whole line was called about alarms and nobody answered."""

    city_code: str
    alarms: int
    level: Level
    since: datetime
    alarm_ids: tuple[int, ...]


def unwatched(connection: Connection, *, limit: int) -> list[tuple[Alarm, datetime]]:
    """Open alarms that nobody watches since their newest event, and when that was."""
    return [(alarm_of(row), row.since) for row in connection.execute(_SQL["unwatched"], {"limit": limit})]


def watched(connection: Connection, *, now: datetime, limit: int) -> list[Waiting]:
    """Watches whose time has come, the gravest first."""
    rows = connection.execute(_SQL["watched"], {"now": now, "limit": limit})
    return [Waiting(alarm_of(row), row.since, row.rung, row.next_at, row.declined) for row in rows]


def unwatch(connection: Connection) -> None:
    """Takes off the list what is answered, cleared or put aside."""
    connection.execute(_SQL["unwatch"])


def watch(connection: Connection, alarm_id: int, *, since: datetime, rung: int, next_at: datetime | None) -> None:
    """Notes which rung has been called about an alarm, and when the next one is."""
    connection.execute(_SQL["put_watch"], {"alarm_id": alarm_id, "since": since, "rung": rung, "next_at": next_at})


def called(connection: Connection, alarm_id: int, call: Call) -> None:
    """Notes that somebody was called."""
    connection.execute(
        _SQL["add_call"],
        {"alarm_id": alarm_id, "at": call.at, "rung": call.rung, "role": call.role, "person": call.person,
         "reason": call.reason},
    )  # fmt: skip


def last_calls(connection: Connection, people: Collection[str]) -> dict[str, datetime]:
    """When each of some people was called last."""
    return {row.person: row.at for row in connection.execute(_SQL["last_calls"], {"people": list(people)})}


def hasten(connection: Connection, alarm_ids: Sequence[int], *, person: str, now: datetime) -> None:
    """The next rung of these alarms is called now, since `person` cannot come."""
    connection.execute(_SQL["hasten"], {"alarm_ids": list(alarm_ids), "person": person, "now": now})


def in_vain(connection: Connection) -> list[InVain]:
    """Cities in which nobody answers."""
    return [
        InVain(row.city_code, row.alarms, Level(row.level), row.since, tuple(row.alarm_ids))
        for row in connection.execute(_SQL["exhausted"])
    ]


def conditions(connection: Connection, kind: FindingKind) -> dict[str, tuple[str, bool]]:
    """What the alerts stage itself has said of a kind: subject -> city and whether it is there."""
    rows = connection.execute(_SQL["conditions"], {"kind": kind.value})
    return {row.subject: (row.city_code, row.phase != Phase.END.value) for row in rows}


def calls_of(store: Store, alarm_id: int) -> list[Call]:
    """Who was called about an alarm, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [Call(*row) for row in connection.execute(_SQL["calls"], {"alarm_id": alarm_id})]


def come_into_force(store: Store, kind: RuleKind, *, version: str, content: str, now: datetime) -> None:
    """Keeps a rule file as it came into force; the same again changes nothing. Raises StoreError."""
    values = {
        "kind": kind, "version": version, "content": content, "now": now,
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
    }  # fmt: skip
    with store.transaction() as connection:
        if connection.execute(_SQL["put_rules"], values).rowcount:
            detail = {"version": version, "sha256": values["sha256"]}
            audit.record(
                connection,
                who="system:alerts",
                action=f"{kind}.in-force",
                subject=f"rules:{kind}",
                detail=detail,
                at=now,
            )


def last_in_force(store: Store, kind: RuleKind) -> str | None:
    """The text of the rule file that came into force last. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["rules"], {"kind": kind}).fetchone()
        return None if row is None else str(row.content)
