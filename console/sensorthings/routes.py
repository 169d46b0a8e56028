"""The service on the web: GET below MOUNT; everything else is refused, errors are problem+json."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.middleware.gzip import GZipMiddleware

from console.api import problem
from console.api.parameters import cities_of
from console.feed import Feed
from console.sensorthings.model import Catalogue
from console.sensorthings.observations import ObservationReader
from console.sensorthings.service import Service
from lifeline.clock import Clock
from lifeline.store.pool import Store

MOUNT = "/api/sensorthings/v1.1"
Cities = Callable[[Request], frozenset[str] | None]


def _cities(request: Request) -> frozenset[str] | None:
    return cities_of(request, None)


def build(store: Store, feed: Feed, clock: Clock, *, cities: Cities = _cities) -> FastAPI:
    """The service, to be mounted at MOUNT; who asks sees the `cities` that are theirs, None: all."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    problem.install(api)
    reader = ObservationReader(store, clock)

    @api.get("/{path:path}")
    def get(path: str, request: Request) -> Response:
        """Any address of the service."""
        own = cities(request)
        sensors = [now.sensor for now in feed.sensors() if own is None or now.sensor.city_code in own]
        service = Service(Catalogue(sensors, feed.cities), reader, str(request.base_url))
        answer = service.answer(path, request.query_params.multi_items())
        return PlainTextResponse(answer) if isinstance(answer, str) else JSONResponse(answer)

    api.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=5)
    return api
