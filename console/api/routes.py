"""The addresses of the API: alarms and actions, sensors and readings, findings, layers, health."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from console.api import geojson
from console.api.documents import (
    ActionRequest,
    AlarmDetail,
    AlarmDocument,
    EventDocument,
    FindingDocument,
    HealthDocument,
    NoticeDocument,
    Page,
    ReadingDocument,
    SensorDocument,
    StageDocument,
    StepDocument,
)
from console.api.problem import responses
from console.feed import Feed
from console.sensing import SensorNow, SensorState
from lifeline.alarm import ENDED, AlarmAction, AlarmState
from lifeline.asset import Sensor
from lifeline.clock import Clock
from lifeline.errors import NotFoundError
from lifeline.reading import Quality, QualityReason
from lifeline.store import alarms as alarm_store
from lifeline.store import views
from lifeline.store.notices import notices_of
from lifeline.store.pool import Store
from lifeline.store.stages import stages
from lifeline.units import SI_UNIT, Quantity

REASON = "person"
"""The named reason of what people do."""
_CSV_ROWS = 5000
_STAGE_LATE_S = 30.0
_BIG = 2**62
City = Annotated[str | None, Query(pattern=r"^\d{6}$", description="GB/T 2260; none: all")]
Kind = Annotated[str | None, Query(pattern=r"^[^\x00]{0,64}$")]
Limit = Annotated[int, Query(ge=1, le=1000, description="items of a page")]
Before = Annotated[int | None, Query(ge=1, le=_BIG, description="only what is older than this number")]
Id = Annotated[int, Path(ge=1, le=_BIG)]
SensorId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class LayerName(StrEnum):
    """What can be drawn."""

    PIPES = "pipes"
    DRAINS = "drains"
    ZONES = "zones"
    SHELTERS = "shelters"
    CREWS = "crews"
    SENSORS = "sensors"
    FINDINGS = "findings"


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """All addresses but the event stream, reading from `store` and `feed`."""
    routes = APIRouter()

    @routes.get("/alarms", tags=["alarms"], responses=responses())
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
            store, states=states, city=city, kind=kind, level=level, words=words, before=before, limit=limit
        )
        return Page(
            items=[AlarmDocument.of(row) for row in rows],
            next=_next(request, before=rows[-1].alarm_id) if len(rows) == limit else None,
        )

    @routes.get("/alarms/{alarm_id}", tags=["alarms"], responses=responses(404))
    def alarm(alarm_id: Id) -> AlarmDetail:
        """One alarm with its history, the newest finding about it, and what was told."""
        one = alarm_store.alarm(store, alarm_id)
        finding = views.finding(store, one.finding_id)
        return AlarmDetail(
            **AlarmDocument.of(one).model_dump(),
            events=[EventDocument.of(event) for event in alarm_store.events(store, alarm_id)],
            finding=FindingDocument.model_validate(finding) if finding else None,
            notices=[NoticeDocument.model_validate(notice) for notice in notices_of(store, alarm_id)],
        )

    @routes.post("/alarms/{alarm_id}/{action}", tags=["alarms"], responses=responses(404, 409))
    def act(alarm_id: Id, action: AlarmAction, body: ActionRequest) -> AlarmDocument:
        """Does `action` on the version of the alarm that the person saw; gives the alarm as it is then."""
        changed = alarm_store.act(
            store,
            alarm_id,
            action,
            actor=body.actor,
            version=body.version,
            now=clock.now(),
            reason=REASON,
            note=body.note,
            until=body.until,
        )
        return AlarmDocument.of(changed)

    @routes.get("/sensors", tags=["sensors"], responses=responses())
    def sensors(
        request: Request,
        *,
        city: City = None,
        quantity: Quantity | None = None,
        state: SensorState | None = None,
        zone: Kind = None,
        after: Annotated[str, Query(max_length=64, description="only ids that sort after this one")] = "",
        limit: Limit = 100,
    ) -> Page[SensorDocument]:
        """Sensors as they stand, by id."""
        found = [
            now
            for now in feed.sensors(city)
            if now.sensor.sensor_id > after
            and (quantity is None or now.sensor.quantity is quantity)
            and (state is None or now.state is state)
            and (zone is None or now.sensor.zone_id == zone)
        ]
        found.sort(key=lambda now: now.sensor.sensor_id)
        page = found[:limit]
        return Page(
            items=[SensorDocument.of(now) for now in page],
            next=_next(request, after=page[-1].sensor.sensor_id) if len(found) > limit else None,
        )

    @routes.get("/sensors/{sensor_id}", tags=["sensors"], responses=responses(404))
    def sensor(sensor_id: SensorId) -> SensorDocument:
        """One sensor as it stands."""
        return SensorDocument.of(_sensor(feed, sensor_id))

    @routes.get("/sensors/{sensor_id}/readings", tags=["sensors"], responses=responses(404))
    def readings(
        request: Request,
        sensor_id: SensorId,
        start: AwareDatetime | None = None,
        end: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Page[ReadingDocument]:
        """Readings observed in [start, end), newest first; of the last day where no time is given."""
        key = _sensor(feed, sensor_id).sensor.sensor_key
        start, end = _span(clock, start, end)
        rows = views.readings(store, key, start=start, end=end, limit=limit)
        return Page(
            items=[
                ReadingDocument(
                    observed_at=observed,
                    received_at=received,
                    value=value,
                    quality=Quality(quality).name.lower(),
                    reason=QualityReason(reason).name.lower(),
                )
                for observed, received, value, quality, reason in rows
            ],
            next=_next(request, start=start.isoformat(), end=rows[-1][0].isoformat()) if len(rows) == limit else None,
        )

    @routes.get(
        "/sensors/{sensor_id}/readings.csv",
        tags=["sensors"],
        response_class=StreamingResponse,
        responses={**responses(404), 200: {"content": {"text/csv": {}}}},
    )
    def readings_csv(
        sensor_id: SensorId, start: AwareDatetime | None = None, end: AwareDatetime | None = None
    ) -> StreamingResponse:
        """All readings observed in [start, end) as a table, newest first; of the last day where no time is given."""
        sensor = _sensor(feed, sensor_id).sensor
        start, end = _span(clock, start, end)
        return StreamingResponse(
            _csv(store, sensor, start, end),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{sensor_id}.csv"'},
        )

    @routes.get("/sensors/{sensor_id}/series", tags=["sensors"], responses=responses(404))
    def series(
        sensor_id: SensorId,
        start: AwareDatetime | None = None,
        end: AwareDatetime | None = None,
        points: Annotated[int, Query(ge=1, le=5000, description="steps at the most")] = 500,
    ) -> list[StepDocument]:
        """Readings of [start, end) in equal steps, oldest first; steps without readings are left out."""
        now = _sensor(feed, sensor_id)
        start, end = _span(clock, start, end)
        rows = views.series(
            store, now.sensor.sensor_key, start=start, end=end, step_s=max(1.0, (end - start).total_seconds() / points)
        )
        return [StepDocument(at=at, mean=mean, min=low, max=high, readings=n) for at, mean, low, high, n in rows]

    @routes.get("/findings", tags=["findings"], responses=responses())
    def findings(
        request: Request,
        city: City = None,
        kind: Kind = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[FindingDocument]:
        """What detectors said, newest first, without area and explanation."""
        rows = views.findings(store, city=city, kind=kind, before=before, limit=limit)
        return Page(
            items=[FindingDocument.model_validate(row) for row in rows],
            next=_next(request, before=rows[-1]["finding_id"]) if len(rows) == limit else None,
        )

    @routes.get("/findings/{finding_id}", tags=["findings"], responses=responses(404))
    def finding(finding_id: Id) -> FindingDocument:
        """One finding with its area and the numbers behind it."""
        row = views.finding(store, finding_id)
        if row is None:
            raise NotFoundError(f"there is no finding {finding_id}", advice="look at the list of findings")
        return FindingDocument.model_validate(row)

    @routes.get(
        "/layers/{layer}.geojson",
        tags=["map"],
        response_class=Response,
        responses={**responses(), 200: {"content": {geojson.MEDIA_TYPE: {}}}, 304: {"description": "Not changed"}},
    )
    def layer(
        layer: LayerName,
        city: City = None,
        if_none_match: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """A layer of the map as GeoJSON, with an ETag."""
        tag: str | None = None
        if layer is LayerName.SENSORS:
            text = geojson.sensors(feed.sensors(city))
        elif layer is LayerName.FINDINGS:
            text = geojson.findings([one for one in feed.alarms if city in (None, one.city_code)])
        else:
            packs = "".join(one.sha256 for one in feed.cities if city in (None, one.code))
            tag = _tag(f"{layer.value}{city}{packs}")
            if if_none_match == tag:
                return Response(status_code=304, headers={"ETag": tag})
            text = views.layer(store, views.Layer(layer.value), city=city)
        tag = tag or _tag(text)
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if if_none_match == tag:
            return Response(status_code=304, headers=headers)
        return Response(text, media_type=geojson.MEDIA_TYPE, headers=headers)

    @routes.get("/health", tags=["health"], responses=responses())
    def health() -> HealthDocument:
        """Whether what is shown can be believed: the database, the stages, the age of the newest reading."""
        now = clock.now()
        beats = stages(store)
        workers = [
            StageDocument(
                stage=beat.stage,
                worker=beat.worker,
                started_at=beat.started_at,
                beat_at=beat.beat_at,
                age_s=(now - beat.beat_at).total_seconds(),
            )
            for beat in beats
        ]
        newest: dict[str, float] = {}
        for worker in workers:
            newest[worker.stage] = min(worker.age_s, newest.get(worker.stage, worker.age_s))
        intake = feed.intake()
        watch = feed.watch()
        return HealthDocument(
            status="ok" if feed.answering and all(age < _STAGE_LATE_S for age in newest.values()) else "degraded",
            database=feed.answering,
            newest_reading_at=intake.newest_at,
            newest_reading_age_s=(now - intake.newest_at).total_seconds() if intake.newest_at else None,
            readings_per_minute=intake.per_minute,
            silent_sensors=watch.silent,
            sensors=watch.sensors,
            live_alarms=len(feed.alarms),
            watchers=feed.watchers,
            stages=workers,
        )

    return routes


def _csv(store: Store, sensor: Sensor, start: datetime, end: datetime) -> Iterator[str]:
    yield f"observed_at,received_at,{sensor.quantity.value}_{SI_UNIT[sensor.quantity]},quality,reason\r\n"
    while rows := views.readings(store, sensor.sensor_key, start=start, end=end, limit=_CSV_ROWS):
        for observed, received, value, quality, reason in rows:
            names = f"{Quality(quality).name.lower()},{QualityReason(reason).name.lower()}"
            yield f"{observed.isoformat()},{received.isoformat()},{value!r},{names}\r\n"
        end = rows[-1][0]


def _sensor(feed: Feed, sensor_id: str) -> SensorNow:
    now = feed.sensor(sensor_id)
    if now is None:
        raise NotFoundError(f"there is no sensor {sensor_id}", advice="look at /api/v1/sensors")
    return now


def _span(clock: Clock, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    end = end or clock.now() + timedelta(hours=1)
    return start or end - timedelta(days=1), end


def _next(request: Request, **values: object) -> str:
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in values]
    return f"{request.url.path}?{urlencode([*kept, *values.items()])}"


def _tag(text: str) -> str:
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'
