"""The parts of a demo city's supply network, and how a pipe is chosen."""

import math
from dataclasses import dataclass, field
from random import Random

from lifeline.asset import Name
from simulators.demo_city.plan import CityPlan

DESIGN_VELOCITY_M_PER_S = 1.0
PEAK_FACTOR = 1.65
DIAMETERS_MM = (100, 150, 200, 250, 300, 400, 500, 600)


@dataclass(frozen=True, slots=True)
class Node:
    """A junction; demands in l/s, means of the week."""

    node_id: str
    x: float
    y: float
    z: float
    zone: int | None
    home_l_per_s: float = 0.0
    shop_l_per_s: float = 0.0
    leakage_l_per_s: float = 0.0

    @property
    def use_l_per_s(self) -> float:
        """All demands together."""
        return self.home_l_per_s + self.shop_l_per_s + self.leakage_l_per_s


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe; `diameter_mm` is the nominal width DN."""

    pipe_id: str
    start: str
    end: str
    length_m: float
    diameter_mm: int
    roughness: float
    material: str
    year: int
    zone: int | None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Valve:
    """`kind` PRV with a setting in m of pressure, or TCV, open."""

    valve_id: str
    start: str
    end: str
    diameter_mm: int
    kind: str
    setting: float


@dataclass(frozen=True, slots=True)
class Pump:
    """One-point curve: `head_m` at `flow_l_per_s`."""

    pump_id: str
    start: str
    end: str
    flow_l_per_s: float
    head_m: float


@dataclass(frozen=True, slots=True)
class Tank:
    """Cylinder; the booster starts below `low_m` and stops above `high_m`."""

    tank_id: str
    x: float
    y: float
    bottom_m: float
    diameter_m: float
    depth_m: float
    low_m: float
    high_m: float
    start_m: float
    pump_id: str


@dataclass(frozen=True, slots=True)
class Meter:
    """A flow meter on `pipe_id`; what flows in its direction enters `into` and leaves `out_of` (zone numbers)."""

    number: int
    pipe_id: str
    node_id: str
    into: int | None
    out_of: int | None
    peak_l_per_s: float
    name: Name


@dataclass
class Supply:
    """Everything of the network; reservoir is (id, x, y, head_m)."""

    plan: CityPlan
    nodes: dict[str, Node] = field(default_factory=dict)
    pipes: list[Pipe] = field(default_factory=list)
    valves: list[Valve] = field(default_factory=list)
    pumps: list[Pump] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    tank: Tank | None = None
    reservoir: tuple[str, float, float, float] = ("", 0.0, 0.0, 0.0)
    entries: list[str] = field(default_factory=list)
    corners: list[tuple[float, float, float, float]] = field(default_factory=list)
    """per zone the rectangle x0, y0, x1, y1"""

    def zone_nodes(self, zone: int) -> list[Node]:
        """Nodes of a zone in the order of their ids."""
        return [node for node in self.nodes.values() if node.zone == zone]


def nominal_mm(flow_l_per_s: float, floor_mm: int = 100) -> int:
    """Smallest nominal diameter that carries `PEAK_FACTOR` x `flow_l_per_s` (a mean) at the design velocity.

    >>> nominal_mm(11.0)
    200
    """
    peak_m3_per_s = PEAK_FACTOR * flow_l_per_s / 1000.0
    wanted_mm = math.sqrt(4.0 * peak_m3_per_s / (math.pi * DESIGN_VELOCITY_M_PER_S)) * 1000.0
    return next((d for d in DIAMETERS_MM if d >= max(wanted_mm, floor_mm)), DIAMETERS_MM[-1])


def choose_pipe(
    pipe_id: str, start: Node, end: Node, *, diameter_mm: int, years: tuple[int, int], zone: int | None, rng: Random
) -> Pipe:
    """A pipe between two nodes, its year, material and roughness drawn from what was laid in those years."""
    year = rng.randint(*years)
    material = _material(year, diameter_mm, rng)
    roughness = _roughness(material, year, rng)
    length_m = max(math.hypot(start.x - end.x, start.y - end.y) * rng.uniform(1.0, 1.08), 2.0)
    return Pipe(pipe_id, start.node_id, end.node_id, length_m, diameter_mm, roughness, material, year, zone)


def _material(year: int, diameter_mm: int, rng: Random) -> str:
    """Grey iron until the nineties, ductile iron since; plastic in small new pipes."""
    if year < 1993:
        return "CI"
    if diameter_mm <= 200 and year >= 2003 and rng.random() < 0.6:
        return "PE"
    return "DI"


def _roughness(material: str, year: int, rng: Random) -> float:
    """Hazen-Williams C, falling with age in iron (textbook orders of magnitude)."""
    new, loss_per_year = {"CI": (125.0, 0.75), "DI": (132.0, 0.45), "PE": (142.0, 0.1)}[material]
    return round(new - loss_per_year * (2026 - year) + rng.uniform(-4.0, 4.0), 1)
