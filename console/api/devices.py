"""Devices: who lives, whose clock is wrong, who speaks and is in no city pack."""

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from console.api.documents import Page
from console.api.parameters import City, Limit, cities_of, following
from console.api.problem import responses
from lifeline.clock import Clock
from lifeline.liveness import Allowance, Trouble, troubles
from lifeline.settings import Settings
from lifeline.store.devices import lives
from lifeline.store.pool import Store
from lifeline.store.strangers import strangers


class DeviceDocument(BaseModel):
    """A device that a city pack or an operator names; no trouble: it lives and its clock is right."""

    model_config = ConfigDict(from_attributes=True)
    device_id: str
    city_code: str
    online: bool | None = Field(description="as it said itself; null: it says nothing of that")
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    last_observed_at: datetime | None
    clock_skew_s: float | None = Field(description="positive: its clock is ahead")
    sensors: int
    adopted: bool
    received: int
    stored: int
    rejected: int
    troubles: list[Trouble]


class StrangerDocument(BaseModel):
    """Who speaks and is in no city pack; `sample` is the newest message, cut short, in base64."""

    city_code: str
    device_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    topic: str
    messages: int
    readings: int
    not_kept: int
    channels: list[str]
    sample: str


def router(store: Store, clock: Clock, settings: Settings) -> APIRouter:
    """The addresses below /devices."""
    routes = APIRouter(tags=["devices"])
    allowance = Allowance.of(settings)

    @routes.get("/devices", responses=responses())
    def devices(
        request: Request,
        *,
        city: City = None,
        trouble: Annotated[Trouble | None, Query(description="only devices with it")] = None,
        after: Annotated[
            str, Query(max_length=64, pattern=r"^[^\x00]*$", description="only ids that sort after this one")
        ] = "",
        limit: Limit = 100,
    ) -> Page[DeviceDocument]:
        """Devices by id, with what is wrong with each."""
        cities, now = cities_of(request, city), clock.now()
        found = sorted(
            (
                (life, troubles(life, allowance, now=now))
                for life in lives(store, city_code=city)
                if life.device_id > after and (cities is None or life.city_code in cities)
            ),
            key=lambda row: row[0].device_id,
        )
        if trouble is not None:
            found = [row for row in found if trouble in row[1]]
        items = [
            DeviceDocument(
                **{name: getattr(life, name) for name in DeviceDocument.model_fields if name != "troubles"},
                troubles=list(wrong),
            )
            for life, wrong in found[:limit]
        ]
        return Page(items=items, next=following(request, after=items[-1].device_id) if len(found) > limit else None)

    @routes.get("/devices/quarantine", responses=responses())
    def quarantine(request: Request, city: City = None, limit: Limit = 100) -> Page[StrangerDocument]:
        """The newest of those who speak and are in no city pack; `lifeline devices adopt` takes them in."""
        cities = cities_of(request, city)
        return Page(
            items=[
                StrangerDocument(
                    city_code=one.city_code, device_id=one.device_id, first_seen_at=one.first_seen_at,
                    last_seen_at=one.last_seen_at, topic=one.topic, messages=one.messages, readings=one.readings,
                    not_kept=one.not_kept, channels=[str(channel) for channel in one.channels],
                    sample=base64.b64encode(one.sample).decode(),
                )
                for one in strangers(store, limit=1000)
                if cities is None or one.city_code in cities
            ][:limit]
        )  # fmt: skip

    return routes
