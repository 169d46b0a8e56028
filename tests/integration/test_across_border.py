"""Shelters and crews serve across the border (P4.1): two of the demo cities with their own shelters, people and roads.

One of them is moved to the edge of the other and joined to it by one road. As they are, 100 km apart, only crews could.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import dispatch, shelters_rules
from alerts.assignment_roads import RoadMap
from alerts.dispatch_desk import Desk
from alerts.shelters_desk import Warden
from alerts.supervision import count
from lifeline.alarm import AlarmAction
from lifeline.asset import Position
from lifeline.city.pack import CityPack, load
from lifeline.city.roads import Road, distance_m
from lifeline.shelter import EvacuationCell, Plan, Season
from lifeline.store import alarms, audit, cities, crews, evacuations, work_orders
from lifeline.store.pool import Store
from lifeline.work_order import OrderAction
from simulators.packs import CHANGCHUN, FOLDER
from tests.alert_parts import FLOOD, START
from tests.field_parts import open_alarm

WINTER = datetime(2026, 1, 15, 4, tzinfo=UTC)
RULES = shelters_rules.load(shelters_rules.BUILT_IN)
BORDER_ROAD_M = 400.0


def _moved(pack: CityPack, to: Position) -> CityPack:
    """The pack with all its places moved so that its westernmost crossing is at `to`."""
    west = min((road.start for road in pack.roads), key=lambda at: at.lon)

    def there(at: Position) -> Position:
        return Position(at.lon + to.lon - west.lon, at.lat + to.lat - west.lat)

    def all_of(things: Any) -> Any:
        return tuple(replace(one, position=there(one.position)) for one in things)

    roads = tuple(replace(one, start=there(one.start), end=there(one.end)) for one in pack.roads)
    return replace(
        pack, shelters=all_of(pack.shelters), population=all_of(pack.population), crews=all_of(pack.crews), roads=roads
    )


def _border(here: CityPack, there: CityPack) -> Road:
    """A road between the two crossings that are nearest to each other."""
    a, b = min(
        ((one, other) for one in here.roads for other in there.roads),
        key=lambda pair: distance_m(pair[0].start, pair[1].start),
    )
    return replace(b, road_id="SP-RD-BORDER", to_id=a.from_id, end=a.start, length_m=BORDER_ROAD_M)


@pytest.fixture
def neighbours(store: Store) -> Callable[[bool], None]:
    def put(joined: bool) -> None:
        changchun = load(CHANGCHUN)
        east = max((road.start for road in changchun.roads), key=lambda at: at.lon)
        siping = _moved(load(FOLDER / "siping"), Position(east.lon + 0.003, east.lat))
        if joined:
            siping = replace(siping, roads=(*siping.roads, _border(changchun, siping)), sha256="joined")
        for pack in (changchun, siping):
            cities.load_pack(store, pack, now=START)

    return put


def _planned(store: Store, now: datetime) -> Plan:
    """Everybody of Changchun has to leave."""
    people = [
        EvacuationCell(one.cell_id, one.position, one.people, one.special_needs)
        for one in cities.population(store, "220100")
    ]
    made = evacuations.order(store, "220100", people, who="li", reason="演练", now=now, exercise=True)
    roads = RoadMap(cities.roads(store))
    Warden(store, RULES, lambda _: roads).tick(now)
    plan = evacuations.newest_plan(store, made.evacuation_id)
    assert plan is not None
    evacuations.end(store, made.evacuation_id, who="li", now=now)
    return plan


def test_a_neighbours_heated_hall_takes_people_in_winter(store: Store, neighbours: Callable[[bool], None]) -> None:
    neighbours(False)
    cut = _planned(store, WINTER)
    neighbours(True)
    joined = _planned(store, WINTER)
    across = [one for one in joined.assignments if one.shelter_id and one.shelter_id.startswith("SP-")]
    assert {one.shelter_id for one in across} == {"SP-SH-02"}, "the only one there with heating"
    assert {one.reason for one in across} == {"across-border"}
    assert sum(one.people for one in across) == 960, "2400 m2 at 2.5 m2 a person"
    assert all(one.distance_m is not None and BORDER_ROAD_M < one.distance_m <= RULES.ways.limit_m for one in across)
    assert cut.figures["unassigned"] - joined.figures["unassigned"] == 960, "who found no place without the road"
    taken: dict[str, int] = {}
    for one in joined.assignments:
        if one.shelter_id is not None:
            taken[one.shelter_id] = taken.get(one.shelter_id, 0) + one.people
    standing = {one.shelter_id: RULES.places(one, Season.COLD) for one in cities.shelters(store)}
    assert all(people <= standing[site] for site, people in taken.items())


@pytest.mark.parametrize(("joined", "reasons"), [(True, {"shortest-way"}), (False, {"no-open-road"})])
def test_a_neighbours_crew_comes_when_all_of_ours_rest(
    store: Store, neighbours: Callable[[bool], None], joined: bool, reasons: set[str]
) -> None:
    neighbours(joined)
    for one in crews.standings(store):
        if one.crew.city_code == "220100":
            crews.set_presence(
                store, one.crew.crew_id, on_duty=False, who="li", now=START, until=START + timedelta(hours=8)
            )
    desk = Desk(store, dispatch.load(dispatch.BUILT_IN), RULES)
    place = cities.population(store, "220100")[0].position
    alarm = open_alarm(store, replace(FLOOD, position=place))
    alarms.act(store, alarm.alarm_id, AlarmAction.DISPATCH, actor="li", version=1, now=START, reason="by-person")
    desk.tick(START)
    (order,) = work_orders.orders(store, live_only=True)
    (offer,) = work_orders.offers(store, order.order_id)
    assert offer.crew_id == "SP-CR-2", "for water with pumps"
    assert {"skilled", "across-border"} | reasons == set(offer.reasons)
    assert (offer.minutes < 60) is joined
    for step in (OrderAction.ACCEPT, OrderAction.ARRIVE, OrderAction.MITIGATE):
        work_orders.act(store, order.order_id, step, who="孙", crew_id="SP-CR-2", now=START)
    found = count(audit.entries(store)[::-1])
    assert (found.across_border, found.offers) == (1, 1), "the supervision report counts it"
