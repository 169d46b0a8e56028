"""Map layers as GeoJSON, sent again only when they have changed."""

from collections.abc import Sequence
from enum import StrEnum

from fastapi import APIRouter, Request, Response

from console.api import geojson
from console.api.parameters import City, cities_of
from console.api.problem import responses
from console.api.sheets import Sheet, Sheets
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


_OF_PACKS = {
    LayerName.PIPES: views.Layer.PIPES, LayerName.DRAINS: views.Layer.DRAINS, LayerName.ZONES: views.Layer.ZONES,
}  # fmt: skip


def router(store: Store, feed: Feed, clock: Clock) -> APIRouter:
    """The addresses below /layers."""
    routes, sheets = APIRouter(tags=["map"]), Sheets()

    @routes.get(
        "/layers/{layer}.geojson",
        response_class=Response,
        responses={**responses(), 200: {"content": {geojson.MEDIA_TYPE: {}}}, 304: {"description": "Not changed"}},
    )
    def layer(request: Request, layer: LayerName, city: City = None) -> Response:
        """A layer of the map as GeoJSON, with an ETag."""
        cities = cities_of(request, city)
        codes = [one.code for one in feed.cities if cities is None or one.code in cities]
        asked = (layer, tuple(codes))
        if layer is LayerName.SENSORS:

            def drawn() -> str:
                return geojson.sensors([one for one in feed.sensors() if one.sensor.city_code in codes])

            sheet = sheets.sheet(asked, feed.looks, drawn)
        elif layer in _OF_PACKS:
            packs = tuple(one.sha256 for one in feed.cities if one.code in codes)
            sheet = sheets.sheet(asked, packs, lambda: views.layer(store, _OF_PACKS[layer], city=codes))
        else:
            sheet = Sheet.of(_moving(layer, codes, city))
        return sheet.answer(request, geojson.MEDIA_TYPE)

    def _moving(layer: LayerName, codes: Sequence[str], city: str | None) -> str:
        if layer is LayerName.FINDINGS:
            return geojson.findings([one for one in feed.alarms if one.city_code in codes])
        if layer is LayerName.SHELTERS:
            standing = [one for one in shelters.standings(store, city) if one.shelter.city_code in codes]
            return geojson.shelters(standing, now=clock.now())
        if layer is LayerName.CREWS:
            on_duty = [one for one in crews.standings(store) if one.crew.city_code in codes]
            return geojson.crews(on_duty, now=clock.now())
        return geojson.water([one for code in codes for one in flood_forecasts.of_city(store, code)])

    return routes
