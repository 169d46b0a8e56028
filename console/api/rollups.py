"""Roll-ups of one sensor: what a minute, a quarter of an hour or an hour was like, over years."""

import math
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from console.api.documents import Page
from console.api.instant import Instant
from console.api.parameters import Limit, SensorId, following, require_city, span
from console.api.problem import responses
from console.feed import Feed
from lifeline.clock import Clock
from lifeline.errors import NotFoundError
from lifeline.store.pool import Store
from lifeline.store.rollups import Width, rollup


class RollupDocument(BaseModel):
    """One bucket, SI; the values are null where every reading was bad."""

    at: datetime = Field(description="its beginning")
    readings: int
    good_share: float = Field(description="of all readings, 0 to 1")
    mean: float | None
    min: float | None
    max: float | None
    last: float | None


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The address of roll-ups."""
    routes = APIRouter(tags=["sensors"])

    @routes.get("/sensors/{sensor_id}/rollups", responses=responses(404))
    def rollups(
        request: Request,
        *,
        sensor_id: SensorId,
        width: Annotated[Width, Query(description="how long a bucket is")] = Width.HOUR,
        start: Instant | None = None,
        end: Instant | None = None,
        limit: Limit = 1000,
    ) -> Page[RollupDocument]:
        """Buckets that begin in [start, end), oldest first; of the last day where no time is given.

        Buckets without readings are left out: a page is so many buckets of time, and may hold fewer.
        """
        now = feed.sensor(sensor_id)
        if now is None:
            raise NotFoundError(f"there is no sensor {sensor_id}", advice="look at /api/v1/sensors")
        require_city(request, now.sensor.city_code)
        start, end = span(clock, start, end)
        try:
            upto = start + limit * width.span
        except OverflowError:
            upto = end
        rows = rollup(store, [now.sensor.sensor_key], start, min(upto, end), width=width)
        return Page(
            items=[
                RollupDocument(
                    at=row["began_at"].item().replace(tzinfo=UTC),
                    readings=int(row["readings"]),
                    good_share=float(row["good_share"]),
                    mean=_known(row["mean"]),
                    min=_known(row["min"]),
                    max=_known(row["max"]),
                    last=_known(row["last"]),
                )
                for row in rows
            ],
            next=following(request, start=upto.isoformat(), end=end.isoformat()) if upto < end else None,
        )

    return routes


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
