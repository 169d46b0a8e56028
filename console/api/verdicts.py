"""Verdicts: what people found out about leaks and bursts, read and said."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from console.api.documents import Note, Page
from console.api.instant import Instant
from console.api.parameters import Before, City, Limit, cities_of, following, require_city
from console.api.problem import responses
from console.gate import visitor_of
from lifeline.clock import Clock
from lifeline.errors import NotFoundError
from lifeline.store import verdicts
from lifeline.store.findings import latest_of_subject
from lifeline.store.pool import Store
from lifeline.verdict import Said, Verdict

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class VerdictDocument(BaseModel):
    """What somebody found out about a subject; the newest one of a subject holds."""

    model_config = ConfigDict(from_attributes=True)
    verdict_id: int
    subject: str
    finding_id: int
    city_code: str
    zone_id: str | None
    said: Said
    asset_id: str | None = Field(description="the pipe at which the leak was")
    flow_m3_per_h: float | None = Field(description="as measured on the spot")
    began_at: datetime
    ended_at: datetime | None
    said_at: datetime
    person: str
    note: str


class VerdictRequest(BaseModel):
    """What was found out; `asset_id`, the pipe, is needed where it is confirmed."""

    model_config = ConfigDict(extra="forbid")
    subject: Name = Field(description="what the alarm is about, such as burst:CC-DMA-1")
    said: Said
    asset_id: Name | None = None
    flow_m3_per_h: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False, strict=True)
    ended_at: Instant | None = None
    note: Note = ""


def router(store: Store, clock: Clock) -> APIRouter:
    """The address /verdicts."""
    routes = APIRouter(tags=["findings"])

    @routes.get("/verdicts", responses=responses())
    def said(request: Request, city: City = None, before: Before = None, limit: Limit = 100) -> Page[VerdictDocument]:
        """Verdicts, newest first."""
        cities = cities_of(request, city)
        found: list[Verdict] = []
        for code in [None] if cities is None else sorted(cities):
            found += verdicts.recent(store, city_code=code, before=before, limit=limit)
        found.sort(key=lambda one: -one.verdict_id)
        page = found[:limit]
        return Page(
            items=[VerdictDocument.model_validate(one) for one in page],
            next=following(request, before=page[-1].verdict_id) if len(page) == limit else None,
        )

    @routes.post("/verdicts", status_code=201, responses=responses(404))
    def say(request: Request, body: VerdictRequest) -> VerdictDocument:
        """Says what was found out about a leak or burst; it stands in the audit trail and cannot be taken back, only be
        followed by another one."""
        finding = latest_of_subject(store, body.subject)
        if finding is None:
            raise NotFoundError(f"nothing was found about {body.subject!r}", advice="name the subject of an alarm")
        require_city(request, finding.city_code)
        return VerdictDocument.model_validate(
            verdicts.say(
                store, body.subject, body.said, person=visitor_of(request).person.name, now=clock.now(),
                asset_id=body.asset_id, flow_m3_per_h=body.flow_m3_per_h, ended_at=body.ended_at, note=body.note,
            )
        )  # fmt: skip

    return routes
