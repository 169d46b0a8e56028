"""The console of a large city: first paint, an alarm from its row to the page, fifty watchers at once, the API."""

import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Page, sync_playwright
from websockets.sync.client import ClientConnection, connect

from benchmarks.table import Figure
from deploy.local import root
from deploy.local.database import LocalDatabase
from deploy.local.port import free_port
from deploy.stages import verb_command
from lifeline.alarm import Level
from lifeline.asset import Asset, AssetKind, Name, Position, Sensor, Site
from lifeline.city.pack import CityPack, load
from lifeline.clock import SystemClock
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.person import Role
from lifeline.store import decisions, findings, people, readings, sessions, views
from lifeline.store.cities import load_pack
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store, Topic, notify
from lifeline.store.rollups import Width, roll_up
from lifeline.store.stages import stages
from lifeline.supervise import Supervisor
from lifeline.units import Quantity

TITLE = "console: 10,000 sensors and 5,000 pipes on one page"
SENSORS, PIPES, WATCHERS, ALARMS, CALLS = 10_000, 5_000, 50, 20, 40
READINGS_PER_S = SENSORS // 60
"""what arrives all the while: each sensor says something every minute"""
PAINTS = 3
LIMIT_S = 1.0
_CITY = "220200"
_PACK = Path(__file__).parents[1] / "simulators" / "packs" / "jilin"
_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_GIVE_UP_S = 60.0
_MINUTES_OF_A_YEAR = 525_600
Places = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def measure() -> list[Figure]:
    """Loads the city, opens the page in Chromium, lets WATCHERS follow over the page's own websocket."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lifeline-bench-")))
        database = stack.enter_context(LocalDatabase(root.ensure(), folder / "database"))
        migrate(database.url)
        store = stack.enter_context(Store(database.url, name="lifeline-bench"))
        rolled_up_per_s = _load(store)
        feeding = threading.Event()
        feeder = threading.Thread(target=_feed, args=(store, feeding))
        url = stack.enter_context(_console(database.url, folder))
        feeder.start()
        stack.callback(feeder.join)
        stack.callback(feeding.set)
        session, token = _watcher(store)
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        stack.callback(browser.close)
        first, again = [], []
        for _ in range(PAINTS):
            context = browser.new_context(viewport={"width": 1920, "height": 1080})
            context.add_cookies([{"name": "lifeline_session", "value": session, "url": url}])
            page = context.new_page()
            first.append(_paint(page, url))
            again.append(_paint(page, url))
        seen = []
        for number in range(ALARMS):
            began = _raise_alarm(store, f"page {number}")
            page.wait_for_selector(f"text=page {number} ", timeout=_GIVE_UP_S * 1000)
            seen.append(time.monotonic() - began)
        browser.close()
        told, load = _watched(store, url, session)
        _roll_up(store)
        day, year = _api(url, 1, token), _api(url, 365, token)
    return [
        Figure("first paint, a new browser, median", float(np.median(first)), "s"),
        Figure("first paint, a new browser, worst", max(first), "s"),
        Figure("paint, a browser that knows it, median", float(np.median(again)), "s"),
        Figure("alarm row to the page in Chromium, p95", _p95(seen), "s", "limit", LIMIT_S),
        Figure(f"alarm row to each of {WATCHERS} watchers, p95", _p95(told), "s", "limit", LIMIT_S),
        Figure(f"alarm row to each of {WATCHERS} watchers, worst", max(told), "s"),
        Figure(f"processor time of the console with {WATCHERS} watchers", load, "cores", "machine", os.cpu_count()),
        Figure("API: a day of one sensor, p95", 1000 * _p95(day), "ms"),
        Figure("API: a year of one sensor in 500 steps, p95", 1000 * _p95(year), "ms"),
        Figure("readings that arrive all the while", READINGS_PER_S, "1/s"),
        Figure("roll-ups of the history, three widths", rolled_up_per_s, "readings/s"),
        Figure("load of the machine at the end", os.getloadavg()[0], "", "cores", os.cpu_count()),
    ]


def _paint(page: Page, url: str) -> float:
    """Seconds until the map, all its sensors and pipes stand."""
    began = time.monotonic()
    page.goto(f"{url}/zh?city={_CITY}")
    page.wait_for_selector(".ll-map-canvas canvas")
    page.wait_for_selector(".ll-map-note", state="detached")
    return time.monotonic() - began


def _feed(store: Store, stop: threading.Event) -> None:
    """Every second READINGS_PER_S new readings, sensor after sensor, until `stop`."""
    keys = np.array([sensor.sensor_key for sensor in views.sensors(store)], "i4")
    at = 0
    while not stop.wait(1.0):
        rows = np.zeros(READINGS_PER_S, readings.READING)
        rows["sensor_key"] = np.take(keys, range(at, at + READINGS_PER_S), mode="wrap")
        rows["observed_at"] = rows["received_at"] = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
        rows["value"] = 3e5
        at += READINGS_PER_S
        with store.transaction() as connection:
            readings.add(connection, rows)
            notify(connection, Topic.READING)


def _roll_up(store: Store) -> None:
    """What the ingest stage does all the time."""
    for width in Width:
        while roll_up(store, width).more:
            pass


def _watcher(store: Store) -> tuple[str, str]:
    """An operator's session, as a log-in gives it to a browser, and a token for the API."""
    now = datetime.now(UTC)
    who = people.add(store, login="watcher", name="watcher", roles=[Role.OPERATOR], by="system:benchmark", now=now)
    session = sessions.open_session(store, who, complete=True, address="127.0.0.1", now=now)
    token = sessions.add_token(
        store, "watcher", name="benchmark", read_only=True, days=1, by="system:benchmark", now=now
    )
    return session, token


