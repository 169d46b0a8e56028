"""What other departments connect to, at a running console: public messages, roll-ups, figures, verdicts, devices."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, Popen, run
from typing import Any

import httpx
import pytest
from lxml import etree

from console.api import atom
from lifeline.alarm import Level
from lifeline.asset import Name
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.store import audit, bulletins, zone_days
from lifeline.store.bulletins import Draft
from lifeline.store.pool import Store
from lifeline.store.rollups import Width, roll_up
from lifeline.zone_day import ZoneDay
from tests.console_stage import Console, database, found, load_city, measure, raise_alarm, running
from tests.packs import write_tiny_pack

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
NAMES = {"a": atom.ATOM, "cap": atom.CAP}


@pytest.fixture(scope="module")
def store(database_template: tuple[str, str]) -> Iterator[Store]:
    with database(database_template) as url, Store(url, name="test") as opened:
        yield opened


@pytest.fixture(scope="module")
def console(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    load_city(store, write_tiny_pack(folder / "cc"), now=NOW)
    load_city(store, write_tiny_pack(folder / "jl", "220200", prefix="JL", lon=126.55, lat=43.84), now=NOW)
    measure(store, {"CC-P-01": 310e3}, until=NOW, minutes=180)
    while roll_up(store, Width.MINUTE).more:
        pass
    _messages(store)
    zone_days.put(store, [_day("CC-DMA-1", "220100", 1), _day("CC-DMA-1", "220100", 2), _day("JL-DMA-1", "220200", 1)])
    with running(store.url, folder / "console.log", LIFELINE_CONSOLE__PUBLIC_WARNINGS="true") as started:
        yield started


@pytest.fixture
def api(console: Console) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=console.api, headers=console.bearer(Role.ENGINEER)) as client:
        yield client


def _alarm(store: Store, subject: str, kind: FindingKind, city: str) -> int:
    finding = found(subject=subject, kind=kind, at=NOW, position=(125.32, 43.88), city_code=city)
    return raise_alarm(store, finding, level=Level.RED, title=Name("积水", "Water"), now=NOW)


def _messages(store: Store) -> None:
    """Of Changchun: an exercise that was updated, one that expired, one that was cancelled, and what is meant; of Jilin
    an exercise."""
    alarms = {city: _alarm(store, f"flood:{city}", FindingKind.FLOOD, city) for city in ("220100", "220200")}
    for chain, number, city, status, msg_type, ago, lasts in (
        ("ex", 1, "220100", "Exercise", "Alert", 5, 9),
        ("ex", 2, "220100", "Exercise", "Update", 4, 9),
        ("old", 1, "220100", "Exercise", "Alert", 6, 3),
        ("off", 1, "220100", "Exercise", "Alert", 6, 9),
        ("off", 2, "220100", "Exercise", "Cancel", 3, 9),
        ("real", 1, "220100", "Actual", "Alert", 2, 9),
        ("jl", 1, "220200", "Exercise", "Alert", 2, 9),
    ):
        sent = NOW - ago * HOUR
        mark = "" if status == "Actual" else "【演练】"
        record = {"sender": "test", "headline": f"{mark}积水预警", "description": f"{mark}积水。", "event": "城市内涝"}
        draft = Draft(
            f"{chain}-{number}", f"{chain}-1", alarms[city], city, status, msg_type, Level.RED, sent,
            sent + lasts * HOUR, "张局长" if status == "Actual" else "", record, f"<alert xmlns='{atom.CAP}'/>",
            "<alert/>",
        )  # fmt: skip
        with store.transaction() as connection:
            bulletins.add(connection, draft)


def _day(zone: str, city: str, day: int) -> ZoneDay:
    return ZoneDay(zone, city, date(2026, 7, day), 24.0, 900.0, 12.0, 5.0, 168.0, 20.0, None, None, NOW)


def _listed(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == atom.MEDIA_TYPE
    links = etree.fromstring(answer.content).xpath("//a:entry/a:link/@href", namespaces=NAMES)
    return [Path(str(link)).stem for link in links]  # type: ignore[union-attr]


def test_the_feed_holds_what_is_in_force_newest_first(api: httpx.Client, console: Console) -> None:
    answer = api.get("/cap/feed.atom")
    assert _listed(answer) == ["jl-1", "real-1", "ex-2"], "neither replaced nor expired nor cancelled ones"
    titles = etree.fromstring(answer.content).xpath("//a:entry/a:title/text()", namespaces=NAMES)
    assert titles == ["【演练 Exercise】积水预警", "积水预警", "【演练 Exercise】积水预警"]
    provisions = "//a:entry[1]/a:category[@scheme='urn:lifeline:provision']/@term"
    assert etree.fromstring(answer.content).xpath(provisions, namespaces=NAMES)
    assert _listed(api.get("/cap/feed.atom?city=220200")) == ["jl-1"]
    assert _listed(api.get("/cap/feed.atom?status=Actual")) == ["real-1"]
    history, url = [], "/cap/feed.atom?history=true&limit=3"
    while url:
        page = api.get(url)
        history += _listed(page)
        links = etree.fromstring(page.content).xpath("/a:feed/a:link[@rel='next']/@href", namespaces=NAMES)
        url = str(links[0]) if links else ""  # type: ignore[index]
    assert history == ["jl-1", "real-1", "off-2", "off-1", "old-1", "ex-2", "ex-1"]
    tag, since = answer.headers["etag"], answer.headers["last-modified"]
    assert api.get("/cap/feed.atom", headers={"If-None-Match": tag}).status_code == 304
    assert api.get("/cap/feed.atom", headers={"If-Modified-Since": since}).status_code == 304
    for old in ({"If-None-Match": '"x"', "If-Modified-Since": since}, {"If-Modified-Since": "no date"}):
        assert api.get("/cap/feed.atom", headers=old).status_code == 200
    with httpx.Client(base_url=console.api, headers=console.bearer(Role.AUDITOR, cities=("220200",))) as elsewhere:
        assert _listed(elsewhere.get("/cap/feed.atom")) == ["jl-1"]
        assert elsewhere.get("/cap/feed.atom?city=220100").status_code == 403
        assert elsewhere.get("/cap/real-1.xml").status_code == 403


def test_messages_are_given_as_sent_and_only_the_meant_ones_to_anybody(api: httpx.Client, console: Console) -> None:
    cap = api.get("/cap/ex-2.xml")
    assert (cap.text, cap.headers["content-type"]) == (f"<alert xmlns='{atom.CAP}'/>", "application/cap+xml")
    assert api.get("/cap/ex-2.xml?form=national").text == "<alert/>"
    for bad in ("nothing", "a%00b", "a%20b", "%3Cx%3E", "x" * 400):
        answer = api.get(f"/cap/{bad}.xml")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), bad
    assert httpx.get(f"{console.api}/cap/feed.atom").status_code == 401
    assert httpx.get(f"{console.api}/cap/real-1.xml").status_code == 401
    assert _listed(httpx.get(f"{console.api}/cap/public/feed.atom?history=true")) == ["real-1"]
    assert httpx.get(f"{console.api}/cap/public/real-1.xml").status_code == 200
    assert httpx.get(f"{console.api}/cap/public/ex-2.xml").status_code == 404


def _all(api: httpx.Client, url: str) -> list[Any]:
    items = []
    while url:
        page = api.get(url.removeprefix("/api/v1")).raise_for_status().json()
        items += page["items"]
        url = page["next"] or ""
    return items


def test_rollups_come_page_by_page(api: httpx.Client) -> None:
    buckets = _all(api, "/sensors/CC-P-01/rollups?width=minute&limit=500")
    assert sum(one["readings"] for one in buckets) == 180
    times = [one["at"] for one in buckets]
    assert times == sorted(set(times))
    assert buckets[0] | {"at": ""} == {
        "at": "", "readings": 1, "good_share": 1.0, "mean": 310e3, "min": 310e3, "max": 310e3, "last": 310e3,
    }  # fmt: skip
    assert api.get("/sensors/CC-P-01/rollups?width=second").status_code == 422
    assert api.get("/sensors/NOBODY/rollups").status_code == 404
    ends = {"start": "9999-12-31T00:00:00Z", "end": "9999-12-31T23:00:00Z"}
    assert api.get("/sensors/CC-P-01/rollups", params=ends).json() == {"items": [], "next": None}


def test_figures_of_cities_and_who_may_see_them(api: httpx.Client, console: Console) -> None:
    figures = api.get("/kpis").json()
    assert sum(level["alarms"] for level in figures["levels"]) >= 2
    days = _all(api, "/zone-days?first=2026-07-01&last=2026-07-31&limit=1")
    assert [(one["day"], one["zone_id"]) for one in days] == [
        ("2026-07-01", "CC-DMA-1"), ("2026-07-01", "JL-DMA-1"), ("2026-07-02", "CC-DMA-1"),
    ]  # fmt: skip
    assert api.get("/flood-forecasts").json() == {"items": [], "next": None}
    assert {"never-seen"} == {word for one in _all(api, "/devices?limit=4") for word in one["troubles"]}
    assert len(_all(api, "/devices?limit=4")) == 10
    assert api.get("/devices/quarantine").json()["items"] == []
    with httpx.Client(base_url=console.api, headers=console.bearer(Role.AUDITOR, cities=("220200",))) as elsewhere:
        assert len(_all(elsewhere, "/zone-days?first=2026-07-01&last=2026-07-31")) == 1
        assert len(_all(elsewhere, "/devices")) == 5
        for path in ("/kpis", "/zone-days", "/flood-forecasts", "/devices", "/devices/quarantine", "/verdicts"):
            assert elsewhere.get(f"{path}?city=220100").status_code == 403, path
        assert elsewhere.get("/sensors/CC-P-01/rollups").status_code == 403


def test_a_verdict_is_said_once_by_who_may(api: httpx.Client, console: Console, store: Store) -> None:
    _alarm(store, "leak:CC-DMA-1", FindingKind.LEAK, "220100")
    said = {"subject": "leak:CC-DMA-1", "said": "confirmed", "asset_id": "CC-P1", "flow_m3_per_h": 7.5, "note": "焊缝"}
    for change, status in (
        ({"subject": "leak:nobody"}, 404), ({"asset_id": "no such pipe"}, 404), ({"asset_id": None}, 404),
        ({"subject": "flood:220100"}, 404), ({"said": "perhaps"}, 422), ({"flow_m3_per_h": -1}, 422),
        ({"person": "somebody else"}, 422), ({"note": "a\x00"}, 422),
    ):  # fmt: skip
        assert api.post("/verdicts", json=said | change).status_code == status, change
    auditor, elsewhere = console.bearer(Role.AUDITOR), console.bearer(Role.ENGINEER, cities=("220200",))
    for headers in (auditor, elsewhere):
        assert httpx.post(f"{console.api}/verdicts", json=said, headers=headers).status_code == 403
    made = api.post("/verdicts", json=said)
    assert made.status_code == 201, made.text
    assert made.json()["person"].startswith("program")
    (listed,) = _all(api, "/verdicts")
    assert listed == made.json()
    assert httpx.get(f"{console.api}/verdicts", headers=elsewhere).json()["items"] == []
    assert "verdict.confirmed" in {entry.action for entry in audit.entries(store)}


def test_lists_are_sent_again_only_when_they_changed(api: httpx.Client) -> None:
    for path in ("/findings", "/zone-days", "/alarms", "/openapi.json"):
        first = api.get(path)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        again = api.get(path, headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
    assert "etag" not in api.get("/alarms/99999").headers


def test_every_command_of_the_guide_works(console: Console) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 8
    token = console.bearer(Role.AUDITOR)["Authorization"].partition(" ")[2]
    env = os.environ | {"API": console.api, "TOKEN": token, "NO_PROXY": "*"}
    for block in blocks:
        command = ["bash", "-euo", "pipefail", "-c", block]
        if "/events" in block:  # which does not end by itself
            with Popen([*command[:-1], f"exec {block}"], env=env, stdout=PIPE, text=True) as stream:
                assert stream.stdout is not None
                assert stream.stdout.readline() == ": connected\n"
                stream.terminate()
            continue
        done = run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        assert "--etag-compare" not in block or done.stdout == "304\n", done.stdout
