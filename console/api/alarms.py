"""Alarms: lists, one with all behind it, and what people do to it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from console import doing
from console.api.documents import (
    ActionRequest,
    AlarmDetail,
    AlarmDocument,
    EventDocument,
    FindingDocument,
    NoticeDocument,
    Page,
)
from console.api.parameters import Before, City, Id, Kind, Limit, cities_of, following, require_city
from console.api.problem import responses
from console.gate import visitor_of
from lifeline.alarm import ENDED, AlarmAction, AlarmState
from lifeline.clock import Clock
from lifeline.store import alarms as alarm_store
from lifeline.store import views
from lifeline.store.notices import notices_of
from lifeline.store.pool import Store


def router(store: Store, clock: Clock) -> APIRouter:
    """The addresses below /alarms."""
    routes = APIRouter(tags=["alarms"])

    @routes.get("/alarms", responses=responses())
    def alarms(
        request: Request,
        *,
        live: Annotated[bool, Query(description="only alarms that have not ended")] = False,
        state: Annotated[list[AlarmState] | None, Query(description="may be repeated; none: every state")] = None,
        city: City = None,
        kind: Kind = None,
        level: Annotated[int | None, Query(ge=1, le=4, description="1 red to 4 blue")] = None,
        words: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$", description="part of a title")] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[AlarmDocument]:
        """Alarms, newest first."""
        states = [one for one in state or AlarmState if not (live and one in ENDED)]
        rows = views.alarms(
            store,
            states=states,
            city=cities_of(request, city),
            kind=kind,
            level=level,
            words=words,
            before=before,
            limit=limit,
        )
        return Page(
            items=[AlarmDocument.of(row) for row in rows],
            next=following(request, before=rows[-1].alarm_id) if len(rows) == limit else None,
        )

    @routes.get("/alarms/{alarm_id}", responses=responses(404))
    def alarm(request: Request, alarm_id: Id) -> AlarmDetail:
        """One alarm with its history, the newest finding about it, and what was told."""
        one = alarm_store.alarm(store, alarm_id)
        require_city(request, one.city_code)
        finding = views.finding(store, one.finding_id)
        return AlarmDetail(
            **AlarmDocument.of(one).model_dump(),
            events=[EventDocument.of(event) for event in alarm_store.events(store, alarm_id)],
            finding=FindingDocument.model_validate(finding) if finding else None,
            notices=[NoticeDocument.model_validate(notice) for notice in notices_of(store, alarm_id)],
        )

    @routes.post("/alarms/{alarm_id}/publish", status_code=202, responses=responses(404))
    def publish(request: Request, alarm_id: Id) -> AlarmDocument:
        """A supervisor signs that the public is told of the alarm as it is now; the alerts stage then does it."""
        doing.publish(store, alarm_id, person=visitor_of(request).person, now=clock.now())
        return AlarmDocument.of(alarm_store.alarm(store, alarm_id))

    @routes.post("/alarms/{alarm_id}/{action}", responses=responses(404, 409))
    def act(request: Request, alarm_id: Id, action: AlarmAction, body: ActionRequest) -> AlarmDocument:
        """Does `action` on the version of the alarm that the person saw; gives the alarm as it is then."""
        changed = doing.act(
            store,
            alarm_id,
            action,
            person=visitor_of(request).person,
            version=body.version,
            now=clock.now(),
            note=body.note,
            until=body.until,
        )
        return AlarmDocument.of(changed)

    return routes
