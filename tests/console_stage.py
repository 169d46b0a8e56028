"""A console for tests: a scene in the store, the stage as its own process, browsers that report every fault."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psycopg
from playwright.sync_api import Browser, Page, Request, sync_playwright

from lifeline.alarm import Level
from lifeline.asset import Name, Position
from lifeline.city.pack import load
from lifeline.errors import NotFoundError
from lifeline.finding import Candidate, Finding, FindingKind, Phase
from lifeline.person import Person, Role
from lifeline.store import decisions, findings, people, readings, sessions, views
from lifeline.store.cities import load_pack
from lifeline.store.pool import Store, Topic, notify

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Console:
    """A running console."""

    url: str
    process: subprocess.Popen[str]
    store: Store

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1"

    def bearer(self, *roles: Role, cities: tuple[str, ...] = ()) -> dict[str, str]:
        """The header of a program that acts as somebody of `roles`, an operator where none is given."""
        return bearer(self.store, *roles, cities=cities)


PASSWORD = "made for tests, long enough"
"""Of everybody whom `somebody` makes."""


def somebody(
    store: Store,
    name: str,
    *roles: Role,
    cities: tuple[str, ...] = (),
    crew_id: str | None = None,
    shelter_ids: tuple[str, ...] = (),
) -> Person:
    """A person of that name, an operator where no role is given, who logs in with PASSWORD; the same one twice."""
    login = f"p{zlib.crc32(name.encode()):08x}"
    now = datetime.now(UTC)
    try:
        return people.person(store, login)
    except NotFoundError:
        held = roles or (Role.OPERATOR,)
        made = people.add(
            store, login=login, name=name, roles=held, cities=cities, crew_id=crew_id, shelter_ids=shelter_ids,
            by="test", now=now,
        )  # fmt: skip
        people.set_password(store, made, PASSWORD, by="test", now=now)
        return made


def bearer(store: Store, *roles: Role, cities: tuple[str, ...] = ()) -> dict[str, str]:
    """The header of a program that acts as somebody of `roles`, an operator where none is given."""
    who = somebody(store, f"program {' '.join((*roles, *cities))}", *roles, cities=cities)
    secret = sessions.add_token(
        store, who.login, name="test", read_only=False, days=1, by="test", now=datetime.now(UTC)
    )
    return {"Authorization": f"Bearer {secret}"}


@contextmanager
def database(template: tuple[str, str]) -> Iterator[str]:
    """Address of a new, migrated, empty database for tests that share one."""
    base, name = template
    own = f"lifeline_console_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {own} TEMPLATE {name} STRATEGY file_copy".encode())
    yield urlsplit(base)._replace(path=f"/{own}").geturl()
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {own} WITH (FORCE)".encode())


@contextmanager
def running(database_url: str, log: Path, **settings: str) -> Iterator[Console]:
    """`lifeline console` on a free port, ended by SIGTERM; whatever it left unsaid is in `log`."""
    env = os.environ | {
        "LIFELINE_DATABASE_URL": database_url,
        "LIFELINE_CONSOLE__PORT": "0",
        "LIFELINE_LOG_FORMAT": "json",
        **settings,
    }
    with log.open("w") as stderr:
        process = subprocess.Popen([sys.executable, "-m", "lifeline", "console"], env=env, stderr=stderr, text=True)
        try:
            with Store(database_url, name="test-people", connections=2) as store:
                yield Console(_url(process, log, bearer(store)), process, store)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
    assert code == 0, log.read_text()


def _url(process: subprocess.Popen[str], log: Path, headers: dict[str, str]) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := re.search(r'"url": "(http://[^"]+?)/"', log.read_text()):
            try:
                if httpx.get(f"{found[1]}/api/v1/sensors", params={"limit": 1}, headers=headers).json()["items"]:
                    return found[1]
            except httpx.TransportError:
                pass
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the console did not come up:\n{log.read_text()}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page and everything that went wrong in it."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def failed(self, request: Request) -> None:
        """A request that got no answer is a fault, unless the person went to another page meanwhile."""
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.url}: {request.failure}")


def watch(page: Page) -> Watched:
    """Notes every error on the page's console, failed request and 4xx/5xx from now on."""
    watched = Watched(page)
    page.on("console", lambda m: watched.faults.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: watched.faults.append(str(error)))
    page.on("requestfailed", watched.failed)
    page.on("response", lambda answer: watched.faults.append(answer.url) if answer.status >= 400 else None)
    return watched


