"""The console stage: pages and API in one process, on its own web server, until it is told to stop."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from nicegui import ui

from console import base_map
from console.access import first_page
from console.api.answers import Answers
from console.api.build import build
from console.door.accounts import Accounts
from console.door.logging_in import LoggingIn
from console.door.paper import Paper
from console.dossier import Dossiers
from console.feed import Feed
from console.field.pages import install as install_field
from console.gate import Gate, visitor_of
from console.guard import Guard
from console.pages.desk import Desk
from console.pages.site import pages
from console.sensorthings import routes as sensorthings
from console.sheltering import Checklist
from console.texts import Language, Texts
from lifeline import log
from lifeline.clock import Clock
from lifeline.errors import SettingsError, StoreError
from lifeline.settings import Settings
from lifeline.store import people
from lifeline.store.pool import Store
from lifeline.store.stages import beat

STAGE = "console"
_BEAT_S = 5.0
_STOP_S = 3
"""how long an answer under way may take when the stage stops"""
_CONNECTIONS = 6
_PATIENCE_S = 3.0
"""a person who waits for a database that is away is told so after this"""
_FOLDER = Path(__file__).parent


def run(settings: Settings, *, stop: threading.Event, clock: Clock, checklist: Checklist | None = None) -> None:
    """Serves pages and API on the console's host and port until `stop` is set; `checklist` says what it takes to
    convert a shelter.

    Raises SettingsError where it cannot listen there. A database that is away does not end it: pages say so.
    """
    logger = log.logger(STAGE)
    listening = _listen(settings.console.host, settings.console.port)
    port = listening.getsockname()[1]
    with (
        listening,
        Store(
            settings.require_database(), name="lifeline-console", connections=_CONNECTIONS, timeout_s=_PATIENCE_S
        ) as store,
    ):
        feed = Feed(
            store, clock, refresh_s=settings.console.refresh_s, silent_intervals=settings.console.silent_intervals
        )
        server = uvicorn.Server(
            uvicorn.Config(
                application(settings, store, feed, clock, port=port, checklist=checklist),
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=_STOP_S,
                ws="websockets-sansio",
                ws_per_message_deflate=False,  # pages get little at a time: packing it for each took most of the work
            )
        )
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web")
        serving.start()
        logger.info("the console listens", url=f"http://{settings.console.host}:{port}/")
        started_at, invited = clock.now(), False
        try:
            while serving.is_alive():
                invited = invited or _invite(store, clock.now(), settings, port, logger)
                _beat(store, started_at, clock.now(), {"port": port, "watchers": feed.watchers}, logger)
                if clock.wait(_BEAT_S, stop):
                    break
        finally:
            feed.stop()
            server.should_exit = True
            serving.join()
        if not stop.is_set():
            raise RuntimeError("the web server ended by itself")


def application(
    settings: Settings, store: Store, feed: Feed, clock: Clock, *, port: int, checklist: Checklist | None = None
) -> FastAPI:
    """The web application: the API at /api/v1, the pages at /zh and /en. One per process, as NiceGUI has it."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        feed.start(asyncio.get_running_loop())
        yield

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.mount("/api/v1", build(store, feed, clock, settings, checklist))
    app.mount(sensorthings.MOUNT, sensorthings.build(store, feed, clock))
    app.mount("/static", StaticFiles(directory=_FOLDER / "pages", follow_symlink=False), name="static")
    app.add_middleware(Gate, store=store, clock=clock)
    app.add_middleware(
        Guard,
        host=settings.console.host,
        port=port,
        tiles=base_map.origins(settings.console.tile_url),
        address=settings.alerts.console_url,
    )
    paper = Paper(settings.console.language)
    LoggingIn(store, clock, paper).install(app)
    Accounts(store, clock, paper).install(app)
    Answers(store, clock, paper, secret=settings.alerts.answer_secret.get_secret_value()).install(app)
    install_field(app)
    dossiers = Dossiers(store, feed, clock)

    @app.get("/")
    def home(request: Request) -> Response:
        """The first page of the person's role, in the language as chosen last, else as set."""
        query = f"?{request.url.query}" if request.url.query else ""
        first = first_page(visitor_of(request).person.roles)
        return RedirectResponse(f"/{paper.language(request)}{first}{query}", status_code=302)

    @app.get("/alarms/{alarm_id}")
    def alarm(alarm_id: int, request: Request) -> Response:
        """Where notices point to."""
        first = first_page(visitor_of(request).person.roles)
        return RedirectResponse(f"/{paper.language(request)}{first}?alarm={alarm_id}", status_code=302)

    for language in Language:
        pages(Desk(store, feed, clock, settings, dossiers, Texts.of(language), checklist))
    ui.run_with(
        app,
        title="Lifeline",
        favicon=_FOLDER / "pages" / "icon.svg",
        tailwind=False,
        show_welcome_message=False,
        binding_refresh_interval=None,
        reconnect_timeout=10.0,
    )
    return app


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise SettingsError(
            f"the console cannot listen on {host}:{port}: {error.strerror or error}",
            advice="set console.host and console.port (0 takes a free one), or end what uses it",
        ) from error


def _invite(store: Store, now: datetime, settings: Settings, port: int, logger: log.Logger) -> bool:
    """Where nobody can look after people yet: prints the link, good once, that makes the first supervisor."""
    try:
        secret = people.first_link(store, now=now)
    except StoreError:
        return False
    if secret is not None:
        base = settings.alerts.console_url.rstrip("/") or f"http://{settings.console.host}:{port}"
        logger.warning("there is no supervisor yet: open this link, it works once", link=f"{base}/first/{secret}")
    return True


def _beat(store: Store, started_at: datetime, now: datetime, detail: dict[str, Any], logger: log.Logger) -> None:
    try:
        beat(
            store,
            stage=STAGE,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            started_at=started_at,
            now=now,
            detail=detail,
        )
    except StoreError as error:
        logger.warning("no heartbeat could be written", error=str(error))
