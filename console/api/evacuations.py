"""Evacuations: who must leave, where each goes by the plan in force, who has set out and arrived."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from console import sheltering
from console.api.documents import Page, Point
from console.api.parameters import Before, City, Id, cities_of, following, require_city
from console.api.problem import responses
from console.gate import visitor_of
from lifeline.asset import Position
from lifeline.clock import Clock
from lifeline.shelter import Evacuation, EvacuationCell, Move, Plan
from lifeline.store import evacuations
from lifeline.store.pool import Store

_MOST = 1_000_000
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class CellDocument(BaseModel):
    """People of a population cell; those with special needs are among them."""

    cell_id: str
    position: Point
    people: int
    special_needs: int

    @classmethod
    def of(cls, one: EvacuationCell) -> "CellDocument":
        """The document of a cell."""
        position = Point(lon=one.position.lon, lat=one.position.lat)
        return cls(cell_id=one.cell_id, position=position, people=one.people, special_needs=one.special_needs)


class AssignmentDocument(BaseModel):
    """Where people of a cell go; `shelter_id` null: they have no place, `reason` says why."""

    model_config = ConfigDict(from_attributes=True)
    cell_id: str
    special: bool
    shelter_id: str | None
    people: int
    distance_m: float | None
    reason: str
    detail: str


class PlanDocument(BaseModel):
    """The plan in force; `opens` are the sites on standby that it needs."""

    model_config = ConfigDict(from_attributes=True)
    plan_id: int
    at: datetime
    reason: str
    opens: list[str]
    figures: dict[str, float]
    assignments: list[AssignmentDocument]


class MoveDocument(BaseModel):
    """People of a cell who have set out for a shelter and who have arrived there, in all so far."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")
    cell_id: Name
    shelter_id: Name
    special: bool = Field(False, strict=True, description="people with special needs")
    under_way: int = Field(ge=0, le=_MOST, strict=True)
    arrived: int = Field(ge=0, le=_MOST, strict=True)


class EvacuationDocument(BaseModel):
    """An evacuation; `people` and `arrived` are sums."""

    evacuation_id: int
    city: str
    ordered_at: datetime
    ordered_by: str
    reason: str
    exercise: bool
    people: int
    arrived: int
    ended_at: datetime | None
    ended_by: str | None


class EvacuationDetail(EvacuationDocument):
    """An evacuation with its cells, the plan in force (null before the first) and who is where."""

    cells: list[CellDocument]
    plan: PlanDocument | None
    moves: list[MoveDocument]


class Place(BaseModel):
    """WGS 84, degrees."""

    model_config = ConfigDict(extra="forbid")
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)


class EvacuationRequest(BaseModel):
    """Who must leave: the population cells that are named, or those within `radius_m` of a place; and why."""

    model_config = ConfigDict(extra="forbid")
    city: str = Field(pattern=r"^\d{6}$")
    reason: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")
    exercise: bool = Field(False, strict=True, description="a drill")
    cells: list[Name] | None = Field(None, min_length=1, max_length=10_000)
    around: Place | None = None
    radius_m: float | None = Field(None, ge=1, le=sheltering.FARTHEST_M)

    @model_validator(mode="after")
    def _one_way(self) -> "EvacuationRequest":
        if (self.cells is None) == (self.around is None) or (self.around is None) != (self.radius_m is None):
            raise ValueError("name `cells`, or `around` with `radius_m`")
        return self


class MovesRequest(BaseModel):
    """Who has set out and who has arrived; what is not named stays as it was told last."""

    model_config = ConfigDict(extra="forbid")
    moves: list[MoveDocument] = Field(min_length=1, max_length=1000)


def router(store: Store, clock: Clock) -> APIRouter:
    """The addresses below /evacuations."""
    routes = APIRouter(tags=["shelters"])

    @routes.get("/evacuations", responses=responses())
    def listed(
        request: Request,
        *,
        city: City = None,
        running: Annotated[bool, Query(description="only what is not over")] = False,
        before: Before = None,
        limit: Annotated[int, Query(ge=1, le=200, description="items of a page")] = 50,
    ) -> Page[EvacuationDocument]:
        """Evacuations, newest first."""
        found = evacuations.evacuations(
            store, running=running, cities=cities_of(request, city), before=before, limit=limit
        )
        return Page(
            items=[EvacuationDocument(**_fields(one)) for one in found],
            next=following(request, before=found[-1].evacuation_id) if len(found) == limit else None,
        )

    @routes.get("/evacuations/{evacuation_id}", responses=responses(404))
    def one(request: Request, evacuation_id: Id) -> EvacuationDetail:
        """One evacuation with the plan in force."""
        found = evacuations.evacuation(store, evacuation_id)
        require_city(request, found.city_code)
        return _detail(found, evacuations.newest_plan(store, evacuation_id))

    @routes.post("/evacuations", status_code=201, responses=responses(404, 409))
    def order(request: Request, body: EvacuationRequest) -> EvacuationDetail:
        """Orders that people leave; the alerts stage plans who goes where, and again when something changes."""
        made = sheltering.order_evacuation(
            store, body.city, cell_ids=body.cells, radius_m=body.radius_m or 0.0, reason=body.reason,
            where=Position(body.around.lon, body.around.lat) if body.around else None, exercise=body.exercise,
            person=visitor_of(request).person, now=clock.now(),
        )  # fmt: skip
        return _detail(made, None)

    @routes.post("/evacuations/{evacuation_id}/moves", responses=responses(404, 409))
    def moves(request: Request, evacuation_id: Id, body: MovesRequest) -> EvacuationDetail:
        """Notes who has set out for a shelter and who has arrived there; a warden for his own shelters."""
        told = [Move(one.cell_id, one.shelter_id, one.special, one.under_way, one.arrived) for one in body.moves]
        person = visitor_of(request).person
        found = sheltering.note_moves(store, evacuation_id, told, person=person, now=clock.now())
        return _detail(found, evacuations.newest_plan(store, evacuation_id))

    @routes.post("/evacuations/{evacuation_id}/end", responses=responses(404))
    def end(request: Request, evacuation_id: Id) -> EvacuationDetail:
        """Ends an evacuation; ended twice is ended once."""
        person = visitor_of(request).person
        found = sheltering.end_evacuation(store, evacuation_id, person=person, now=clock.now())
        return _detail(found, evacuations.newest_plan(store, evacuation_id))

    return routes


def _detail(one: Evacuation, plan: Plan | None) -> EvacuationDetail:
    return EvacuationDetail(
        **_fields(one),
        cells=[CellDocument.of(cell) for cell in one.cells],
        plan=PlanDocument.model_validate(plan) if plan else None,
        moves=[MoveDocument.model_validate(move) for move in one.moves],
    )


def _fields(one: Evacuation) -> dict[str, object]:
    return {
        "evacuation_id": one.evacuation_id, "city": one.city_code, "ordered_at": one.ordered_at,
        "ordered_by": one.ordered_by, "reason": one.reason, "exercise": one.exercise,
        "people": sum(cell.people for cell in one.cells), "arrived": sum(move.arrived for move in one.moves),
        "ended_at": one.ended_at, "ended_by": one.ended_by,
    }  # fmt: skip
