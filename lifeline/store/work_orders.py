"""Work orders: one live order per alarm, moved by people and crews; each act is an event, an entry of the audit trail
and, where it fits, a step of the alarm, all in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from lifeline.alarm import TRANSITIONS, AlarmAction, AlarmState, Level
from lifeline.asset import Name, Position
from lifeline.errors import IllegalTransitionError, NotFoundError, StaleVersionError
from lifeline.finding import FindingKind
from lifeline.store import alarms, audit
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries
from lifeline.work_order import (
    OF_CREW,
    OF_SYSTEM,
    ON_ALARM,
    OVER,
    Material,
    Offer,
    OrderAction,
    OrderEvent,
    OrderPhoto,
    OrderState,
    WorkOrder,
    next_state,
)  # fmt: skip

_SQL = queries("work_orders")
_STAMPS = {
    OrderAction.ACCEPT: "accepted_at",
    OrderAction.ARRIVE: "arrived_at",
    OrderAction.MITIGATE: "mitigated_at",
    OrderAction.VERIFY: "verified_at",
}
_ANSWERS = {
    OrderAction.ACCEPT: "accepted",
    OrderAction.DECLINE: "declined",
    OrderAction.TIME_OUT: "timed-out",
    OrderAction.CANCEL: "withdrawn",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """An alarm that needs a crew."""

    alarm_id: int
    kind: FindingKind
    level: Level


@dataclass(frozen=True, slots=True)
class Adrift:
    """A live order whose alarm has ended, or gone on, without it."""

    order_id: int
    state: OrderState
    alarm_state: AlarmState
    actor: str


@dataclass(frozen=True, slots=True)
class _Deed:
    """An act as it is written down."""

    action: OrderAction
    who: str
    now: datetime
    reason: str
    note: str = ""
    done_at: datetime | None = None
    position: Position | None = None
    client_action_id: UUID | None = None


def orders(
    store: Store,
    *,
    live_only: bool,
    city_code: str | None = None,
    crew_id: str | None = None,
    alarm_id: int | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[WorkOrder]:
    """At most `limit` orders, newest first. `before`: only ids below it, for the next page. Raises StoreError."""
    values = {
        "live_only": live_only, "city_code": city_code, "crew_id": crew_id, "alarm_id": alarm_id, "before": before,
        "limit": limit,
    }  # fmt: skip
    with store.transaction() as connection:
        return [_order(row) for row in connection.execute(_SQL["orders"], values)]


def order(store: Store, order_id: int) -> WorkOrder:
    """One order. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        return _one(connection, "order", order_id)


def events(store: Store, order_id: int) -> list[OrderEvent]:
    """The order's history, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [_event(row) for row in connection.execute(_SQL["events"], {"order_id": order_id})]


def offers(store: Store, order_id: int) -> list[Offer]:
    """Which crews were asked, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [_offer(row) for row in connection.execute(_SQL["offers"], {"order_id": order_id})]


