"""Evacuations: the list, one with who goes where and why, and ordering one around an alarm."""

from datetime import datetime
from typing import Any

from console import doing, sheltering
from console.access import DESK
from console.pages.desk import Desk
from console.pages.register import Cities, Register
from console.pages.wanting import WantingError
from console.words import moment
from lifeline.asset import Position
from lifeline.errors import NotFoundError
from lifeline.person import Person
from lifeline.shelter import Evacuation, Plan
from lifeline.store import alarms, evacuations, shelters
from lifeline.store.pool import Store

_ALARM = "alarm-"
_SHOWN_M = (200, 500, 1000, 2000)
_STATES = ("running", "over")
Json = dict[str, Any]


def _read(desk: Desk, scope: Cities, now: datetime) -> list[Json]:
    texts = desk.texts
    rows = []
    for one in evacuations.evacuations(desk.store, running=False, cities=scope):
        state = _STATES[one.ended_at is not None]
        rows.append(
            {
                "id": str(one.evacuation_id),
                "href": f"/{texts.language.value}/evacuations/{one.evacuation_id}",
                "reason": one.reason,
                "place": desk.place(one.city_code, None),
                "state": texts(f"evacuation.{state}"),
                "people": f"{sum(cell.people for cell in one.cells):,}",
                "arrived": f"{sum(move.arrived for move in one.moves):,}",
                "exercise": texts("list.yes" if one.exercise else "list.no"),
                "opened": moment(one.ordered_at, desk.timezone(one.city_code), now=now),
                "who": one.ordered_by,
                "filters": {"state": state},
            }
        )
    return rows


