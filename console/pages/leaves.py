"""One shelter, one work order, one zone on a page of its own: what is known, what may be done, the whole history."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol

from fastapi import Request
from nicegui import ui

from console import doing, sheltering
from console.access import DESK, FIELD, SHELTERS
from console.api.shelters import filled
from console.curves import Curve, Picture, options
from console.pages import export, silencing, trail_words
from console.pages.acting import acted
from console.pages.alarm_view import actor
from console.pages.crew import CrewKind
from console.pages.desk import Desk
from console.pages.evacuations import EvacuationKind
from console.pages.frame import Frame
from console.pages.parts import Leaf
from console.pages.registers import names_of_crews
from console.pages.storms import StormKind
from console.pages.wanting import WantingError
from console.words import Shown, moment, zone
from lifeline.errors import AccessError, IllegalTransitionError, NotFoundError, StoreError
from lifeline.person import Person
from lifeline.shelter import TRANSITIONS, Conversion, ShelterMode, ShelterState, Standing
from lifeline.store import audit, shelters, work_orders, zone_days
from lifeline.work_order import OF_SYSTEM, OrderAction, OrderEvent, allowed_actions

_REFRESH_S = 5.0
_HISTORY = 100
_TASK, _CONVERT = "task-", "convert-"
_DAYS = 90
_UNTOLD = ("city_code", "reason", "call_id", "shelter_id")
"""Particulars of the trail that a page about the very thing need not say."""
Json = dict[str, Any]


class Kind(Protocol):
    """How one kind of thing is read and acted upon; both block."""

    path: str

    def read(self, desk: Desk, key: str, person: Person, now: datetime) -> Json:
        """The thing as the page shows it. Raises NotFoundError, AccessError, StoreError."""

    def act(self, desk: Desk, key: str, person: Person, told: Json, now: datetime) -> None:
        """Does what a person asked for. Raises LifelineError."""


class LeafPage:
    """One open page of one thing."""

    def __init__(self, desk: Desk, request: Request, kind: Kind, key: str) -> None:
        self._desk, self._kind, self._key = desk, kind, key
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path=f"{kind.path}/{key}", city="", chosen=self._leave)
            self._leaf = Leaf()
        self._leaf.show(texts=desk.texts.part("detail", "act", "list"), leaf=blank(key))
        self._leaf.told("act", self._act)
        self._leaf.told("csv", lambda _: self._take_along())
        ui.timer(_REFRESH_S, self._draw)
        self._frame.later(self._draw())

    def _take_along(self) -> None:
        name = f"{self._kind.path[1:]}-{self._key}"
        export.give(name, sheets(self._leaf.shown("leaf")), now=self._desk.clock.now())

    def _leave(self, city: str) -> None:
        ui.navigate.to(f"/{self._desk.texts.language.value}{self._kind.path}" + (f"?city={city}" if city else ""))

    async def _draw(self) -> None:
        desk, person = self._desk, self._frame.person
        try:
            found = await asyncio.to_thread(self._kind.read, desk, self._key, person, desk.clock.now())
        except (NotFoundError, AccessError):
            self._leaf.show(leaf=blank(self._key) | {"title": desk.texts("list.gone", id=self._key)})
        except StoreError:
            self._frame.say(desk.texts("error.store"), "negative")
        else:
            self._leaf.show(leaf=blank(self._key) | found)

    async def _act(self, told: Json) -> None:
        def work(told: Json) -> None:
            self._kind.act(self._desk, self._key, self._frame.person, told, self._desk.clock.now())

        if await acted(self._frame, self._leaf, told, work):
            await self._draw()


class ShelterKind:
    """A shelter: opened, filled, closed by who looks after it; its history is the audit trail's."""

    path = "/shelters"

    def read(self, desk: Desk, key: str, person: Person, now: datetime) -> Json:
        """The shelter with its counts and its history."""
        texts, one = desk.texts, shelters.standing(desk.store, key)
        doing.require_city(person, one.shelter.city_code)
        timezone = desk.timezone(one.shelter.city_code)
        wanted = [state for state in ShelterState if state in TRANSITIONS[one.state]]
        acts = [
            {
                "action": state.value,
                "label": texts(f"shelter.to.{state.value}"),
                "main": state is ShelterState.OPEN,
                "confirm": texts("act.confirm_this", action=texts(f"shelter.to.{state.value}"))
                if state in (ShelterState.CLOSED, ShelterState.UNSAFE)
                else "",
            }
            for state in wanted
        ]
        entries = audit.entries(desk.store, subject=f"shelter:{key}", limit=_HISTORY)
        running = shelters.conversions(desk.store, shelter_id=key, limit=5)
        tasks = {line.task: texts.name(line.title.zh, line.title.en) for each in running for line in each.tasks}
        return {
            "id": key,
            "version": one.version,
            "title": texts.name(one.shelter.name.zh, one.shelter.name.en),
            "sub": f"{key} · {desk.place(one.shelter.city_code, None)}",
            "chip": texts(f"shelter.state.{one.state.value}"),
            "actions": [
                *acts,
                {"action": "count", "label": texts("field.do.count"), "main": False, "confirm": ""},
                *_conversion_acts(desk, person, one, running[:1]),
            ]
            if person.roles & SHELTERS
            else [],
            "number": texts("field.people"),
            "facts": _facts(
                desk,
                ("list.mode", texts(f"shelter.mode.{one.mode.value}")),
                ("list.people", filled(one, now)),
                ("list.counted", moment(one.counted_at, timezone, now=now) if one.counted_at else ""),
                ("list.counted_by", one.counted_by or ""),
                ("list.water", texts(f"shelter.exposure.{one.exposure}")),
                ("list.season", texts(f"shelter.season.{one.season.value}") if one.season else ""),
                ("list.heated", texts("list.yes" if one.shelter.heated else "list.no")),
                ("list.grade", texts.known("grade", one.shelter.grade)),
                ("detail.note", one.note),
            ),
            "tables": [
                {
                    "title": texts("list.conversions"),
                    "columns": [texts(f"list.{key}") for key in ("at", "mode", "task", "done", "who")],
                    "rows": [
                        [
                            moment(each.ordered_at, timezone, now=now),
                            texts(f"shelter.mode.{each.to_mode.value}"),
                            texts.name(line.title.zh, line.title.en),
                            moment(line.done_at, timezone, now=now) if line.done_at else "–",
                            line.done_by or "",
                        ]
                        for each in running
                        for line in each.tasks
                    ],
                },
                _trail(desk, entries, timezone, now, names=tasks),
            ],
        }

    def act(self, desk: Desk, key: str, person: Person, told: Json, now: datetime) -> None:
        """Another state, or a count."""
        if not person.roles & SHELTERS:
            raise AccessError("this is for wardens and operators", advice="ask a supervisor")
        sheltering.own_shelter(desk.store, key, person=person)
        action = str(told["action"])
        if action.startswith((_TASK, _CONVERT)):
            _convert(desk, key, person, action, now)
        elif action == "count":
            if not isinstance(told.get("number"), int):
                raise WantingError("act.needs_people")
            shelters.count(desk.store, key, told["number"], who=person.name, now=now)
        else:
            shelters.set_state(
                desk.store, key, ShelterState(told["action"]), who=person.name, now=now, reason=doing.REASON,
                note=told["note"], version=int(told["version"]),
            )  # fmt: skip


