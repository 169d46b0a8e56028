"""What people do: held against their role and their cities, and sent to the work order where the alarm has one."""

from datetime import datetime
from uuid import UUID

from console.access import DESK, may
from lifeline.alarm import SYSTEM_ACTIONS, Alarm, AlarmAction
from lifeline.errors import AccessError, IllegalTransitionError, StaleVersionError
from lifeline.person import Person, Role
from lifeline.silence import Silence
from lifeline.store import alarms, bulletins, silences, work_orders
from lifeline.store.pool import Store
from lifeline.work_order import ON_ALARM, TRANSITIONS, OrderAction, WorkOrder

REASON = "person"
"""The named reason of what people do."""
_THROUGH_ORDER = {
    of_alarm: of_order
    for of_order, of_alarm in ON_ALARM.items()
    if of_order not in (OrderAction.OFFER, OrderAction.REJECT, OrderAction.NOTE)
}


def act(
    store: Store,
    alarm_id: int,
    action: AlarmAction,
    *,
    person: Person,
    version: int,
    now: datetime,
    note: str = "",
    until: datetime | None = None,
) -> Alarm:
    """Does `action` to the alarm as the person saw it, through its work order where that is how it goes.

    Raises AccessError, StaleVersionError, IllegalTransitionError, NotFoundError, StoreError; nothing has changed then.
    """
    before = alarms.alarm(store, alarm_id)
    require_city(person, before.city_code)
    if action not in SYSTEM_ACTIONS and not may(person.roles, action):  # what only a finding does, the store refuses
        raise AccessError(f"your role does not {action.value} alarms", advice="docs/console.md says who may what")
    if action is AlarmAction.SHELVE and not note.strip():
        raise IllegalTransitionError(
            "a shelved alarm needs a reason", reason="needs-reason", advice="say why in the note"
        )
    through = _THROUGH_ORDER.get(action)
    order = live_order(store, alarm_id) if through else None
    if through is None or order is None or (order.state, through) not in TRANSITIONS:
        return alarms.act(
            store, alarm_id, action, actor=person.name, version=version, now=now, reason=REASON, note=note, until=until
        )
    if before.version != version:
        raise StaleVersionError(
            f"alarm {alarm_id} is at version {before.version}, not {version}: somebody changed it",
            advice="look at it again, then decide",
        )
    act_on_order(store, order, through, person=person, now=now, note=note)
    return alarms.alarm(store, alarm_id)


def publish(store: Store, alarm_id: int, *, person: Person, now: datetime) -> None:
    """Signs, by name, that the public is told of an alarm. Raises AccessError, NotFoundError, StoreError."""
    require_city(person, alarms.alarm(store, alarm_id).city_code)
    if Role.SUPERVISOR not in person.roles:
        raise AccessError("a supervisor signs what the public is told", advice="ask one")
    bulletins.approve(store, alarm_id, by=person.name, now=now)


def act_on_order(
    store: Store,
    order: WorkOrder,
    action: OrderAction,
    *,
    person: Person,
    now: datetime,
    note: str = "",
    done_at: datetime | None = None,
    client_action_id: UUID | None = None,
    version: int | None = None,
) -> WorkOrder:
    """Does `action` to a work order, as one of a crew or as an operator in its stead. Raises as `act` does."""
    require_city(person, order.city_code)
    return work_orders.act(
        store, order.order_id, action, who=person.name, now=now, note=note, crew_id=crew_of(person), done_at=done_at,
        client_action_id=client_action_id, version=version,
    )  # fmt: skip


def silence(
    store: Store,
    *,
    sensor_id: str | None = None,
    zone_id: str | None = None,
    until: datetime,
    why: str,
    person: Person,
    now: datetime,
) -> Silence:
    """Makes a sensor or a zone of the person's silent until a time. Raises AccessError, and as `silences.add` does."""
    _require_desk(person)
    require_city(person, silences.city_of(store, sensor_id=sensor_id, zone_id=zone_id))
    return silences.add(store, sensor_id=sensor_id, zone_id=zone_id, until=until, why=why, by=person.name, now=now)


def end_silence(store: Store, silence_id: int, *, person: Person, now: datetime) -> Silence:
    """Ends a silence before its time. Raises AccessError, NotFoundError, StoreError."""
    _require_desk(person)
    require_city(person, silences.silence(store, silence_id).city_code)
    return silences.end(store, silence_id, by=person.name, now=now)


def live_order(store: Store, alarm_id: int) -> WorkOrder | None:
    """The order under way of an alarm. Raises StoreError."""
    return next(iter(work_orders.orders(store, live_only=True, alarm_id=alarm_id, limit=1)), None)


def crew_of(person: Person) -> str | None:
    """The crew that somebody acts for; None for who leads, and for who belongs to no crew in particular."""
    return None if person.roles & {Role.OPERATOR, Role.SUPERVISOR} else person.crew_id


def require_city(person: Person, city: str | None) -> None:
    """Raises AccessError where `city` is not the person's."""
    if not person.serves(city):
        raise AccessError(f"{city} is not one of your cities", advice="ask a supervisor")


def _require_desk(person: Person) -> None:
    if not person.roles & DESK:
        raise AccessError("this is for operators and supervisors", advice="ask one")
