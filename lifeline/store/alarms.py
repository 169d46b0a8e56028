"""Alarms as people see and move them: read them, act on one, read its history."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from lifeline.alarm import (
    ENDED,
    FINDING_ACTIONS,
    SYSTEM_ACTIONS,
    Alarm,
    AlarmAction,
    AlarmEvent,
    AlarmState,
    Level,
    next_state,
)
from lifeline.asset import Position
from lifeline.errors import IllegalTransitionError, NotFoundError, StaleVersionError
from lifeline.finding import FindingKind
from lifeline.provision import Provision
from lifeline.store import audit
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("alarms")


def alarms(
    store: Store, *, live_only: bool, city_code: str | None = None, limit: int = 200, before: int | None = None
) -> list[Alarm]:
    """At most `limit` alarms, newest first. `before`: only alarm ids below it, for the next page. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(
            _SQL["alarms"], {"live_only": live_only, "city_code": city_code, "before": before, "limit": limit}
        )
        return [alarm_of(row) for row in rows]


def alarm(store: Store, alarm_id: int) -> Alarm:
    """One alarm. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        return one(connection, "alarm", alarm_id)


def events(store: Store, alarm_id: int) -> list[AlarmEvent]:
    """The alarm's history, oldest first; empty where there is no such alarm. Raises StoreError."""
    with store.transaction() as connection:
        return [event_of(row) for row in connection.execute(_SQL["events"], {"alarm_id": alarm_id})]


def act(
    store: Store,
    alarm_id: int,
    action: AlarmAction,
    *,
    actor: str,
    version: int,
    now: datetime,
    reason: str,
    note: str = "",
    until: datetime | None = None,
) -> Alarm:
    """What a person does to an alarm, with its entry in the history, in one transaction; the alarm as it is then.

    `version` is the one that the person saw: StaleVersionError where the alarm has changed since. `until` is the end
    of a shelving, which needs one. Raises NotFoundError, IllegalTransitionError (also for actions that only a finding
    can cause) and StoreError; then nothing has changed.
    """
    with store.transaction() as connection:
        before = one(connection, "lock", alarm_id)
        if before.version != version:
            raise StaleVersionError(
                f"alarm {alarm_id} is at version {before.version}, not {version}: somebody changed it",
                advice="look at it again, then decide",
            )
        if action in SYSTEM_ACTIONS:
            raise IllegalTransitionError(
                f"only the alerts stage can {action.value} an alarm",
                advice="it follows from findings, other alarms and time",
            )
        if action is AlarmAction.SHELVE and (until is None or until <= now):
            raise IllegalTransitionError(
                "a shelved alarm must open again some day", reason="needs-end", advice="say until when"
            )
        after = replace(before, shelved_until=until) if action is AlarmAction.SHELVE else before
        changed, _ = move(connection, after, action, actor=actor, now=now, reason=reason, note=note)
        notify(connection, Topic.ALARM)
        return changed


def move(
    connection: Connection,
    alarm: Alarm,
    action: AlarmAction,
    *,
    actor: str,
    now: datetime,
    reason: str,
    note: str = "",
    level_at: datetime | None = None,
    next_level: Level | None = None,
    told: str | None = None,
    event_id: int | None = None,
) -> tuple[Alarm, int]:
    """Writes `alarm` as it is after `action`, and the event; gives it with its new state and version, and the event id.

    `level_at`: where the level changed, by which time; `next_level`: where it is to go down later, whereto; both are
    a finding's to say. With `event_id`, a number drawn before, nothing is asked of the database: many changes go in one
    round trip. For the store's own modules, which hold the row locked. Raises IllegalTransitionError.
    """
    state = next_state(alarm.state, action)
    after = replace(
        alarm,
        state=state,
        version=alarm.version + 1,
        closed_at=now if state in ENDED else None,
        shelved_until=alarm.shelved_until if state is AlarmState.SHELVED else None,
    )
    values = {
        **columns(after),
        "by_finding": action in FINDING_ACTIONS,
        "level_at": level_at,
        "next_level": next_level.value if next_level else None,
    }
    connection.execute(_SQL["change"], values)
    event = AlarmEvent(now, actor, action, alarm.state, state, reason, note, told=told)
    return after, add_event(connection, after, event, event_id=event_id)


