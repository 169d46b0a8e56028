"""Ways over the open roads: which stretches water closes, how long the way is from people to shelters and from crews
to work. Pure; a way that no open road leads is infinite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from lifeline.asset import Position
from lifeline.city.roads import Road

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_METRES_PER_DEGREE = 111_195.0
_FARTHEST_CROSSING_M = 1500.0
"""Farther from every crossing there is no road that we know of."""
DETOUR = 1.4
"""Way over the straight line where no roads are known: Boscoe et al. 2012, Prof. Geogr. 64: 1.417 for US roads."""
WALK_KM_PER_H = 4.0
UNKNOWN_ROAD_KM_PER_H = 25.0


@dataclass(frozen=True, slots=True)
class Water:
    """Depth of the water somewhere, m."""

    position: Position
    depth_m: float


class RoadMap:
    """Roads of all cities as one graph: crossings of one id are one crossing."""

    def __init__(self, roads: Sequence[Road]) -> None:
        places: dict[str, Position] = {}
        for road in roads:
            places.setdefault(road.from_id, road.start)
            places.setdefault(road.to_id, road.end)
        index = {name: number for number, name in enumerate(places)}
        middle = sorted(place.lat for place in places.values())
        self._lat0 = middle[len(middle) // 2] if middle else 43.9
        self.roads = tuple(roads)
        self.crossings = self._plane(list(places.values()))
        self.ends = np.array([(index[r.from_id], index[r.to_id]) for r in roads], dtype=np.intp).reshape(-1, 2)
        self.length_m = np.array([r.length_m for r in roads], dtype=float)
        self.minutes = self.length_m / np.array([max(r.speed_km_per_h, 1.0) for r in roads], dtype=float) * 0.06
        self._tree: Any = cKDTree(self.crossings) if places else None

    def wet(self, waters: Sequence[Water], *, depth_m: float, within_m: float) -> Flags:
        """Which stretches have water of at least `depth_m` within `within_m`; shape (n_roads,)."""
        found = np.zeros(len(self.roads), dtype=bool)
        deep = [water.position for water in waters if water.depth_m >= depth_m]
        if not deep or not len(self.roads):
            return found
        a, b = self.crossings[self.ends[:, 0]], self.crossings[self.ends[:, 1]]
        along = b - a
        square = np.maximum((along**2).sum(axis=1), 1e-9)
        for point in self._plane(deep):
            share = np.clip(((point - a) * along).sum(axis=1) / square, 0.0, 1.0)
            nearest = a + share[:, None] * along
            found |= np.hypot(*(point - nearest).T) <= within_m
        return found

    def ways(
        self,
        sources: Sequence[Position],
        targets: Sequence[Position],
        *,
        closed: Flags | None = None,
        slow: Flags | None = None,
        slower: float = 1.0,
        unit: Literal["m", "min"] = "m",
    ) -> Floats:
        """Shortest ways, shape (n_sources, n_targets), in m or in minutes of driving.

        `closed` stretches are not used, `slow` ones count `slower` times. The way to the nearest crossing is added.
        Where one of the two has no crossing near, the straight line times DETOUR stands for the way.
        """
        here, there = self._plane(sources), self._plane(targets)
        straight: Floats = np.hypot(*(here[:, None, :] - there[None, :, :]).transpose(2, 0, 1)) * DETOUR
        per_m = 1.0 if unit == "m" else 0.06 / UNKNOWN_ROAD_KM_PER_H
        if self._tree is None or not len(here) or not len(there):
            beeline: Floats = straight * per_m
            return beeline
        to_road, from_node = self._tree.query(here)
        to_door, to_node = self._tree.query(there)
        cost = (self.length_m if unit == "m" else self.minutes).copy()
        if slow is not None:
            cost = np.where(slow, cost * slower, cost)
        nodes, inverse = np.unique(to_node, return_inverse=True)
        between = dijkstra(self._graph(cost, closed), directed=False, indices=nodes)
        by_road = between[inverse][:, from_node].T + (to_road[:, None] + to_door[None, :]) * per_m
        unknown = (to_road > _FARTHEST_CROSSING_M)[:, None] | (to_door > _FARTHEST_CROSSING_M)[None, :]
        found: Floats = np.where(unknown, straight * per_m, by_road)
        return found

    def _graph(self, cost: Floats, closed: Flags | None) -> csr_matrix:
        used = np.ones(len(cost), dtype=bool) if closed is None else ~closed
        low, high = np.sort(self.ends[used], axis=1).T
        # of two stretches between the same crossings the shorter counts; a sparse matrix would add them up
        order = np.lexsort((cost[used], high, low))
        low, high, kept = low[order], high[order], cost[used][order]
        first = np.ones(len(low), dtype=bool)
        first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
        size = len(self.crossings)
        return csr_matrix((kept[first], (low[first], high[first])), shape=(size, size))

    def _plane(self, places: Sequence[Position]) -> Floats:
        points = np.array([(place.lon, place.lat) for place in places], dtype=float).reshape(-1, 2)
        scale = np.array([np.cos(np.radians(self._lat0)), 1.0]) * _METRES_PER_DEGREE
        scaled: Floats = points * scale
        return scaled
