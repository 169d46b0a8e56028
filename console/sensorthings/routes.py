"""The service on the web: GET below /sensorthings/v1.1; everything else is refused, errors are problem+json."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.middleware.gzip import GZipMiddleware

from console.api import problem
from console.feed import Feed
from console.sensorthings.model import Catalogue
from console.sensorthings.observations import ObservationReader
from console.sensorthings.service import Service
from lifeline.clock import Clock
from lifeline.store.pool import Store

MOUNT = "/sensorthings/v1.1"


def build(store: Store, feed: Feed, clock: Clock) -> FastAPI:
    """The service, to be mounted at MOUNT."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    problem.install(api)
    reader = ObservationReader(store, clock)

    @api.get("/{path:path}")
    def get(path: str, request: Request) -> Response:
        """Any address of the service."""
        catalogue = Catalogue([now.sensor for now in feed.sensors()], feed.cities)
        answer = Service(catalogue, reader, str(request.base_url)).answer(path, request.query_params.multi_items())
        return PlainTextResponse(answer) if isinstance(answer, str) else JSONResponse(answer)

    api.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=5)
    return api