def _load(store: Store) -> float:
    """An hour of every sensor, a year of the first one, rolled up; how many readings a second that took."""
    now, rng = datetime.now(UTC), np.random.default_rng(1)
    lon, lat = 125.2 + 0.3 * rng.random(SENSORS), 43.75 + 0.2 * rng.random(SENSORS)
    load_pack(store, _pack(lon, lat, rng), now=now)
    _roll_up(
        store
    )  # there is nothing yet: from here on the job follows what arrives, as where ingest runs from the start
    keys = np.array([sensor.sensor_key for sensor in views.sensors(store)], "i4")
    minute, end = np.timedelta64(60, "s"), np.datetime64(now.replace(tzinfo=None), "us")
    for key, minutes in [*((keys[i::10], 60) for i in range(10)), (keys[:1], _MINUTES_OF_A_YEAR)]:
        rows = np.zeros(len(key) * minutes, readings.READING)
        rows["sensor_key"] = np.repeat(key, minutes)
        age = np.tile(np.arange(minutes) + (60 if minutes > 60 else 0), len(key))
        rows["observed_at"] = rows["received_at"] = end - age * minute
        rows["value"] = 3e5 + 1e4 * rng.random(len(rows))
        with store.transaction() as connection:
            readings.add(connection, rows)
    began = time.monotonic()
    _roll_up(store)
    took_s = time.monotonic() - began
    with store.transaction() as connection:
        connection.execute(b"ANALYZE")
    return (SENSORS * 60 + _MINUTES_OF_A_YEAR) / took_s


def _pack(lon: Places, lat: Places, rng: np.random.Generator) -> CityPack:
    sensors = tuple(
        Sensor(
            sensor_id=f"S{n:05d}", device_id=f"S{n:05d}", channel="pressure", quantity=Quantity.PRESSURE, unit="Pa",
            site=Site.JUNCTION, position=Position(float(x), float(y)), name=Name(f"测压点{n}", f"Point {n}"),
            interval_s=60.0, range_min=0.0, range_max=1e6, city_code=_CITY,
        )
        for n, (x, y) in enumerate(zip(lon, lat, strict=True))
    )  # fmt: skip
    steps = rng.normal(0.0, 0.002, (PIPES, 2, 2)).cumsum(axis=1)
    assets = tuple(
        Asset(
            f"P{n}", _CITY, AssetKind.PIPE,
            {"type": "LineString", "coordinates": [[lon[n] + dx, lat[n] + dy] for dx, dy in steps[n]]},
            None, {"diameter_mm": float(rng.choice([100, 150, 200, 300, 600]))},
        )
        for n in range(PIPES)
    )  # fmt: skip
    small = load(_PACK)
    return replace(
        small, sensors=sensors, assets=assets, zones=(), shelters=(), population=(), crews=(), sha256="large"
    )


