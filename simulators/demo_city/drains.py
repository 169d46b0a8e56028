"""The storm drains of a demo city: manholes under the streets, collectors to the outfalls, underpasses with pumps.

Collectors follow the fall of the ground and are sized for a storm of two years; the stretch below each low road is one
width too small: there the street floods first. An underpass lies below every collector, so that a
pump must lift its water; rain beyond the pump's rate stays on the road.
"""

import heapq
import math
from dataclasses import dataclass, field
from random import Random

from simulators.demo_city.plan import CityPlan
from simulators.weather import INTENSITY_FORMULAS, mean_intensity_mm_per_h

COVER_M = 2.2
"""From the street to the invert at the head of a collector."""
MIN_SLOPE = 0.0025
DESIGN_YEARS = 2.0
DESIGN_MINUTES = 12.0
RUNOFF_SHARE = 0.68
DIAMETERS_M = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 1.8, 2.0, 2.4)
MANNING = 0.014
LOW_ROAD_DIP_M = 0.7
POND_SHARE = 0.035
"""Street that the water covers, over the ground that drains to the manhole; a small pond is 2200-3200 m2."""
UNDERPASS_DIP_M = 4.2
UNDERPASS_AREA_M2 = 14_000.0
UNDERPASS_POND_M2 = 440.0
PUMPED_MM_PER_H = (24.0, 36.0, 42.0, 46.0)
"""Rain on its own area that an underpass's pumps keep up with; the first one is the weakest."""


@dataclass(frozen=True, slots=True)
class Manhole:
    """`rim_m` is the street, `invert_m` the bottom; `pond_m2` the street that its water covers."""

    node_id: str
    x: float
    y: float
    rim_m: float
    invert_m: float
    pond_m2: float
    kind: str
    """manhole, low-road or underpass"""
    catchment: int

    @property
    def depth_m(self) -> float:
        """From bottom to street: water deeper than this stands on the street."""
        return self.rim_m - self.invert_m


@dataclass(frozen=True, slots=True)
class Conduit:
    """A circular pipe; inverts are those of its nodes."""

    conduit_id: str
    start: str
    end: str
    length_m: float
    diameter_m: float


@dataclass(frozen=True, slots=True)
class Well:
    """Wet well of an underpass's pumps."""

    well_id: str
    pump_id: str
    x: float
    y: float
    bottom_m: float
    depth_m: float
    area_m2: float
    pump_m3_per_s: float
    to_node: str


@dataclass(frozen=True, slots=True)
class Subcatchment:
    """Ground that drains to one manhole; corners in the local plane."""

    subcatchment_id: str
    outlet: str
    gauge: str
    area_m2: float
    impervious_percent: float
    slope_percent: float
    corners: tuple[tuple[float, float], ...]


@dataclass
class Drains:
    """Everything of the drainage."""

    plan: CityPlan
    manholes: dict[str, Manhole] = field(default_factory=dict)
    outfalls: list[Manhole] = field(default_factory=list)
    conduits: list[Conduit] = field(default_factory=list)
    wells: list[Well] = field(default_factory=list)
    subcatchments: list[Subcatchment] = field(default_factory=list)
    gauges: list[tuple[str, float, float]] = field(default_factory=list)


def build_drains(plan: CityPlan) -> Drains:
    """Lays out and sizes the drains of `plan`; the same plan gives the same drains."""
    builder = _Builder(plan)
    builder.place()
    builder.lead()
    builder.dig()
    builder.underpasses()
    return builder.drains


