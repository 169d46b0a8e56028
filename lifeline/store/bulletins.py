"""Public messages about alarms, as they were written; who signed for them; and the feed of what is in force."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.alarm import Alarm, Level
from lifeline.errors import NotFoundError
from lifeline.finding import FindingKind
from lifeline.store import audit
from lifeline.store.alarms import alarm_of, one
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("bulletins")
_RECENT = timedelta(days=1)
_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message that is out."""

    bulletin_id: int
    identifier: str
    chain: str
    status: str
    msg_type: str
    level: Level
    sent: datetime
    expires: datetime
    sender: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is to go out; `record` is what both forms were written from, as JSON."""

    identifier: str
    chain: str
    alarm_id: int
    city_code: str
    status: str
    msg_type: str
    level: Level
    sent: datetime
    expires: datetime
    approved_by: str
    record: dict[str, Any]
    cap: str
    national: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of the feed without its body; `chain`: identifier of the first one of its event, which was sent at
    `first_sent`; `approved_by` is empty for exercises."""

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
    approved_by: str


@dataclass(frozen=True, slots=True)
class Published:
    """A message as it was sent: both forms as XML."""

    identifier: str
    city_code: str
    status: str
    sent: datetime
    cap: str
    national: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A signature that is not used yet."""

    approval_id: int
    alarm_id: int
    approved_by: str


def feed(
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
    neither expired nor cancelled; `before`: only bulletin ids below it, for the next page. Raises StoreError."""
    values = {"now": now, "in_force": in_force, "before": before, "limit": limit, **_which(status, cities)}
    with store.transaction() as connection:
        return [_entry(row) for row in connection.execute(_SQL["feed"], values)]


def changed_at(
    store: Store, *, now: datetime, status: str | None = None, cities: Collection[str] | None = None
) -> datetime | None:
    """When a message of the feed last came or ran out; None: there has been none. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["changed"], {"now": now, **_which(status, cities)}).fetchone()
        found: datetime | None = row.at
        return found


def published(store: Store, identifier: str) -> Published:
    """One message. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["one"], {"identifier": identifier}).fetchone()
        if row is None:
            raise NotFoundError(f"there is no message {identifier}", advice="look at the feed")
        return Published(*row)


def approve(store: Store, alarm_id: int, *, by: str, now: datetime) -> None:
    """A named person signs that the public is told of an alarm as it is now: the alerts stage writes one Actual
    message, which opens, updates or cancels what is out. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        alarm = one(connection, "alarm", alarm_id)
        connection.execute(_SQL["approve"], {"alarm_id": alarm_id, "at": now, "by": by})
        audit.record(
            connection,
            who=by,
            action="bulletin.approve",
            subject=f"alarm:{alarm_id}",
            detail={"level": alarm.level.value, "version": alarm.version, "title": alarm.title_zh},
            at=now,
        )
        notify(connection, Topic.ALARM)


def candidates(
    connection: Connection,
    *,
    kinds: Collection[FindingKind],
    min_level: Level,
    settle_s: float,
    renew_s: float,
    now: datetime,
) -> list[Alarm]:
    """Alarms of which the public is to hear something new (as an exercise, at first)."""
    values = {
        "kinds": [kind.value for kind in kinds],
        "min_level": min_level.value,
        "settled": now - timedelta(seconds=settle_s),
        "renew": now + timedelta(seconds=renew_s),
        "recent": now - _RECENT,
        "limit": _LIMIT,
    }
    return [alarm_of(row) for row in connection.execute(_SQL["candidates"], values)]


def earlier(connection: Connection, alarm_id: int, status: str) -> list[Earlier]:
    """What is out about an alarm with a status, oldest first."""
    rows = connection.execute(_SQL["earlier"], {"alarm_id": alarm_id, "status": status})
    return [Earlier(**{**row._asdict(), "level": Level(row.level)}) for row in rows]


def approvals(connection: Connection) -> list[Approval]:
    """Signatures that are not used yet, held."""
    return [Approval(*row) for row in connection.execute(_SQL["approvals"])]


def used(connection: Connection, approval: Approval, outcome: str, bulletin_id: int | None) -> None:
    """What a signature led to."""
    values = {"approval_id": approval.approval_id, "outcome": outcome, "bulletin_id": bulletin_id}
    connection.execute(_SQL["done"], values)


def add(connection: Connection, draft: Draft) -> int:
    """Puts a message out; its number."""
    row: Any = connection.execute(
        _SQL["add"],
        {
            "identifier": draft.identifier,
            "chain": draft.chain,
            "alarm_id": draft.alarm_id,
            "city_code": draft.city_code,
            "status": draft.status,
            "msg_type": draft.msg_type,
            "level": draft.level.value,
            "sent": draft.sent,
            "expires": draft.expires,
            "approved_by": draft.approved_by or None,
            "record": Jsonb(draft.record),
            "cap": draft.cap,
            "national": draft.national,
        },
    ).fetchone()
    return int(row.bulletin_id)


def _which(status: str | None, cities: Collection[str] | None) -> dict[str, Any]:
    return {"status": status, "cities": None if cities is None else sorted(cities)}


def _entry(row: Any) -> Entry:
    return Entry(**{**row._asdict(), "level": Level(row.level), "provisions": tuple(row.provisions)})
