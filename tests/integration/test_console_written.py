"""Whatever anybody wrote - people, packs, detectors, channels - is text on every page, never a part of it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import psycopg
import pytest
from playwright.sync_api import Page

from console.access import RULES
from console.gate import SESSION_COOKIE
from lifeline.alarm import AlarmAction, Level
from lifeline.asset import Name, Position
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.shelter import EvacuationCell, ShelterMode, ShelterState, Task
from lifeline.store import alarms, calls, dispatch, evacuations, photos, sessions, shelters, silences, storms
from lifeline.store.calls import Lack
from lifeline.store.pool import Store
from tests.console_stage import (
    Console,
    Watched,
    chromium,
    database,
    found,
    load_city,
    measure,
    raise_alarm,
    running,
    somebody,
    watch,
)
from tests.packs import write_tiny_pack

NOW = datetime.now(UTC)
STRUCK = "window.struck=1"
NASTY = f"\"'><img src=x onerror={STRUCK}><script>{STRUCK}</script>{{{{constructor.constructor('{STRUCK}')()}}}}"
"""Breaks out of an attribute and out of text, and is a template where one is compiled in the browser."""
_WRITTEN = (
    "name", "name_zh", "name_en", "title_zh", "title_en", "note", "why", "who", "actor", "person", "address", "detail",
    "district", "last_error", "subject_line", "body", "called_by", "counted_by", "changed_by", "ordered_by", "made_by",
    "worker", "version", "contact", "detector", "topic",
)  # fmt: skip
"""Columns, of whatever table, that hold what somebody or something wrote."""
_LEAVES = {"shelters": "CC-SH-1", "orders": "1", "crews": "CC-CR-1", "zones": "CC-DMA-1", "evacuations": "1"}
"""What a page with a key shows; the storm's key is its beginning."""
_WITHOUT = {"/me"}
"""Pages on which nothing written stands but one's own name."""


