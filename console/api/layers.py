"""Map layers as GeoJSON, sent again only when they have changed."""

import hashlib
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from console.api import geojson
from console.api.parameters import City, cities_of
from console.api.problem import responses
from console.feed import Feed
from lifeline.clock import Clock
from lifeline.store import crews, flood_forecasts, shelters, views
from lifeline.store.pool import Store


class LayerName(StrEnum):
    """What can be drawn."""

    PIPES = "pipes"
    DRAINS = "drains"
    ZONES = "zones"
    SHELTERS = "shelters"
    CREWS = "crews"
    SENSORS = "sensors"
    FINDINGS = "findings"
    WATER = "water"
    """stretches of road under water, now or foreseen"""


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The addresses below /layers."""
    routes = APIRouter(tags=["map"])

    @routes.get(
        "/layers/{layer}.geojson",
        response_class=Response,
        responses={**responses(), 200: {"content": {geojson.MEDIA_TYPE: {}}}, 304: {"description": "Not changed"}},
    )
    def layer(
        request: Request,
        layer: LayerName,
        city: City = None,
        if_none_match: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """A layer of the map as GeoJSON, with an ETag."""
        cities, tag = cities_of(request, city), ""
        if layer is LayerName.SENSORS:
            text = geojson.sensors([one for one in feed.sensors() if cities is None or one.sensor.city_code in cities])
        elif layer is LayerName.FINDINGS:
            text = geojson.findings([one for one in feed.alarms if cities is None or one.city_code in cities])
        elif layer is LayerName.SHELTERS:
            standing = shelters.standings(store, city)
            text = geojson.shelters([one for one in standing if cities is None or one.shelter.city_code in cities])
        elif layer is LayerName.CREWS:
            on_duty = [one for one in crews.standings(store) if cities is None or one.crew.city_code in cities]
            text = geojson.crews(on_duty, now=clock.now())
        elif layer is LayerName.WATER:
            codes = [one.code for one in feed.cities if cities is None or one.code in cities]
            text = geojson.water([one for code in codes for one in flood_forecasts.of_city(store, code)])
        else:
            packs = "".join(one.sha256 for one in feed.cities if cities is None or one.code in cities)
            tag = _tag(f"{layer.value}{sorted(cities) if cities else city}{packs}")
            if if_none_match == tag:
                return Response(status_code=304, headers={"ETag": tag})
            text = views.layer(store, views.Layer(layer.value), city=cities)
        tag = tag or _tag(text)
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if if_none_match == tag:
            return Response(status_code=304, headers=headers)
        return Response(text, media_type=geojson.MEDIA_TYPE, headers=headers)

    return routes


def _tag(text: str) -> str:
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:20]}"'
