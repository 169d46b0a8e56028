"""How a work order goes a step: the row, its event, its entry of the audit trail and, where it fits, the alarm's step.

For the store's own modules: all in the transaction of whoever calls.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lifeline.alarm import TRANSITIONS, AlarmAction, Level
from lifeline.asset import Name, Position
from lifeline.errors import NotFoundError
from lifeline.finding import FindingKind
from lifeline.store import alarms, audit
from lifeline.store.pool import Connection, Topic, notify
from lifeline.store.queries import queries
from lifeline.work_order import ON_ALARM, OVER, Material, OrderAction, OrderState, WorkOrder, next_state

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
_UNWILLING = {
    OrderAction.DECLINE: "无法接单 / declined",
    OrderAction.TIME_OUT: "逾时未答 / no answer",
    OrderAction.HAND_BACK: "退回 / handed back",
}
"""What a crew did not do, as the alarm's history tells it."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An act as it is written down."""

    action: OrderAction
    who: str
    now: datetime
    reason: str
    note: str = ""
    done_at: datetime | None = None
    position: Position | None = None
    client_action_id: UUID | None = None


def move(
    connection: Connection,
    before: WorkOrder,
    deed: Deed,
    *,
    crew_id: str | None = None,
    due_at: datetime | None = None,
    due_what: str | None = None,
) -> WorkOrder:
    """The order after one step. Raises IllegalTransitionError where it cannot go it, StoreError."""
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
    after = order_of(connection.execute(_SQL["change"], values).fetchone())
    if action in _ANSWERS:
        answered = {"order_id": before.order_id, "outcome": _ANSWERS[action], "now": deed.now, "note": deed.note}
        connection.execute(_SQL["answer_offer"], answered)
    write(connection, before, before.state, state, deed)
    _move_alarm(connection, before, deed)
    return after


def _move_alarm(connection: Connection, before: WorkOrder, deed: Deed) -> None:
    """The alarm goes the same step where its own life cycle allows it; what a crew declined stands in its history."""
    alarm = alarms.one(connection, "lock", before.alarm_id)
    step = ON_ALARM.get(deed.action)
    note = f"工单 {before.order_id} / work order {before.order_id}" + (f": {deed.note}" if deed.note else "")
    if step is None and deed.action in _UNWILLING:
        step, note = AlarmAction.NOTE, f"{before.crew_id} {_UNWILLING[deed.action]}. {note}"
    if step is not None and (alarm.state, step) in TRANSITIONS:
        reason = f"order-{deed.action.value}"
        alarms.move(connection, alarm, step, actor=deed.who, now=deed.now, reason=reason, note=note)
        notify(connection, Topic.ALARM)


def write(connection: Connection, found: WorkOrder, before: OrderState | None, after: OrderState, deed: Deed) -> None:
    """Writes the event and the entry of the trail. Raises StoreError."""
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
        **lon_lat(deed.position),
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


def one(connection: Connection, query: str, order_id: int) -> WorkOrder:
    """One order by a query of sql/work_orders.sql. Raises NotFoundError."""
    row = connection.execute(_SQL[query], {"order_id": order_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no work order {order_id}", advice="look at the list of work orders")
    return order_of(row)


def order_of(row: Any) -> WorkOrder:
    """The order in a row."""
    return WorkOrder(
        order_id=row.order_id,
        alarm_id=row.alarm_id,
        city_code=row.city_code,
        kind=FindingKind(row.kind),
        level=Level(row.level),
        skills=tuple(row.skills),
        materials=tuple(Material(Name(m["zh"], m["en"]), m["quantity"]) for m in row.materials),
        title=Name(row.title_zh, row.title_en),
        position=position_of(row),
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


def position_of(row: Any) -> Position | None:
    """Where, in a row that may have no place."""
    return None if row.lon is None else Position(row.lon, row.lat)


def lon_lat(position: Position | None) -> dict[str, float | None]:
    """The same as values of a row."""
    return {"lon": position.lon if position else None, "lat": position.lat if position else None}