def _conversion_acts(desk: Desk, person: Person, one: Standing, newest: list[Conversion]) -> list[Json]:
    """What is left of the running checklist to tick; or, for who leads, the order to convert."""
    texts = desk.texts
    running = [each for each in newest if each.ended_at is None]
    if running:
        left = [
            {"action": f"{_TASK}{line.task}", "label": f"✓ {texts.name(line.title.zh, line.title.en)}", "main": False,
             "confirm": ""}
            for line in running[0].tasks
            if line.done_at is None
        ]  # fmt: skip
        cancel = {
            "action": f"{_CONVERT}cancel", "label": texts("convert.cancel"), "main": False,
            "confirm": texts("act.confirm_this", action=texts("convert.cancel")),
        }  # fmt: skip
        return [*left, cancel] if person.roles & DESK else left
    if desk.checklist is None or not person.roles & DESK:
        return []
    label = texts("convert.everyday" if one.mode is ShelterMode.EMERGENCY else "convert.emergency")
    to_mode = ShelterMode.EVERYDAY if one.mode is ShelterMode.EMERGENCY else ShelterMode.EMERGENCY
    confirm = texts("act.confirm_this", action=label)
    return [{"action": f"{_CONVERT}{to_mode.value}", "label": label, "main": False, "confirm": confirm}]


def _convert(desk: Desk, shelter_id: str, person: Person, action: str, now: datetime) -> None:
    cancels = action == f"{_CONVERT}cancel"
    if not cancels and action.startswith(_CONVERT):
        to_mode = ShelterMode(action.removeprefix(_CONVERT))
        sheltering.convert(desk.store, shelter_id, to_mode, desk.checklist, person=person, now=now)
        return
    running = shelters.conversions(desk.store, shelter_id=shelter_id, running=True)
    if not running:
        raise IllegalTransitionError(f"{shelter_id} is not being converted", reason="over", advice="look at it again")
    number = running[0].conversion_id
    if cancels:
        sheltering.cancel_conversion(desk.store, number, person=person, now=now)
    else:
        sheltering.do_task(desk.store, number, action.removeprefix(_TASK), person=person, now=now)


