"""What the lists of shelters, crews, work orders, zones and forecasts of water read and how they show it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from console.api.shelters import filled
from console.pages import evacuations, silencing, storms
from console.pages.desk import Desk
from console.pages.register import MOST, Cities, Register
from console.words import moment, percent, value
from lifeline.shelter import ShelterState
from lifeline.store import crews, flood_forecasts, shelters, work_orders
from lifeline.units import Quantity
from lifeline.work_order import OVER, OrderState

Json = dict[str, Any]


def _shelters(desk: Desk, cities: Cities, now: datetime) -> list[Json]:
    texts = desk.texts
    return [
        {
            "id": one.shelter.shelter_id,
            "href": f"/{texts.language.value}/shelters/{one.shelter.shelter_id}",
            "name": texts.name(one.shelter.name.zh, one.shelter.name.en),
            "place": desk.place(one.shelter.city_code, None),
            "mode": texts(f"shelter.mode.{one.mode.value}"),
            "state": texts(f"shelter.state.{one.state.value}"),
            "people": filled(one, now),
            "counted": moment(one.counted_at, desk.timezone(one.shelter.city_code), now=now) if one.counted_at else "–",
            "water": texts(f"shelter.exposure.{one.exposure}"),
            "heated": texts("list.yes" if one.shelter.heated else "list.no"),
            "filters": {"state": one.state.value},
        }
        for one in shelters.standings(desk.store)
        if cities is None or one.shelter.city_code in cities
    ]


def _crews(desk: Desk, cities: Cities, now: datetime) -> list[Json]:
    texts = desk.texts
    return [
        {
            "id": one.crew.crew_id,
            "href": f"/{texts.language.value}/crews/{one.crew.crew_id}",
            "name": texts.name(one.crew.name.zh, one.crew.name.en),
            "place": desk.place(one.crew.city_code, None),
            "skills": " · ".join(texts.known("skill", skill) for skill in one.crew.skills),
            "people": str(one.crew.people),
            "duty": texts("list.on_duty" if one.on_duty_at(now) else "list.off_duty"),
            "orders": str(one.orders),
            "offers": str(one.offers),
            "filters": {},
        }
        for one in crews.standings(desk.store)
        if cities is None or one.crew.city_code in cities
    ]


def names_of_crews(desk: Desk) -> Callable[[str | None], str]:
    """How each crew is called; a dash for none. Raises StoreError."""
    known = {one.crew.crew_id: one.crew.name for one in crews.standings(desk.store)}

    def name(crew_id: str | None) -> str:
        if crew_id is None:
            return "–"
        found = known.get(crew_id)
        return f"{desk.texts.name(found.zh, found.en)} ({crew_id})" if found else crew_id

    return name


def _orders(desk: Desk, cities: Cities, now: datetime) -> list[Json]:
    texts, crew = desk.texts, names_of_crews(desk)
    rows = []
    for one in work_orders.orders(desk.store, live_only=False, limit=MOST):
        if cities is not None and one.city_code not in cities:
            continue
        timezone = desk.timezone(one.city_code)
        late = one.due_at is not None and one.due_at < now and one.state not in OVER
        rows.append(
            {
                "id": str(one.order_id),
                "href": f"/{texts.language.value}/orders/{one.order_id}",
                "level": one.level.value,
                "level_word": texts(f"level.full.{one.level.value}"),
                "title": texts.name(one.title.zh, one.title.en),
                "place": desk.place(one.city_code, None),
                "crew": crew(one.crew_id),
                "state": texts(f"order.state.{one.state.value}"),
                "opened": moment(one.created_at, timezone, now=now),
                "due": (f"⚠ {texts('list.late')} " if late else "") + moment(one.due_at, timezone, now=now)
                if one.due_at
                else "",
                "filters": {"state": one.state.value},
            }
        )
    return rows


def _zones(desk: Desk, cities: Cities, now: datetime) -> list[Json]:
    del now
    texts, feed = desk.texts, desk.feed
    return [
        {
            "id": zone.zone_id,
            "href": f"/{texts.language.value}/zones/{zone.zone_id}",
            "name": texts.name(zone.name.zh, zone.name.en),
            "place": desk.place(zone.city_code, None),
            "kind": texts(f"zone.kind.{zone.kind}"),
            "sensors": str(sum(one.sensor.zone_id == zone.zone_id for one in feed.sensors(zone.city_code))),
            "alarms": str(sum(one.zone_id == zone.zone_id for one in feed.alarms)),
            "filters": {"kind": zone.kind},
        }
        for zone in sorted(feed.zones.values(), key=lambda one: one.zone_id)
        if cities is None or zone.city_code in cities
    ]


def _storms(desk: Desk, cities: Cities, now: datetime) -> list[Json]:
    texts, feed = desk.texts, desk.feed
    rows = []
    for city in feed.cities:
        if cities is not None and city.code not in cities:
            continue
        for one in flood_forecasts.of_city(desk.store, city.code):
            place = feed.sensor(one.sensor_id)
            known = place.sensor.name if place else None
            crossing = next((n for n in one.crossing_min if n is not None), None)
            rows.append(
                {
                    "id": one.sensor_id,
                    "href": f"/{texts.language.value}/sensors/{one.sensor_id}",
                    "name": texts.name(known.zh, known.en) if known else one.sensor_id,
                    "place": desk.place(city.code, place.sensor.zone_id if place else None),
                    "depth": value(Quantity.WATER_DEPTH, one.depth_m),
                    "in_30": _fan(one.quantiles_30_m),
                    "in_60": _fan(one.quantiles_60_m),
                    "chance": f"{percent(one.probability_60[0])}%" if one.probability_60 else "",
                    "crossing": texts("age.minutes", n=round(crossing)) if crossing is not None else "–",
                    "warned": texts(f"storm.warned.{one.warned}"),
                    "made": moment(one.made_at, city.timezone, now=now),
                    "filters": {"warned": one.warned},
                    "order": (-max(one.quantiles_60_m, default=0.0), one.sensor_id),
                }
            )
    return sorted(rows, key=lambda row: row["order"])


def _fan(quantiles_m: tuple[float, ...]) -> str:
    """10, 50 and 90 % of the highest depth, as one reads it: the middle, and how far it may be off."""
    if len(quantiles_m) != 3:
        return ""
    low, middle, high = (100 * one for one in quantiles_m)
    return f"{middle:.0f} cm ({low:.0f}–{high:.0f})"


WARNED = ("none", "blue", "yellow", "orange", "red")
REGISTERS = (
    Register(
        "/shelters",
        (
            ("name", "list.shelter", "link"), ("place", "detail.zone", ""), ("mode", "list.mode", ""),
            ("state", "list.state", ""), ("people", "list.people", ""), ("counted", "list.counted", ""),
            ("water", "list.water", ""), ("heated", "list.heated", ""),
        ),
        _shelters,
        (("state", "shelter.state", tuple(one.value for one in ShelterState)),),
    ),
    Register(
        "/crews",
        (
            ("name", "list.crew", "link"), ("id", "list.number", ""), ("place", "detail.zone", ""),
            ("skills", "list.skills", ""), ("people", "list.strength", ""), ("duty", "list.duty", ""),
            ("orders", "list.orders_of_crew", ""), ("offers", "list.offers", ""),
        ),
        _crews,
    ),
    Register(
        "/orders",
        (
            ("level_word", "list.level", "level"), ("title", "list.order", "link"), ("id", "list.number", ""),
            ("place", "detail.zone", ""), ("crew", "list.crew", ""), ("state", "list.state", ""),
            ("opened", "list.at", ""), ("due", "list.due", ""),
        ),
        _orders,
        (("state", "order.state", tuple(one.value for one in OrderState)),),
    ),
    Register(
        "/zones",
        (
            ("name", "list.zone", "link"), ("id", "list.number", ""), ("place", "list.city", ""),
            ("kind", "list.kind", ""), ("sensors", "page.sensors", ""), ("alarms", "bar.live", ""),
        ),
        _zones,
        (("kind", "zone.kind", ("dma", "catchment", "heating")),),
    ),
    Register(
        "/storms",
        (
            ("name", "list.place_of_water", "link"), ("place", "detail.zone", ""), ("depth", "list.depth", ""),
            ("in_30", "list.in_30", ""), ("in_60", "list.in_60", ""), ("chance", "list.chance", ""),
            ("crossing", "list.crossing", ""), ("warned", "list.warned", ""), ("made", "list.made", ""),
        ),
        _storms,
        (("warned", "storm.warned", WARNED),),
    ),
    storms.REGISTER,
    evacuations.REGISTER,
    silencing.REGISTER,
)  # fmt: skip
