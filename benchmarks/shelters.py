"""How fast and how well people are assigned to shelters: 500 cells, 150 shelters, roads under water."""

import time
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse import coo_array

from alerts.assignment import Need, Outcome, Site, Weights, assign
from alerts.assignment_roads import RoadMap, Water
from benchmarks.table import Figure
from lifeline.asset import Position
from lifeline.city.roads import Road

TITLE = "shelter assignment: 500 cells, 150 shelters, 3,600 crossings"
LIMIT_S = 1.0
LEAST_SHARE = 0.99
_CELLS, _SITES, _SIDE, _BLOCK_M = 500, 150, 60, 180.0
_ROUNDS = 5
_WEIGHTS = Weights(limit_m=3000.0)
Floats = npt.NDArray[np.float64]


def measure() -> list[Figure]:
    """Plans and re-plans for seeded cities, one with places enough and one without; the worst of each."""
    seconds: list[float] = []
    shares, above, opened = [], 0.0, []
    for seed in range(_ROUNDS):
        rng = np.random.default_rng(seed)
        roads, needs, sites, cells, places = _city(rng, scarce=seed % 2 == 1)
        first = assign(needs, sites, roads.ways(cells, places), _WEIGHTS)
        waters = [Water(_at(*rng.uniform(0, _SIDE * _BLOCK_M, 2)), 0.5) for _ in range(60)]
        began = time.perf_counter()
        closed = roads.wet(waters, depth_m=0.3, within_m=400.0)
        way_m = roads.ways(cells, places, closed=closed)
        again = assign(needs, sites, way_m, _WEIGHTS, before=first.assignments)
        seconds.append(time.perf_counter() - began)
        shares.append(_optimum(needs, sites, way_m, again) / _cost(again))
        above = max(above, *(float(_sent(again, site) - site.free) for site in sites))
        opened.append((again.figures["opens"], again.figures["opens_at_least"]))
        closed_share = float(closed.mean())
    return [
        Figure("re-plan, median", float(np.median(seconds)), "s", "limit", LIMIT_S),
        Figure("re-plan, worst", max(seconds), "s", "limit", LIMIT_S),
        Figure("linear optimum over our cost, worst", min(shares), "", "at least", LEAST_SHARE),
        Figure("people above the places of a site, most", max(above, 0.0), "people", "none", 0.0),
        Figure("sites opened, last", opened[-1][0], "sites", "no choice has fewer than", opened[-1][1]),
        Figure("roads closed, last", closed_share, "share"),
    ]


def _at(x_m: float, y_m: float) -> Position:
    return Position(125.0 + x_m / (111_195.0 * np.cos(np.radians(43.9))), 43.9 + y_m / 111_195.0)


def _city(
    rng: np.random.Generator, *, scarce: bool
) -> tuple[RoadMap, list[Need], list[Site], list[Position], list[Position]]:
    def crossing(c: int, r: int) -> Position:
        return _at(c * _BLOCK_M, r * _BLOCK_M)

    pairs = [((c, r), (c + 1, r)) for r in range(_SIDE) for c in range(_SIDE - 1)]
    pairs += [((c, r), (c, r + 1)) for r in range(_SIDE - 1) for c in range(_SIDE)]
    roads = [
        Road(f"R{n}", "220100", f"{a}", crossing(*a), f"{b}", crossing(*b), _BLOCK_M * rng.uniform(1.0, 1.2), 40.0)
        for n, (a, b) in enumerate(pairs)
    ]
    people = rng.integers(50, 900, _CELLS)
    needs = [Need(f"C{n}", "220100", int(p), int(p * rng.uniform(0.05, 0.13))) for n, p in enumerate(people)]
    share = rng.uniform(0.3, 1.7, _SITES)
    places = share / share.sum() * people.sum() * (0.8 if scarce else 1.6)
    sites = [
        Site(f"S{n}", "220100", int(p), int(0.1 * p), is_open=bool(rng.random() < 0.4)) for n, p in enumerate(places)
    ]
    span = (_SIDE - 1) * _BLOCK_M
    where = [[_at(*rng.uniform(0, span, 2)) for _ in range(n)] for n in (_CELLS, _SITES)]
    return RoadMap(roads), needs, sites, where[0], where[1]


def _sent(outcome: Outcome, site: Site) -> int:
    return sum(one.people for one in outcome.assignments if one.shelter_id == site.shelter_id)


def _cost(outcome: Outcome) -> float:
    """What the plan costs, added up from its assignments and the reserves that they use."""
    weights, cost = _WEIGHTS, 0.0
    for one in outcome.assignments:
        if one.distance_m is None:
            cost += one.people * (weights.unplaced_special_m if one.special else weights.unplaced_m)
        else:
            cost += one.people * one.distance_m * (weights.special if one.special else 1.0)
    return cost + outcome.figures["reserve_used"] * weights.reserve_m


def _optimum(needs: list[Need], sites: list[Site], way_m: Floats, outcome: Outcome) -> float:
    """The linear programme with every column at once, for the sites that the plan uses: another way to the optimum."""
    used = np.array([site.is_open or site.shelter_id in outcome.opens for site in sites])
    rows = [(k, s, n.special if s else n.people - n.special) for s in (True, False) for k, n in enumerate(needs)]
    cells = np.array([k for k, _, _ in rows])
    factor = np.array([_WEIGHTS.special if s else 1.0 for _, s, _ in rows])
    allowed = (way_m <= _WEIGHTS.limit_m) & used[None, :]
    i, j = np.nonzero(allowed[cells])
    n, m, pairs = len(rows), len(sites), len(i)
    lost = [_WEIGHTS.unplaced_special_m if s else _WEIGHTS.unplaced_m for _, s, _ in rows]
    cost = np.r_[way_m[cells[i], j] * factor[i], lost, np.full(m, _WEIGHTS.reserve_m)]
    equal = coo_array((np.ones(pairs + n), (np.r_[i, np.arange(n)], np.arange(pairs + n))), (n, pairs + n + m))
    column = np.r_[np.arange(pairs), pairs + n + np.arange(m)]
    upper = coo_array((np.r_[np.ones(pairs), -np.ones(m)], (np.r_[j, np.arange(m)], column)), (m, pairs + n + m))
    bounds = [(0, None)] * (pairs + n) + [(0, site.reserve) for site in sites]
    solver: Any = linprog  # its stubs know no sparse matrices
    solved = solver(
        cost, A_eq=equal.tocsr(), b_eq=[p for *_, p in rows], A_ub=upper.tocsr(),
        b_ub=[site.free - site.reserve for site in sites], bounds=bounds, method="highs-ipm",
    )  # fmt: skip
    return float(solved.fun)
