"""Every query of every dashboard on a city in which a main broke: what it gives, by which index, and nothing else."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest

from deploy.grafana.catalogue import documents
from deploy.grafana.macros import Query, expanded, queries
from lifeline import city
from lifeline.alarm import Level
from lifeline.asset import Name
from lifeline.finding import FindingKind
from lifeline.shelter import ShelterState
from lifeline.store import dispatch, readings, shelters, verdicts, zone_days
from lifeline.store.cities import load_pack
from lifeline.store.pool import Store
from lifeline.store.rollups import Width, roll_up
from lifeline.store.sensors import sensors
from lifeline.units import Quantity
from lifeline.verdict import Said
from lifeline.zone_day import ZoneDay
from simulators.packs import PACKS
from simulators.scenario import Event, OpenHole, Repair, Scenario
from simulators.world import World
from tests.console_stage import database, found, raise_alarm

PIPE, MINUTES, BREAKS_AT = "JL-P-1023", 80, 47
START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
END = START + timedelta(minutes=MINUTES)
_TIMESTAMPTZ, _NUMBERS = 1184, {20, 21, 23, 700, 701, 1700}
"""type numbers of PostgreSQL"""
_OF_OTHER_DAYS = (
    "Rungs in use", "Why findings were made", "Forecasts", "Notices", "Chatter", "Not delivered", "Longest to close",
    "Why rejected", "Silent devices", "Stages", "Clocks", "actual over promised", "From order to acceptance",
    "Cancelled by kind", "Flood models",
)  # fmt: skip
"""Panels that show nothing here: it does not rain, nobody is told, nothing ended, no device is at fault."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A connection as the role of dashboards, and what the variables of the dashboards are set to."""

    reader: psycopg.Connection[Any]
    values: dict[str, list[str]]

    def ask(self, query: Query, *, explain: bool = False) -> psycopg.Cursor[Any]:
        """As it is asked when the dashboard is opened."""
        text = expanded(query.sql, self.values, END - timedelta(days=query.days), END)
        return self.reader.execute(f"{'EXPLAIN (FORMAT JSON) ' if explain else ''}{text}".encode())

    def panel(self, dashboard: str, title: str) -> list[Any]:
        """Rows of the panel whose title ends with `title`."""
        (query,) = [
            one
            for one in queries(documents())
            if one.dashboard == f"lifeline-{dashboard}" and one.title.endswith(title)
        ]
        return self.ask(query).fetchall()


@pytest.fixture(scope="module")
def scene(database_template: tuple[str, str]) -> Iterator[Scene]:
    """The role is made as deploy/compose/database-reader.sh makes it."""
    role = f"grafana_{uuid.uuid4().hex[:8]}"
    with database(database_template) as url:
        with Store(url, name="test") as store:
            near = _break_a_main(store)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reader'".encode())
            owner.execute(f"GRANT USAGE ON SCHEMA dashboard TO {role}".encode())
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA dashboard TO {role}".encode())
        parts = urlsplit(url)
        own = parts._replace(netloc=f"{role}:reader@{parts.hostname}:{parts.port}").geturl()
        values = {"city": ["220200"], "zone": ["JL-DMA-1"], "sensor": [near], "gauge": [near], "shelter": ["JL-SH-01"]}
        with psycopg.connect(own, autocommit=True) as connection:
            yield Scene(connection, values)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(f"DROP OWNED BY {role}".encode())
            owner.execute(f"DROP ROLE {role}".encode())


def _break_a_main(store: Store) -> str:
    """A main is open for a minute; what the sensors sent is stored and rolled up. Gives the nearest pressure sensor."""
    pack = replace(city.load(PACKS[1]), drainage_inp=None)
    load_pack(store, pack, now=START)
    key_of = {one.sensor_id: one.sensor_key for one in sensors(store)}
    story: dict[int, Event] = {
        BREAKS_AT: OpenHole(after_s=0, what="burst", pipe=PIPE, diameter_mm=60),
        BREAKS_AT + 1: Repair(after_s=0, what="repair", pipe=PIPE),
    }
    world, sent = World([pack], Scenario(about="a main breaks"), seed=1, start=START), []
    for minute in range(MINUTES):
        at = START + timedelta(minutes=minute)
        if minute in story:
            world.happen(story[minute], at)
        for sensor_id, truth in world.advance(at).items():
            if (measured := world.measure(sensor_id, truth, at)) is not None:
                sent.append((key_of[sensor_id], measured[0], measured[1]))
    world.close()
    rows = np.zeros(len(sent), readings.READING)
    rows["sensor_key"] = [key for key, _, _ in sent]
    rows["observed_at"] = rows["received_at"] = [np.datetime64(at.replace(tzinfo=None), "us") for _, at, _ in sent]
    rows["value"] = [value for _, _, value in sent]
    with store.transaction() as connection:
        readings.add(connection, rows)
    for width in Width:
        while roll_up(store, width).more:
            pass
    pipe = next(asset for asset in pack.assets if asset.asset_id == PIPE)
    lon, lat = pipe.geometry["coordinates"][0]
    _tell(store, lon, lat)
    pressures = [one for one in pack.sensors if one.quantity is Quantity.PRESSURE]
    return min(pressures, key=lambda one: np.hypot(one.position.lon - lon, one.position.lat - lat)).sensor_id


