"""The dispatcher at work: gives every dispatched alarm its order, asks crew after crew, notes what is late.

Everything that it knows is in the store: killed and started again, it goes on where it was; several may run.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from alerts.assignment_roads import RoadMap, Water
from alerts.dispatch import STEP_OF, Rules, choose
from alerts.shelters_rules import Rules as ShelterRules
from lifeline import log
from lifeline.alarm import AlarmState
from lifeline.errors import IllegalTransitionError, NotFoundError
from lifeline.shelter import WaterAt
from lifeline.store import cities, crews, dispatch, shelters, work_orders
from lifeline.store.crews import CrewStanding
from lifeline.store.dispatch import Adrift
from lifeline.store.pool import Store
from lifeline.work_order import OrderAction, OrderState, WorkOrder

ACTOR = "system:dispatch"
_MOST = 500
_FRESH_WATER = timedelta(minutes=30)
_ROADS_FOR = timedelta(minutes=5)
_UNPLACED_MIN = 30.0
"""Way assumed of another city's crew where an alarm has no place on the map."""
_BY_HAND = (
    (AlarmState.ACCEPTED, OrderState.OFFERED, OrderAction.ACCEPT),
    (AlarmState.ON_SITE, OrderState.ACCEPTED, OrderAction.ARRIVE),
    (AlarmState.MITIGATED, OrderState.ON_SITE, OrderAction.MITIGATE),
)
"""What an order does when its alarm was moved on by hand."""

_log = log.logger("dispatch")


class Desk:
    """Works through what is due."""

    def __init__(self, store: Store, rules: Rules, shelter_rules: ShelterRules) -> None:
        self._store, self._rules, self._ways = store, rules, shelter_rules.ways
        self._roads: RoadMap | None = None
        self._roads_at: datetime | None = None

    def tick(self, now: datetime) -> int:
        """One round; how many orders were touched. Raises StoreError; what was done stays done."""
        touched = 0
        for drifting in dispatch.adrift(self._store):
            touched += self._guarded(partial(self._follow, drifting, now))
        for wanted in dispatch.wanted(self._store, unasked=self._rules.auto):
            touched += self._guarded(partial(self._open, wanted, now))
        for order in sorted(
            work_orders.orders(self._store, live_only=True, limit=_MOST), key=lambda one: (one.level, one.order_id)
        ):
            touched += self._guarded(partial(self._order, order, now))
        return touched

    def roads(self, now: datetime) -> RoadMap:
        """The roads of all cities, read again every few minutes. Raises StoreError."""
        if self._roads is None or self._roads_at is None or now - self._roads_at > _ROADS_FOR:
            self._roads, self._roads_at = RoadMap(cities.roads(self._store)), now
        return self._roads

    def _guarded(self, step: Callable[[], bool]) -> int:
        """Does one step; one that somebody else has done in between is no fault."""
        try:
            return int(step())
        except (IllegalTransitionError, NotFoundError) as error:
            _log.info("order went on without us", error=str(error))
            return 0

    def _follow(self, one: Adrift, now: datetime) -> bool:
        why, who = f"alarm-{one.alarm_state.value}", one.actor or ACTOR
        reached = [alarm for alarm, _, _ in _BY_HAND]
        if one.alarm_state not in reached:
            action = OrderAction.CLOSE if one.state is OrderState.VERIFIED else OrderAction.CANCEL
            dispatch.by_system(self._store, one.order_id, action, now=now, reason=why, who=who)
            return True
        state = one.state
        for _, before, action in _BY_HAND[: reached.index(one.alarm_state) + 1]:
            if state is before:
                state = dispatch.by_system(self._store, one.order_id, action, now=now, reason=why, who=who).state
        return state is not one.state

    def _open(self, one: dispatch.Wanted, now: datetime) -> bool:
        work = self._rules.work(one.kind)
        order = dispatch.open_order(
            self._store, one.alarm_id, skills=work.skills, materials=work.materials, who=ACTOR,
            reason="alarm-dispatched", now=now,
        )  # fmt: skip
        _log.info("work order", order=order.order_id, alarm=one.alarm_id, level=one.level.name.lower())
        return True

    def _order(self, order: WorkOrder, now: datetime) -> bool:
        if order.state is OrderState.WAITING:
            return self._ask(order, now)
        if order.due_at is not None and order.due_at <= now:
            action = OrderAction.TIME_OUT if order.state is OrderState.OFFERED else OrderAction.BREACH
            why = f"{order.due_what}-late"
            after = dispatch.by_system(
                self._store, order.order_id, action, now=now, reason=why, who=ACTOR, note=order.crew_id or ""
            )
            _log.warning("time limit passed", order=order.order_id, what=order.due_what, crew=order.crew_id)
            return self._ask(after, now) if after.state is OrderState.WAITING else True
        step = STEP_OF.get(order.state)
        if step is not None and order.due_what != step:
            dispatch.set_due(self._store, order, what=step, at=self._rules.due(order.level, step, now))
            return True
        return False

    def _ask(self, order: WorkOrder, now: datetime) -> bool:
        standing = crews.standings(self._store)
        offers = work_orders.offers(self._store, order.order_id)
        handed_back = offers and work_orders.events(self._store, order.order_id)[-1].action is OrderAction.HAND_BACK
        no = {"declined", "timed-out", "accepted"} if handed_back else {"declined", "timed-out"}
        asked = {offer.crew_id for offer in offers if offer.outcome in no}
        minutes = self._minutes(order, standing, now)
        choice = choose(order, standing, minutes, asked, self._rules, now)
        if choice.crew_id is None:
            return False
        why = [reason.value for reason in choice.reasons]
        dispatch.offer(
            self._store, order.order_id, crew_id=choice.crew_id, answer_by=self._rules.due(order.level, "answer", now),
            minutes=choice.minutes, reasons=why, who=ACTOR, now=now,
        )  # fmt: skip
        _log.info(
            "crew asked", order=order.order_id, crew=choice.crew_id, reasons=[reason.value for reason in choice.reasons]
        )
        return True

    def _minutes(self, order: WorkOrder, standing: Sequence[CrewStanding], now: datetime) -> list[float]:
        if order.position is None:
            return [0.0 if crew.crew.city_code == order.city_code else _UNPLACED_MIN for crew in standing]
        roads = self.roads(now)
        closed = roads.wet(
            waters(shelters.water(self._store, since=now - _FRESH_WATER)),
            depth_m=self._ways.closed_from_m,
            within_m=self._ways.closed_within_m,
        )
        places = [crew.crew.position for crew in standing]
        found: list[float] = roads.ways(places, [order.position], closed=closed, unit="min")[:, 0].tolist()
        if order.kind.value == "flood" and closed.any():
            # the water itself closes the road to it: the way there counts without it where none is open
            dry = roads.ways(places, [order.position], unit="min")[:, 0].tolist()
            found = [a if a != float("inf") else b for a, b in zip(found, dry, strict=True)]
        return found


def waters(measured: Sequence[WaterAt]) -> list[Water]:
    """Depths that are known."""
    return [Water(one.position, one.depth_m) for one in measured if one.depth_m is not None]