def photos(store: Store, order_id: int) -> list[OrderPhoto]:
    """What is known of its pictures, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [
            OrderPhoto(
                row.order_id, row.sha256, row.at, row.taken_at, row.who, row.media_type, row.size_bytes, _position(row)
            )
            for row in connection.execute(_SQL["photos"], {"order_id": order_id})
        ]


def open_order(
    store: Store,
    alarm_id: int,
    *,
    skills: Sequence[str],
    materials: Sequence[Material],
    who: str,
    reason: str,
    now: datetime,
) -> WorkOrder:
    """The live order of an alarm, made where there is none; whether the alarm is dispatched is the offer's to say.

    Raises NotFoundError, IllegalTransitionError where the alarm has ended, StoreError.
    """
    with store.transaction() as connection:
        alarm = alarms.one(connection, "lock", alarm_id)
        row = connection.execute(_SQL["live_of_alarm"], {"alarm_id": alarm_id}).fetchone()
        if row is not None:
            return _order(row)
        if alarm.ended:
            raise IllegalTransitionError(
                f"alarm {alarm_id} is {alarm.state.value}: nothing is left to do", advice="look at it again"
            )
        listed = [{"zh": m.name.zh, "en": m.name.en, "quantity": m.quantity} for m in materials]
        values = {"alarm_id": alarm_id, "skills": list(skills), "materials": Jsonb(listed), "now": now}
        made = _order(connection.execute(_SQL["add"], values).fetchone())
        _write(connection, made, None, made.state, _Deed(OrderAction.OPEN, who, now, reason))
        return made


def offer(
    store: Store,
    order_id: int,
    *,
    crew_id: str,
    answer_by: datetime,
    minutes: float,
    reasons: Sequence[str],
    who: str,
    now: datetime,
) -> WorkOrder:
    """Asks a crew; the alarm is dispatched. Raises NotFoundError, IllegalTransitionError, StoreError."""
    with store.transaction() as connection:
        before = _one(connection, "lock", order_id)
        deed = _Deed(
            OrderAction.OFFER,
            who,
            now,
            reasons[0] if reasons else "chosen",
            f"{crew_id}: {minutes:.0f} min, {', '.join(reasons)}",
        )
        after = _move(connection, before, deed, crew_id=crew_id, due_at=answer_by, due_what="answer")
        values = {
            "order_id": order_id, "crew_id": crew_id, "at": now, "answer_by": answer_by, "minutes": minutes,
            "reasons": list(reasons),
        }  # fmt: skip
        connection.execute(_SQL["add_offer"], values)
        return after


def act(
    store: Store,
    order_id: int,
    action: OrderAction,
    *,
    who: str,
    now: datetime,
    reason: str = "by-person",
    note: str = "",
    crew_id: str | None = None,
    version: int | None = None,
    done_at: datetime | None = None,
    position: Position | None = None,
    client_action_id: UUID | None = None,
) -> WorkOrder:
    """What a person does to an order; the order as it is then.

    `crew_id` is the crew that the person belongs to, empty for operators: accepting, arriving, mending is for the crew
    that is asked or has it, or an operator in its stead; verifying is for somebody who did not mend it and is not of
    its crew. `done_at` and `client_action_id` come from a phone, which may have been without a net: the same act sent
    again is done once and answered again. `version`, where given, is the one that the person saw.

    Raises NotFoundError, StaleVersionError, IllegalTransitionError and StoreError; then nothing has changed.
    """
    if action in OF_SYSTEM:
        raise IllegalTransitionError(f"nobody can {action.value} a work order by hand", advice="let dispatch do it")
    with store.transaction() as connection:
        before = _one(connection, "lock", order_id)
        if client_action_id is not None:
            known = connection.execute(_SQL["known_action"], {"client_action_id": client_action_id}).fetchone()
            if known is not None and (known.order_id, known.action, known.who) != (order_id, action.value, who):
                raise IllegalTransitionError(
                    f"action {client_action_id} was used for something else", advice="send it with an id of its own"
                )
            if known is not None:
                return before
        if version is not None and before.version != version:
            raise StaleVersionError(
                f"work order {order_id} is at version {before.version}, not {version}: somebody changed it",
                advice="look at it again, then decide",
            )
        _check_person(before, action, who, crew_id)
        deed = _Deed(action, audit.clean(who), now, reason, audit.clean(note), done_at, position, client_action_id)
        return _move(connection, before, deed)


def by_system(
    store: Store, order_id: int, action: OrderAction, *, now: datetime, reason: str, who: str, note: str = ""
) -> WorkOrder:
    """What time or the alarm does to an order: time-out, breach, cancel, close. Raises as `act` does."""
    with store.transaction() as connection:
        return _move(connection, _one(connection, "lock", order_id), _Deed(action, who, now, reason, note))


def add_photo(store: Store, photo: OrderPhoto) -> bool:
    """Notes a picture; False where it is known already. Raises NotFoundError, IllegalTransitionError, StoreError."""
    with store.transaction() as connection:
        before = _one(connection, "lock", photo.order_id)
        values = {
            "order_id": photo.order_id, "sha256": photo.sha256, "at": photo.at, "taken_at": photo.taken_at,
            "who": photo.who, "media_type": photo.media_type, "size_bytes": photo.size_bytes,
            **_lon_lat(photo.position),
        }  # fmt: skip
        if connection.execute(_SQL["add_photo"], values).fetchone() is None:
            return False
        deed = _Deed(OrderAction.PHOTO, photo.who, photo.at, "by-person", photo.sha256, photo.taken_at, photo.position)
        state = next_state(before.state, OrderAction.PHOTO)
        _write(connection, before, before.state, state, deed)
        return True


def set_due(store: Store, found: WorkOrder, *, what: str, at: datetime) -> None:
    """The time limit of the next step, unless the order has changed since it was read. Raises StoreError."""
    with store.transaction() as connection:
        values = {"order_id": found.order_id, "version": found.version, "due_at": at, "due_what": what}
        connection.execute(_SQL["set_due"], values)


def wanted(store: Store, *, unasked: Level | None) -> list[Wanted]:
    """Alarms that are dispatched and have no order yet; with `unasked`, also those of that level or graver that nobody
    has dispatched. Gravest first. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["undone"]).fetchall()
        if unasked is not None:
            rows += connection.execute(_SQL["undispatched"], {"level": unasked.value}).fetchall()
    return sorted(
        (Wanted(row.alarm_id, FindingKind(row.kind), Level(row.level)) for row in rows),
        key=lambda one: (one.level, one.alarm_id),
    )