def _tell(store: Store, lon: float, lat: float) -> None:
    """The alarm about it and what people did."""
    finding = found(
        subject="burst:JL-DMA-1", kind=FindingKind.BURST, at=START + timedelta(minutes=BREAKS_AT + 2),
        position=(lon, lat), zone_id="JL-DMA-1", candidates={PIPE: 0.8}, flow_m3_per_h=80.0, city_code="220200",
    )  # fmt: skip
    number = raise_alarm(store, finding, level=Level.ORANGE, title=Name("爆管", "Burst"), now=finding.detected_at)
    at = finding.detected_at + timedelta(minutes=1)
    dispatch.open_order(store, number, skills=["leak"], materials=[], who="test", reason="test", now=at)
    verdicts.say(store, finding.subject, Said.CONFIRMED, person="王芳", now=at, asset_id=PIPE)
    shelters.set_state(store, "JL-SH-01", ShelterState.OPEN, who="赵敏", now=at, reason="person")
    shelters.count(store, "JL-SH-01", 12, who="赵敏", now=at)
    day = date(START.year, START.month, START.day)
    zone_days.put(store, [ZoneDay("JL-DMA-1", "220200", day, 24.0, 900.0, 12.0, 5.0, 168.0, 20.0, None, None, END)])


def test_every_query_gives_what_its_panel_shows(scene: Scene) -> None:
    empty = []
    for query in queries(documents()):
        answer = _answer(scene, query)
        rows, columns = answer.fetchall(), answer.description or []
        if query.result_format == "time_series":
            assert (columns[0].name, columns[0].type_code) == ("time", _TIMESTAMPTZ), query
            assert any(column.type_code in _NUMBERS for column in columns[1:]), query
            times = [row[0] for row in rows]
            assert times == sorted(times), query
        if not rows:
            empty.append(f"{query.dashboard}: {query.title}")
    assert [one for one in empty if not one.endswith(_OF_OTHER_DAYS)] == []


def _answer(scene: Scene, query: Query) -> psycopg.Cursor[Any]:
    try:
        return scene.ask(query)
    except psycopg.Error as error:
        raise AssertionError(f"{query.dashboard}: {query.title}: {error}\n{query.sql}") from error


def test_readings_and_roll_ups_are_looked_up_by_index(scene: Scene) -> None:
    scene.reader.execute("SET enable_seqscan = off")  # so few rows are read whole where that is possible at all
    looked_up, read_whole = set(), []
    for query in queries(documents()):
        for node in _nodes(scene.ask(query, explain=True).fetchall()[0][0][0]["Plan"]):
            if "_hyper_" in node.get("Relation Name", ""):
                looked_up.add(query.title)
                if "Index Cond" not in node and "Recheck Cond" not in node:
                    read_whole.append(f"{query.dashboard}: {query.title}: {node['Node Type']}")
    scene.reader.execute("RESET enable_seqscan")
    assert read_whole == []
    assert len(looked_up) >= 8


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def test_the_burst_shows_in_its_minute_and_is_the_one_open_alarm(scene: Scene) -> None:
    minutes = scene.panel("leak", "Lowest of each minute, last day")
    assert len(minutes) == MINUTES
    lowest = min(minutes, key=lambda row: row[2])
    assert lowest[0] == START + timedelta(minutes=BREAKS_AT)
    assert {level: scene.panel("city", level)[0][0] for level in ("Red", "Orange", "Yellow", "Blue")} == {
        "Red": 0, "Orange": 1, "Yellow": 0, "Blue": 0,
    }  # fmt: skip
    (alarm,) = scene.panel("city", "Live alarms")
    assert "爆管" in alarm
    (mark,) = scene.panel("city", "Alarms")
    assert mark[0] == START + timedelta(minutes=BREAKS_AT + 2)
    (share,) = scene.panel("ingest", "Conservation")[0]
    assert share == 0


@pytest.mark.parametrize("table", ["person", "api_token", "notice", "reading", "answer_link", "audit"])
def test_the_role_sees_nothing_else(scene: Scene, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        scene.reader.execute(f"SELECT * FROM {table}".encode())
