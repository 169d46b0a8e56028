"""Work orders: lists, one with its history, and what crews and operators do to it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from console.api.documents import Note, Page, Point, Title
from console.api.instant import Instant
from console.api.parameters import Before, City, Id, Limit, cities_of, following, require_city
from console.api.problem import responses
from console.doing import act_on_order
from console.gate import visitor_of
from lifeline.clock import Clock
from lifeline.errors import AccessError
from lifeline.person import Role
from lifeline.store import work_orders
from lifeline.store.pool import Store
from lifeline.work_order import OF_CREW, OrderAction, WorkOrder


class MaterialDocument(BaseModel):
    """Something to take along."""

    name: Title
    quantity: str


class OrderDocument(BaseModel):
    """A work order; `due_at` is the time limit of `due_what`."""

    order_id: int
    alarm_id: int
    version: int
    city: str
    kind: str
    level: int
    state: str
    title: Title
    crew: str | None
    skills: list[str]
    materials: list[MaterialDocument]
    position: Point | None
    exercise: bool
    created_at: datetime
    due_at: datetime | None
    due_what: str | None
    accepted_at: datetime | None
    arrived_at: datetime | None
    mitigated_at: datetime | None
    verified_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, order: WorkOrder) -> "OrderDocument":
        """The document of `order`."""
        return cls(**_fields(order))


class OrderEventDocument(BaseModel):
    """One entry of an order's history; `done_at` by the phone's clock."""

    at: datetime
    done_at: datetime
    who: str
    action: str
    from_state: str | None
    to_state: str
    reason: str
    note: str


class OrderDetail(OrderDocument):
    """A work order with its history."""

    events: list[OrderEventDocument]


class OrderRequest(BaseModel):
    """What is done to an order. `action_id`: sent again, it is not done again; `at`: when, by the phone's clock."""

    model_config = ConfigDict(extra="forbid")
    note: Note = ""
    version: int | None = Field(None, ge=1, le=2**31 - 1, strict=True, description="of the order as the person saw it")
    at: Instant | None = None
    action_id: UUID | None = None


def router(store: Store, clock: Clock) -> APIRouter:
    """The addresses below /work-orders."""
    routes = APIRouter(tags=["work orders"])

    @routes.get("/work-orders", responses=responses())
    def orders(
        request: Request,
        *,
        live: Annotated[bool, Query(description="only orders that are not over")] = False,
        city: City = None,
        crew: Annotated[str | None, Query(pattern=r"^[^\x00]{0,64}$")] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[OrderDocument]:
        """Work orders, newest first; a crew sees its own."""
        person = visitor_of(request).person
        cities = cities_of(request, city)
        if person.roles == {Role.CREW}:
            crew = person.crew_id or crew
        only = city or (next(iter(cities)) if cities and len(cities) == 1 else None)
        rows = work_orders.orders(store, live_only=live, city_code=only, crew_id=crew, before=before, limit=limit)
        return Page(
            items=[OrderDocument.of(row) for row in rows if cities is None or row.city_code in cities],
            next=following(request, before=rows[-1].order_id) if len(rows) == limit else None,
        )

    @routes.get("/work-orders/{order_id}", responses=responses(404))
    def order(request: Request, order_id: Id) -> OrderDetail:
        """One order with its history."""
        found = work_orders.order(store, order_id)
        require_city(request, found.city_code)
        events = [
            OrderEventDocument(
                at=one.at, done_at=one.done_at, who=one.who, action=one.action.value,
                from_state=one.from_state.value if one.from_state else None, to_state=one.to_state.value,
                reason=one.reason, note=one.note,
            )
            for one in work_orders.events(store, order_id)
        ]  # fmt: skip
        return OrderDetail(**_fields(found), events=events)

    @routes.post("/work-orders/{order_id}/{action}", responses=responses(404, 409))
    def act(request: Request, order_id: Id, action: OrderAction, body: OrderRequest) -> OrderDocument:
        """Does `action`; the order as it is then. A crew does what is a crew's, for itself."""
        person = visitor_of(request).person
        if person.roles == {Role.CREW} and action not in OF_CREW | {OrderAction.NOTE}:
            raise AccessError(f"a crew does not {action.value} work orders", advice="ask an operator")
        return OrderDocument.of(
            act_on_order(
                store, work_orders.order(store, order_id), action, person=person, now=clock.now(), note=body.note,
                done_at=body.at, client_action_id=body.action_id, version=body.version,
            )
        )  # fmt: skip

    return routes


def _fields(order: WorkOrder) -> dict[str, Any]:
    return {
        "order_id": order.order_id, "alarm_id": order.alarm_id, "version": order.version, "city": order.city_code,
        "kind": order.kind.value, "level": order.level.value, "state": order.state.value,
        "title": Title(zh=order.title.zh, en=order.title.en), "crew": order.crew_id, "skills": list(order.skills),
        "materials": [
            MaterialDocument(name=Title(zh=one.name.zh, en=one.name.en), quantity=one.quantity)
            for one in order.materials
        ],
        "position": Point(lon=order.position.lon, lat=order.position.lat) if order.position else None,
        "exercise": order.exercise, "created_at": order.created_at, "due_at": order.due_at, "due_what": order.due_what,
        "accepted_at": order.accepted_at, "arrived_at": order.arrived_at, "mitigated_at": order.mitigated_at,
        "verified_at": order.verified_at, "closed_at": order.closed_at,
    }  # fmt: skip