def adrift(store: Store) -> list[Adrift]:
    """Live orders whose alarm has ended or gone on by hand; all follow the words and the level of theirs.

    Raises StoreError.
    """
    with store.transaction() as connection:
        connection.execute(_SQL["follow_alarm"])
        return [
            Adrift(row.order_id, OrderState(row.state), AlarmState(row.alarm_state), row.actor)
            for row in connection.execute(_SQL["adrift"])
        ]


def _check_person(before: WorkOrder, action: OrderAction, who: str, crew_id: str | None) -> None:
    if action in OF_CREW and crew_id is not None and crew_id != before.crew_id:
        asked = f"crew {before.crew_id} is" if before.crew_id else "no crew is"
        raise IllegalTransitionError(
            f"work order {before.order_id} is not with crew {crew_id}: {asked} asked now", advice="look at the list"
        )
    if action is OrderAction.VERIFY and (who == before.doer or (crew_id is not None and crew_id == before.crew_id)):
        raise IllegalTransitionError(
            "who mended it cannot verify it (核查)", advice="somebody who is not of this crew looks at it"
        )


def _move(
    connection: Connection,
    before: WorkOrder,
    deed: _Deed,
    *,
    crew_id: str | None = None,
    due_at: datetime | None = None,
    due_what: str | None = None,
) -> WorkOrder:
    action, state = deed.action, next_state(before.state, deed.action)
    quiet = action in (OrderAction.NOTE, OrderAction.PHOTO)
    kept = {name: getattr(before, name) for name in ("accepted_at", "arrived_at", "mitigated_at", "verified_at")}
    if action in _STAMPS:
        kept[_STAMPS[action]] = deed.done_at or deed.now
    doer = deed.who if action is OrderAction.MITIGATE else before.doer
    verifier = deed.who if action is OrderAction.VERIFY else before.verifier
    if state is OrderState.WAITING:
        kept |= {"mitigated_at": None, "arrived_at": None, "accepted_at": None}
        doer = None
    values = {
        "order_id": before.order_id,
        "state": state.value,
        "crew_id": None if state is OrderState.WAITING else crew_id or before.crew_id,
        "doer": doer,
        "verifier": verifier,
        "due_at": before.due_at if quiet else due_at,
        "due_what": before.due_what if quiet or action is OrderAction.BREACH else due_what,
        "closed_at": deed.now if state in OVER else None,
        **kept,
    }
    after = _order(connection.execute(_SQL["change"], values).fetchone())
    if action in _ANSWERS:
        answered = {"order_id": before.order_id, "outcome": _ANSWERS[action], "now": deed.now, "note": deed.note}
        connection.execute(_SQL["answer_offer"], answered)
    _write(connection, before, before.state, state, deed)
    _move_alarm(connection, before, deed)
    return after


