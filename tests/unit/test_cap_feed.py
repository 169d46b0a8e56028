"""The feed of public messages as a document: what RFC 4287 wants of it, and that nothing looks more real than it is."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
from fastapi import FastAPI
from lxml import etree

from console.api import atom, cap_feed, problem
from lifeline.alarm import Level
from lifeline.clock import SystemClock
from lifeline.settings import Settings
from lifeline.store.bulletins import Entry
from lifeline.store.pool import Store

START = datetime(2026, 7, 20, 8, 0, tzinfo=UTC)
NAMES = {"a": atom.ATOM, "cap": atom.CAP}
HEADING = atom.Heading(
    "urn:lifeline:warnings:test", "城市生命线监测", "https://city.example/api/v1/cap/",
    "https://city.example/api/v1/cap/feed.atom?a=1&b=2", None, START, history=False,
)  # fmt: skip
ENTRY = Entry(
    7, "test-220100-1-exercise-2", "test-220100-1-exercise-1", 1, "220100", "Exercise", "Update", Level.RED,
    START, START + timedelta(hours=3), "test", "城市内涝", "【演练】某单位发布城市内涝红色预警", "【演练】积水。",
    ("P6.5", "P11.1"), START - timedelta(hours=1), "",
)  # fmt: skip


def _words(root: etree._Element, path: str) -> list[str]:
    found = root.xpath(path, namespaces=NAMES)
    assert isinstance(found, list)
    return [str(one) for one in found]


def test_the_feed_is_what_rfc_4287_wants() -> None:
    actual = replace(ENTRY, bulletin_id=6, identifier="x-1", chain="x-1", status="Actual", headline="<积水> & 绕行\x0b")
    written = atom.feed(replace(HEADING, next_url="https://city.example/next"), [ENTRY, actual])
    root = etree.fromstring(written)
    for path in ("/a:feed", "//a:entry"):
        for one in root.xpath(path, namespaces=NAMES):  # type: ignore[union-attr]
            for needed in ("id", "title", "updated"):
                assert len(one.findall(f"a:{needed}", NAMES)) == 1, (path, needed)  # type: ignore[union-attr]
    assert _words(root, "/a:feed/a:author/a:name/text()") == ["城市生命线监测"]
    assert _words(root, "/a:feed/a:link/@rel") == ["self", "next"]
    assert _words(root, "//a:entry/a:title/text()") == [
        "【演练 Exercise】某单位发布城市内涝红色预警", "<积水> & 绕行�",
    ]  # fmt: skip
    assert _words(root, "//a:entry[1]/a:category[@scheme='urn:lifeline:provision']/@term") == ["P6.5", "P11.1"]
    assert _words(root, "//a:entry[1]/a:link[@type='application/cap+xml']/@href") == [
        "https://city.example/api/v1/cap/test-220100-1-exercise-2.xml"
    ]
    assert _words(root, "//a:entry[1]/a:published/text() | //a:entry[1]/a:updated/text()") == [
        "2026-07-20T08:00:00Z", "2026-07-20T07:00:00Z",
    ]  # fmt: skip
    assert _words(root, "//a:entry[1]/cap:expires/text()") == ["2026-07-20T11:00:00-00:00"]


def test_an_update_keeps_its_entry_and_the_history_has_one_for_each() -> None:
    first = replace(ENTRY, bulletin_id=6, identifier=ENTRY.chain, msg_type="Alert")

    def ids(*entries: Entry, history: bool) -> list[str]:
        root = etree.fromstring(atom.feed(replace(HEADING, history=history), entries))
        return _words(root, "//a:entry/a:id/text()")

    assert ids(ENTRY, history=False) == ids(first, history=False)
    assert len(set(ids(ENTRY, first, history=True))) == 2


def _without_a_database(settings: Settings, path: str) -> httpx.Response:
    """The addresses alone: whatever asks the database fails with 503."""
    with Store("postgresql://127.0.0.1:1/nowhere", name="test", timeout_s=0.1) as store:
        app = FastAPI()
        problem.install(app)
        app.include_router(cap_feed.router(store, SystemClock(), settings))

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                return await client.get(path)

        return asyncio.run(ask())


def test_nobody_reads_without_a_log_in_unless_the_setting_says_so() -> None:
    on = Settings.model_validate({"console": {"public_warnings": True}})
    for settings, status in ((Settings(), 404), (on, 503)):
        for path in ("/cap/public/feed.atom", "/cap/public/x-1.xml"):
            answer = _without_a_database(settings, path)
            assert answer.status_code == status, path
            assert answer.headers["content-type"] == "application/problem+json"
