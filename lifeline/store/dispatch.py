"""What the dispatcher does: opens the order of an alarm, asks a crew, notes what is late or over. One live order per
alarm, one offer per crew at a time, also when several dispatchers work at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from lifeline.alarm import AlarmState, Level
from lifeline.errors import IllegalTransitionError
from lifeline.finding import FindingKind
from lifeline.store import alarms
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.store.work_steps import Deed, move, one, order_of, write
from lifeline.work_order import Material, OrderAction, OrderState, WorkOrder

_SQL = queries("work_orders")


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
            return order_of(row)
        if alarm.ended:
            raise IllegalTransitionError(
                f"alarm {alarm_id} is {alarm.state.value}: nothing is left to do",
                reason="over",
                advice="look at it again",
            )
        listed = [{"zh": m.name.zh, "en": m.name.en, "quantity": m.quantity} for m in materials]
        values = {"alarm_id": alarm_id, "skills": list(skills), "materials": Jsonb(listed), "now": now}
        made = order_of(connection.execute(_SQL["add"], values).fetchone())
        write(connection, made, None, made.state, Deed(OrderAction.OPEN, who, now, reason))
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
    """Asks a crew; the alarm is dispatched. Raises NotFoundError, IllegalTransitionError where the order cannot be
    offered now or the crew is being asked about another, StoreError."""
    with store.transaction() as connection:
        before = one(connection, "lock", order_id)
        connection.execute(_SQL["lock_crew"], {"crew_id": crew_id})
        asked = connection.execute(_SQL["asked_of"], {"crew_id": crew_id}).fetchone()
        if asked is not None:
            raise IllegalTransitionError(
                f"crew {crew_id} is being asked about work order {asked.order_id}",
                reason="crew-busy",
                advice="ask again when it has answered",
            )
        deed = Deed(
            OrderAction.OFFER,
            who,
            now,
            reasons[0] if reasons else "chosen",
            f"{crew_id}: {minutes:.0f} min, {', '.join(reasons)}",
        )
        after = move(connection, before, deed, crew_id=crew_id, due_at=answer_by, due_what="answer")
        values = {
            "order_id": order_id, "crew_id": crew_id, "at": now, "answer_by": answer_by, "minutes": minutes,
            "reasons": list(reasons),
        }  # fmt: skip
        connection.execute(_SQL["add_offer"], values)
        return after


def by_system(
    store: Store, order_id: int, action: OrderAction, *, now: datetime, reason: str, who: str, note: str = ""
) -> WorkOrder:
    """What time or the alarm does to an order: time-out, breach, cancel, close. Raises as `act` does."""
    with store.transaction() as connection:
        return move(connection, one(connection, "lock", order_id), Deed(action, who, now, reason, note))


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
