"""What a phone in the field needs in one answer, and what its queue sends: done once, however often it is sent."""

import threading
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from console.access import FIELD, SHELTERS
from console.api.documents import Note, Point, Title
from console.api.instant import Instant
from console.api.parameters import require_city
from console.api.problem import responses
from console.api.shelters import ShelterDocument
from console.doing import REASON, act_on_order, crew_of
from console.feed import Feed
from console.gate import visitor_of
from console.sheltering import looks_after
from lifeline.alarm import AlarmAction, AlarmState
from lifeline.clock import Clock
from lifeline.errors import AccessError, CredentialError, IllegalTransitionError, LifelineError, NotFoundError
from lifeline.person import Person
from lifeline.shelter import ShelterState
from lifeline.store import alarms, calls, shelters, work_orders
from lifeline.store.calls import Lack
from lifeline.store.photos import Answer, answered, keep_answer
from lifeline.store.pool import Store
from lifeline.work_order import OrderAction, OrderState

_IN_FIELD = (AlarmState.DISPATCHED, AlarmState.ACCEPTED, AlarmState.ON_SITE, AlarmState.MITIGATED)
_STEPS: dict[str, tuple[OrderAction, AlarmAction]] = {
    "accept": (OrderAction.ACCEPT, AlarmAction.ACCEPT),
    "arrive": (OrderAction.ARRIVE, AlarmAction.ARRIVE),
    "mitigate": (OrderAction.MITIGATE, AlarmAction.MITIGATE),
}
_BEHIND = {
    "accept": {"accepted", "on-site", "mitigated", "verified", "closed"},
    "arrive": {"on-site", "mitigated", "verified", "closed"},
    "mitigate": {"mitigated", "verified", "closed"},
}
"""States in which a step has been taken: a second tap asks for nothing new."""
_ON_MY_WAY = "在路上 / on my way"
_AHEAD = timedelta(minutes=2)


class TaskDocument(BaseModel):
    """Something that a crew is asked to do; `steps` are what it may tap now, the first one large."""

    alarm_id: int
    order_id: int | None
    level: int
    kind: str
    state: str
    title: Title
    city: str
    zone: str | None
    position: Point | None
    opened_at: datetime
    due_at: datetime | None
    materials: list[str]
    steps: list[str]
    exercise: bool


class FieldDocument(BaseModel):
    """All that a phone shows, and our clock."""

    at: datetime
    name: str
    crew: str | None
    tasks: list[TaskDocument]
    shelters: list[ShelterDocument]


class FieldAction(BaseModel):
    """One tap. `about`: alarm:7, order:12 or shelter:ID; `at`: when, by the phone's clock."""

    model_config = ConfigDict(extra="forbid")
    action_id: UUID
    about: Annotated[str, Field(pattern=r"^(alarm:[1-9]\d{0,17}|order:[1-9]\d{0,17}|shelter:[A-Za-z0-9][\w.-]{0,63})$")]
    do: Annotated[
        str,
        Field(
            pattern=r"^(accept|decline|on-my-way|arrive|mitigate|note|help|opened|full|reopened|count|current|need)$"
        ),
    ]
    at: Instant
    note: Note = ""
    what: Lack = Lack.OTHER
    people: int | None = Field(None, ge=0, le=100_000, strict=True)


class DoneDocument(BaseModel):
    """`done`: it is so now; else `why`, and `reason` by name."""

    done: bool
    why: str = ""
    reason: str = ""


