"""Puts the API together as an application of its own, so that its errors, its document and its paths are its own."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from console.api import (
    alarms,
    cap_feed,
    conversions,
    devices,
    evacuations,
    events,
    field,
    figures,
    findings,
    health,
    layers,
    photos,
    problem,
    rollups,
    sensors,
    shelters,
    silences,
    verdicts,
    work_orders,
)
from console.api.tagging import Tagging
from console.feed import Feed
from console.sheltering import Checklist
from lifeline.clock import Clock
from lifeline.settings import Settings
from lifeline.store.pool import Store


def build(store: Store, feed: Feed, clock: Clock, settings: Settings, checklist: Checklist | None = None) -> FastAPI:
    """The API, to be mounted at /api/v1; its document is at /api/v1/openapi.json."""
    api = FastAPI(
        title="Lifeline",
        version="1",
        description="City lifeline monitoring. SI units, UTC times, GB/T 2260 city codes, WGS 84 positions.",
        docs_url=None,  # the usual documentation pages load from the internet
        redoc_url=None,
    )
    problem.install(api)
    for router in (
        photos.router(store, clock),  # before the actions of alarms, which take any word
        alarms.router(store, clock),
        work_orders.router(store, clock),
        shelters.router(store, clock),
        field.router(store, feed, clock),
        sensors.router(store, feed, clock),
        findings.router(store),
        layers.router(store, feed, clock),
        health.router(store, feed, clock),
        events.router(feed),
        cap_feed.router(store, clock, settings),
        rollups.router(store, feed, clock),
        figures.router(store, feed, clock),
        verdicts.router(store, clock),
        devices.router(store, clock, settings),
        silences.router(store, clock),
        conversions.router(store, clock, checklist),
        evacuations.router(store, clock),
    ):
        api.include_router(router)
    api.add_middleware(Tagging)
    api.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=5)
    return api
