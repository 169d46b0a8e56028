"""The phone in the field: a loop from the dispatch to the end, without a net in the middle, nothing done twice."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, expect

from lifeline.alarm import AlarmAction, AlarmState, Level
from lifeline.asset import Name
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.store import alarms as alarm_store
from lifeline.store import calls, dispatch, photos, shelters, work_orders
from lifeline.store.pool import Store
from tests.console_stage import (
    Console,
    bearer,
    chromium,
    found,
    load_city,
    measure,
    person,
    raise_alarm,
    running,
    somebody,
)
from tests.packs import write_tiny_pack

CUT = """{
  const send = window.fetch;
  window.fetch = (...all) => (sessionStorage.getItem("cut") ? Promise.reject(new TypeError("cut")) : send(...all));
}"""
"""Fails every request of a page while its tab says so, through reloads."""
NASTY = "<img src=x onerror=alert(1)>"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00"
    b"\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def console(store: Store, tmp_path: Path) -> Iterator[Console]:
    now = datetime.now(UTC)
    load_city(store, write_tiny_pack(tmp_path / "cc"), now=now)
    measure(store, {"CC-P-01": 310e3}, until=now, minutes=5)
    with running(store.url, tmp_path / "console.log") as started:
        yield started


def _dispatched(store: Store, title: str = "一区爆管") -> tuple[int, int]:
    """An alarm and its work order, offered to the pack's crew."""
    now = datetime.now(UTC)
    finding = found(
        subject=f"burst:{uuid.uuid4()}", kind=FindingKind.BURST, at=now, position=(125.32, 43.88),
        zone_id="CC-DMA-1", sensor_ids=("CC-P-01",), flow_m3_per_h=60.0,
    )  # fmt: skip
    number = raise_alarm(store, finding, level=Level.ORANGE, title=Name(title, "Burst"), now=now)
    order = dispatch.open_order(
        store, number, skills=["leak"], materials=[], who="system:dispatch", reason="dispatched", now=now
    )
    dispatch.offer(
        store, order.order_id, crew_id="CC-CR-1", answer_by=now + timedelta(minutes=5), minutes=8.0,
        reasons=["nearest"], who="system:dispatch", now=now,
    )  # fmt: skip
    return number, order.order_id


def test_a_crew_works_on_without_a_net_and_the_loop_is_closed(console: Console, browser: Browser, store: Store) -> None:
    number, order_id = _dispatched(store, title=NASTY)
    other = somebody(store, "李强", Role.CREW, crew_id="CC-CR-1")
    assert other.crew_id == "CC-CR-1"
    with person(browser, console, "/zh/crew", Role.CREW, name="李强", width=412, height=915) as phone:
        page, task = phone.page, phone.page.locator(f"[data-about='order:{order_id}']")
        expect(task).to_contain_text("待接单")
        expect(task.locator("h2")).to_contain_text(NASTY)
        task.locator("[data-do='accept']").click()
        expect(task).to_have_attribute("data-state", "accepted")
        expect(page.locator("#waiting")).to_have_text("")
        assert alarm_store.alarm(store, number).state is AlarmState.ACCEPTED

        page.wait_for_function("navigator.serviceWorker.controller?.state === 'activated'")
        page.context.set_offline(True)
        page.context.add_init_script(CUT)  # set_offline and routes alone let a page under a service worker send
        page.evaluate(f"() => {{ sessionStorage.setItem('cut', '1'); {CUT} }}")
        task.locator("[data-do='arrive']").click()
        expect(page.locator("#link")).to_contain_text("离线")
        expect(page.locator("#waiting")).to_contain_text("1")
        page.reload()
        expect(task).to_have_attribute("data-state", "on-site")
        task.locator("[data-do='help']").click()
        task.locator("[data-lack='machine']").click()
        task.locator("[data-do='photo']").set_input_files(
            FilePayload(name="../../x.png", mimeType="image/png", buffer=PNG)
        )
        expect(page.locator("#waiting")).to_contain_text("3")
        assert alarm_store.alarm(store, number).state is AlarmState.ACCEPTED
        page.evaluate("sessionStorage.removeItem('cut')")
        page.context.set_offline(False)
        expect(page.locator("#waiting")).to_have_text("")
        assert alarm_store.alarm(store, number).state is AlarmState.ON_SITE
        assert [call.what for call in calls.open_calls(store)] == ["machine"]
        assert len(photos.photos(store, number)) == len(work_orders.photos(store, order_id)) == 1
        task.locator("[data-do='mitigate']").click()
        expect(task).to_contain_text("等待核查")
        assert page.locator("img").count() == 0
        phone.faults.clear()  # what the browser says of the time without a net

    with person(browser, console, f"/en?alarm={number}", name="王芳") as desk:
        page = desk.page
        expect(page.locator(".ll-call")).to_contain_text("Machinery")
        page.click(".ll-call .ll-take")
        expect(page.locator(".ll-call")).to_have_count(0)
        expect(page.locator(".ll-photos img")).to_have_count(1)
        page.click("[data-action='verify']")
        expect(page.locator(".ll-chip").first).to_have_text("Verified")
        page.click("[data-action='close']")
        page.click("[data-confirm]")
        expect(page.locator("[data-alarm]")).to_have_count(0)
    assert work_orders.order(store, order_id).state.value == "closed"
    done = [event.action for event in alarm_store.events(store, number)]
    assert [one for one in done if one is not AlarmAction.NOTE][-5:] == [
        AlarmAction.ACCEPT, AlarmAction.ARRIVE, AlarmAction.MITIGATE, AlarmAction.VERIFY, AlarmAction.CLOSE,
    ]  # fmt: skip


