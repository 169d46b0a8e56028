"""The situation page in a real browser: what it shows, what arrives by itself, what people do and who was first."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from lifeline.alarm import AlarmAction, AlarmState, Level
from lifeline.asset import Name
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.store import alarms as alarm_store
from lifeline.store.pool import Store
from tests.console_stage import Console, chromium, found, load_city, measure, person, raise_alarm, running
from tests.packs import write_tiny_pack

NASTY = "<img src=x onerror=alert(1)><b>泵站</b>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def console(store: Store, tmp_path: Path) -> Iterator[Console]:
    now = datetime.now(UTC)
    load_city(store, write_tiny_pack(tmp_path / "cc"), now=now)
    load_city(store, write_tiny_pack(tmp_path / "jl", "220200", prefix="JL", lon=126.55, lat=43.84), now=now)
    measure(store, {"CC-P-01": 310e3, "CC-F-01": 0.02, "CC-WD-01": 0.0}, until=now)
    with running(store.url, tmp_path / "console.log") as started:
        yield started


def _burst(store: Store, title: str = "一区疑似爆管") -> int:
    now = datetime.now(UTC)
    finding = found(
        subject="burst:CC-DMA-1",
        kind=FindingKind.BURST,
        at=now,
        position=(125.32, 43.88),
        zone_id="CC-DMA-1",
        sensor_ids=("CC-P-01",),
        candidates={"CC-P1": 0.6, "CC-P2": 0.2},
        flow_m3_per_h=86.4,
    )
    return raise_alarm(store, finding, level=Level.ORANGE, title=Name(title, f"{title} (en)"), now=now)


def _flood(store: Store) -> int:
    now = datetime.now(UTC)
    finding = found(
        subject="flood:CC-WD-01",
        kind=FindingKind.FLOOD,
        at=now,
        position=(125.32, 43.88),
        sensor_ids=("CC-WD-01",),
        depth_m=0.45,
    )
    return raise_alarm(store, finding, level=Level.RED, title=Name("下穿积水", "Water"), now=now)


def test_an_alarm_arrives_by_itself_and_is_acknowledged_by_one_of_two(
    console: Console, browser: Browser, store: Store
) -> None:
    with (
        person(browser, console, "/zh?city=220100", name="王芳") as first,
        person(browser, console, "/zh?city=220100", name="李强") as second,
    ):
        expect(first.page.locator(".ll-empty")).to_contain_text("没有在办报警")
        expect(first.page.locator(".ll-link")).to_have_text("实时")
        number = _burst(store)
        row = f"[data-alarm='{number}']"
        for one in (first, second):
            expect(one.page.locator(row)).to_contain_text("一区疑似爆管")
            expect(one.page.locator(row)).to_contain_text("橙色 Ⅱ级")
            expect(one.page.locator(".ll-alarm-mark.open")).to_have_count(1)

        first.page.click(f"{row} .ll-acknowledge")
        for one in (first, second):
            expect(one.page.locator(row)).to_contain_text("已确认")
            expect(one.page.locator(f"{row} .ll-acknowledge")).to_have_count(0)
        assert alarm_store.alarm(store, number).state is AlarmState.ACKNOWLEDGED
        assert alarm_store.events(store, number)[-1].actor == "王芳"

        second.page.click(f"{row} .ll-row-main")
        panel = second.page.locator(f"[data-panel='{number}']")
        expect(panel).to_contain_text("王芳")
        expect(panel).to_contain_text("86.4 m³/h")
        expect(panel).to_contain_text("大力推进基础设施生命线安全工程")
        expect(panel.locator(".ll-chart canvas")).to_have_count(1)
        expect(second.page).to_have_url(f"{console.url}/zh?city=220100&alarm={number}")


def test_who_comes_second_is_told_who_was_first(store: Store, browser: Browser, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    load_city(store, write_tiny_pack(tmp_path / "cc"), now=now)
    number = _burst(store)
    with (
        running(store.url, tmp_path / "console.log", LIFELINE_CONSOLE__REFRESH_S="60") as console,
        person(browser, console, f"/zh?alarm={number}", name="李强") as late,
    ):
        button = late.page.locator("[data-action='acknowledge']")
        expect(button).to_be_visible()
        late.page.fill(".ll-note", "去现场看过")
        with store.transaction() as connection:  # unannounced, so that the page still shows what was
            seen = alarm_store.one(connection, "lock", number)
            alarm_store.move(connection, seen, AlarmAction.ACKNOWLEDGE, actor="王芳", now=now, reason="person")
        button.click()
        expect(late.page.locator(".ll-message")).to_contain_text("王芳 已先行处理（确认）")
        expect(late.page.locator(".ll-chip").first).to_have_text("已确认")
        expect(late.page.locator(".ll-note")).to_have_value("去现场看过")
        assert [event.actor for event in alarm_store.events(store, number)] == ["system:alerts", "王芳"]

        late.page.click("[data-action='shelve']")
        late.page.click("[data-confirm]")
        expect(late.page.locator(".ll-chip").first).to_have_text("已搁置")
        last = alarm_store.events(store, number)[-1]
        assert (last.actor, last.action, last.note) == ("李强", AlarmAction.SHELVE, "去现场看过")
        assert alarm_store.alarm(store, number).shelved_until is not None


def test_english_names_as_text_and_who_may_not_act(console: Console, browser: Browser, store: Store) -> None:
    number = _burst(store, title=NASTY)
    with person(browser, console, "/zh", Role.AUDITOR, name="审计") as one:
        expect(one.page.locator(f"[data-alarm='{number}']")).to_be_visible()
        expect(one.page.locator(".ll-acknowledge")).to_have_count(0)
    with person(browser, console, "/zh", name=NASTY) as one:
        page = one.page
        page.click(".ll-person a[hreflang]")
        expect(page.locator("html")).to_have_attribute("lang", "en-US")
        expect(page.locator(".ll-queue h2")).to_contain_text("Alarms")
        page.goto(console.url)
        expect(page).to_have_url(f"{console.url}/en")

        page.click(".ll-sound")
        expect(page.locator(".ll-sound")).to_have_text("Sound: on")
        page.focus(f"[data-alarm='{number}'] .ll-row-main")
        page.keyboard.press("Enter")
        page.fill(".ll-note", NASTY)
        page.click("[data-action='note']")
        expect(page.locator(".ll-history q")).to_have_text(NASTY)
        expect(page.locator(".ll-detail h2")).to_contain_text(NASTY)
        expect(page.locator(".ll-note")).to_have_value("")
        second = _flood(store)
        expect(page.locator(f"[data-alarm='{second}']")).to_be_visible()
        expect(page.locator("[aria-live]")).to_contain_text("Red, level I: Water")
        page.locator(".ll-note").press("Escape")
        expect(page.locator(".ll-detail")).to_have_count(0)
        page.reload()
        expect(page.locator(".ll-me")).to_have_text(NASTY)
        assert page.locator("img").count() == 0


def test_silence_and_stale_data_are_seen_and_a_city_is_chosen(console: Console, browser: Browser, store: Store) -> None:
    with person(browser, console, "/en") as one:
        page = one.page
        silent, newest = page.locator(".ll-kpis div").nth(2), page.locator(".ll-kpis div").nth(4)
        expect(silent).to_contain_text("7 of 10")  # two of a tank and a rain gauge and all of Jilin have never reported
        page.click(".ll-cities button >> nth=2")
        expect(silent).to_contain_text("5 of 5")
        expect(newest).to_contain_text("stale")
        measure(store, {"JL-P-01": 305e3}, until=datetime.now(UTC), minutes=1)
        expect(silent).to_contain_text("4 of 5")
        expect(newest).not_to_contain_text("stale")
        expect(page).to_have_url(f"{console.url}/en?city=220200")


def test_history_and_sensors_are_found_and_read_over_a_longer_time(
    console: Console, browser: Browser, store: Store
) -> None:
    for number in range(2):
        alarm_id = _burst(store, title=f"第{number}号")
        alarm_store.act(
            store, alarm_id, AlarmAction.CANCEL, actor="王芳", version=1, now=datetime.now(UTC), reason="person"
        )
    _flood(store)
    with person(browser, console, "/zh", name="王芳") as one:
        page = one.page
        page.click(".ll-pages a >> nth=1")
        expect(page.locator("[data-row]")).to_have_count(3)
        page.select_option("[data-filter='state']", "ended")
        expect(page.locator("[data-row]")).to_have_count(2)
        page.fill("[data-filter='words']", "1号")
        page.press("[data-filter='words']", "Tab")
        expect(page.locator("[data-row]")).to_have_count(1)
        page.reload()
        expect(page.locator("[data-row]")).to_have_count(1)
        page.click("[data-row] a")
        expect(page.locator(".ll-detail")).to_contain_text("已撤销")
        expect(page.locator(".ll-actions")).to_have_count(0)

        page.click(".ll-pages a >> nth=2")
        expect(page.locator("[data-row]")).to_have_count(10)
        expect(page.locator("[data-row]").first).to_contain_text("失联")
        page.select_option("[data-filter='quantity']", "water_depth")
        page.fill("[data-filter='words']", "cc-wd")
        page.press("[data-filter='words']", "Tab")
        expect(page.locator("[data-row]")).to_have_count(1)
        page.click("[data-row] a")
        expect(page.locator(".ll-plot canvas")).to_have_count(1)
        page.click("[data-days='365']")
        expect(page).to_have_url(f"{console.url}/zh/sensors/CC-WD-01?days=365")
        with page.expect_download() as download:
            page.click(".ll-plot a[download]")
        with page.expect_download() as picture:
            page.click("[data-png]")
        assert Path(picture.value.path()).read_bytes().startswith(b"\x89PNG")
        lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        assert lines[0] == "observed_at,received_at,water_depth_m,quality,reason"
        assert len(lines) == 61