@contextmanager
def _console(database_url: str, folder: Path) -> Iterator[str]:
    port = free_port()
    env = {"LIFELINE_DATABASE_URL": database_url, "LIFELINE_CONSOLE__PORT": str(port)}
    stop = threading.Event()
    supervisor = Supervisor([verb_command("console", ["console"], env, logs=folder)], clock=SystemClock(), report=print)
    running = threading.Thread(target=supervisor.run, args=(stop,))
    running.start()
    try:
        url = f"http://127.0.0.1:{port}"
        _until(lambda: httpx.get(f"{url}/api/v1/health").json()["sensors"] == SENSORS)
        yield url
    finally:
        stop.set()
        running.join()


def _raise_alarm(store: Store, title: str) -> float:
    """Opens an alarm; gives the moment of its commit."""
    now = datetime.now(UTC)
    finding = Finding(
        subject=title, kind=FindingKind.BURST, phase=Phase.ONSET, city_code=_CITY, detector="benchmark", reason="none",
        began_at=now, detected_at=now, probability=0.9, position=Position(125.35, 43.85), sensor_ids=("S00001",),
    )  # fmt: skip
    findings.commit(store, [finding], now=now)
    with decisions.docket(store, engine="benchmark", now=now) as docket:
        stored = docket.findings(1000)[-1]
        name = Name(f"{title} ", f"{title} ")
        alarm, _ = docket.open(stored, level=Level.ORANGE, title=name, actor="system:benchmark", reason="none")
        docket.decide(stored, alarm_id=alarm.alarm_id, step="open", reason="none", level_reason="none", policy="none")
    return time.monotonic()


def _watched(store: Store, url: str, session: str) -> tuple[list[float], float]:
    """Delays of every alarm at every watcher, and the console's processor time as cores, while readings come in."""
    pid = _pid_of_console(store)
    arrivals: dict[str, list[float]] = {f"watch {n}": [] for n in range(ALARMS)}
    with ExitStack() as stack:
        for _ in range(WATCHERS):
            socket = stack.enter_context(_open_page(url, session))
            threading.Thread(target=_follow, args=(socket, arrivals), daemon=True).start()
        began, processor = time.monotonic(), _processor_s(pid)
        delays = []
        for title, at in arrivals.items():
            committed = _raise_alarm(store, title)
            _until(lambda at=at: len(at) >= WATCHERS)  # type: ignore[misc]
            delays += [moment - committed for moment in at]
            time.sleep(0.5)
        return delays, (_processor_s(pid) - processor) / (time.monotonic() - began)


def _open_page(url: str, session: str) -> ClientConnection:
    """What a browser does: fetches the page, then follows it on its websocket."""
    cookie = {"Cookie": f"lifeline_session={session}"}
    html = httpx.get(f"{url}/zh?city={_CITY}", headers=cookie).text
    found = re.search(r"'client_id': '([^']+)'", html)
    assert found is not None
    query = f"client_id={found[1]}&next_message_id=0&implicit_handshake=true&tab_id={found[1]}&document_id={found[1]}"
    address = url.replace("http://", "ws://") + f"/_nicegui_ws/socket.io/?EIO=4&transport=websocket&{query}"
    socket = connect(address, max_size=None, additional_headers=cookie)
    socket.recv()
    socket.send("40")
    return socket


def _follow(socket: ClientConnection, arrivals: dict[str, list[float]]) -> None:
    seen: set[str] = set()
    for message in socket:
        if message == "2":
            socket.send("3")
        for title in [one for one in arrivals if one not in seen and isinstance(message, str) and f"{one} " in message]:
            seen.add(title)
            arrivals[title].append(time.monotonic())


def _api(url: str, days: int, token: str) -> list[float]:
    start = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    took = []
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        for _ in range(CALLS):
            began = time.monotonic()
            client.get(f"{url}/api/v1/sensors/S00000/series", params={"start": start}).raise_for_status()
            took.append(time.monotonic() - began)
    return took


def _pid_of_console(store: Store) -> int:
    return int(stages(store)[-1].worker.rpartition(":")[2])


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _GIVE_UP_S
    while True:
        try:
            if met():
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("the console did not do it in time -> see its log")
        time.sleep(0.005)


def _p95(values: list[float]) -> float:
    return float(np.quantile(values, 0.95))