def _move_alarm(connection: Connection, before: WorkOrder, deed: _Deed) -> None:
    """The alarm goes the same step where its own life cycle allows it; what a crew declined stands in its history."""
    alarm = alarms.one(connection, "lock", before.alarm_id)
    step = ON_ALARM.get(deed.action)
    note = f"工单 {before.order_id} / work order {before.order_id}" + (f": {deed.note}" if deed.note else "")
    if step is None and deed.action in (OrderAction.DECLINE, OrderAction.TIME_OUT, OrderAction.HAND_BACK):
        step, note = AlarmAction.NOTE, f"{deed.action.value} {before.crew_id}. {note}"
    if step is not None and (alarm.state, step) in TRANSITIONS:
        reason = f"order-{deed.action.value}"
        alarms.move(connection, alarm, step, actor=deed.who, now=deed.now, reason=reason, note=note)
        notify(connection, Topic.ALARM)


def _write(connection: Connection, found: WorkOrder, before: OrderState | None, after: OrderState, deed: _Deed) -> None:
    done_at = deed.done_at or deed.now
    values = {
        "order_id": found.order_id,
        "at": deed.now,
        "done_at": done_at,
        "who": deed.who,
        "action": deed.action.value,
        "from_state": before.value if before else None,
        "to_state": after.value,
        "reason": deed.reason,
        "note": deed.note,
        "client_action_id": deed.client_action_id,
        **_lon_lat(deed.position),
    }
    connection.execute(_SQL["add_event"], values)
    audit.record(
        connection,
        who=deed.who,
        action=f"order.{deed.action.value}",
        subject=f"order:{found.order_id}",
        detail={
            "alarm_id": found.alarm_id,
            "kind": found.kind,
            "level": found.level.value,
            "city_code": found.city_code,
            "crew_id": found.crew_id,
            "exercise": found.exercise,
            "from": before,
            "to": after,
            "reason": deed.reason,
            "note": deed.note,
            "done_at": done_at,
        },
        at=deed.now,
    )


def _one(connection: Connection, query: str, order_id: int) -> WorkOrder:
    row = connection.execute(_SQL[query], {"order_id": order_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no work order {order_id}", advice="look at the list of work orders")
    return _order(row)


def _order(row: Any) -> WorkOrder:
    return WorkOrder(
        order_id=row.order_id,
        alarm_id=row.alarm_id,
        city_code=row.city_code,
        kind=FindingKind(row.kind),
        level=Level(row.level),
        skills=tuple(row.skills),
        materials=tuple(Material(Name(m["zh"], m["en"]), m["quantity"]) for m in row.materials),
        title=Name(row.title_zh, row.title_en),
        position=_position(row),
        exercise=row.exercise,
        state=OrderState(row.state),
        created_at=row.created_at,
        version=row.version,
        crew_id=row.crew_id,
        doer=row.doer,
        verifier=row.verifier,
        due_at=row.due_at,
        due_what=row.due_what,
        accepted_at=row.accepted_at,
        arrived_at=row.arrived_at,
        mitigated_at=row.mitigated_at,
        verified_at=row.verified_at,
        closed_at=row.closed_at,
    )


def _event(row: Any) -> OrderEvent:
    return OrderEvent(
        at=row.at,
        done_at=row.done_at,
        who=row.who,
        action=OrderAction(row.action),
        from_state=OrderState(row.from_state) if row.from_state else None,
        to_state=OrderState(row.to_state),
        reason=row.reason,
        note=row.note,
        position=_position(row),
    )


def _offer(row: Any) -> Offer:
    return Offer(
        row.order_id, row.crew_id, row.at, row.answer_by, row.minutes, tuple(row.reasons), row.outcome,
        row.answered_at, row.note,
    )  # fmt: skip


def _position(row: Any) -> Position | None:
    return None if row.lon is None else Position(row.lon, row.lat)


def _lon_lat(position: Position | None) -> dict[str, float | None]:
    return {"lon": position.lon if position else None, "lat": position.lat if position else None}
