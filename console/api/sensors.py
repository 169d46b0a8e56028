"""Sensors as they stand, and their readings: single, in steps, as a table."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from console.api.documents import Page, ReadingDocument, SensorDocument, StepDocument
from console.api.instant import Instant
from console.api.parameters import City, Kind, Limit, SensorId, cities_of, following, require_city, span
from console.api.problem import responses
from console.feed import Feed
from console.sensing import SensorNow, SensorState
from lifeline.asset import Sensor
from lifeline.clock import Clock
from lifeline.errors import NotFoundError
from lifeline.reading import Quality, QualityReason
from lifeline.store import views
from lifeline.store.pool import Store
from lifeline.units import SI_UNIT, Quantity

_CSV_ROWS = 5000
"""rows that are read at a time: a table of a year is never in memory as a whole"""


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The addresses below /sensors."""
    routes = APIRouter(tags=["sensors"])

    @routes.get("/sensors", responses=responses())
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
        cities = cities_of(request, city)
        found = [
            now
            for now in feed.sensors(city)
            if now.sensor.sensor_id > after
            and (cities is None or now.sensor.city_code in cities)
            and (quantity is None or now.sensor.quantity is quantity)
            and (state is None or now.state is state)
            and (zone is None or now.sensor.zone_id == zone)
        ]
        found.sort(key=lambda now: now.sensor.sensor_id)
        page = found[:limit]
        return Page(
            items=[SensorDocument.of(now) for now in page],
            next=following(request, after=page[-1].sensor.sensor_id) if len(found) > limit else None,
        )

    @routes.get("/sensors/{sensor_id}", responses=responses(404))
    def sensor(request: Request, sensor_id: SensorId) -> SensorDocument:
        """One sensor as it stands."""
        return SensorDocument.of(_sensor(request, feed, sensor_id))

    @routes.get("/sensors/{sensor_id}/readings", responses=responses(404))
    def readings(
        request: Request,
        sensor_id: SensorId,
        start: Instant | None = None,
        end: Instant | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Page[ReadingDocument]:
        """Readings observed in [start, end), newest first; of the last day where no time is given."""
        key = _sensor(request, feed, sensor_id).sensor.sensor_key
        start, end = span(clock, start, end)
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
            next=following(request, start=start.isoformat(), end=rows[-1][0].isoformat())
            if len(rows) == limit
            else None,
        )

    @routes.get(
        "/sensors/{sensor_id}/readings.csv",
        response_class=StreamingResponse,
        responses={**responses(404), 200: {"content": {"text/csv": {}}}},
    )
    def readings_csv(
        request: Request, sensor_id: SensorId, start: Instant | None = None, end: Instant | None = None
    ) -> StreamingResponse:
        """All readings observed in [start, end) as a table, newest first; of the last day where no time is given."""
        sensor = _sensor(request, feed, sensor_id).sensor
        start, end = span(clock, start, end)
        return StreamingResponse(
            _csv(store, sensor, start, end),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{sensor_id}.csv"'},
        )

    @routes.get("/sensors/{sensor_id}/series", responses=responses(404))
    def series(
        request: Request,
        sensor_id: SensorId,
        start: Instant | None = None,
        end: Instant | None = None,
        points: Annotated[int, Query(ge=1, le=5000, description="steps at the most")] = 500,
    ) -> list[StepDocument]:
        """Readings of [start, end) in equal steps, oldest first; steps without readings are left out."""
        now = _sensor(request, feed, sensor_id)
        start, end = span(clock, start, end)
        rows = views.series(
            store, now.sensor.sensor_key, start=start, end=end, step_s=max(1.0, (end - start).total_seconds() / points)
        )
        return [StepDocument(at=at, mean=mean, min=low, max=high, readings=n) for at, mean, low, high, n in rows]

    return routes


def _csv(store: Store, sensor: Sensor, start: datetime, end: datetime) -> Iterator[str]:
    yield f"observed_at,received_at,{sensor.quantity.value}_{SI_UNIT[sensor.quantity]},quality,reason\r\n"
    while rows := views.readings(store, sensor.sensor_key, start=start, end=end, limit=_CSV_ROWS):
        for observed, received, value, quality, reason in rows:
            names = f"{Quality(quality).name.lower()},{QualityReason(reason).name.lower()}"
            yield f"{observed.isoformat()},{received.isoformat()},{value!r},{names}\r\n"
        end = rows[-1][0]


def _sensor(request: Request, feed: Feed, sensor_id: str) -> SensorNow:
    now = feed.sensor(sensor_id)
    if now is None:
        raise NotFoundError(f"there is no sensor {sensor_id}", advice="look at /api/v1/sensors")
    require_city(request, now.sensor.city_code)
    return now
