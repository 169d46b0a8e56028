"""Who goes to which shelter: a min-cost flow over open roads, solved exactly; every assignment has a named reason.

People with special needs come first, a reserve is kept as long as it can be, nobody is sent beyond a site's places, and
people under way keep their way unless it is unsafe. The programme is a transportation problem, whose linear optimum is
whole people (Hoffman & Kruskal 1956); columns are priced in until none is missing, so that it is the true optimum.
Pure: arrays in, values out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse import coo_array

from alerts.assignment_opening import choose
from lifeline.shelter import Assignment, Move

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
_FIRST_COLUMNS = 40
_ROUNDS = 30
_solver: Any = linprog  # its stubs know no sparse matrices


class Reason(StrEnum):
    """Why people go where they go, or nowhere."""

    NEAREST = "nearest"
    OPEN_ROAD = "nearest-by-open-road"
    """another is nearer as the crow flies; its roads are closed or longer"""
    NEARER_FULL = "nearer-full"
    NEARER_UNHEATED = "nearer-unheated"
    NEARER_UNSAFE = "nearer-unsafe"
    NEARER_CLOSED = "nearer-closed"
    FEWER_SITES = "fewer-sites"
    """a nearer site stays on standby: all find a place without it"""
    ACROSS_BORDER = "across-border"
    """the nearest with places is in the neighbouring city"""
    UNDER_WAY = "under-way"
    REROUTED = "rerouted"
    """they were under way to a site, or over roads, that are no longer safe"""
    TOO_FAR = "too-far"
    CUT_OFF = "cut-off"
    NO_PLACES = "no-places"
    NO_SITE = "no-site"


class Barrier(StrEnum):
    """Why a site takes nobody."""

    NONE = ""
    UNHEATED = "nearer-unheated"
    UNSAFE = "nearer-unsafe"
    CLOSED = "nearer-closed"


@dataclass(frozen=True, slots=True)
class Need:
    """People of a cell who must leave and have not arrived; `special` are among `people`."""

    cell_id: str
    city_code: str
    people: int
    special: int


@dataclass(frozen=True, slots=True)
class Site:
    """A shelter for the plan. `free`: places that nobody is in; `reserve` of them are kept as long as possible."""

    shelter_id: str
    city_code: str
    free: int
    reserve: int
    is_open: bool
    barrier: Barrier = Barrier.NONE


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much, in metres of way; see shelters.toml."""

    limit_m: float
    special: float = 2.0
    """a metre of people with special needs counts so many times"""
    reserve_m: float = 20_000.0
    unplaced_m: float = 100_000.0
    unplaced_special_m: float = 400_000.0
    keep: float = 0.005
    """a shelter that the plan before had is this much nearer, so that plans do not flicker"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The plan. `opens`: sites on standby that it needs; of the figures `cost_m` is what was minimised."""

    assignments: tuple[Assignment, ...]
    opens: tuple[str, ...]
    figures: dict[str, float] = field(default_factory=dict)


def assign(
    needs: Sequence[Need],
    sites: Sequence[Site],
    way_m: Floats,
    weights: Weights,
    *,
    straight_m: Floats | None = None,
    cost_m: Floats | None = None,
    moves: Sequence[Move] = (),
    before: Sequence[Assignment] = (),
) -> Outcome:
    """The plan for all `needs`; `way_m` (n_needs, n_sites) over open roads, infinite where none leads.

    `straight_m`: the same as the crow flies, for the reasons; `cost_m`: ways weighed by what is expected of them;
    `moves`: people under way; `before`: the plan in force.
    """
    straight = way_m if straight_m is None else straight_m
    cost = np.where(np.isfinite(way_m), way_m if cost_m is None else cost_m, np.inf)
    kept, rerouted = _under_way(needs, sites, way_m, moves)
    rows = _rows(needs, kept)
    held = np.zeros(len(sites), dtype=np.int32)
    for _, site, _, people in kept:
        held[site] += people
    free = np.array([max(site.free, 0) for site in sites], dtype=np.int32)
    hard = np.maximum(free - held, 0).astype(np.int32)
    reserve = np.minimum(np.array([site.reserve for site in sites], dtype=np.int32), hard).astype(np.int32)
    usable = np.array([site.barrier is Barrier.NONE for site in sites], dtype=bool)
    reach = (way_m <= weights.limit_m) & usable[None, :]
    is_open = np.array([site.is_open for site in sites], dtype=bool) | (held > 0)
    demand = np.zeros(len(needs), dtype=np.int32)
    for cell, _, people in rows:
        demand[cell] += people
    opening = choose(reach, demand, (hard - reserve).astype(np.int32), is_open)
    opened, at_least = set(opening.opened), opening.at_least
    if int(demand.sum()) > opening.placed:  # the reserves of sites that stayed on standby may place some more
        rest = choose(reach, demand, hard, is_open | _flags(opened, len(sites)))
        opened, at_least = opened | set(rest.opened), at_least + rest.at_least
    active = is_open | _flags(opened, len(sites))
    priced = _preferring(cost, needs, sites, before, weights.keep)
    flow = _solve(rows, reach & active[None, :], priced, hard - reserve, reserve, weights)
    told = _Teller(needs, sites, way_m, straight, reach, active, weights)
    found = [
        Assignment(
            needs[cell].cell_id, special, sites[site].shelter_id, people, _metres(way_m[cell, site]),
            Reason.UNDER_WAY.value, sites[site].shelter_id,
        )
        for cell, site, special, people in kept
    ]  # fmt: skip
    for (cell, special, people), line in zip(rows, flow.people, strict=True):
        for site, number in line:
            found.append(told.placed(cell, special, site, number, again=cell in rerouted))
        left = people - sum(number for _, number in line)
        if left:
            found.append(told.unplaced(cell, special, left))
    figures = {
        "people": float(sum(one.people for one in found)),
        "unassigned": float(sum(one.people for one in found if one.shelter_id is None)),
        "unassigned_special": float(sum(one.people for one in found if one.shelter_id is None and one.special)),
        "under_way": float(sum(people for *_, people in kept)),
        "rerouted": float(sum(one.people for one in found if one.reason == Reason.REROUTED.value)),
        "person_km": sum(one.people * (one.distance_m or 0.0) for one in found) / 1000,
        "reserve_used": float(flow.reserve_used),
        "cost_m": flow.cost_m,
        "opens": float(len(opened)),
        "opens_at_least": float(at_least),
        "sites": float(int(active.sum())),
    }
    return Outcome(tuple(found), tuple(sites[site].shelter_id for site in sorted(opened)), figures)