@pytest.fixture(scope="module")
def console(database_template: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A city in which an alarm went through every hand; every written field of every row is then NASTY."""
    folder = tmp_path_factory.mktemp("console")
    with database(database_template) as url:
        with Store(url, name="test") as store:
            load_city(store, write_tiny_pack(folder / "cc"), now=NOW)
            measure(store, {"CC-P-01": 310e3, "CC-WD-01": 0.1}, until=NOW, minutes=30)
            _work(store)
        assert _spoiled(url) > 20
        with running(url, folder / "console.log") as started:
            yield started


def _work(store: Store) -> None:
    """Everything that people write, once."""
    finding = found(
        subject="burst:CC-DMA-1", kind=FindingKind.BURST, at=NOW, position=(125.32, 43.88), zone_id="CC-DMA-1",
        sensor_ids=("CC-P-01",), candidates={NASTY: 0.6}, flow_m3_per_h=86.4,
    )  # fmt: skip
    number = raise_alarm(store, finding, level=Level.RED, title=Name("爆管", "Burst"), now=NOW)
    seen = alarms.alarm(store, number)
    alarms.act(store, number, AlarmAction.NOTE, actor="王芳", version=seen.version, now=NOW, reason="person", note="一")
    order = dispatch.open_order(
        store, number, skills=["leak"], materials=[], who="system:dispatch", reason="dispatched", now=NOW
    )
    dispatch.offer(
        store, order.order_id, crew_id="CC-CR-1", answer_by=NOW + timedelta(hours=5), minutes=8.0,
        reasons=["nearest"], who="system:dispatch", now=NOW,
    )  # fmt: skip
    who = somebody(store, "王芳")
    photos.add_photo(store, number, b"\x89PNG\r\n\x1a\n" + bytes(20), by=who, now=NOW)
    shelters.set_state(store, "CC-SH-1", ShelterState.OPEN, who="赵敏", now=NOW, reason="person", note="一")
    shelters.count(store, "CC-SH-1", 12, who="赵敏", now=NOW)
    calls.add(store, city_code="220100", what=Lack.OTHER, note="一", by="赵敏", now=NOW, shelter_id="CC-SH-1")
    calls.add(store, city_code="220100", what=Lack.OTHER, note="一", by="李强", now=NOW, alarm_id=number)
    silences.add(store, sensor_id="CC-F-01", until=NOW + timedelta(hours=1), why="一", by="王芳", now=NOW)
    line = Task("clear", Name(NASTY, NASTY), 2.0)
    shelters.convert(store, "CC-SH-1", ShelterMode.EMERGENCY, [line], who="王芳", now=NOW)
    cell = EvacuationCell("CC-C-1", Position(125.32, 43.88), 420, 31)
    evacuations.order(store, "220100", [cell], who="王芳", reason=NASTY, now=NOW)
    water = found(
        subject="flood:CC-WD-01", kind=FindingKind.FLOOD, at=NOW, position=(125.32, 43.88), sensor_ids=("CC-WD-01",),
        depth_m=0.45,
    )  # fmt: skip
    raise_alarm(store, water, level=Level.RED, title=Name("积水", "Water"), now=NOW)
    sessions.add_token(store, who.login, name="一", read_only=True, days=1, by="王芳", now=NOW)


def _spoiled(url: str) -> int:
    """Puts NASTY into every written column of every table; in how many."""
    spoiled = 0
    with psycopg.connect(url, autocommit=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
            " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            " AND data_type = 'text' AND column_name = ANY(%s)",
            [list(_WRITTEN)],
        ).fetchall()
        for table, column in columns:
            with suppress(psycopg.errors.IntegrityError, psycopg.errors.RaiseException):  # held to words, or to order
                done = connection.execute(f"UPDATE {table} SET {column} = %s".encode(), [NASTY])
                spoiled += done.rowcount > 0
    return spoiled


def _addresses(store: Store) -> list[str]:
    """Every page; those that take words with NASTY as the words."""
    (storm,) = storms.storms(store, cities=None, since=NOW - timedelta(days=1), now=NOW)
    pages, leaves = [], _LEAVES | {"past": storm.key}
    for rule in RULES:
        if "GET" not in rule.methods or rule.path.startswith(("/api/", "/_nicegui", "/en")) or rule.roles is None:
            continue
        if rule.half or rule.path in {"/", "/alarms/{alarm_id}"}:
            continue
        path = rule.path.replace("{sensor_id}", "CC-P-01")
        pages.append(path.replace("{key}", leaves[path.split("/")[2]]) if "{key}" in path else path)
    words = quote(NASTY)
    return [
        *pages,
        "/zh?alarm=1",
        "/en?alarm=1",
        "/en/crew",
        "/en/warden",
        f"/zh/search?q={words}",
        f"/zh/history?words={words}",
    ]


def test_what_was_written_is_text_on_every_page(console: Console) -> None:
    everybody = somebody(console.store, "alle", *Role, shelter_ids=("CC-SH-1",))
    secret = sessions.open_session(console.store, everybody, complete=True, address="test", now=NOW)
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1600, "height": 900})
        context.add_cookies([{"name": SESSION_COOKIE, "value": secret, "url": console.url}])
        page = context.new_page()
        watched = watch(page)
        for address in _addresses(console.store):
            page.goto(f"{console.url}{address}")
            if address not in _WITHOUT:
                page.wait_for_function(f"document.body.innerText.includes('onerror={STRUCK}')")
            if address.endswith("alarm=1"):
                _touch_the_map(page)
            _assert_unharmed(page, watched, address)
        for door in ("/login?next=", "/answer/", "/enter/", "/setup/"):
            page.goto(f"{console.url}{door}{quote(NASTY, safe='')}")
            assert page.evaluate("window.struck") is None, door


def _touch_the_map(page: Page) -> None:
    """Brings up what only a pointer over it shows."""
    page.wait_for_selector(".ll-map-note", state="detached")
    box = page.locator(".ll-alarm-mark").first.bounding_box()
    assert box is not None
    for dx, dy in ((0, 0), (15, 15), (-15, -15), (30, 0), (0, 30)):
        page.mouse.move(box["x"] + dx, box["y"] + dy)
    page.mouse.move(*[side / 2 for side in (box["x"], box["y"])])
    chart = page.locator(".ll-chart canvas").first.bounding_box()
    if chart is not None:
        page.mouse.move(chart["x"] + chart["width"] / 2, chart["y"] + chart["height"] / 2)


def _assert_unharmed(page: Page, watched: Watched, address: str) -> None:
    assert page.evaluate("window.struck") is None, address
    assert page.locator("img[src='x']").count() == 0, address
    assert watched.faults == [], address