class FieldWork:
    """Does what phones send."""

    def __init__(self, store: Store, feed: Feed, clock: Clock) -> None:
        self._store = store
        self._feed = feed
        self._clock = clock
        self._turns: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

    def seen_by(self, person: Person) -> FieldDocument:
        """What `person`'s phone shows. Raises StoreError."""
        return FieldDocument(
            at=self._clock.now(),
            name=person.name,
            crew=person.crew_id,
            tasks=self._tasks(person) if person.roles & FIELD else [],
            shelters=self._shelters(person) if person.roles & SHELTERS else [],
        )

    def done(self, person: Person, action: FieldAction) -> Answer:
        """Does it, or says what was answered when it came first. Raises LifelineError where sending again may help."""
        with self._turns[person.person_id]:
            if (known := answered(self._store, action.action_id, by=person)) is not None:
                return known
            try:
                self._do(person, action)
                answer = Answer(200, DoneDocument(done=True).model_dump())
            except (IllegalTransitionError, NotFoundError, AccessError, CredentialError) as error:
                why = DoneDocument(done=False, why=str(error.args[0]), reason=_reason(error))
                answer = Answer(409, why.model_dump())
            keep_answer(self._store, action.action_id, answer, by=person, now=self._clock.now())
            return answer

    def _tasks(self, person: Person) -> list[TaskDocument]:
        orders = {one.alarm_id: one for one in work_orders.orders(self._store, live_only=True, limit=500)}
        crew = crew_of(person)
        tasks = []
        for alarm in self._feed.alarms:
            order = orders.get(alarm.alarm_id)
            if not person.serves(alarm.city_code) or (order and crew is not None and order.crew_id != crew):
                continue
            if order is None and alarm.state not in _IN_FIELD:
                continue
            state = order.state.value if order else alarm.state.value
            if order is not None and order.state in (OrderState.WAITING, OrderState.VERIFIED):
                continue
            tasks.append(
                TaskDocument(
                    alarm_id=alarm.alarm_id,
                    order_id=order.order_id if order else None,
                    level=alarm.level.value,
                    kind=alarm.kind.value,
                    state=state,
                    title=Title(zh=alarm.title.zh, en=alarm.title.en),
                    city=alarm.city_code,
                    zone=alarm.zone_id,
                    position=Point(lon=alarm.position.lon, lat=alarm.position.lat) if alarm.position else None,
                    opened_at=alarm.opened_at,
                    due_at=order.due_at if order else None,
                    materials=[f"{one.name.zh} / {one.name.en} {one.quantity}" for one in order.materials]
                    if order
                    else [],
                    steps=_steps(state, offered=order is not None),
                    exercise=order.exercise if order else False,
                )
            )
        return tasks

    def _shelters(self, person: Person) -> list[ShelterDocument]:
        now = self._clock.now()
        return [ShelterDocument.of(one, now) for one in shelters.standings(self._store) if looks_after(person, one)]

    def _do(self, person: Person, action: FieldAction) -> None:
        kind, _, number = action.about.partition(":")
        now = self._clock.now()
        at = min(action.at, now + _AHEAD)
        if kind == "shelter":
            self._at_shelter(person, number, action, at, now)
        else:
            self._at_alarm(person, kind, int(number), action, at, now)

    def _at_alarm(
        self, person: Person, kind: str, number: int, action: FieldAction, at: datetime, now: datetime
    ) -> None:
        if not person.roles & FIELD:
            raise AccessError("this is for crews", advice="ask an operator")
        order = work_orders.order(self._store, number) if kind == "order" else None
        alarm = alarms.alarm(self._store, order.alarm_id if order else number)
        if not person.serves(alarm.city_code):
            raise AccessError(f"{alarm.city_code} is not one of your cities", advice="ask a supervisor")
        if action.do == "help":
            calls.add(
                self._store, city_code=alarm.city_code, alarm_id=alarm.alarm_id, what=action.what, note=action.note,
                by=person.name, now=now, client_action_id=action.action_id,
            )  # fmt: skip
            return
        note = action.note
        if action.do == "on-my-way":
            note = f"{_ON_MY_WAY} {note}".strip()
        elif action.do not in (*_STEPS, "note", "decline"):
            raise IllegalTransitionError(f"nobody can {action.do} an alarm", advice="open the page again")
        state = order.state.value if order else alarm.state.value
        if state in _BEHIND.get(action.do, ()) and (
            order is None or order.crew_id == (crew_of(person) or order.crew_id)
        ):
            return
        if order is not None:
            of_order = _STEPS[action.do][0] if action.do in _STEPS else None
            of_order = of_order or (OrderAction.DECLINE if action.do == "decline" else OrderAction.NOTE)
            act_on_order(
                self._store, order, of_order, person=person, now=now, note=note, done_at=at,
                client_action_id=action.action_id,
            )  # fmt: skip
        else:
            if action.do == "decline":
                raise IllegalTransitionError(
                    "no work order was offered", reason="not-with-crew", advice="call the operations centre"
                )
            of_alarm = _STEPS[action.do][1] if action.do in _STEPS else AlarmAction.NOTE
            if now - at > timedelta(minutes=1):
                note = f"{note} ({at:%H:%M}Z)".strip()
            alarms.act(
                self._store, alarm.alarm_id, of_alarm, actor=person.name, version=alarm.version, now=now,
                reason=REASON, note=note,
            )  # fmt: skip

    def _at_shelter(self, person: Person, shelter_id: str, action: FieldAction, at: datetime, now: datetime) -> None:
        standing = shelters.standing(self._store, shelter_id)
        if not (person.roles & SHELTERS and looks_after(person, standing)):
            raise AccessError(f"{shelter_id} is not one of your shelters", advice="ask a supervisor")
        wanted = {"opened": ShelterState.OPEN, "full": ShelterState.FULL, "reopened": ShelterState.OPEN}.get(action.do)
        if wanted is not None:
            if standing.state is not wanted:
                shelters.set_state(
                    self._store, shelter_id, wanted, who=person.name, now=now, reason=REASON, note=action.note
                )
        elif action.do in ("count", "current"):
            people = action.people if action.do == "count" else standing.people
            if people is None:
                raise IllegalTransitionError(
                    "nobody has counted yet", reason="no-count", advice="count the people inside"
                )
            shelters.count(self._store, shelter_id, people, who=person.name, now=now, counted_at=at)
        elif action.do == "need":
            calls.add(
                self._store, city_code=standing.shelter.city_code, shelter_id=shelter_id, what=action.what,
                note=action.note, by=person.name, now=now, client_action_id=action.action_id,
            )  # fmt: skip
        else:
            raise IllegalTransitionError(f"a shelter cannot {action.do}", advice="open the page again")