@dataclass(frozen=True, slots=True)
class _Flow:
    people: list[list[tuple[int, int]]]
    """of each row: (site, people)"""
    reserve_used: int
    cost_m: float


def _solve(
    rows: Sequence[tuple[int, bool, int]], allowed: npt.NDArray[np.bool_], cost: Floats, normal: Ints, reserve: Ints,
    weights: Weights,
) -> _Flow:  # fmt: skip
    """The min-cost flow of rows (cell, special, people) into sites."""
    n, m = len(rows), len(normal)
    if n == 0 or m == 0:
        nobody = sum(p * (weights.unplaced_special_m if s else weights.unplaced_m) for _, s, p in rows)
        return _Flow([[] for _ in rows], 0, nobody)
    cells = np.array([cell for cell, _, _ in rows])
    factor = np.array([weights.special if special else 1.0 for _, special, _ in rows])
    price = np.where(allowed[cells], np.where(np.isfinite(cost[cells]), cost[cells], 0.0) * factor[:, None], np.inf)
    lost = np.array([weights.unplaced_special_m if s else weights.unplaced_m for _, s, _ in rows])
    demand = np.array([people for *_, people in rows], dtype=float)
    near = np.argsort(price, axis=1)[:, : min(_FIRST_COLUMNS, m)]
    used = np.zeros((n, m), dtype=bool)
    np.put_along_axis(used, near, True, axis=1)
    used &= np.isfinite(price)
    for _ in range(_ROUNDS):
        i, j = np.nonzero(used)
        pairs = len(i)
        # columns: pairs, then people without a place by row, then the reserve of each site
        equal = coo_array(
            (np.ones(pairs + n), (np.r_[i, np.arange(n)], np.arange(pairs + n))), shape=(n, pairs + n + m)
        ).tocsr()
        upper = coo_array(
            (
                np.r_[np.ones(pairs), -np.ones(m)],
                (np.r_[j, np.arange(m)], np.r_[np.arange(pairs), pairs + n + np.arange(m)]),
            ),
            shape=(m, pairs + n + m),
        ).tocsr()
        bounds = np.zeros((pairs + n + m, 2))
        bounds[:, 1] = np.inf
        bounds[pairs + n :, 1] = reserve
        solved = _solver(
            np.r_[price[i, j], lost, np.full(m, weights.reserve_m)],
            A_eq=equal, b_eq=demand, A_ub=upper, b_ub=normal.astype(float), bounds=bounds, method="highs-ds",
        )  # fmt: skip
        missing = price - solved.eqlin.marginals[:, None] - solved.ineqlin.marginals[None, :] < -1e-6
        missing &= ~used & np.isfinite(price)
        if not missing.any():
            break
        used |= missing
    people = np.rint(solved.x).astype(int)
    lines: list[list[tuple[int, int]]] = [[] for _ in rows]
    for row, site, number in zip(i.tolist(), j.tolist(), people[:pairs].tolist(), strict=True):
        if number:
            lines[row].append((site, number))
    return _Flow(lines, int(people[pairs + n :].sum()), float(solved.fun))


