"""Shelters on a real database: conversions with their hours, counts, water near, evacuations planned again."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts import shelters_rules
from alerts.assignment_roads import RoadMap
from alerts.shelters import cover, coverage, gap_map
from alerts.shelters_desk import Warden, circumstances
from console.api import geojson
from console.api.shelters import ShelterDocument
from lifeline.asset import Position
from lifeline.city.pack import check, load
from lifeline.errors import IllegalTransitionError, SettingsError, StaleVersionError
from lifeline.shelter import EvacuationCell, Move, Season, ShelterMode, ShelterState
from lifeline.store import audit, cities, evacuations, shelters
from lifeline.store.pool import Store
from tests.alert_parts import START
from tests.packs import write_tiny_pack

NOW = START
RULES = shelters_rules.load(shelters_rules.BUILT_IN)
SHELTERS = (
    "shelter_id,name_zh,name_en,district,lon,lat,grade,area_m2,area_per_person_m2,heated,mode,conversion_hours\n"
    "CC-SH-1,一中,School,220100,125.3205,43.8806,short,200,2,yes,平,6\n"
    "CC-SH-2,公园,Park,220100,125.3260,43.88,emergency,900,1.5,no,急,1\n"
)
ROADS = (
    "road_id,from_id,from_lon,from_lat,to_id,to_lon,to_lat,length_m,speed_km_per_h\n"
    "CC-R1,X1,125.32,43.88,X2,125.3205,43.8806,90,30\n"
    "CC-R2,X1,125.32,43.88,X3,125.3230,43.88,245,30\n"
    "CC-R3,X3,125.3230,43.88,X4,125.3260,43.88,245,30\n"
)


@pytest.fixture
def pack(store: Store, tmp_path: Path) -> Path:
    folder = write_tiny_pack(tmp_path / "pack")
    (folder / "shelters.csv").write_text(SHELTERS, encoding="utf-8")
    (folder / "roads.csv").write_text(ROADS, encoding="utf-8")
    load_it = load(folder)
    cities.load_pack(store, load_it, now=NOW)
    return folder


def _warden(store: Store) -> Warden:
    roads = RoadMap(cities.roads(store))
    return Warden(store, RULES, lambda _: roads)


def _water(store: Store, depth_m: float) -> None:
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO reading SELECT sensor_key, %s, %s, %s, 0, 0 FROM sensor WHERE sensor_id = 'CC-WD-01'"
            " ON CONFLICT (sensor_key, observed_at) DO UPDATE SET value = excluded.value",
            (NOW, NOW, depth_m),
        )


@pytest.mark.usefixtures("pack")
def test_a_conversion_is_one_act_and_is_measured_against_its_promise(store: Store) -> None:
    shelter = shelters.standing(store, "CC-SH-1").shelter
    lines = RULES.checklist(shelter, ShelterMode.EMERGENCY)
    made = shelters.convert(store, "CC-SH-1", ShelterMode.EMERGENCY, lines, who="li", now=NOW)
    standing = shelters.standing(store, "CC-SH-1")
    assert (standing.mode, standing.state) == (ShelterMode.CONVERTING, ShelterState.OPENING)
    with pytest.raises(IllegalTransitionError, match="转换中"):
        shelters.convert(store, "CC-SH-1", ShelterMode.EVERYDAY, [], who="li", now=NOW)
    for number, task in enumerate(made.tasks, start=1):
        for _ in range(2):
            done = shelters.do_task(store, made, task.task, who="wang", now=NOW + timedelta(hours=number))
    assert (done.outcome, done.promised_hours, done.actual_hours) == ("done", 6.0, 5.0)
    assert [line.done_at for line in done.tasks] == [NOW + timedelta(hours=n) for n in range(1, 6)]
    standing = shelters.standing(store, "CC-SH-1")
    assert (standing.mode, standing.state) == (ShelterMode.EMERGENCY, ShelterState.OPEN)
    again = shelters.convert(store, "CC-SH-2", ShelterMode.EVERYDAY, [], who="li", now=NOW, exercise=True)
    assert shelters.cancel_conversion(store, again, who="li", now=NOW).outcome == "cancelled"
    assert shelters.standing(store, "CC-SH-2").mode is ShelterMode.EMERGENCY
    assert {"shelter.convert", "shelter.task", "shelter.conversion-done"} <= {e.action for e in audit.entries(store)}
    assert audit.verify(store).sound


@pytest.mark.usefixtures("pack")
def test_states_and_counts(store: Store) -> None:
    opened = shelters.set_state(store, "CC-SH-1", ShelterState.OPEN, who="li", now=NOW, reason="by-person", version=0)
    assert (opened.version, opened.people) == (1, None)
    with pytest.raises(StaleVersionError):
        shelters.set_state(store, "CC-SH-1", ShelterState.FULL, who="li", now=NOW, reason="by-person", version=0)
    with pytest.raises(IllegalTransitionError, match="allowed now"):
        shelters.set_state(store, "CC-SH-1", ShelterState.OPENING, who="li", now=NOW, reason="by-person")
    shelters.count(store, "CC-SH-1", 40, who="wang", now=NOW)
    late = shelters.count(store, "CC-SH-1", 7, who="wang", now=NOW, counted_at=NOW - timedelta(hours=1))
    assert (late.people, late.count_age_s(NOW + timedelta(minutes=5))) == (40, 300)
    with pytest.raises(IllegalTransitionError):
        shelters.count(store, "CC-SH-1", -1, who="wang", now=NOW)


@pytest.mark.usefixtures("pack")
def test_an_evacuation_is_planned_and_planned_again_for_safety(store: Store) -> None:
    warden, home = _warden(store), Position(125.32, 43.88)
    cell = EvacuationCell("CC-C-1", home, 95, 10)
    made = evacuations.order(store, "220100", [cell], who="li", reason="积水", now=NOW)
    shelters.set_state(store, "CC-SH-1", ShelterState.OPEN, who="li", now=NOW, reason="by-person")
    assert warden.tick(NOW) == 1
    plan = evacuations.newest_plan(store, made.evacuation_id)
    assert plan is not None
    sent = {(one.shelter_id, one.special): one.people for one in plan.assignments}
    # 100 places at the school, 90 without the reserve; the park is opened for the rest
    assert sent == {("CC-SH-1", True): 10, ("CC-SH-1", False): 80, ("CC-SH-2", False): 5}
    assert (plan.opens, plan.figures["unassigned"]) == (("CC-SH-2",), 0)
    assert warden.tick(NOW) == 0, "nothing has changed"
    moves = [Move("CC-C-1", "CC-SH-2", special=False, under_way=5, arrived=0)]
    evacuations.moved(store, made.evacuation_id, moves, who="wang", now=NOW)
    _water(store, 0.5)
    assert warden.tick(NOW) == 1
    exposures = {one.shelter.shelter_id: (one.exposure, one.exposure_reason) for one in shelters.standings(store)}
    assert exposures == {"CC-SH-1": ("flooded", "water-at-site"), "CC-SH-2": ("threatened", "water-on-way")}
    flooded = evacuations.newest_plan(store, made.evacuation_id)
    assert flooded is not None
    assert {(one.shelter_id, one.reason) for one in flooded.assignments} == {(None, "cut-off")}
    assert evacuations.end(store, made.evacuation_id, who="li", now=NOW)
    assert warden.tick(NOW) == 0


@pytest.mark.usefixtures("pack")
def test_winter_takes_the_unheated_site_away_and_the_gap_shows(store: Store, tmp_path: Path) -> None:
    cells, standings = cities.population(store, "220100"), shelters.standings(store, "220100")
    figures = {}
    for month in (7, 1):
        around = circumstances(store, RULES, RoadMap(cities.roads(store)), NOW.replace(month=month))
        outcome = cover(cells, standings, RULES, around)
        figures[month] = coverage(outcome, RULES)
        path = tmp_path / "gap.geojson"
        path.write_text(json.dumps(gap_map(cells, standings, outcome, RULES, around)), encoding="utf-8")
    assert figures[7]["placed"] == 420
    assert figures[1]["placed"] == 80, "200 m2 at 2.5 m2 a person, heated"
    cell, school, park = (one["properties"] for one in json.loads(path.read_text(encoding="utf-8"))["features"])
    assert (cell["unassigned"], cell["reasons"]) == (340, ["no-places"])
    assert [(one["places"], one["season"], one["assigned"]) for one in (school, park)] == [
        (80, "cold", 80),
        (0, "cold", 0),
    ]


@pytest.mark.usefixtures("pack")
def test_what_a_site_takes_in_this_season_is_told_everywhere(store: Store) -> None:
    def told(now: datetime) -> dict[str, tuple[int | None, Any]]:
        standings = shelters.standings(store)
        assert [
            one["properties"]["places"] for one in json.loads(geojson.shelters(standings, now=now))["features"]
        ] == [ShelterDocument.of(one, now).places for one in standings]
        return {one.shelter.shelter_id: (one.takes(now), one.season) for one in standings}

    warden, july, january = _warden(store), NOW, NOW.replace(year=NOW.year + 1, month=1)
    assert told(july) == {"CC-SH-1": (None, None), "CC-SH-2": (None, None)}, "nobody has looked: not known"
    warden.tick(july)
    assert told(july) == {"CC-SH-1": (100, Season.WARM), "CC-SH-2": (600, Season.WARM)}
    assert told(january)["CC-SH-2"][0] is None, "what was worked out in summer says nothing in winter"
    warden.tick(january)
    assert told(january) == {"CC-SH-1": (80, Season.COLD), "CC-SH-2": (0, Season.COLD)}


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("90,30", "9,30", "length_m: expected at least the straight line"),
        ("CC-R2,X1,125.32", "CC-R2,X1,125.33", "from_id: expected the place that X1 has on line 2"),
        ("CC-R3,X3,125.3230,43.88,X4", "CC-R3,X3,125.3230,43.88,X3", "to_id: expected another crossing"),
        ("245,30\nCC-R3", "245,0\nCC-R3", "speed_km_per_h"),
        ("CC-R3,", "CC-R1,", "road_id: expected each road_id once"),
    ],
)
def test_a_fault_in_the_roads_is_named(tmp_path: Path, old: str, new: str, place: str) -> None:
    folder = write_tiny_pack(tmp_path / "pack")
    (folder / "roads.csv").write_text(ROADS.replace(old, new, 1), encoding="utf-8")
    faults = [str(fault) for fault in check(folder)]
    assert any(fault.startswith("roads.csv:") and place in fault for fault in faults), faults


def test_a_fault_in_the_rules_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shelters.toml"
    for old, new, place in (
        ("reserve_share = 0.10", "reserve_share = 7", r"shelters\.toml:5:1: reserve_share"),
        ('grade = "short"', 'grade = "tiny"', "grade"),
        ("limit_m = 3000.0", "limit = 3000.0", "limit"),
    ):
        path.write_text(shelters_rules.BUILT_IN.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        with pytest.raises(SettingsError, match=place):
            shelters_rules.load(path)
