"""The SensorThings service on a real store: entities, links, expansion, filters, pages, and what it refuses."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from console.feed import Feed
from console.sensing import SensorNow, SensorState, StateReason
from console.sensorthings.routes import build
from lifeline.clock import SystemClock
from lifeline.store import cities, views
from lifeline.store.pool import Store
from tests.console_stage import database, load_city, measure
from tests.packs import write_tiny_pack

NOW = datetime.now(UTC).replace(microsecond=0)


class Client:
    """Requests to an application in this process."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def request(self, method: str, address: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://city") as client:
                return await client.request(method, address)

        return asyncio.run(ask())

    def get(self, address: str) -> httpx.Response:
        return self.request("GET", address)


class Standing:
    """What the service asks of the feed."""

    def __init__(self, store: Store) -> None:
        self.cities = cities.cities(store)
        self._sensors = [SensorNow(one, None, SensorState.SILENT, StateReason.NEVER) for one in views.sensors(store)]

    def sensors(self) -> list[SensorNow]:
        return self._sensors


@pytest.fixture(scope="module")
def service(database_template: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with database(database_template) as url, Store(url, name="test") as store:
        load_city(store, write_tiny_pack(tmp_path_factory.mktemp("pack") / "cc"), now=NOW)
        measure(store, {"CC-P-01": 310e3}, until=NOW, minutes=2500)
        measure(store, {"CC-WD-01": 0.2, "CC-L-01": 2.5}, until=NOW, minutes=30)
        yield Client(build(store, cast(Feed, Standing(store)), SystemClock(), cities=lambda _: None))


def _get(service: Client, address: str) -> Any:
    answer = service.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _whole(service: Client, address: str) -> list[dict[str, Any]]:
    """All pages of a list."""
    items: list[dict[str, Any]] = []
    while address:
        page = _get(service, address)
        items += page["value"]
        parts = urlsplit(page.get("@iot.nextLink", ""))
        address = f"{parts.path}?{parts.query}" if parts.path else ""
    return items


def test_every_link_of_every_entity_leads_somewhere(service: Client) -> None:
    root = _get(service, "/")
    assert len(root["value"]) == 8
    followed = 0
    for entry in root["value"]:
        entity = _get(service, f"{entry['url']}?$top=1")["value"][0]
        assert _get(service, entity["@iot.selfLink"]) == entity
        for name, link in entity.items():
            if name.endswith("@iot.navigationLink"):
                assert _get(service, link)
                followed += 1
    assert followed == 16


def test_a_device_comes_with_its_newest_readings_in_one_request(service: Client) -> None:
    things = _whole(
        service,
        "/Things?$filter=Datastreams/ObservedProperty/name eq 'water_depth'"
        "&$expand=Locations,Datastreams($expand=Observations($top=1;$orderby=phenomenonTime desc),ObservedProperty)",
    )
    assert len(things) == 1
    streams = {stream["ObservedProperty"]["name"]: stream for stream in things[0]["Datastreams"]}
    newest = streams["water_depth"]["Observations"]
    assert len(newest) == 1
    assert newest[0]["result"] == 0.2
    assert newest[0]["phenomenonTime"] == NOW.isoformat().replace("+00:00", "Z")
    assert newest[0]["resultQuality"] == {"quality": "good", "reason": "ok"}
    assert "$skiptoken" in streams["water_depth"]["Observations@iot.nextLink"]
    assert things[0]["Locations"][0]["location"]["type"] == "Point"


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_of_observations_join_without_gap_or_repeat(service: Client, direction: str) -> None:
    address = f"/Datastreams('CC-P-01')/Observations?$orderby=phenomenonTime {direction}&$top=700"
    times = [one["phenomenonTime"] for one in _whole(service, address)]
    assert len(times) == len(set(times)) == 2500
    assert times == sorted(times, reverse=direction == "desc")


def test_observations_of_all_datastreams_come_in_the_order_of_time(service: Client) -> None:
    since = (NOW - timedelta(minutes=29, seconds=30)).isoformat().replace("+00:00", "Z")
    address = f"/Observations?$filter=phenomenonTime ge {since}&$top=7&$expand=Datastream"
    found = _whole(service, address)
    assert len(found) == 3 * 30
    assert [one["phenomenonTime"] for one in found] == sorted((one["phenomenonTime"] for one in found), reverse=True)
    assert {one["Datastream"]["@iot.id"] for one in found} == {"CC-P-01", "CC-WD-01", "CC-L-01"}
    wet = _whole(service, f"/Observations?$filter=phenomenonTime ge {since} and result lt 1&$top=11")
    assert {one["result"] for one in wet} == {0.2}
    assert len(wet) == 30


def test_counts_properties_references_and_values(service: Client) -> None:
    assert _get(service, "/Datastreams('CC-P-01')/Observations?$count=true&$top=0")["@iot.count"] == 2500
    assert _get(service, "/Datastreams?$count=true&$top=1")["@iot.count"] >= 3
    assert _get(service, "/Datastreams('CC-P-01')/unitOfMeasurement")["unitOfMeasurement"]["symbol"] == "Pa"
    assert service.get("/ObservedProperties('pressure')/name/$value").text == "pressure"
    assert list(_get(service, "/Things/$ref")["value"][0]) == ["@iot.selfLink"]
    assert set(_get(service, "/Datastreams('CC-P-01')?$select=name,Thing")) == {"name", "Thing@iot.navigationLink"}
    ordered = [one["@iot.id"] for one in _whole(service, "/Datastreams?$orderby=id desc&$top=2")]
    assert ordered == sorted(ordered, reverse=True)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/Nothing", 404),
        ("/Things('nobody')", 404),
        ("/Datastreams('CC-P-01')/Observations('CC-WD-01@0')", 404),
        ("/Observations('CC-P-01@999999999999999999999')", 404),
        ("/Datastreams('CC-P-01')/Things", 404),
        ("/Datastreams?$filter=name eq", 400),
        ("/Datastreams?$expand=Alarms", 400),
        ("/Datastreams?$select=secret", 400),
        ("/Observations?$orderby=result", 400),
        ("/Observations?$orderby=phenomenonTime", 400),
        ("/Observations?$skiptoken=abc", 400),
        ("/Things?$skiptoken=1.1", 400),
    ],
)
def test_what_cannot_be_answered_is_refused_with_advice(service: Client, address: str, status: int) -> None:
    answer = service.get(address)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["advice"]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_nothing_can_be_written(service: Client, method: str) -> None:
    assert service.request(method, "/Things").status_code == 405


def test_who_serves_another_city_sees_nothing_of_this_one(
    database_template: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with database(database_template) as url, Store(url, name="test") as store:
        load_city(store, write_tiny_pack(tmp_path_factory.mktemp("pack") / "cc"), now=NOW)
        measure(store, {"CC-P-01": 310e3}, until=NOW, minutes=5)
        feed = cast(Feed, Standing(store))
        elsewhere = Client(build(store, feed, SystemClock(), cities=lambda _: frozenset({"220200"})))
        for entry in _get(elsewhere, "/")["value"]:
            assert _get(elsewhere, f"/{entry['name']}")["value"] == []
        assert elsewhere.get("/Datastreams('CC-P-01')").status_code == 404
        assert elsewhere.get("/Datastreams('CC-P-01')/Observations").status_code == 404
