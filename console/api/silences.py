"""Silences: sensors and zones of whose alarms nobody is told until a time; made and ended by operators."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from console import doing
from console.api.documents import Page
from console.api.instant import Instant
from console.api.parameters import Before, City, Id, Limit, cities_of, following
from console.api.problem import responses
from console.gate import visitor_of
from lifeline.clock import Clock
from lifeline.store import silences
from lifeline.store.pool import Store

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class SilenceDocument(BaseModel):
    """A silence of one sensor or one zone; `ended_at` where a person ended it before `ends_at`."""

    model_config = ConfigDict(from_attributes=True)
    silence_id: int
    city_code: str
    sensor_id: str | None
    zone_id: str | None
    begins_at: datetime
    ends_at: datetime
    why: str
    made_at: datetime
    made_by: str
    ended_at: datetime | None
    ended_by: str | None


class SilenceRequest(BaseModel):
    """What is to be silent from now on: a sensor or a zone. Red alarms are told all the same."""

    model_config = ConfigDict(extra="forbid")
    sensor_id: Name | None = None
    zone_id: Name | None = None
    until: Instant = Field(description="31 days from now at the latest")
    why: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")


def router(store: Store, clock: Clock) -> APIRouter:
    """The addresses below /silences."""
    routes = APIRouter(tags=["silences"])

    @routes.get("/silences", responses=responses())
    def listed(
        request: Request,
        *,
        city: City = None,
        in_force: Annotated[bool, Query(description="only what is not over")] = False,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[SilenceDocument]:
        """Silences, newest first."""
        found = silences.silences(
            store, cities=cities_of(request, city), not_over_at=clock.now() if in_force else None, before=before,
            limit=limit,
        )  # fmt: skip
        return Page(
            items=[SilenceDocument.model_validate(one) for one in found],
            next=following(request, before=found[-1].silence_id) if len(found) == limit else None,
        )

    @routes.post("/silences", status_code=201, responses=responses(404, 409))
    def add(request: Request, body: SilenceRequest) -> SilenceDocument:
        """Makes a sensor or a zone silent until a time, with a reason."""
        made = doing.silence(
            store, sensor_id=body.sensor_id, zone_id=body.zone_id, until=body.until, why=body.why,
            person=visitor_of(request).person, now=clock.now(),
        )  # fmt: skip
        return SilenceDocument.model_validate(made)

    @routes.post("/silences/{silence_id}/end", responses=responses(404))
    def end(request: Request, silence_id: Id) -> SilenceDocument:
        """Ends a silence before its time: what it kept quiet is told of."""
        person = visitor_of(request).person
        return SilenceDocument.model_validate(doing.end_silence(store, silence_id, person=person, now=clock.now()))

    return routes