def add_event(connection: Connection, alarm: Alarm, event: AlarmEvent, *, event_id: int | None = None) -> int:
    """Writes an entry of an alarm's history, and of the audit trail; its id. For the store's own modules."""
    if event_id is None:
        (event_id,) = draw(connection, "alarm_event", 1)
    connection.execute(
        _SQL["add_event"],
        {
            "event_id": event_id,
            "alarm_id": alarm.alarm_id,
            "at": event.at,
            "actor": event.actor,
            "action": event.action.value,
            "from_state": event.from_state.value if event.from_state else None,
            "to_state": event.to_state.value,
            "reason": event.reason,
            "note": audit.clean(event.note),
            "told": event.told,
        },
    )
    audit.record(
        connection,
        who=event.actor,
        action=f"alarm.{event.action.value}",
        subject=f"alarm:{alarm.alarm_id}",
        detail={
            "event_id": event_id,
            "of": alarm.subject,
            "kind": alarm.kind.value,
            "level": alarm.level.value,
            "city_code": alarm.city_code,
            "from": event.from_state,
            "to": event.to_state,
            "reason": event.reason,
            "note": audit.clean(event.note),
        },
        at=event.at,
    )
    return event_id


def draw(connection: Connection, table: Literal["alarm", "alarm_event"], number: int) -> list[int]:
    """The next `number` ids of a table, in one round trip; what is not used is a gap. For the store's own modules."""
    return [int(row.id) for row in connection.execute(_SQL[f"draw_{table}"], {"number": number})]


def alarm_of(row: Any) -> Alarm:
    """The alarm in a row of sql/alarms.sql."""
    return Alarm(
        alarm_id=row.alarm_id,
        subject=row.subject,
        city_code=row.city_code,
        kind=FindingKind(row.kind),
        level=Level(row.level),
        state=AlarmState(row.state),
        title_zh=row.title_zh,
        title_en=row.title_en,
        opened_at=row.opened_at,
        began_at=row.began_at,
        probability=row.probability,
        provisions=provisions_of(row.provisions),
        version=row.version,
        finding_id=row.finding_id,
        cleared_at=row.cleared_at,
        closed_at=row.closed_at,
        zone_id=row.zone_id,
        position=None if row.lon is None else Position(row.lon, row.lat),
        shelved_until=row.shelved_until,
    )


def provisions_of(values: Sequence[str]) -> tuple[Provision, ...]:
    """Stored article numbers as provisions."""
    return tuple(Provision(value) for value in values)


def columns(alarm: Alarm) -> dict[str, Any]:
    """What changes in an alarm's row."""
    return {
        "alarm_id": alarm.alarm_id,
        "state": alarm.state.value,
        "level": alarm.level.value,
        "title_zh": alarm.title_zh,
        "title_en": alarm.title_en,
        "probability": alarm.probability,
        "finding_id": alarm.finding_id,
        "cleared_at": alarm.cleared_at,
        "closed_at": alarm.closed_at,
        "shelved_until": alarm.shelved_until,
        "lon": alarm.position.lon if alarm.position else None,
        "lat": alarm.position.lat if alarm.position else None,
    }


def event_of(row: Any) -> AlarmEvent:
    """The entry of a history in a row of sql/alarms.sql."""
    return AlarmEvent(
        at=row.at,
        actor=row.actor,
        action=AlarmAction(row.action),
        from_state=AlarmState(row.from_state) if row.from_state else None,
        to_state=AlarmState(row.to_state),
        reason=row.reason,
        note=row.note,
        event_id=row.event_id,
        told=row.told,
    )


def one(connection: Connection, query: str, alarm_id: int) -> Alarm:
    """The alarm that `query` (alarm, lock) gives. Raises NotFoundError."""
    row = connection.execute(_SQL[query], {"alarm_id": alarm_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no alarm {alarm_id}", advice="look at the list of alarms")
    return alarm_of(row)