class EvacuationKind:
    """One evacuation with the plan in force; under the key `alarm-N`, one that may be ordered around that alarm."""

    path = "/evacuations"

    def read(self, desk: Desk, key: str, person: Person, now: datetime) -> Json:
        """Who must leave, where they go, and why there."""
        if key.startswith(_ALARM):
            return self._offer(desk, key, person)
        texts, one = desk.texts, _evacuation(desk.store, key)
        doing.require_city(person, one.city_code)
        timezone = desk.timezone(one.city_code)
        state = _STATES[one.ended_at is not None]
        plan = evacuations.newest_plan(desk.store, one.evacuation_id)
        end = {
            "action": "end", "label": texts("evacuation.end"), "main": False,
            "confirm": texts("act.confirm_this", action=texts("evacuation.end")),
        }  # fmt: skip
        figures = plan.figures if plan else {}
        facts = (
            ("list.persons", f"{sum(cell.people for cell in one.cells):,}"),
            ("evacuation.unplaced", f"{figures['unassigned']:,.0f}" if "unassigned" in figures else ""),
            ("evacuation.arrived", f"{sum(move.arrived for move in one.moves):,}"),
            ("list.at", moment(one.ordered_at, timezone, now=now)),
            ("list.who", one.ordered_by),
            ("evacuation.planned", moment(plan.at, timezone, now=now) if plan else texts("evacuation.no_plan")),
            ("evacuation.opens", ", ".join(self._name(desk, each) for each in plan.opens) if plan else ""),
            ("field.exercise", texts("list.yes") if one.exercise else ""),
            ("list.until", moment(one.ended_at, timezone, now=now) if one.ended_at else ""),
        )
        return {
            "id": key,
            "title": one.reason,
            "sub": f"{texts('page.evacuations')} {key} · {desk.place(one.city_code, None)}",
            "chip": texts(f"evacuation.{state}"),
            "actions": [end] if one.ended_at is None and person.roles & DESK else [],
            "facts": [{"label": texts(word), "text": text} for word, text in facts if text],
            "tables": [self._goes(desk, plan), self._moves(desk, one)],
        }

    def act(self, desk: Desk, key: str, person: Person, told: Json, now: datetime) -> None:
        """Ends it, or orders it around an alarm."""
        if told["action"] == "end":
            sheltering.end_evacuation(desk.store, _evacuation(desk.store, key).evacuation_id, person=person, now=now)
            return
        city, where = _place_of(desk.store, key)
        radius_m = told.get("number")
        if not isinstance(radius_m, int | float) or not 0 < radius_m <= sheltering.FARTHEST_M:
            raise WantingError("evacuation.needs_radius")
        if not told["note"].strip():
            raise WantingError("act.needs_reason")
        sheltering.order_evacuation(
            desk.store, city, where=where, radius_m=radius_m, reason=told["note"], person=person, now=now,
            exercise=told["action"] == "exercise",
        )  # fmt: skip

    def _offer(self, desk: Desk, key: str, person: Person) -> Json:
        texts = desk.texts
        city, where = _place_of(desk.store, key)
        doing.require_city(person, city)
        alarm = alarms.alarm(desk.store, _alarm_id(key))
        cells = sheltering.population(desk.store, city)
        language = texts.language.value
        running = evacuations.evacuations(desk.store, running=True, cities=[city])

        def people(radius_m: float) -> str:
            return f"{sum(one.people for one in sheltering.around(cells, where, radius_m)):,}"

        orders = [
            {
                "action": action, "label": texts(f"evacuation.{action}"), "main": action == "order",
                "confirm": texts(f"evacuation.{action}_confirm"),
            }
            for action in ("order", "exercise")
        ]  # fmt: skip
        return {
            "id": key,
            "title": texts("evacuation.around"),
            "sub": texts.name(alarm.title_zh, alarm.title_en),
            "actions": orders if person.roles & DESK else [],
            "number": texts("evacuation.radius"),
            "hint": texts("evacuation.hint"),
            "facts": [
                {"label": f"≤ {radius_m} m", "text": f"{people(radius_m)} {texts('evacuation.people')}"}
                for radius_m in _SHOWN_M
            ],
            "tables": [
                {
                    "title": texts("evacuation.under_way"),
                    "columns": [texts(f"list.{one}") for one in ("reason", "persons", "at", "who")],
                    "rows": [
                        [
                            {"text": one.reason, "href": f"/{language}/evacuations/{one.evacuation_id}"},
                            f"{sum(cell.people for cell in one.cells):,}",
                            moment(one.ordered_at, desk.timezone(city), now=desk.clock.now()),
                            one.ordered_by,
                        ]
                        for one in running
                    ],
                }
            ],
        }

    def _goes(self, desk: Desk, plan: Plan | None) -> Json:
        texts = desk.texts
        words = ("evacuation.cell", "evacuation.to", "list.persons", "evacuation.way", "list.why")
        return {
            "title": texts("evacuation.plan"),
            "columns": [texts(word) for word in words],
            "rows": [
                [
                    each.cell_id + (f" · {texts('evacuation.special')}" if each.special else ""),
                    {
                        "text": self._name(desk, each.shelter_id),
                        "href": f"/{texts.language.value}/shelters/{each.shelter_id}",
                    }
                    if each.shelter_id
                    else texts("evacuation.nowhere"),
                    each.people,
                    "–" if each.distance_m is None else f"{each.distance_m:.0f} m",
                    texts.known("goes", each.reason),
                ]
                for each in (plan.assignments if plan else ())
            ],
        }

    def _moves(self, desk: Desk, one: Evacuation) -> Json:
        texts = desk.texts
        words = ("evacuation.cell", "evacuation.to", "evacuation.set_out", "evacuation.arrived")
        return {
            "title": texts("evacuation.moves"),
            "columns": [texts(word) for word in words],
            "rows": [
                [each.cell_id, self._name(desk, each.shelter_id), each.under_way, each.arrived] for each in one.moves
            ],
        }

    def _name(self, desk: Desk, shelter_id: str) -> str:
        try:
            name = shelters.standing(desk.store, shelter_id).shelter.name
        except NotFoundError:
            return shelter_id
        return desk.texts.name(name.zh, name.en)


def _evacuation(store: Store, key: str) -> Evacuation:
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise NotFoundError(f"there is no evacuation {key}", advice="look at the list")
    return evacuations.evacuation(store, int(key))


def _alarm_id(key: str) -> int:
    number = key.removeprefix(_ALARM)
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFoundError(f"there is no alarm {number}", advice="look at the list")
    return int(number)


def _place_of(store: Store, key: str) -> tuple[str, Position]:
    alarm = alarms.alarm(store, _alarm_id(key))
    if alarm.position is None:
        raise NotFoundError(f"alarm {alarm.alarm_id} has no place", advice="order it with `lifeline shelters evacuate`")
    return alarm.city_code, alarm.position


REGISTER = Register(
    "/evacuations",
    (
        ("reason", "list.reason", "link"), ("state", "list.state", ""), ("place", "list.city", ""),
        ("people", "list.persons", ""), ("arrived", "evacuation.arrived", ""), ("exercise", "field.exercise", ""),
        ("opened", "list.at", ""), ("who", "list.who", ""), ("id", "list.number", ""),
    ),
    _read,
    (("state", "evacuation", _STATES),),
    hint="evacuation.where",
    empty="evacuation.none",
)  # fmt: skip