@contextmanager
def person(
    browser: Browser,
    console: Console,
    path: str,
    *roles: Role,
    name: str = "王芳",
    width: int = 1600,
    height: int = 900,
) -> Iterator[Watched]:
    """A browser of its own in which somebody has logged in and opened `path`; any error on its console, failed request
    or 4xx/5xx fails the test."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="UTC")
    page = context.new_page()
    watched = watch(page)
    try:
        log_in(page, console, path, somebody(console.store, name, *roles))
        if page.locator(".ll-situation").count():
            page.wait_for_selector(".ll-map-canvas canvas")
            page.wait_for_selector(".ll-map-note", state="detached")
        yield watched
        assert not watched.faults, watched.faults
    finally:
        context.close()


def log_in(page: Page, console: Console, path: str, who: Person) -> None:
    """What a person does who opens `path` and is asked who he is."""
    page.goto(f"{console.url}{path}")
    page.fill("[name='login']", who.login)
    page.fill("[name='password']", PASSWORD)
    page.press("[name='password']", "Enter")
    page.wait_for_url(f"{console.url}{path}*")


def load_city(store: Store, folder: Path, *, now: datetime) -> None:
    """Puts the pack in `folder` into the store."""
    load_pack(store, load(folder), now=now)


def measure(store: Store, values: dict[str, float], *, until: datetime, minutes: int = 60) -> None:
    """A reading a minute of each sensor in `values` (SI), the last one at `until`."""
    keys = {one.sensor_id: one.sensor_key for one in views.sensors(store)}
    end = np.datetime64(until.replace(tzinfo=None), "us")
    rows = np.zeros(len(values) * minutes, readings.READING)
    for number, (sensor_id, value) in enumerate(values.items()):
        part = rows[number * minutes : (number + 1) * minutes]
        part["sensor_key"] = keys[sensor_id]
        part["observed_at"] = end - np.arange(minutes) * np.timedelta64(60, "s")
        part["value"] = value
    rows["received_at"] = rows["observed_at"]
    with store.transaction() as connection:
        readings.add(connection, rows)
        notify(connection, Topic.READING)


def found(
    *,
    subject: str,
    kind: FindingKind,
    at: datetime,
    position: tuple[float, float],
    zone_id: str | None = None,
    sensor_ids: tuple[str, ...] = (),
    candidates: dict[str, float] | None = None,
    flow_m3_per_h: float | None = None,
    depth_m: float | None = None,
    city_code: str = "220100",
) -> Finding:
    """What a detector might say."""
    return Finding(
        subject=subject,
        kind=kind,
        phase=Phase.ONSET,
        city_code=city_code,
        detector="made for tests",
        reason="by-hand",
        began_at=at - timedelta(seconds=90),
        detected_at=at,
        probability=0.93,
        zone_id=zone_id,
        sensor_ids=sensor_ids,
        position=Position(*position),
        candidates=tuple(Candidate(asset, share) for asset, share in (candidates or {}).items()),
        flow_m3_per_h=flow_m3_per_h,
        depth_m=depth_m,
    )


def raise_alarm(store: Store, finding: Finding, *, level: Level, title: Name, now: datetime) -> int:
    """Stores `finding` and opens the alarm that the alerts stage would open; gives its number."""
    findings.commit(store, [finding], now=now)
    with decisions.docket(store, engine="test", now=now) as docket:
        stored = docket.findings(1000)[-1]
        alarm, _ = docket.open(stored, level=level, title=title, actor="system:alerts", reason="by-hand")
        docket.decide(
            stored, alarm_id=alarm.alarm_id, step="open", reason="by-hand", level_reason="by-hand", policy="test"
        )
    return alarm.alarm_id
