"""Figures: how the operations centre does, what zones take and lose by day, what water is foreseen."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from console.api.documents import Page
from console.api.parameters import City, Kind, Limit, cities_of, following, span
from console.api.problem import responses
from console.feed import Feed
from lifeline.clock import Clock
from lifeline.store import flood_forecasts, kpis, zone_days
from lifeline.store.pool import Store

_DAYS = timedelta(days=30)


class LevelFigures(BaseModel):
    """Alarms of a level that opened in the span; medians in seconds, null where nothing was done."""

    model_config = ConfigDict(from_attributes=True)
    level: int
    alarms: int
    seen: int
    sent: int
    mended: int
    closed: int
    seen_s: float | None
    sent_s: float | None


class TenMinutes(BaseModel):
    """Alarms that opened in ten minutes; more than ten are a flood of alarms (EEMUA 191)."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    alarms: int


class SourceFigures(BaseModel):
    """What rang most often."""

    model_config = ConfigDict(from_attributes=True)
    subject: str
    title_zh: str
    title_en: str
    alarms: int


class ChannelFigures(BaseModel):
    """Notices of a channel; `delivered_s`: the 95th percentile until the channel took them."""

    model_config = ConfigDict(from_attributes=True)
    channel: str
    notices: int
    delivered: int
    dead: int
    delivered_s: float | None


class KpiDocument(BaseModel):
    """The figures of a span of time."""

    start: datetime
    end: datetime
    levels: list[LevelFigures]
    ten_minutes: list[TenMinutes]
    sources: list[SourceFigures]
    channels: list[ChannelFigures]


class ZoneDayDocument(BaseModel):
    """The water balance of a zone on a local day; null is not known."""

    model_config = ConfigDict(from_attributes=True)
    zone_id: str
    city_code: str
    day: date
    hours: float = Field(description="of the day whose balance is known")
    inflow_m3: float
    night_flow_m3_per_h: float | None
    night_use_m3_per_h: float | None
    loss_m3: float | None
    told_loss_m3: float
    cost: float | None
    currency: str | None
    counted_at: datetime


class FloodForecastDocument(BaseModel):
    """What is foreseen at one place. Lists by level, blue to red; quantiles are 10, 50, 90 % of the highest depth."""

    model_config = ConfigDict(from_attributes=True)
    sensor_id: str
    city_code: str
    made_at: datetime
    rung: str = Field(description="what it rests on: full, no-rain-forecast, linear, thresholds")
    model_id: int | None
    depth_m: float
    data_age_s: float
    levels_m: list[float]
    probability_30: list[float]
    probability_60: list[float]
    quantiles_30_m: list[float]
    quantiles_60_m: list[float]
    crossing_min: list[float | None]
    warned: str
    reasons: list[str]
    closure: dict[str, Any] | None


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The addresses /kpis, /zone-days and /flood-forecasts."""
    routes = APIRouter(tags=["figures"])

    def codes(request: Request, city: str | None) -> list[str]:
        cities = cities_of(request, city)
        return sorted(one.code for one in feed.cities if cities is None or one.code in cities)

    @routes.get("/kpis", responses=responses())
    def figures(
        request: Request, city: City = None, start: AwareDatetime | None = None, end: AwareDatetime | None = None
    ) -> KpiDocument:
        """How alarms of [start, end) were met: by level, ten minutes, source and channel; of the last day where no
        time is given."""
        start, end = span(clock, start, end)
        found = kpis.kpis(store, cities=cities_of(request, city), start=start, end=end)
        return KpiDocument(
            start=start,
            end=end,
            levels=[LevelFigures.model_validate(row) for row in found.alarms],
            ten_minutes=[TenMinutes.model_validate(row) for row in found.tens],
            sources=[SourceFigures.model_validate(row) for row in found.sources],
            channels=[ChannelFigures.model_validate(row) for row in found.notices],
        )

    @routes.get("/zone-days", responses=responses())
    def balances(
        request: Request,
        *,
        city: City = None,
        zone: Kind = None,
        first: date | None = None,
        last: date | None = None,
        after: Annotated[
            str, Query(max_length=80, pattern=r"^[^\x00]*$", description="only what sorts after this day/zone")
        ] = "",
        limit: Limit = 100,
    ) -> Page[ZoneDayDocument]:
        """Water balances of zones by local day, oldest first, both ends included; of 30 days where no day is given."""
        last = last or clock.now().date() + timedelta(days=1)
        first = first or (last - _DAYS if last > date.min + _DAYS else date.min)
        rows = sorted(
            (
                (f"{day.day.isoformat()}/{day.zone_id}", day)
                for code in codes(request, city)
                for day in zone_days.days(store, code, first, last)
                if zone is None or day.zone_id == zone
            ),
            key=lambda row: row[0],
        )
        found = [row for row in rows if row[0] > after]
        return Page(
            items=[ZoneDayDocument.model_validate(day) for _, day in found[:limit]],
            next=following(request, after=found[limit - 1][0], first=first, last=last) if len(found) > limit else None,
        )

    @routes.get("/flood-forecasts", responses=responses())
    def forecasts(request: Request, city: City = None) -> Page[FloodForecastDocument]:
        """The newest forecast of each place that water may take, the likeliest of each city first."""
        rows = [one for code in codes(request, city) for one in flood_forecasts.of_city(store, code)]
        return Page(items=[FloodForecastDocument.model_validate(row) for row in rows])

    return routes
