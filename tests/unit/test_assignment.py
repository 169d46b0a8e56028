"""People find their places: exactly, within places, special needs first, over open roads, and with the reason."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.assignment import Barrier, Need, Outcome, Reason, Site, Weights, assign
from alerts.assignment_opening import choose
from alerts.assignment_roads import DETOUR, RoadMap, Water
from benchmarks import shelters as benchmark
from lifeline.asset import Position
from lifeline.city.roads import Road
from lifeline.shelter import Move

WEIGHTS = Weights(limit_m=3000.0)


def _site(name: str, free: int, *, opened: bool = True, **more: object) -> Site:
    return Site(name, "220100", free, free // 10, opened, **more)  # type: ignore[arg-type]


def _by_site(outcome: Outcome) -> Counter[str | None]:
    found: Counter[str | None] = Counter()
    for one in outcome.assignments:
        found[one.shelter_id] += one.people
    return found


def _reasons(outcome: Outcome) -> set[tuple[str | None, str]]:
    return {(one.shelter_id, one.reason) for one in outcome.assignments}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_nobody_beyond_the_places_everybody_counted_and_the_optimum_is_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 9)), int(rng.integers(0, 6))
    needs = [Need(f"C{k}", "220100", int(p), int(p // 7)) for k, p in enumerate(rng.integers(0, 90, n))]
    sites = [_site(f"S{k}", int(f), opened=bool(rng.random() < 0.5)) for k, f in enumerate(rng.integers(0, 120, m))]
    way = np.where(rng.random((n, m)) < 0.15, np.inf, rng.uniform(100, 4500, (n, m)))
    outcome = assign(needs, sites, way, WEIGHTS)
    sent = _by_site(outcome)
    assert sum(sent.values()) == sum(need.people for need in needs)
    assert all(sent[site.shelter_id] <= site.free for site in sites)
    assert all(one.distance_m <= WEIGHTS.limit_m for one in outcome.assignments if one.distance_m is not None)
    if m:
        optimum = benchmark._optimum(needs, sites, way, outcome)
        assert optimum == pytest.approx(outcome.figures["cost_m"], rel=1e-6, abs=1e-3)
        most = choose(
            way <= WEIGHTS.limit_m,
            np.array([need.people for need in needs], dtype=np.int32),
            np.array([site.free for site in sites], dtype=np.int32),
            np.ones(m, dtype=bool),
        ).placed
        assert outcome.figures["unassigned"] == sum(need.people for need in needs) - most


def test_special_needs_come_first_and_the_reserve_last() -> None:
    outcome = assign([Need("C1", "220100", 100, 30)], [_site("S1", 50)], np.array([[800.0]]), WEIGHTS)
    assert outcome.figures["unassigned"] == 50
    assert outcome.figures["unassigned_special"] == 0
    assert outcome.figures["reserve_used"] == 5
    spared = assign(
        [Need("C1", "220100", 50, 0)], [_site("S1", 50), _site("S2", 50)], np.array([[800.0, 900.0]]), WEIGHTS
    )
    assert (_by_site(spared), spared.figures["reserve_used"]) == ({"S1": 45, "S2": 5}, 0)


def test_the_smallest_set_of_sites_is_opened() -> None:
    needs = [Need(f"C{k}", "220100", 40, 0) for k in range(4)]
    sites = [_site(f"S{k}", 50, opened=False) for k in range(4)] + [_site("BIG", 200, opened=False)]
    outcome = assign(
        needs, sites, np.hstack([np.full((4, 4), 2000.0) - np.eye(4) * 1900, np.full((4, 1), 2500.0)]), WEIGHTS
    )
    assert outcome.opens == ("BIG",)
    assert outcome.figures["opens_at_least"] == 1
    assert _reasons(outcome) == {("BIG", Reason.FEWER_SITES.value)}


def test_each_assignment_says_why() -> None:
    needs = [Need("C1", "220100", 60, 0)]
    way = np.array([[500.0, 700.0, 900.0]])
    near = _site("S2", 80)
    for barrier in (Barrier.UNHEATED, Barrier.UNSAFE, Barrier.CLOSED):
        barred = assign(needs, [_site("S1", 80, barrier=barrier), near], way[:, :2], WEIGHTS)
        assert _reasons(barred) == {("S2", barrier.value)}
    full = assign(needs, [_site("S1", 40), near], way[:, :2], WEIGHTS)
    assert _reasons(full) == {("S1", "nearest"), ("S2", "nearer-full")}
    border = assign(needs, [_site("S1", 0), Site("N1", "220300", 80, 8, True)], way[:, :2], WEIGHTS)
    assert _reasons(border) == {("N1", "across-border")}
    roads = assign(needs, [_site("S1", 80), near], np.array([[np.inf, 900.0]]), WEIGHTS, straight_m=way[:, :2])
    assert _reasons(roads) == {("S2", "nearest-by-open-road")}
    for ways, reason in (([[np.inf, np.inf]], "cut-off"), ([[9000.0, 9000.0]], "too-far")):
        assert _reasons(assign(needs, [_site("S1", 80), near], np.array(ways), WEIGHTS)) == {(None, reason)}
    assert _reasons(assign(needs, [], np.zeros((1, 0)), WEIGHTS)) == {(None, "no-site")}
    scarce = assign(needs, [_site("S1", 0), _site("S2", 10)], way[:, :2], WEIGHTS)
    assert _reasons(scarce) == {("S2", "nearer-full"), (None, "no-places")}


def test_people_under_way_keep_their_way_unless_it_is_unsafe() -> None:
    needs = [Need("C1", "220100", 60, 0)]
    moves = [Move("C1", "S2", special=False, under_way=20, arrived=0)]
    way = np.array([[300.0, 2900.0]])
    outcome = assign(needs, [_site("S1", 100), _site("S2", 100)], way, WEIGHTS, moves=moves)
    assert _by_site(outcome) == {"S1": 40, "S2": 20}
    assert ("S2", "under-way") in _reasons(outcome)
    unsafe = assign(needs, [_site("S1", 100), _site("S2", 100, barrier=Barrier.UNSAFE)], way, WEIGHTS, moves=moves)
    assert _by_site(unsafe) == {"S1": 60}
    assert ("S1", "rerouted") in _reasons(unsafe)
    flooded = assign(needs, [_site("S1", 100), _site("S2", 100)], np.array([[300.0, np.inf]]), WEIGHTS, moves=moves)
    assert _by_site(flooded) == {"S1": 60}


def test_ways_lead_over_open_roads_and_across_the_border() -> None:
    def at(x: float, y: float) -> Position:
        return Position(125.0 + x / 80_000, 43.9 + y / 111_195)

    roads = RoadMap(
        [
            Road("A", "220100", "1", at(0, 0), "2", at(1000, 0), 1000.0, 60.0),
            Road("B", "220100", "1", at(0, 0), "3", at(0, 800), 800.0, 60.0),
            Road("C", "220300", "3", at(0, 800), "2", at(1000, 0), 1700.0, 60.0),
        ]
    )
    ends = [at(0, 0)], [at(1000, 0)]
    assert roads.ways(*ends)[0, 0] == pytest.approx(1000, abs=5)
    assert roads.ways(*ends, unit="min")[0, 0] == pytest.approx(1.0, abs=0.05)
    wet = roads.wet([Water(at(500, 30), 0.5)], depth_m=0.3, within_m=60)
    assert wet.tolist() == [True, False, False]
    assert roads.ways(*ends, closed=wet)[0, 0] == pytest.approx(2500, abs=10)
    assert roads.ways(*ends, slow=wet, slower=2.0)[0, 0] == pytest.approx(2000, abs=10)
    assert np.isinf(roads.ways(*ends, closed=np.ones(3, dtype=bool))[0, 0])
    far = roads.ways([at(0, 20_000)], [at(0, 23_000)])[0, 0]
    assert far == pytest.approx(3000 * DETOUR, rel=0.01)
    assert RoadMap([]).ways(*ends)[0, 0] == pytest.approx(1000 * DETOUR, rel=0.02)
