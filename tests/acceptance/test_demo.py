"""The demo as a newcomer uses it: from a burst in the hydraulic model by the taps of three people to the closed alarm,
once in Chinese and once in English."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from deploy.local import root
from deploy.local.database import LocalDatabase
from lifeline import city
from lifeline.alarm import AlarmAction, AlarmState
from lifeline.finding import FindingKind, Phase
from lifeline.person import Role
from lifeline.store import photos, shelters, work_orders
from lifeline.store.alarms import alarms, events
from lifeline.store.findings import findings_after
from lifeline.store.notices import notices_of
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from simulators.packs import PACKS
from tests.console_stage import Watched, chromium, watch

_PATIENCE_S = 240.0
_PATIENCE_MS = 1000 * _PATIENCE_S
_STORY = """
about = "A main breaks in Changchun and one in Jilin"
[[events]]
after_s = 20
what = "burst"
pipe = "CC-P-1084"
diameter_mm = 32
[[events]]
after_s = 20
what = "burst"
pipe = "JL-P-1023"
diameter_mm = 40
"""
_PHONE = (412, 915)
_PICTURE = (Path(__file__).parents[2] / "docs" / "images" / "login-zh.png").read_bytes()


@dataclass(frozen=True, slots=True)
class _Words:
    """What one language says on the way."""

    language: str
    city: str
    burst: str
    acknowledged: str
    dispatched: str
    offered: str
    waits: str
    verified: str
    open: str


_ZH = _Words("zh", "220100", "爆管", "已确认", "已派单", "待接单", "等待核查", "已核查", "已开放")
_EN = _Words("en", "220200", "burst", "Acknowledged", "Dispatched", "offered", "waits for somebody", "Verified", "open")


class _Demo:
    """`lifeline demo` in a process of its own; its lines as they come."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lifeline", "demo", "--data", str(data), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "LIFELINE_CONSOLE__PORT": "0", "COLUMNS": "200"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(f"no line with {pattern!r} in:\n" + "\n".join(self.lines))

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _processes_of(data: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(data).encode() in text:
                found.append(entry.name)
    return found


class _People:
    """The three guests of the demo, each in a browser of its own, entered by the link that the demo prints."""

    def __init__(self, browser: Browser, demo: _Demo) -> None:
        self.url = demo.wait_for(r"console +(http://\S+)")[1]
        self._browser, self._demo = browser, demo
        self._watched: list[Watched] = []
        _answers(f"{self.url}/api/v1/health")
        self.desk = self._enter(Role.OPERATOR, 1600, 900)
        self.crew = self._enter(Role.CREW, *_PHONE)
        self.warden = self._enter(Role.WARDEN, *_PHONE)

    def _enter(self, role: Role, width: int, height: int) -> BrowserContext:
        link = self._demo.wait_for(rf"as {role} +(http://\S+/enter/\S+)")[1]
        context = self._browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        context.set_default_timeout(_PATIENCE_MS)
        page = context.new_page()
        page.goto(link)
        page.click("form button")
        page.wait_for_url(re.compile("/zh"))
        page.close()
        return context

    def open(self, who: BrowserContext, path: str) -> Page:
        """A page which must report no fault until the end."""
        page = who.new_page()
        self._watched.append(watch(page))
        page.goto(f"{self.url}/{path}")
        page.evaluate("window.neverReloaded = true")
        return page

    @property
    def faults(self) -> list[str]:
        return [fault for one in self._watched for fault in one.faults]


def _answers(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            httpx.get(url, timeout=5)
            return
        time.sleep(0.1)
    pytest.fail(f"{url} does not answer")


def _alarm_to_its_end(desk: Page, phone: Page, words: _Words) -> int:
    """The operator sees it arrive and sends a crew, the crew mends it, the operator checks and closes: all by taps."""
    row = desk.locator("[data-alarm]", has_text=words.burst)
    expect(row).to_have_count(1, timeout=_PATIENCE_MS)
    number = int(row.get_attribute("data-alarm") or 0)
    expect(desk.locator(".ll-alarm-mark.open").first).to_be_visible()
    assert desk.evaluate("window.neverReloaded"), "it came by itself"
    title = row.locator("strong").inner_text()
    row.locator(".ll-acknowledge").click()
    expect(row).to_contain_text(words.acknowledged)
    row.locator(".ll-row-main").click()
    panel = desk.locator(f"[data-panel='{number}']")
    expect(panel.locator(".ll-chart canvas").first).to_be_visible()
    panel.locator("[data-action='dispatch']").click()
    expect(panel.locator(".ll-chip").first).to_have_text(words.dispatched)

    task = phone.locator("[data-about^='order:']", has_text=title)
    expect(task).to_contain_text(words.offered)
    for tap, state in (("accept", "accepted"), ("on-my-way", "accepted"), ("arrive", "on-site")):
        task.locator(f"[data-do='{tap}']").click()
        expect(task).to_have_attribute("data-state", state)
    photo = FilePayload(name="hole.png", mimeType="image/png", buffer=_PICTURE)
    task.locator("[data-do='photo']").set_input_files(photo)
    task.locator("[data-do='mitigate']").click()
    expect(task).to_contain_text(words.waits)
    expect(phone.locator("#waiting")).to_have_text("")
    assert phone.evaluate("window.neverReloaded")

    expect(panel.locator(".ll-photos img")).to_have_count(1)
    panel.locator("[data-action='verify']").click()
    expect(panel.locator(".ll-chip").first).to_have_text(words.verified)
    panel.locator("[data-action='close']").click()
    panel.locator("[data-confirm]").click()
    expect(desk.locator(f"[data-alarm='{number}']")).to_have_count(0)
    expect(task).to_have_count(0)
    return number


def _people_inside(phone: Page, words: _Words, people: int) -> None:
    """The warden says how many are inside, once the place is open."""
    card = phone.locator("[data-about='shelter:CC-SH-02']")
    if card.locator("[data-do='opened']").count():
        card.locator("[data-do='opened']").click()
    expect(card).to_have_attribute("data-state", "open")
    expect(card).to_contain_text(words.open)
    card.locator("input").fill(str(people))
    card.locator("[data-do='count']").click()
    expect(card.locator("strong")).to_have_text(str(people))
    card.locator("[data-do='current']").click()
    expect(phone.locator("#waiting")).to_have_text("")


@pytest.fixture
def patience() -> Iterator[None]:
    """A whole city beside the browser takes its time."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("patience")
def test_from_two_bursts_to_closed_alarms_in_both_languages(tmp_path: Path) -> None:
    data, story = tmp_path / "demo", tmp_path / "story.toml"
    story.write_text(_STORY, encoding="utf-8")
    with _Demo(data, "--scenario", str(story), "--no-crew") as demo, chromium() as browser:
        people = _People(browser, demo)
        desks = [people.open(people.desk, f"{words.language}?city={words.city}") for words in (_ZH, _EN)]
        opened = [demo.wait_for(rf"burst opened at pipe ({city}\S+?),? ")[1] for city in ("CC", "JL")]
        numbers = []
        for words, desk, inside in zip((_ZH, _EN), desks, (12, 34), strict=True):
            _people_inside(people.open(people.warden, f"{words.language}/warden"), words, inside)
            shelter = people.open(people.desk, f"{words.language}/shelters/CC-SH-02")
            expect(shelter.locator(".ll-page")).to_contain_text(str(inside))
            numbers.append(_alarm_to_its_end(desk, people.open(people.crew, f"{words.language}/crew"), words))
        assert people.faults == []
        demo.wait_for(r"mail received: ")
        demo.wait_for(r"web hook received: ")
        demo.wait_for(r"alarm \d+ acknowledge by 王芳")
        demo.wait_for(r"readings: [1-9][\d.]*/s")
        assert demo.interrupt() == 0
    assert _processes_of(data) == []

    zone_of = {asset.asset_id: asset.zone_id for pack in PACKS for asset in city.load(pack).assets}
    with (
        LocalDatabase(root.ensure(), data / "database") as server,
        Store(server.url, name="test") as store,
    ):
        law = conservation(store)
        onsets = [f for f in findings_after(store, 0, 1000) if f.phase is Phase.ONSET]
        bursts = [f for f in onsets if f.kind is FindingKind.BURST]
        ended = {one.alarm_id: one for one in alarms(store, live_only=False, limit=100)}
        histories = [events(store, number) for number in numbers]
        notices = [notice for number in numbers for notice in notices_of(store, number)]
        orders = [one for one in work_orders.orders(store, live_only=False) if one.alarm_id in numbers]
        ways = [one.who for order in orders for one in work_orders.events(store, order.order_id) if "on my" in one.note]
        pictures = [len(photos.photos(store, number)) for number in numbers]
        standing = shelters.standing(store, "CC-SH-02")
    assert law.holds
    assert law.received > 100_000
    assert sorted(str(f.zone_id) for f in bursts) == sorted(str(zone_of[pipe]) for pipe in opened)
    assert all(f.detected_at > f.began_at and f.flow_m3_per_h is not None for f in bursts)
    assert all(15.0 < (f.flow_m3_per_h or 0.0) < 200.0 for f in bursts)
    assert {ended[number].state for number in numbers} == {AlarmState.CLOSED}
    for history in histories:
        done = [(event.action, event.actor) for event in history if event.action in _BY_PEOPLE]
        assert done == list(_BY_PEOPLE.items())
    assert {order.state.value for order in orders} == {"closed"}
    assert ways == ["李强", "李强"]
    assert pictures == [1, 1]
    assert (standing.state.value, standing.people, standing.counted_by) == ("open", 34, "赵敏")
    assert {n.channel for n in notices} == {"duty-mail", "dispatch"}
    assert all(n.delivered_at is not None for n in notices)


_BY_PEOPLE = {
    AlarmAction.ACKNOWLEDGE: "王芳",
    AlarmAction.DISPATCH: "王芳",
    AlarmAction.ACCEPT: "李强",
    AlarmAction.ARRIVE: "李强",
    AlarmAction.MITIGATE: "李强",
    AlarmAction.VERIFY: "王芳",
    AlarmAction.CLOSE: "王芳",
}
"""Who did what, in order: nobody verifies his own work."""