class _Builder:
    """Grid cells (column, row) of the plan are the manholes; `down` names the cell that each one drains to."""

    def __init__(self, plan: CityPlan) -> None:
        self.plan, self.rules, self.rng = plan, plan.drains, Random(plan.seed + 1)
        self.drains = Drains(plan)
        self.cells = [(c, r) for r in range(self.rules.rows) for c in range(self.rules.columns)]
        self.xy: dict[tuple[int, int], tuple[float, float]] = {}
        self.rim: dict[tuple[int, int], float] = {}
        self.down: dict[tuple[int, int], tuple[int, int] | None] = {}
        self.order: list[tuple[int, int]] = []
        self.area_m2: dict[tuple[int, int], float] = {}

    def node_id(self, cell: tuple[int, int]) -> str:
        return f"{self.plan.prefix}-M-{self.cells.index(cell) + 1:03d}"

    def catchment(self, cell: tuple[int, int]) -> int:
        return 1 if self.rules.halves == 1 or cell[0] < self.rules.columns // 2 else 2

    def place(self) -> None:
        """Manholes on the ground, low roads dipped; gauges spread over the width."""
        rules, rng, ground = self.rules, self.rng, self.plan.ground
        for column, row in self.cells:
            x = rules.x0 + column * rules.spacing_m + rng.uniform(-22.0, 22.0)
            y = rules.y0 + row * rules.spacing_m + rng.uniform(-22.0, 22.0)
            self.xy[column, row] = (x, y)
            dip = LOW_ROAD_DIP_M if (column, row) in rules.low_roads else 0.0
            self.rim[column, row] = ground.height_m(x, y) - dip
            self.area_m2[column, row] = rules.spacing_m**2 * rng.uniform(0.8, 1.05)
        width, height = (rules.columns - 1) * rules.spacing_m, (rules.rows - 1) * rules.spacing_m
        for number in range(1, rules.gauges + 1):
            share = (number - 0.5) / rules.gauges
            x, y = rules.x0 + share * width, rules.y0 + height * (0.75 if number % 2 else 0.3)
            self.drains.gauges.append((f"{self.plan.prefix}-G-{number}", x, y))

    def lead(self) -> None:
        """Each manhole drains along the cheapest way to its catchment's outfall; climbing is dear."""
        roots = {1: (0, 0)} | ({2: (self.rules.columns - 1, 0)} if self.rules.halves == 2 else {})
        cost = dict.fromkeys(roots.values(), 0.0)
        self.down = dict.fromkeys(roots.values())
        heap = [(0.0, cell) for cell in roots.values()]
        seen: set[tuple[int, int]] = set()
        while heap:
            so_far, cell = heapq.heappop(heap)
            if cell in seen:
                continue
            seen.add(cell)
            self.order.append(cell)
            for other in self._neighbours(cell):
                climb = max(0.0, self.rim[cell] - self.rim[other])
                step = self._distance_m(cell, other) * self.rng.uniform(0.9, 1.1) + 160.0 * climb
                if so_far + step < cost.get(other, math.inf):
                    cost[other], self.down[other] = so_far + step, cell
                    heapq.heappush(heap, (so_far + step, other))

    def dig(self) -> None:
        """Inverts and widths from the heads of the collectors to the outfalls, then the outfalls themselves."""
        total = dict(self.area_m2)
        for cell in self.rules.underpasses:
            total[cell] += UNDERPASS_AREA_M2
        dip = dict.fromkeys(self.rules.low_roads, LOW_ROAD_DIP_M)
        bottom = {cell: self.rim[cell] + dip.get(cell, 0.0) - COVER_M for cell in self.cells}
        for cell in reversed(self.order):
            below = self.down[cell]
            if below is not None:
                total[below] += total[cell]
                fall = MIN_SLOPE * self._distance_m(cell, below)
                bottom[below] = min(bottom[below], bottom[cell] - fall)
        for cell in self.cells:
            kind = "low-road" if cell in self.rules.low_roads else "manhole"
            pond_m2 = max(self.rng.uniform(2200.0, 3200.0), POND_SHARE * total[cell])
            x, y = self.xy[cell]
            node_id = self.node_id(cell)
            self.drains.manholes[node_id] = Manhole(
                node_id, x, y, self.rim[cell], bottom[cell], pond_m2, kind, self.catchment(cell)
            )
            self._subcatchment(cell)
        width_m = dict.fromkeys(self.cells, DIAMETERS_M[1])
        for cell in reversed(self.order):
            below = self.down[cell]
            if below is None:
                self._outfall(cell, bottom[cell], total[cell])
                continue
            length_m = self._distance_m(cell, below)
            size = self._size(total[cell], (bottom[cell] - bottom[below]) / length_m)
            width_m[cell] = max(width_m[cell], DIAMETERS_M[size])
            width_m[below] = max(width_m[below], width_m[cell])
            narrow = cell in self.rules.low_roads
            laid_m = DIAMETERS_M[DIAMETERS_M.index(width_m[cell]) - 1] if narrow else width_m[cell]
            self._conduit(self.node_id(cell), self.node_id(below), length_m, laid_m)

    def underpasses(self) -> None:
        """Beside its manhole each underpass has a low road, a wet well and a pump that lifts into the manhole."""
        for number, cell in enumerate(self.rules.underpasses, start=1):
            prefix, beside = self.plan.prefix, self.drains.manholes[self.node_id(cell)]
            x, y = beside.x + 34.0, beside.y + 26.0
            rim_m = self.plan.ground.height_m(x, y) - UNDERPASS_DIP_M
            node_id, well_id = f"{prefix}-M-U{number}", f"{prefix}-W-{number}"
            self.drains.manholes[node_id] = Manhole(
                node_id, x, y, rim_m, rim_m - 1.2, UNDERPASS_POND_M2, "underpass", beside.catchment
            )
            pumped = PUMPED_MM_PER_H[(number - 1) % len(PUMPED_MM_PER_H)] / 3.6e6 * UNDERPASS_AREA_M2
            bottom_m = rim_m - 4.2
            self.drains.wells.append(
                Well(
                    well_id,
                    f"{prefix}-DP-{number}",
                    x + 12.0,
                    y,
                    bottom_m,
                    beside.rim_m - bottom_m + 1.0,
                    24.0,
                    pumped,
                    beside.node_id,
                )
            )
            self._conduit(node_id, well_id, 15.0, 1.0)
            half = math.sqrt(UNDERPASS_AREA_M2) / 2.0
            self.drains.subcatchments.append(
                Subcatchment(
                    f"{prefix}-S-U{number}",
                    node_id,
                    self._gauge(x, y),
                    UNDERPASS_AREA_M2,
                    88.0,
                    2.5,
                    ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)),
                )
            )

    def _outfall(self, cell: tuple[int, int], bottom_m: float, area_m2: float) -> None:
        number = len(self.drains.outfalls) + 1
        x, y = self.xy[cell][0] + (-120.0 if number == 1 else 120.0), self.xy[cell][1] - 110.0
        length_m = math.hypot(120.0, 110.0)
        outfall = Manhole(
            f"{self.plan.prefix}-O-{number}",
            x,
            y,
            bottom_m + 3.0,
            bottom_m - 0.006 * length_m,
            0.0,
            "outfall",
            self.catchment(cell),
        )
        self.drains.outfalls.append(outfall)
        self._conduit(self.node_id(cell), outfall.node_id, length_m, DIAMETERS_M[self._size(area_m2, 0.006)])

    def _conduit(self, start: str, end: str, length_m: float, diameter_m: float) -> None:
        number = len(self.drains.conduits) + 1
        self.drains.conduits.append(Conduit(f"{self.plan.prefix}-C-{number:03d}", start, end, length_m, diameter_m))

    def _size(self, area_m2: float, slope: float) -> int:
        """Index of the full-bore Manning width for the design storm."""
        rain = mean_intensity_mm_per_h(INTENSITY_FORMULAS[self.plan.code], DESIGN_YEARS, DESIGN_MINUTES)
        flow_m3_per_s = RUNOFF_SHARE * rain / 3.6e6 * area_m2
        wanted = (flow_m3_per_s * MANNING * 4 ** (5 / 3) / (math.pi * math.sqrt(max(slope, MIN_SLOPE)))) ** 0.375
        return next((k for k, d in enumerate(DIAMETERS_M) if d >= wanted), len(DIAMETERS_M) - 1)

    def _subcatchment(self, cell: tuple[int, int]) -> None:
        x, y = self.xy[cell]
        half = math.sqrt(self.area_m2[cell]) / 2.0
        self.drains.subcatchments.append(
            Subcatchment(
                f"{self.plan.prefix}-S-{self.cells.index(cell) + 1:03d}",
                self.node_id(cell),
                self._gauge(x, y),
                self.area_m2[cell],
                round(self.rng.uniform(58.0, 80.0), 1),
                round(self.rng.uniform(0.6, 1.4), 2),
                ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)),
            )
        )

    def _gauge(self, x: float, y: float) -> str:
        return min(self.drains.gauges, key=lambda gauge: math.hypot(gauge[1] - x, gauge[2] - y))[0]

    def _neighbours(self, cell: tuple[int, int]) -> list[tuple[int, int]]:
        column, row = cell
        near = [(column - 1, row), (column + 1, row), (column, row - 1), (column, row + 1)]
        return [other for other in near if other in self.xy and self.catchment(other) == self.catchment(cell)]

    def _distance_m(self, a: tuple[int, int], b: tuple[int, int]) -> float:
        return math.dist(self.xy[a], self.xy[b])