def _reason(error: LifelineError) -> str:
    match error:
        case IllegalTransitionError():
            return error.reason
        case AccessError():
            return "not-yours"
        case NotFoundError():
            return "gone"
    return ""


def _steps(state: str, *, offered: bool) -> list[str]:
    main = {
        "dispatched": ["accept"],
        "offered": ["accept", "decline"],
        "accepted": ["arrive", "on-my-way"],
        "on-site": ["mitigate"],
    }
    del offered
    return [*main.get(state, []), "note", "help"]


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The addresses below /field and /calls."""
    routes = APIRouter(tags=["field"])
    work = FieldWork(store, feed, clock)

    @routes.get("/field", responses=responses())
    def seen(request: Request) -> FieldDocument:
        """Tasks of a crew and shelters of a warden."""
        return work.seen_by(visitor_of(request).person)

    @routes.post("/field/actions", responses={**responses(), 409: {"model": DoneDocument}})
    def act(request: Request, action: FieldAction, response: Response) -> DoneDocument:
        """One tap from a phone's queue. 200 and 409 are final; anything else: send it again later."""
        answer = work.done(visitor_of(request).person, action)
        response.status_code = answer.status
        return DoneDocument(**_plain(answer.body))

    @routes.post("/calls/{call_id}/answer", responses=responses(404))
    def answer(request: Request, call_id: Annotated[int, Field(ge=1, le=2**62)]) -> DoneDocument:
        """Takes a call up; `done` false: somebody was first."""
        require_city(request, calls.city_of(store, call_id))
        return DoneDocument(done=calls.answer(store, call_id, by=visitor_of(request).person.name, now=clock.now()))

    return routes


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    return {"done": bool(body.get("done")), "why": str(body.get("why", "")), "reason": str(body.get("reason", ""))}