class OrderKind:
    """A work order: who was asked, what was done, by whom it was verified."""

    path = "/orders"

    def read(self, desk: Desk, key: str, person: Person, now: datetime) -> Json:
        """The order with its offers and its history."""
        texts = desk.texts
        one = work_orders.order(desk.store, _number(key))
        doing.require_city(person, one.city_code)
        timezone = desk.timezone(one.city_code)
        acts = [action for action in allowed_actions(one.state) if action not in OF_SYSTEM | {OrderAction.PHOTO}]
        crew = names_of_crews(desk)

        def at(moment_of: datetime | None) -> str:
            return moment(moment_of, timezone, now=now) if moment_of else ""

        return {
            "id": key,
            "version": one.version,
            "title": texts.name(one.title.zh, one.title.en),
            "sub": f"{texts('list.order')} {key} · {desk.place(one.city_code, None)}",
            "chip": texts(f"order.state.{one.state.value}"),
            "actions": [
                {
                    "action": action.value,
                    "label": texts(f"order.action.{action.value}"),
                    "main": action is acts[0],
                    "confirm": texts("act.confirm_this", action=texts(f"order.action.{action.value}"))
                    if action in (OrderAction.CANCEL, OrderAction.CLOSE)
                    else "",
                }
                for action in acts
            ]
            if person.roles & FIELD
            else [],
            "facts": [
                *_facts(
                    desk,
                    ("list.level", texts(f"level.full.{one.level.value}")),
                    ("list.crew", crew(one.crew_id)),
                    ("list.due", at(one.due_at)),
                    ("list.at", at(one.created_at)),
                    ("list.skills", " · ".join(texts.known("skill", skill) for skill in one.skills)),
                    (
                        "field.materials",
                        ", ".join(f"{texts.name(m.name.zh, m.name.en)} {m.quantity}" for m in one.materials),
                    ),
                    ("field.exercise", texts("list.yes") if one.exercise else ""),
                ),
                {
                    "label": texts("list.alarm"),
                    "text": str(one.alarm_id),
                    "href": f"/{texts.language.value}?alarm={one.alarm_id}",
                },
            ],
            "tables": [
                {
                    "title": texts("list.offers"),
                    "columns": [texts(f"list.{key}") for key in ("at", "crew", "minutes", "outcome", "why")],
                    "rows": [
                        [
                            at(offer.at),
                            crew(offer.crew_id),
                            f"{offer.minutes:.0f}" if offer.minutes < 1e6 else "–",
                            texts.known("offer", offer.outcome),
                            " · ".join(texts.known("dispatch", reason) for reason in offer.reasons),
                        ]
                        for offer in work_orders.offers(desk.store, one.order_id)
                    ],
                },
                {
                    "title": texts("detail.history"),
                    "columns": [texts(f"list.{key}") for key in ("at", "who", "what", "note")],
                    "rows": [
                        [
                            at(event.done_at),
                            actor(desk, event.who),
                            texts(f"order.action.{event.action.value}"),
                            _note(event, crew),
                        ]
                        for event in reversed(work_orders.events(desk.store, one.order_id))
                    ],
                },
            ],
        }

    def act(self, desk: Desk, key: str, person: Person, told: Json, now: datetime) -> None:
        """A step of the order."""
        if not person.roles & FIELD:
            raise AccessError("this is for crews and operators", advice="ask a supervisor")
        doing.act_on_order(
            desk.store, work_orders.order(desk.store, _number(key)), OrderAction(told["action"]), person=person,
            now=now, note=told["note"], version=int(told["version"]),
        )  # fmt: skip


def _note(event: OrderEvent, crew: Callable[[str | None], str]) -> str:
    """What was noted; of the steps that dispatch takes only the crew, for the offers say the rest in words."""
    if event.action is OrderAction.PHOTO:
        return ""
    if event.action in (OrderAction.OFFER, OrderAction.TIME_OUT):
        return crew(event.note.partition(":")[0])
    return event.note


