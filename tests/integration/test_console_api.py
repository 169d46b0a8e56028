"""The REST API of a running console: what it gives, what it refuses and how it says so, and the event stream."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lifeline.alarm import AlarmState, Level
from lifeline.asset import Name
from lifeline.finding import FindingKind
from lifeline.person import Role
from lifeline.store import alarms as alarm_store
from lifeline.store import audit
from lifeline.store.pool import Store
from tests.console_stage import bearer, database, found, load_city, measure, raise_alarm, running
from tests.packs import write_tiny_pack

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def store(database_template: tuple[str, str]) -> Iterator[Store]:
    """One database for the module: what a test changes is its own alarm."""
    with database(database_template) as url, Store(url, name="test") as opened:
        yield opened


@pytest.fixture(scope="module")
def api(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    tmp_path = tmp_path_factory.mktemp("console")
    load_city(store, write_tiny_pack(tmp_path / "cc"), now=NOW)
    measure(store, {"CC-P-01": 310e3, "CC-WD-01": 0.0}, until=datetime.now(UTC), minutes=30)
    measure(store, {"CC-L-01": 2.5}, until=NOW - timedelta(hours=3), minutes=5)
    for number in range(5):
        _flood(store, f"flood:{number}", "220100")
    with (
        running(store.url, tmp_path / "console.log") as console,
        httpx.Client(base_url=console.api, headers={"Accept-Encoding": "gzip"} | console.bearer()) as client,
    ):
        yield client


def _flood(store: Store, subject: str, city_code: str) -> int:
    finding = found(
        subject=subject,
        kind=FindingKind.FLOOD,
        at=NOW,
        position=(125.32, 43.88),
        sensor_ids=("CC-WD-01",),
        depth_m=0.31,
        city_code=city_code,
    )
    return raise_alarm(store, finding, level=Level.RED, title=Name("积水", "Water"), now=NOW)


def _refused(answer: httpx.Response, status: int, kind: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:lifeline:problem:{kind}"
    assert problem["advice"]
    return problem


def test_alarms_are_listed_acted_upon_once_and_told_apart(api: httpx.Client, store: Store) -> None:
    pages: list[list[int]] = []
    url: str | None = "/alarms?live=true&city=220100&limit=2"
    while url:
        page = api.get(str(url).removeprefix("/api/v1")).json()
        pages.append([item["alarm_id"] for item in page["items"]])
        url = page["next"]
    numbers = [number for page in pages for number in page]
    assert numbers == sorted(set(numbers), reverse=True)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert api.get("/alarms", params={"city": "220200"}).json() == {"items": [], "next": None}

    detail = api.get("/alarms/1").json()
    assert detail["level"] == 1
    assert detail["finding"]["depth_m"] == 0.31
    assert [event["action"] for event in detail["events"]] == ["open"]
    assert "acknowledge" in detail["actions"]
    assert "escalate" not in detail["actions"]

    seen = {"version": detail["version"], "note": "收到"}
    done = api.post("/alarms/1/acknowledge", json=seen)
    assert done.status_code == 200
    assert done.json()["state"] == "acknowledged"
    assert alarm_store.alarm(store, 1).state is AlarmState.ACKNOWLEDGED
    last = alarm_store.events(store, 1)[-1]
    assert (last.actor, last.note, last.reason) == ("program", "收到", "person")

    _refused(api.post("/alarms/1/acknowledge", json=seen), 409, "stale-version")
    again = seen | {"version": done.json()["version"]}
    problem = _refused(api.post("/alarms/1/acknowledge", json=again), 409, "not-allowed-now")
    assert "dispatch" in problem["advice"]
    _refused(api.post("/alarms/1/escalate", json=again), 409, "not-allowed-now")
    _refused(api.post("/alarms/1/shelve", json=again), 409, "not-allowed-now")
    until = (NOW + timedelta(hours=4)).isoformat()
    assert api.post("/alarms/1/shelve", json=again | {"until": until}).json()["state"] == "shelved"
    _refused(api.post("/alarms/9999/acknowledge", json=seen), 404, "not-found")


BAD_INPUT: list[tuple[str, str, Any, str]] = [
    ("GET", "/alarms?limit=0", None, "query.limit"),
    ("GET", "/alarms?limit=1001", None, "query.limit"),
    ("GET", "/alarms?state=happy", None, "query.state.0"),
    ("GET", "/alarms?city=2201", None, "query.city"),
    ("GET", "/alarms/0", None, "path.alarm_id"),
    ("GET", "/alarms/99999999999999999999", None, "path.alarm_id"),
    ("GET", "/sensors/a%00b", None, "path.sensor_id"),
    ("GET", "/sensors/CC-P-01/readings?start=2026-01-01T00:00:00", None, "query.start"),
    ("GET", "/sensors/CC-P-01/readings?start=yesterday", None, "query.start"),
    ("GET", "/layers/secrets.geojson", None, "path.layer"),
    ("POST", "/alarms/1/acknowledge", {"version": 1, "note": "a\x00b"}, "body.note"),
    ("POST", "/alarms/1/acknowledge", {}, "body.version"),
    ("POST", "/alarms/1/acknowledge", {"actor": "王芳", "version": 1}, "body.actor"),
    ("POST", "/alarms/1/acknowledge", {"version": "1"}, "body.version"),
    ("POST", "/alarms/1/acknowledge", {"version": 1, "sudo": True}, "body.sudo"),
    ("POST", "/alarms/1/shelve", {"version": 1, "until": "2030-01-01T00:00:00"}, "body.until"),
    ("POST", "/alarms/1/explode", {"version": 1}, "path.action"),
]
"""Method, path, body, and where the fault stands."""


def test_bad_input_is_refused_with_its_place(api: httpx.Client) -> None:
    for method, path, body, place in BAD_INPUT:
        problem = _refused(api.request(method, path, json=body), 422, "wrong-request")
        assert place in [fault["place"] for fault in problem["faults"]], (path, problem)
    everything = "start=0001-01-01T00:00:00%2B14:00&end=9999-12-31T23:59:59-14:00"
    assert api.get(f"/sensors/CC-P-01/series?{everything}").status_code == 200
    assert api.get(f"/sensors/CC-P-01/readings?{everything}").status_code == 200
    assert api.get("/sensors/CC-P-01/readings?start=9999-12-31T23:59:59Z").json()["items"] == []
    _refused(api.get("/sensors/..%2f..%2fetc%2fpasswd"), 404, "not-found")


def test_other_sites_and_broken_requests_are_kept_out(api: httpx.Client) -> None:
    seen = {"version": 1}
    assert api.post("/alarms/1/acknowledge", json=seen, headers={"Origin": "http://evil.example"}).status_code == 403
    assert api.get("/alarms", headers={"Host": "evil.example"}).status_code == 403
    plain = api.post("/alarms/1/acknowledge", content=json.dumps(seen), headers={"Content-Type": "text/plain"})
    _refused(plain, 422, "wrong-request")
    broken = api.post("/alarms/1/acknowledge", content="{", headers={"Content-Type": "application/json"})
    _refused(broken, 422, "wrong-request")
    _refused(api.get("/nothing"), 404, "not-found")
    _refused(api.delete("/alarms"), 405, "method-not-allowed")
    page = api.get(str(api.base_url).replace("/api/v1/", "/login"))
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert api.get(str(api.base_url).replace("/api/v1/", "/static/..%2fapp.py")).status_code == 404


def test_sensors_and_readings(api: httpx.Client) -> None:
    sensors = {one["sensor_id"]: one for one in api.get("/sensors").json()["items"]}
    assert sensors["CC-P-01"]["state"] == "good"
    assert sensors["CC-P-01"]["value"] == 310e3
    assert (sensors["CC-L-01"]["state"], sensors["CC-L-01"]["reason"]) == ("silent", "overdue")
    assert (sensors["CC-F-01"]["state"], sensors["CC-F-01"]["value"]) == ("silent", None)
    assert sensors["CC-WD-01"]["level"] == 1
    silent = api.get("/sensors", params={"state": "silent", "limit": 2}).json()
    rest = api.get(silent["next"].removeprefix("/api/v1")).json()
    assert [one["sensor_id"] for one in silent["items"] + rest["items"]] == ["CC-F-01", "CC-L-01", "CC-RG-01"]

    page = api.get("/sensors/CC-P-01/readings", params={"limit": 20}).json()
    following = api.get(page["next"].removeprefix("/api/v1")).json()
    times = [one["observed_at"] for one in page["items"] + following["items"]]
    assert len(set(times)) == 30
    assert times == sorted(times, reverse=True)
    assert page["items"][0]["quality"] == "good"
    steps = api.get("/sensors/CC-P-01/series", params={"points": 24}).json()
    assert sum(step["readings"] for step in steps) == 30
    _refused(api.get("/sensors/NOBODY/readings"), 404, "not-found")


def test_layers_are_geojson_and_come_once(api: httpx.Client) -> None:
    for layer in ("pipes", "drains", "zones", "shelters", "crews", "water", "sensors", "findings"):
        answer = api.get(f"/layers/{layer}.geojson", params={"city": "220100"})
        collection = answer.json()
        assert answer.headers["content-type"] == "application/geo+json"
        assert collection["type"] == "FeatureCollection"
        assert all(feature["geometry"] for feature in collection["features"]), layer
        tag = answer.headers["etag"]
        assert api.get(f"/layers/{layer}.geojson?city=220100", headers={"If-None-Match": tag}).status_code == 304
    assert api.get("/layers/pipes.geojson", params={"city": "220200"}).json()["features"] == []


def test_a_large_layer_is_made_once_for_all(api: httpx.Client) -> None:
    packed = api.get("/layers/pipes.geojson", params={"city": "220100"})
    plain = api.get("/layers/pipes.geojson", params={"city": "220100"}, headers={"Accept-Encoding": "identity"})
    assert packed.json() == plain.json()
    assert packed.headers["etag"] == plain.headers["etag"]
    sensors = api.get("/layers/sensors.geojson")
    assert api.get("/layers/sensors.geojson").headers["etag"] == sensors.headers["etag"]
    assert {one["properties"]["city"] for one in sensors.json()["features"]} == {"220100"}


def test_silences_are_made_listed_and_ended_with_a_reason(api: httpx.Client) -> None:
    until = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    _refused(api.post("/silences", json={"sensor_id": "CC-P-01", "until": until, "why": " "}), 409, "not-allowed-now")
    _refused(api.post("/silences", json={"until": until, "why": "works"}), 404, "not-found")
    _refused(api.post("/silences", json={"sensor_id": "CC-NO", "until": until, "why": "works"}), 404, "not-found")
    late = (datetime.now(UTC) + timedelta(days=40)).isoformat()
    _refused(api.post("/silences", json={"zone_id": "CC-DMA-1", "until": late, "why": "x"}), 409, "not-allowed-now")
    made = api.post("/silences", json={"sensor_id": "CC-P-01", "until": until, "why": "校准"})
    assert (made.status_code, made.json()["why"]) == (201, "校准")
    number = made.json()["silence_id"]
    assert number in [one["silence_id"] for one in api.get("/silences?in_force=true").json()["items"]]
    ended = [api.post(f"/silences/{number}/end").json()["ended_by"] for _ in range(2)]
    assert ended[0] == ended[1] == made.json()["made_by"]
    assert number not in [one["silence_id"] for one in api.get("/silences?in_force=true").json()["items"]]
    _refused(api.post("/silences/99999/end"), 404, "not-found")


def test_a_shelter_is_converted_line_by_line_by_who_may(api: httpx.Client, store: Store) -> None:
    wanted = {"shelter_id": "CC-SH-1", "to_mode": "急"}
    with httpx.Client(base_url=api.base_url, headers=bearer(store, Role.WARDEN)) as warden:
        _refused(warden.post("/conversions", json=wanted), 403, "not-for-you")
        _refused(api.post("/conversions", json=wanted | {"shelter_id": "CC-NO"}), 404, "not-found")
        _refused(api.post("/conversions", json=wanted | {"to_mode": "平"}), 409, "not-allowed-now")
        made = api.post("/conversions", json=wanted | {"exercise": True})
        assert (made.status_code, made.json()["exercise"], made.json()["outcome"]) == (201, True, None)
        number, tasks = made.json()["conversion_id"], [one["task"] for one in made.json()["tasks"]]
        assert tasks
        _refused(api.post("/conversions", json=wanted), 409, "not-allowed-now")
        _refused(warden.post(f"/conversions/{number}/tasks/no-such/done"), 404, "not-found")
        _refused(warden.post(f"/conversions/{number}/cancel"), 403, "not-for-you")
        for task in [tasks[0], *tasks]:
            ticked = warden.post(f"/conversions/{number}/tasks/{task}/done").raise_for_status().json()
        assert (ticked["outcome"], ticked["ended_at"] is not None) == ("done", True)
    assert api.get("/shelters/CC-SH-1").json()["mode"] == "急"
    _refused(api.post(f"/conversions/{number}/cancel"), 409, "not-allowed-now")
    back = api.post("/conversions", json=wanted | {"to_mode": "平"}).json()["conversion_id"]
    assert [one["conversion_id"] for one in api.get("/conversions?running=true").json()["items"]] == [back]
    assert api.post(f"/conversions/{back}/cancel").json()["outcome"] == "cancelled"
    page = api.get("/conversions?shelter=CC-SH-1&limit=1").json()
    assert [one["conversion_id"] for one in page["items"]] == [back]
    older = api.get(page["next"].removeprefix("/api/v1"))
    assert [one["conversion_id"] for one in older.json()["items"]] == [number]
    again = api.get(
        f"/conversions/{number}", headers={"If-None-Match": api.get(f"/conversions/{number}").headers["etag"]}
    )
    assert again.status_code == 304


def test_an_evacuation_is_ordered_followed_and_ended(api: httpx.Client, store: Store) -> None:
    around = {"city": "220100", "reason": "爆管", "around": {"lon": 125.32, "lat": 43.88}, "radius_m": 300}
    cells = {"city": "220100", "reason": "x", "cells": ["CC-C-1"]}
    for wrong in (
        around | cells,
        {"city": "220100", "reason": "x"},
        around | {"radius_m": None},
        cells | {"cells": []},
    ):
        _refused(api.post("/evacuations", json=wrong), 422, "wrong-request")
    _refused(api.post("/evacuations", json=cells | {"cells": ["CC-NO"]}), 404, "not-found")
    _refused(api.post("/evacuations", json=cells | {"reason": " "}), 409, "not-allowed-now")
    nobody = around | {"around": {"lon": 125.9, "lat": 43.1}}
    _refused(api.post("/evacuations", json=nobody), 409, "not-allowed-now")
    made = api.post("/evacuations", json=around | {"exercise": True})
    assert (made.status_code, made.json()["people"], made.json()["plan"]) == (201, 420, None)
    number = made.json()["evacuation_id"]
    with httpx.Client(base_url=api.base_url, headers=bearer(store, Role.WARDEN)) as warden:
        _refused(warden.post(f"/evacuations/{number}/end"), 403, "not-for-you")
        told = {"cell_id": "CC-C-1", "shelter_id": "CC-SH-1", "under_way": 30, "arrived": 12}
        moved = warden.post(f"/evacuations/{number}/moves", json={"moves": [told]})
        assert (moved.status_code, moved.json()["arrived"]) == (200, 12), moved.text
        for wrong_move in ({"cell_id": "CC-NO"}, {"shelter_id": "CC-NO"}):
            sent = warden.post(f"/evacuations/{number}/moves", json={"moves": [told | wrong_move]})
            _refused(sent, 404, "not-found")
    with httpx.Client(base_url=api.base_url, headers=bearer(store, Role.OPERATOR, cities=("220200",))) as elsewhere:
        _refused(elsewhere.post("/evacuations", json=around), 403, "not-for-you")
        _refused(elsewhere.get(f"/evacuations/{number}"), 403, "not-for-you")
        _refused(elsewhere.post(f"/evacuations/{number}/end"), 403, "not-for-you")
        assert elsewhere.get("/evacuations").json()["items"] == []
    assert [one["evacuation_id"] for one in api.get("/evacuations?running=true").json()["items"]] == [number]
    ended = [api.post(f"/evacuations/{number}/end").json()["ended_at"] for _ in range(2)]
    assert ended[0] == ended[1] is not None
    _refused(api.post(f"/evacuations/{number}/moves", json={"moves": [told]}), 409, "not-allowed-now")
    assert api.get("/evacuations?running=true").json()["items"] == []
    assert audit.entries(store, subject=f"evacuation:{number}", limit=9)[0].action == "evacuation.end"


def test_health_findings_and_the_document(api: httpx.Client) -> None:
    health = api.get("/health").json()
    assert health["database"] is True
    assert health["live_alarms"] >= 5
    assert (health["sensors"], health["silent_sensors"]) == (5, 3)
    assert {stage["stage"] for stage in health["stages"]} == {"console"}
    findings = api.get("/findings", params={"limit": 2, "before": 6}).json()
    assert [one["finding_id"] for one in findings["items"]] == [5, 4]
    assert api.get("/findings/5").json()["explanation"] == {}
    document = api.get("/openapi.json").json()
    assert "/alarms/{alarm_id}/{action}" in document["paths"]


def test_events_follow_the_tables(api: httpx.Client, store: Store) -> None:
    with api.stream("GET", "/events", timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": connected"
        number = _flood(store, "flood:new", "220100")
        kinds = {}
        for line in lines:
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                kinds[kind] = json.loads(line.removeprefix("data: "))
            if {"alarm", "finding"} <= kinds.keys():
                break
        assert kinds["alarm"] == {"alarm_id": number, "version": 1, "level": 1, "state": "open"}
        assert kinds["finding"]["subject"] == "flood:new"


def test_events_of_one_city_tell_of_no_other(api: httpx.Client, store: Store) -> None:
    with api.stream("GET", "/events", params={"city": "220200"}, timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": connected"
        _flood(store, "flood:not-asked-for", "220100")
        number = _flood(store, "flood:asked-for", "220200")
        told = (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
        assert next(one["alarm_id"] for one in told if "alarm_id" in one) == number
    assert api.get("/events", params={"city": "Jilin"}).status_code == 422