def test_a_warden_reports_in_one_tap(console: Console, browser: Browser, store: Store) -> None:
    somebody(store, "赵敏", Role.WARDEN, shelter_ids=("CC-SH-1",))
    with person(browser, console, "/en/warden", Role.WARDEN, name="赵敏", width=412, height=915) as phone:
        card = phone.page.locator("[data-about='shelter:CC-SH-1']")
        expect(card).to_contain_text("Nobody has counted yet")
        card.locator("[data-do='opened']").click()
        expect(card).to_have_attribute("data-state", "open")
        number = card.locator("input")
        number.press_sequentially("1")
        with phone.page.expect_response("**/api/v1/field"):  # what comes meanwhile moves no digit
            phone.page.evaluate("dispatchEvent(new Event('online'))")
        phone.page.wait_for_timeout(200)
        phone.page.keyboard.type("2")
        assert int(number.input_value()) in (12, 120)  # before or behind the 0 that stood there
        number.fill("0")
        card.locator("[data-step='10']").click()
        card.locator("[data-step='1']").click()
        card.locator("[data-do='count']").click()
        expect(card.locator("strong")).to_have_text("11")
        expect(phone.page.locator("#waiting")).to_have_text("")
        first = shelters.standing(store, "CC-SH-1").counted_at
        card.locator("[data-do='current']").click()
        expect(phone.page.locator("#waiting")).to_have_text("")
        standing = shelters.standing(store, "CC-SH-1")
        assert (standing.people, standing.state.value, standing.counted_by) == (11, "open", "赵敏")
        assert first is not None and standing.counted_at is not None and standing.counted_at > first
        card.locator("[data-do='full']").click()
        expect(card).to_have_attribute("data-state", "full")
        card.locator("[data-do='need']").click()
        card.locator("textarea").fill(NASTY)
        card.locator("[data-lack='blankets']").click()
        expect(phone.page.locator("#waiting")).to_have_text("")
    assert [(call.what, call.note) for call in calls.open_calls(store)] == [("blankets", NASTY)]


def test_what_a_phone_sends_again_is_done_once_and_what_is_not_ones_own_is_refused(
    console: Console, store: Store
) -> None:
    number, order_id = _dispatched(store)
    crew = bearer(store, Role.CREW)
    tap = {
        "action_id": str(uuid.uuid4()),
        "about": f"order:{order_id}",
        "do": "note",
        "note": "一",
        "at": "2026-01-01T00:00:00Z",
    }
    with httpx.Client(base_url=console.api, headers=crew) as api:
        for _ in range(3):
            assert api.post("/field/actions", json=tap).json() == {"done": True, "why": "", "reason": ""}
        notes = [one for one in work_orders.events(store, order_id) if one.note == "一"]
        assert len(notes) == 1
        early = tap | {"action_id": str(uuid.uuid4()), "do": "mitigate"}
        answer = api.post("/field/actions", json=early)
        assert (answer.status_code, answer.json()["done"]) == (409, False)
        assert api.post("/field/actions", json=early).json() == answer.json()
        assert api.post("/field/actions", json=tap | {"about": "shelter:CC-SH-1"}).json()["done"] is True  # the same id
        shelter = tap | {"action_id": str(uuid.uuid4()), "about": "shelter:CC-SH-1", "do": "full"}
        assert api.post("/field/actions", json=shelter).json()["done"] is False
        assert api.post("/field/actions", json=tap | {"about": "../../etc"}).status_code == 422
        assert api.post(f"/alarms/{number}/photos", content=b"<svg onload=alert(1)>").status_code == 400
        assert api.post(f"/alarms/{number}/photos", content=b"\xff\xd8\xff" + b"x" * 9_000_000).status_code == 400
        photo = api.post(f"/alarms/{number}/photos", content=PNG)
        again = api.post(f"/alarms/{number}/photos", content=PNG)
        assert photo.json() == again.json()
        got = api.get(f"/photos/{photo.json()['photo_id']}")
        assert (got.content, got.headers["content-type"]) == (PNG, "image/png")
    elsewhere = bearer(store, Role.CREW, cities=("220200",))
    path = f"{console.api}/photos/{photo.json()['photo_id']}"
    assert httpx.get(path, headers=elsewhere).status_code == 403
    assert httpx.get(f"{console.api}/field", headers=elsewhere).json()["tasks"] == []