class ZoneKind:
    """A zone: its sensors, its live alarms, its water by day."""

    path = "/zones"

    def read(self, desk: Desk, key: str, person: Person, now: datetime) -> Json:
        """The zone with the balance of its last days."""
        texts, feed = desk.texts, desk.feed
        one = feed.zones.get(key)
        if one is None:
            raise NotFoundError(f"there is no zone {key}", advice="look at the list")
        doing.require_city(person, one.city_code)
        timezone, language = desk.timezone(one.city_code), texts.language.value
        today = now.astimezone(zone(timezone)).date()
        days = [
            day
            for day in zone_days.days(desk.store, one.city_code, today - timedelta(days=_DAYS), today)
            if day.zone_id == key
        ]

        def noon(day: Any) -> datetime:
            return datetime.combine(day.day, time(12), zone(timezone)).astimezone(UTC)

        lines = (
            ("list.inflow", [(noon(day), day.inflow_m3) for day in days]),
            ("list.loss", [(noon(day), day.loss_m3) for day in days if day.loss_m3 is not None]),
        )
        balance = Picture("balance", Shown("m³", 1.0, 0), tuple(Curve(texts(k), p) for k, p in lines if p))
        night = Picture(
            "flow",
            Shown("m³/h", 1.0, 1),
            (
                Curve(
                    texts("list.night_flow"),
                    [(noon(day), day.night_flow_m3_per_h) for day in days if day.night_flow_m3_per_h is not None],
                ),
            ),
        )
        sensors = [now_is for now_is in feed.sensors(one.city_code) if now_is.sensor.zone_id == key]
        return {
            "id": key,
            "title": texts.name(one.name.zh, one.name.en),
            "sub": f"{key} · {desk.place(one.city_code, None)}",
            "chip": texts(f"zone.kind.{one.kind}"),
            **silencing.offered(desk, person, zone_id=key, now=now),
            "facts": _facts(
                desk,
                ("list.inflow_sensors", ", ".join(one.inflow)),
                ("list.outflow_sensors", ", ".join(one.outflow)),
                ("list.days_known", str(len(days)) if days else ""),
            ),
            "pictures": [
                *([options(balance, texts("list.balance_days"), [], timezone)] if balance.curves else []),
                *([options(night, texts("list.night_flow"), [], timezone)] if night.curves[0].points else []),
            ],
            "tables": [
                silencing.table(desk, zone_id=key, timezone=timezone, now=now),
                {
                    "title": texts("bar.live"),
                    "columns": [texts(f"list.{key}") for key in ("alarm", "level", "state", "opened")],
                    "rows": [
                        [
                            {
                                "text": texts.name(alarm.title.zh, alarm.title.en),
                                "href": f"/{language}?alarm={alarm.alarm_id}",
                            },
                            texts(f"level.full.{alarm.level.value}"),
                            texts(f"state.{alarm.state.value}"),
                            moment(alarm.opened_at, timezone, now=now),
                        ]
                        for alarm in feed.alarms
                        if alarm.zone_id == key
                    ],
                },
                {
                    "title": texts("page.sensors"),
                    "columns": [texts(f"list.{key}") for key in ("sensor", "number", "quantity", "state")],
                    "rows": [
                        [
                            {
                                "text": texts.name(each.sensor.name.zh, each.sensor.name.en),
                                "href": f"/{language}/sensors/{each.sensor.sensor_id}",
                            },
                            each.sensor.sensor_id,
                            texts(f"quantity.{each.sensor.quantity.value}"),
                            texts(f"sensor.state.{each.state.value}"),
                        ]
                        for each in sorted(sensors, key=lambda each: each.sensor.sensor_id)
                    ],
                },
            ],
        }

    def act(self, desk: Desk, key: str, person: Person, told: Json, now: datetime) -> None:
        """A silence."""
        silencing.act(desk, person, told, zone_id=key, now=now)


KINDS: tuple[Kind, ...] = (ShelterKind(), OrderKind(), CrewKind(), ZoneKind(), StormKind(), EvacuationKind())


def blank(key: str) -> Json:
    """A page about which nothing is known yet."""
    return {
        "id": key, "title": "", "sub": "", "chip": "", "version": 0, "actions": [], "facts": [], "pictures": [],
        "tables": [], "number": "", "hint": "",
    }  # fmt: skip


def sheets(leaf: Json) -> list[list[Any]]:
    """All that a page of one thing shows as rows: its facts, then each table under its title."""
    rows: list[list[Any]] = [[leaf["title"], leaf["sub"], leaf["chip"]]]
    rows += [[fact["label"], fact["text"]] for fact in leaf["facts"]]
    for table in leaf["tables"]:
        rows += [[], [table["title"]], table["columns"], *table["rows"]]
    return rows


def _facts(desk: Desk, *facts: tuple[str, str]) -> list[Json]:
    return [{"label": desk.texts(key), "text": text} for key, text in facts if text]


def _trail(desk: Desk, entries: list[audit.Entry], timezone: str, now: datetime, *, names: Mapping[str, str]) -> Json:
    texts = desk.texts

    def time(at: datetime) -> str:
        return moment(at, timezone, now=now)

    return {
        "title": texts("detail.history"),
        "columns": [texts(f"list.{key}") for key in ("at", "who", "what", "detail")],
        "rows": [
            [
                moment(entry.at, timezone, now=now),
                actor(desk, entry.who),
                trail_words.done(texts, entry.action),
                trail_words.particulars(texts, entry, time=time, without=_UNTOLD, names=names),
            ]
            for entry in entries
        ],
    }


def _number(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise NotFoundError(f"there is no work order {key}", advice="look at the list")
    return int(key)
