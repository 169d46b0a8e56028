"""Conversions of shelters between everyday and emergency use: ordered, ticked line by line, given up."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from console import sheltering
from console.access import READERS
from console.api.documents import Page, Title
from console.api.parameters import Before, City, Id, Limit, cities_of, following, require_city
from console.api.problem import responses
from console.gate import visitor_of
from console.sheltering import Checklist
from lifeline.clock import Clock
from lifeline.shelter import Conversion, ShelterMode
from lifeline.store import shelters
from lifeline.store.pool import Store

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class TaskDocument(BaseModel):
    """A line of a checklist; hours count from the order."""

    task: str
    title: Title
    promised_hours: float
    done_at: datetime | None
    done_by: str | None


class ConversionDocument(BaseModel):
    """A conversion; `outcome` is `done` or `cancelled`, null while it lasts."""

    conversion_id: int
    shelter_id: str
    city: str
    to_mode: ShelterMode
    ordered_at: datetime
    ordered_by: str
    promised_hours: float
    actual_hours: float | None
    exercise: bool
    tasks: list[TaskDocument]
    ended_at: datetime | None
    outcome: str | None

    @classmethod
    def of(cls, one: Conversion) -> "ConversionDocument":
        """The document of a conversion."""
        return cls(
            conversion_id=one.conversion_id, shelter_id=one.shelter_id, city=one.city_code, to_mode=one.to_mode,
            ordered_at=one.ordered_at, ordered_by=one.ordered_by, promised_hours=one.promised_hours,
            actual_hours=one.actual_hours, exercise=one.exercise, ended_at=one.ended_at, outcome=one.outcome,
            tasks=[
                TaskDocument(
                    task=line.task, title=Title(zh=line.title.zh, en=line.title.en),
                    promised_hours=line.promised_hours, done_at=line.done_at, done_by=line.done_by,
                )
                for line in one.tasks
            ],
        )  # fmt: skip


class ConversionRequest(BaseModel):
    """Which shelter, and what it is to be: 急 or 平."""

    model_config = ConfigDict(extra="forbid")
    shelter_id: Name
    to_mode: ShelterMode
    exercise: bool = Field(False, strict=True, description="a drill")


def router(store: Store, clock: Clock, checklist: Checklist | None) -> APIRouter:
    """The addresses below /conversions; `checklist` None: none can be ordered here."""
    routes = APIRouter(tags=["shelters"])

    @routes.get("/conversions", responses=responses())
    def listed(
        request: Request,
        *,
        city: City = None,
        shelter: Annotated[Name | None, Query()] = None,
        running: Annotated[bool, Query(description="only what is not over")] = False,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[ConversionDocument]:
        """Conversions with their checklists, newest first; a warden sees those of his shelters."""
        person = visitor_of(request).person
        found = shelters.conversions(
            store, shelter_id=shelter, cities=cities_of(request, city), running=running, before=before, limit=limit
        )
        own = person.shelter_ids if not person.roles & READERS and person.shelter_ids else None
        return Page(
            items=[ConversionDocument.of(one) for one in found if own is None or one.shelter_id in own],
            next=following(request, before=found[-1].conversion_id) if len(found) == limit else None,
        )

    @routes.get("/conversions/{conversion_id}", responses=responses(404))
    def one(request: Request, conversion_id: Id) -> ConversionDocument:
        """One conversion."""
        found = shelters.conversion(store, conversion_id)
        require_city(request, found.city_code)
        sheltering.own_shelter(store, found.shelter_id, person=visitor_of(request).person)
        return ConversionDocument.of(found)

    @routes.post("/conversions", status_code=201, responses=responses(404, 409))
    def order(request: Request, body: ConversionRequest) -> ConversionDocument:
        """Orders a conversion: the shelter is being converted from now on, its checklist is laid out."""
        made = sheltering.convert(
            store, body.shelter_id, body.to_mode, checklist, person=visitor_of(request).person, now=clock.now(),
            exercise=body.exercise,
        )  # fmt: skip
        return ConversionDocument.of(made)

    @routes.post("/conversions/{conversion_id}/tasks/{task}/done", responses=responses(404, 409))
    def done(
        request: Request, conversion_id: Id, task: Annotated[str, Path(pattern=r"^[^\x00]{1,64}$")]
    ) -> ConversionDocument:
        """Ticks a line; with the last one the shelter is in its new mode. Ticked twice is ticked once."""
        person = visitor_of(request).person
        return ConversionDocument.of(sheltering.do_task(store, conversion_id, task, person=person, now=clock.now()))

    @routes.post("/conversions/{conversion_id}/cancel", responses=responses(404, 409))
    def cancel(request: Request, conversion_id: Id) -> ConversionDocument:
        """Gives a running conversion up; the shelter is as it was."""
        person = visitor_of(request).person
        return ConversionDocument.of(sheltering.cancel_conversion(store, conversion_id, person=person, now=clock.now()))

    return routes
