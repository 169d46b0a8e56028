"""Figures: how the operations centre does, what zones take and lose by day, what water is foreseen."""

from datetime import date, datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from console.api.documents import Page
from console.api.instant import Instant
from console.api.parameters import After, City, Kind, Limit, cities_of, page_of, span
from console.api.problem import responses
from console.feed import Feed
from lifeline.clock import Clock
from lifeline.kpi import Limits
from lifeline.store import flood_forecasts, zone_days
from lifeline.store.alarm_figures import report
from lifeline.store.flood_forecasts import FloodForecast
from lifeline.store.pool import Store
from lifeline.zone_day import ZoneDay

_DAYS = timedelta(days=30)


class LevelFigures(BaseModel):
    """Alarms of a level that opened in the span; medians in seconds, null where nothing was done."""

    level: int
    alarms: int
    seen: int
    sent: int
    mended: int
    closed: int
    seen_s: float | None
    sent_s: float | None


class TenMinutes(BaseModel):
    """Alarms that asked for a person in ten minutes; more than ten are a flood of alarms (EEMUA 191)."""

    at: datetime
    alarms: int


class SourceFigures(BaseModel):
    """What rang most often."""

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


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The addresses /kpis, /zone-days and /flood-forecasts."""
    routes = APIRouter(tags=["figures"])

    def codes(request: Request, city: str | None) -> list[str]:
        cities = cities_of(request, city)
        return sorted(one.code for one in feed.cities if cities is None or one.code in cities)

    @routes.get("/kpis", responses=responses())
    def figures(
        request: Request, city: City = None, start: Instant | None = None, end: Instant | None = None
    ) -> KpiDocument:
        """How alarms of [start, end) were met: by level, ten minutes, source and channel; of the last day where no
        time is given."""
        start, end = span(clock, start, end)
        cities = cities_of(request, city)
        if end <= start:
            return KpiDocument(start=start, end=end, levels=[], ten_minutes=[], sources=[], channels=[])
        found = report(store, begin=start, end=end, limits=Limits(), cities=cities)
        return KpiDocument(
            start=start,
            end=end,
            levels=[
                LevelFigures(
                    level=level, alarms=own.alarms, seen=own.acknowledged, sent=own.dispatched, mended=own.mitigated,
                    closed=own.closed, seen_s=own.to_acknowledge_s, sent_s=own.to_dispatch_s,
                )
                for level, own in found.levels.items()
            ],
            ten_minutes=[TenMinutes(at=at, alarms=alarms) for at, alarms in found.tens],
            sources=[
                SourceFigures(
                    subject=subject, title_zh=found.titles[subject].zh, title_en=found.titles[subject].en, alarms=number
                )
                for subject, number, _ in found.listed.top
            ],
            channels=[ChannelFigures.model_validate(row) for row in found.channels],
        )  # fmt: skip

    @routes.get("/zone-days", responses=responses())
    def balances(
        request: Request,
        *,
        city: City = None,
        zone: Kind = None,
        first: date | None = None,
        last: date | None = None,
        after: After = "",
        limit: Limit = 100,
    ) -> Page[ZoneDay]:
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
        return page_of(request, rows, after=after, limit=limit, first=first, last=last)

    @routes.get("/flood-forecasts", responses=responses())
    def forecasts(request: Request, city: City = None, after: After = "", limit: Limit = 1000) -> Page[FloodForecast]:
        """The newest forecast of each place that water may take, by city and place. Lists by level, blue to red;
        quantiles are 10, 50, 90 % of the highest depth; `rung` is what it rests on."""
        rows = sorted(
            (
                (f"{code}/{one.sensor_id}", one)
                for code in codes(request, city)
                for one in flood_forecasts.of_city(store, code)
            ),
            key=lambda row: row[0],
        )
        return page_of(request, rows, after=after, limit=limit)

    return routes
