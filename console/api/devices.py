"""Devices: who lives, whose clock is wrong, who speaks and is in no city pack."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from console.api.documents import Page
from console.api.parameters import After, City, Limit, cities_of, page_of
from console.api.problem import responses
from lifeline.clock import Clock
from lifeline.liveness import Allowance, Life, Trouble, troubles
from lifeline.settings import Settings
from lifeline.store.devices import lives
from lifeline.store.pool import Store
from lifeline.store.strangers import Stranger, strangers


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


@dataclass(frozen=True, slots=True)
class StrangerDocument(Stranger):
    """Who speaks and is in no city pack; `sample` is the newest message, cut short, in base64."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="base64")


_STRANGER = tuple(field.name for field in fields(Stranger))


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
        after: After = "",
        limit: Limit = 100,
    ) -> Page[DeviceDocument]:
        """Devices by id, with what is wrong with each."""
        cities, now = cities_of(request, city), clock.now()
        rows = [
            (life.device_id, _document(life, troubles(life, allowance, now=now)))
            for life in lives(store, city_code=city)
            if cities is None or life.city_code in cities
        ]
        wanted = [row for row in rows if trouble is None or trouble in row[1].troubles]
        return page_of(request, sorted(wanted, key=lambda row: row[0]), after=after, limit=limit)

    @routes.get("/devices/quarantine", responses=responses())
    def quarantine(
        request: Request, city: City = None, after: After = "", limit: Limit = 100
    ) -> Page[StrangerDocument]:
        """Those who speak and are in no city pack, by city and id; `lifeline devices adopt` takes them in."""
        cities = cities_of(request, city)
        rows = sorted(
            (
                (f"{one.city_code}/{one.device_id}", StrangerDocument(*(getattr(one, name) for name in _STRANGER)))
                for one in strangers(store, limit=settings.ingest.quarantine_devices + 1)
                if cities is None or one.city_code in cities
            ),
            key=lambda row: row[0],
        )
        return page_of(request, rows, after=after, limit=limit)

    return routes


def _document(life: Life, wrong: Sequence[Trouble]) -> DeviceDocument:
    told = {name: getattr(life, name) for name in DeviceDocument.model_fields if name != "troubles"}
    return DeviceDocument(**told, troubles=list(wrong))
