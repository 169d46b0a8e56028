"""The district metered areas of a demo city: crossings with people, pipes sized for what they carry.

The water of each area runs along the shortest tree from its entry; a pipe of the tree is sized for all that hangs on
it, the others are loops of the smallest width. No simulation is needed: the layout depends on the plan alone.
"""

import heapq
import math
from collections import defaultdict
from random import Random

from simulators.demo_city.plan import DmaPlan, Feed
from simulators.demo_city.streets import Cell, Streets, lay_out
from simulators.demo_city.supply import Node, Supply, choose_pipe, nominal_mm

HOME_L_PER_DAY = 125.0
"""Household use per head and day, an assumption in the usual range of northern cities."""
SHOP_SHARE = 0.28
"""Commercial and public use over household use."""
LEAKAGE_SHARE = 0.16
"""Background leakage over household and commercial use: an old district."""
GIVER = 1
"""The zone that gives its water on to the zones with Feed.VALVE."""


class Area:
    """One district metered area while it is being built."""

    def __init__(self, supply: Supply, zone: int, dma: DmaPlan, rng: Random) -> None:
        self.supply, self.zone, self.dma, self.rng = supply, zone, dma, rng
        self.streets: Streets = lay_out(
            dma.columns, dma.rows, spacing_m=supply.plan.spacing_m, corner=(dma.x0, dma.y0), rng=rng
        )
        self._settle()

    def node(self, number: int) -> Node:
        """The node of a point of the streets."""
        return self.supply.nodes[f"{self.supply.plan.prefix}-J-{self.zone * 1000 + number + 1:04d}"]

    def crossing(self, cell: Cell) -> Node:
        """The node of a crossing."""
        return self.node(self.streets.index[cell])

    @property
    def entry(self) -> Node:
        """Where the water comes in."""
        return self.crossing(self.dma.entry)

    @property
    def use_l_per_s(self) -> float:
        """Mean use of all its nodes."""
        return math.fsum(node.use_l_per_s for node in self.supply.zone_nodes(self.zone))

    def _settle(self) -> None:
        """Makes the nodes, with the people spread unevenly and shops in few places."""
        plan, rng, points = self.supply.plan, self.rng, self.streets.points
        people = [rng.uniform(0.3, 1.7) for _ in points]
        shops = [rng.random() ** 3 for _ in points]
        home_l_per_s = self.dma.people * HOME_L_PER_DAY / 86400.0
        shop_l_per_s = home_l_per_s * SHOP_SHARE
        for number, (x, y) in enumerate(points):
            node = Node(
                f"{plan.prefix}-J-{self.zone * 1000 + number + 1:04d}",
                x,
                y,
                plan.ground.height_m(x, y) + rng.uniform(-0.4, 0.4),
                self.zone,
                home_l_per_s * people[number] / math.fsum(people),
                shop_l_per_s * shops[number] / math.fsum(shops),
                LEAKAGE_SHARE * (home_l_per_s + shop_l_per_s) / len(points),
            )
            self.supply.nodes[node.node_id] = node
        width_m, height_m = ((n - 1) * plan.spacing_m for n in (self.dma.columns, self.dma.rows))
        x0, y0 = self.dma.x0, self.dma.y0
        self.supply.corners.append((x0 - 42.0, y0 - 42.0, x0 + width_m + 42.0, y0 + height_m + 42.0))

    def lay_pipes(self, extra_l_per_s: dict[Cell, float]) -> None:
        """Lays a pipe along each edge; `extra_l_per_s` is what leaves for other areas at a crossing."""
        carried = self._carried({self.streets.index[cell]: flow for cell, flow in extra_l_per_s.items()})
        for number, edge in enumerate(self.streets.edges, start=1):
            diameter_mm = nominal_mm(carried.get(edge, 0.0), 100)
            pipe_id = f"{self.supply.plan.prefix}-P-{self.zone * 1000 + number:04d}"
            start, end = (self.node(k) for k in edge)
            self.supply.pipes.append(
                choose_pipe(
                    pipe_id, start, end, diameter_mm=diameter_mm, years=self.dma.years, zone=self.zone, rng=self.rng
                )
            )

    def _carried(self, extra_l_per_s: dict[int, float]) -> dict[tuple[int, int], float]:
        """Mean flow of each edge of the shortest tree from the entry; main streets count half their length."""
        neighbours: dict[int, list[tuple[int, float, tuple[int, int]]]] = defaultdict(list)
        for edge in self.streets.edges:
            (xa, ya), (xb, yb) = (self.streets.points[k] for k in edge)
            cost = math.hypot(xa - xb, ya - yb) * (0.5 if edge in self.streets.main else 1.0)
            neighbours[edge[0]].append((edge[1], cost, edge))
            neighbours[edge[1]].append((edge[0], cost, edge))
        entry = self.streets.index[self.dma.entry]
        best, order = {entry: 0.0}, []
        parent: dict[int, tuple[int, tuple[int, int]]] = {}
        heap, seen = [(0.0, entry)], set[int]()
        while heap:
            cost, node = heapq.heappop(heap)
            if node in seen:
                continue
            seen.add(node)
            order.append(node)
            for other, step, edge in neighbours[node]:
                if cost + step < best.get(other, math.inf):
                    best[other] = cost + step
                    parent[other] = (node, edge)
                    heapq.heappush(heap, (cost + step, other))
        flow = {k: self.node(k).use_l_per_s + extra_l_per_s.get(k, 0.0) for k in order}
        carried: dict[tuple[int, int], float] = {}
        for node in reversed(order[1:]):
            up, edge = parent[node]
            carried[edge] = flow[node]
            flow[up] += flow[node]
        return carried


def build_areas(supply: Supply, rng: Random) -> list[Area]:
    """All areas of the plan with their pipes."""
    areas = [Area(supply, zone, dma, rng) for zone, dma in enumerate(supply.plan.dmas, start=1)]
    taken = {
        area.dma.source_entry: area.use_l_per_s
        for area in areas
        if area.dma.feed is Feed.VALVE and area.dma.source_entry is not None
    }
    for area in areas:
        area.lay_pipes(taken if area.zone == GIVER else {})
    return areas
