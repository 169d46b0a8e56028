"""Which sites on standby are opened: as few as place as many people as all sites together could. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import maximum_flow

Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
_PRUNED = 25
"""Chosen sites that are tried without: the least used first."""
_EXACT_PAIRS = 3000
_EXACT_S = 2.0


@dataclass(frozen=True, slots=True)
class Opening:
    """`opened`: indices of sites on standby; no choice has fewer than `at_least`; `placed` people can be placed."""

    opened: tuple[int, ...]
    at_least: int
    placed: int


def choose(reach: Flags, demand: Ints, capacity: Ints, is_open: Flags) -> Opening:
    """Sites to open, for `reach` (n_cells, n_sites), people `demand` (n_cells,), places `capacity` (n_sites,).

    Greedy by the people that a site takes beyond those placed (submodular: within 1 - 1/e of the best of as many
    sites), then sites that turn out not to be needed are left out; small problems are solved exactly. Where the number
    equals `at_least` it is proven the smallest.
    """
    usable = capacity > 0
    most, _ = _flow(reach, demand, capacity, usable)
    placed, left = _flow(reach, demand, capacity, usable & is_open)
    if placed == most:
        return Opening((), 0, most)
    spare = np.minimum(capacity, np.where(reach, demand[:, None], 0).sum(axis=0))[usable & ~is_open]
    at_least = int(np.searchsorted(np.cumsum(np.sort(spare)[::-1]), most - placed) + 1)
    chosen = usable & is_open
    added: list[int] = []
    while placed < most:
        candidates = np.flatnonzero(usable & ~chosen)
        rest, progressed = left.copy(), False
        while rest.any():
            gains = np.minimum(capacity[candidates], (reach[:, candidates] * rest[:, None]).sum(axis=0))
            gains[chosen[candidates]] = 0
            best = int(np.argmax(gains))
            if gains[best] == 0:
                break
            site, progressed = int(candidates[best]), True
            chosen[site] = True
            added.append(site)
            rest = _take(rest, reach[:, site], int(capacity[site]))
        if not progressed:  # the people left reach no new site: one that frees places elsewhere
            site = int(
                max(candidates.tolist(), key=lambda j: _flow(reach, demand, capacity, chosen | _only(j, chosen))[0])
            )
            chosen[site] = True
            added.append(site)
        placed, left = _flow(reach, demand, capacity, chosen)
    added = _needed(reach, demand, capacity, chosen, added, most, at_least)
    if at_least < len(added) and reach.size <= _EXACT_PAIRS:
        added, at_least = _exactly(reach, demand, capacity, is_open & usable, added, most, at_least)
    return Opening(tuple(sorted(added)), at_least, most)


def _needed(
    reach: Flags, demand: Ints, capacity: Ints, chosen: Flags, added: list[int], most: int, at_least: int
) -> list[int]:
    kept = list(added)
    for site in sorted(added, key=lambda j: int(capacity[j]))[:_PRUNED]:
        if len(kept) <= at_least:
            break
        chosen[site] = False
        if _flow(reach, demand, capacity, chosen)[0] == most:
            kept.remove(site)
        else:
            chosen[site] = True
    return kept


def _exactly(
    reach: Flags, demand: Ints, capacity: Ints, is_open: Flags, added: list[int], most: int, at_least: int
) -> tuple[list[int], int]:
    """The smallest set by mixed-integer programming; what is known already where its time is up."""
    cells, sites = np.nonzero(reach & ((capacity > 0)[None, :]))
    pairs, n, m = len(cells), len(demand), len(capacity)
    number = np.arange(pairs)
    ones = np.ones(pairs)
    by_cell = coo_array((ones, (cells, number)), shape=(n, pairs + m))
    by_site = coo_array(
        (np.r_[ones, -capacity.astype(float)], (np.r_[sites, np.arange(m)], np.r_[number, pairs + np.arange(m)])),
        shape=(m, pairs + m),
    )
    total = coo_array((ones, (np.zeros(pairs, dtype=int), number)), shape=(1, pairs + m))
    found = milp(
        np.r_[np.zeros(pairs), np.where(is_open, 0.0, 1.0)],
        integrality=np.r_[np.zeros(pairs), np.ones(m)],
        bounds=Bounds(np.r_[np.zeros(pairs), np.where(is_open, 1.0, 0.0)], np.r_[np.full(pairs, np.inf), np.ones(m)]),
        constraints=[
            LinearConstraint(by_cell, -np.inf, demand),
            LinearConstraint(by_site, -np.inf, 0.0),
            LinearConstraint(total, most - 0.5, np.inf),
        ],
        options={"time_limit": _EXACT_S},
    )
    if found.x is None:
        return added, at_least
    opened = [int(j) for j in np.flatnonzero(found.x[pairs:] > 0.5) if not is_open[j]]
    proven = max(at_least, int(np.ceil(found.mip_dual_bound - 1e-6))) if found.mip_dual_bound is not None else at_least
    return (opened, proven) if len(opened) <= len(added) else (added, proven)


def _flow(reach: Flags, demand: Ints, capacity: Ints, used: Flags) -> tuple[int, Ints]:
    """People placed with these sites at the most, and who is left of each cell."""
    columns = np.flatnonzero(used)
    cells, sites = np.nonzero(reach[:, columns])
    n, m = len(demand), len(columns)
    rows = np.r_[np.zeros(n, dtype=int), cells + 1, n + 1 + np.arange(m)]
    to = np.r_[1 + np.arange(n), n + 1 + sites, np.full(m, n + m + 1)]
    bound = np.r_[demand, demand[cells], capacity[columns]].astype(np.int32)
    graph = csr_array((bound, (rows, to)), shape=(n + m + 2, n + m + 2))
    flow = maximum_flow(graph, 0, n + m + 1)
    sent = np.zeros(n, dtype=np.int32)
    out = flow.flow[[0], :].tocoo()
    sent[out.coords[1] - 1] = out.data
    return int(flow.flow_value), demand - sent


def _take(rest: Ints, reached: Flags, places: int) -> Ints:
    before = np.cumsum(np.where(reached, rest, 0))
    taken = np.clip(places - (before - np.where(reached, rest, 0)), 0, np.where(reached, rest, 0))
    left: Ints = (rest - taken).astype(np.int32)
    return left


def _only(site: int, like: Flags) -> Flags:
    one = np.zeros_like(like)
    one[site] = True
    return one
