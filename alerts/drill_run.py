"""Runs a drill on the living system: makes up the finding, plays the people where asked to, watches every step."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from alerts.drill import ALARM_STEPS, Scenario, Step, scorecard
from lifeline.alarm import AlarmAction, allowed_actions
from lifeline.city.roads import distance_m
from lifeline.errors import IllegalTransitionError, NotFoundError, StaleVersionError
from lifeline.finding import DRILL, Finding, Phase
from lifeline.shelter import EvacuationCell
from lifeline.store import alarms, cities, drills, evacuations, findings, sensors, work_orders
from lifeline.store.pool import Store
from lifeline.work_order import OrderAction, OrderState

_PLAYED = {
    OrderState.OFFERED: OrderAction.ACCEPT,
    OrderState.ACCEPTED: OrderAction.ARRIVE,
    OrderState.ON_SITE: OrderAction.MITIGATE,
    OrderState.MITIGATED: OrderAction.VERIFY,
    OrderState.VERIFIED: OrderAction.CLOSE,
}


class DrillRun:
    """One run of a scenario in a city."""

    def __init__(self, store: Store, scenario: Scenario, city_code: str, *, who: str, now: datetime) -> None:
        """Makes up the finding, and orders the evacuation where the scenario has one.

        Raises NotFoundError where the city has no sensor for it, StoreError.
        """
        found = [one for one in sensors.sensors(store, city_code=city_code) if one.quantity.value == scenario.site]
        if not found:
            raise NotFoundError(f"city {city_code} has no sensor of {scenario.site}", advice="load its pack")
        self._store, self._scenario, self._who, self.began_at = store, scenario, who, now
        sensor = found[0]
        self.drill_id = drills.start(store, scenario.name, city_code, who=who, now=now)
        self.finding = Finding(
            subject=f"{DRILL}{self.drill_id}:{scenario.kind.value}", kind=scenario.kind, phase=Phase.ONSET,
            city_code=city_code, detector="drill", reason="exercise", began_at=now, detected_at=now, probability=1.0,
            zone_id=sensor.zone_id, sensor_ids=(sensor.sensor_id,), position=sensor.position,
            depth_m=scenario.depth_m, flow_m3_per_h=scenario.flow_m3_per_h, explanation={"exercise": self.drill_id},
        )  # fmt: skip
        findings.commit(store, [self.finding], now=now)
        self._evacuation: int | None = None
        cells = [
            EvacuationCell(cell.cell_id, cell.position, cell.people, cell.special_needs)
            for cell in cities.population(store, city_code)
            if distance_m(cell.position, sensor.position) <= scenario.evacuate_m
        ]
        if cells:
            reason = f"演练 / Exercise {self.drill_id}"
            made = evacuations.order(store, city_code, cells, who=who, reason=reason, now=now, exercise=True)
            self._evacuation = made.evacuation_id

    def moments(self) -> dict[str, datetime]:
        """When each step was first reached. Raises StoreError."""
        found: dict[str, datetime] = {}
        if self._evacuation is not None and (plan := evacuations.newest_plan(self._store, self._evacuation)):
            found["planned"] = plan.at
        alarm_id = drills.alarm_of(self._store, self.finding.subject)
        if alarm_id is None:
            return found
        for event in alarms.events(self._store, alarm_id):
            for step, action in ALARM_STEPS.items():
                if event.action is action:
                    found.setdefault(step, event.at)
        if (told := drills.told_at(self._store, alarm_id)) is not None:
            found["told"] = told
        for order in work_orders.orders(self._store, live_only=False, alarm_id=alarm_id):
            for offer in work_orders.offers(self._store, order.order_id)[:1]:
                found["offered"] = offer.at
        return found

    def play(self, now: datetime) -> str:
        """The next step in the people's stead; empty where none can be done. Raises StoreError."""
        alarm_id = drills.alarm_of(self._store, self.finding.subject)
        if alarm_id is None:
            return ""
        alarm = alarms.alarm(self._store, alarm_id)
        try:
            for action in (AlarmAction.ACKNOWLEDGE, AlarmAction.DISPATCH):
                if action in allowed_actions(alarm.state) and alarm.state.value != "mitigated":
                    alarms.act(
                        self._store, alarm_id, action, actor=f"{self._who} (演练)", version=alarm.version, now=now,
                        reason="exercise",
                    )  # fmt: skip
                    return action.value
            for order in work_orders.orders(self._store, live_only=True, alarm_id=alarm_id):
                if (step := _PLAYED.get(order.state)) is None:
                    continue
                other = "核查" if step in (OrderAction.VERIFY, OrderAction.CLOSE) else str(order.crew_id)
                who = f"{self._who} (演练 {other})"
                work_orders.act(self._store, order.order_id, step, who=who, now=now, reason="exercise")
                return step.value
        except (IllegalTransitionError, StaleVersionError):
            pass  # somebody was faster
        return ""

    def finish(self, now: datetime) -> list[Step]:
        """Ends what is still there and writes the scorecard. Raises StoreError."""
        card = scorecard(self._scenario, self.began_at, self.moments())
        alarm_id = drills.alarm_of(self._store, self.finding.subject)
        if alarm_id is not None:
            alarm = alarms.alarm(self._store, alarm_id)
            if not alarm.ended:
                alarms.act(
                    self._store, alarm_id, AlarmAction.CANCEL, actor=self._who, version=alarm.version, now=now,
                    reason="exercise-over",
                )  # fmt: skip
        if self._evacuation is not None:
            evacuations.end(self._store, self._evacuation, who=self._who, now=now)
        drills.end(
            self._store, self.drill_id, [{**asdict(one), "met": one.met} for one in card], who=self._who, now=now
        )
        return card


def run(
    drill: DrillRun,
    scenario: Scenario,
    *,
    play: bool,
    pace_s: float,
    for_s: float,
    now: Callable[[], datetime],
    wait: Callable[[float], object],
    report: Callable[[str], None],
) -> list[Step]:
    """Until every step is done or `for_s` have passed; with `play` a step is done each `pace_s`. Raises StoreError."""
    until, seen, next_at = drill.began_at + timedelta(seconds=for_s), set[str](), drill.began_at
    while now() < until:
        found = drill.moments()
        for step in sorted(set(found) - seen, key=lambda one: found[one]):
            report(f"{(found[step] - drill.began_at).total_seconds():7.1f} s  {step}")
        seen |= set(found)
        if set(scenario.limits_s) - {"told"} <= seen:
            break
        if play and now() >= next_at and drill.play(now()):
            next_at = now() + timedelta(seconds=pace_s)
        wait(0.2)
    return drill.finish(now())