def _under_way(
    needs: Sequence[Need], sites: Sequence[Site], way_m: Floats, moves: Sequence[Move]
) -> tuple[list[tuple[int, int, bool, int]], set[int]]:
    """People who keep their way (cell, site, special, people), and cells of which some cannot."""
    cells = {need.cell_id: number for number, need in enumerate(needs)}
    places = {site.shelter_id: number for number, site in enumerate(sites)}
    kept: list[tuple[int, int, bool, int]] = []
    rerouted: set[int] = set()
    for move in moves:
        cell, site = cells.get(move.cell_id), places.get(move.shelter_id)
        if move.under_way == 0 or cell is None:
            continue
        barrier = sites[site].barrier if site is not None else Barrier.CLOSED
        # a site without heating is no danger to people who are nearly there
        if site is not None and barrier in (Barrier.NONE, Barrier.UNHEATED) and np.isfinite(way_m[cell, site]):
            kept.append((cell, site, move.special, move.under_way))
        else:
            rerouted.add(cell)
    return kept, rerouted


def _rows(needs: Sequence[Need], kept: Sequence[tuple[int, int, bool, int]]) -> list[tuple[int, bool, int]]:
    """(cell, special, people) that still need a place, special needs first."""
    left = {(cell, True): need.special for cell, need in enumerate(needs)}
    left |= {(cell, False): need.people - need.special for cell, need in enumerate(needs)}
    for cell, _, special, people in kept:
        left[cell, special] -= people
    return [(cell, special, people) for (cell, special), people in left.items() if people > 0]


def _preferring(
    cost: Floats, needs: Sequence[Need], sites: Sequence[Site], before: Sequence[Assignment], keep: float
) -> Floats:
    priced = cost.copy()
    cells = {need.cell_id: number for number, need in enumerate(needs)}
    places = {site.shelter_id: number for number, site in enumerate(sites)}
    for pair in {(one.cell_id, one.shelter_id) for one in before if one.shelter_id}:
        cell, site = cells.get(pair[0]), places.get(pair[1] or "")
        if cell is not None and site is not None:
            priced[cell, site] *= 1.0 - keep
    return priced


class _Teller:
    """Says why."""

    def __init__(
        self, needs: Sequence[Need], sites: Sequence[Site], way_m: Floats, straight: Floats,
        reach: npt.NDArray[np.bool_], active: npt.NDArray[np.bool_], weights: Weights,
    ) -> None:  # fmt: skip
        self._needs, self._sites, self._way_m, self._straight = needs, sites, way_m, straight
        self._reach, self._active, self._weights = reach, active, weights

    def placed(self, cell: int, special: bool, site: int, people: int, *, again: bool) -> Assignment:
        need, to = self._needs[cell], self._sites[site]
        reason, detail = self._why(cell, site)
        if again:
            reason = Reason.REROUTED
        elif to.city_code != need.city_code:
            reason = Reason.ACROSS_BORDER
        metres = _metres(self._way_m[cell, site])
        return Assignment(need.cell_id, special, to.shelter_id, people, metres, reason.value, detail)

    def _why(self, cell: int, site: int) -> tuple[Reason, str]:
        way = self._way_m[cell]
        here = self._said(cell, site)
        nearest = int(np.argmin(way))
        if way[nearest] >= way[site]:
            crow = int(np.argmin(self._straight[cell]))
            if crow != site and self._straight[cell, crow] < self._straight[cell, site]:
                return Reason.OPEN_ROAD, f"{self._said(cell, crow)}; {here}"
            return Reason.NEAREST, here
        detail = f"{self._said(cell, nearest)}; {here}"
        barrier = self._sites[nearest].barrier
        if barrier is not Barrier.NONE:
            return Reason(barrier.value), detail
        return (Reason.NEARER_FULL if self._active[nearest] else Reason.FEWER_SITES), detail

    def unplaced(self, cell: int, special: bool, people: int) -> Assignment:
        way = self._way_m[cell]
        if not len(way):
            reason, detail = Reason.NO_SITE, ""
        elif not np.isfinite(way).any():
            reason, detail = Reason.CUT_OFF, self._said(cell, int(np.argmin(self._straight[cell])))
        elif not (way <= self._weights.limit_m).any():
            reason, detail = Reason.TOO_FAR, self._said(cell, int(np.argmin(way)))
        elif not self._reach[cell].any():
            nearest = int(np.argmin(way))
            reason, detail = Reason.NO_SITE, f"{self._said(cell, nearest)} {self._sites[nearest].barrier.value}"
        else:
            reason, detail = Reason.NO_PLACES, self._said(cell, int(np.argmin(way)))
        return Assignment(self._needs[cell].cell_id, special, None, people, None, reason.value, detail)

    def _said(self, cell: int, site: int) -> str:
        metres = self._way_m[cell, site]
        return f"{self._sites[site].shelter_id} {metres:.0f} m" if np.isfinite(metres) else self._sites[site].shelter_id


def _metres(way: float) -> float | None:
    return float(way) if np.isfinite(way) else None


def _flags(indices: Collection[int], size: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(size, dtype=bool)
    found[list(indices)] = True
    return found
