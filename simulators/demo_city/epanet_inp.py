"""Writes a supply network as EPANET 2.2 input; coordinates are lon, lat."""

from collections.abc import Iterable

from simulators.demo_city.patterns import PATTERNS
from simulators.demo_city.plan import CityPlan, dma_id
from simulators.demo_city.supply import Pipe, Supply


def epanet_inp(supply: Supply) -> str:
    """The text of `network.inp`: l/s, Hazen-Williams, one week from Monday 00:00 local time.

    Tags: the zone; of pipes also the year and the material (CI grey cast iron, DI ductile iron, PE polyethylene).
    """
    plan = supply.plan
    nodes = list(supply.nodes.values())
    parts = [
        _section("TITLE", [f"{plan.name.en} demo district, invented for the Lifeline project; not a real network"]),
        _section("JUNCTIONS", (f"{n.node_id}\t{n.z:.2f}" for n in nodes), "id\televation_m"),
        _section("RESERVOIRS", [f"{supply.reservoir[0]}\t{supply.reservoir[3]:.2f}"], "id\thead_m"),
        _section("TANKS", _tanks(supply), "id\tbottom_m\tinit\tmin\tmax\tdiameter_m\tmin_volume"),
        _section(
            "PIPES",
            (
                f"{p.pipe_id}\t{p.start}\t{p.end}\t{p.length_m:.1f}\t{p.diameter_mm}\t{p.roughness:.1f}\t0\t"
                f"{'Closed' if p.closed else 'Open'}"
                for p in supply.pipes
            ),
            "id\tstart\tend\tlength_m\tdiameter_mm\tC\tminor\tstatus",
        ),
        _section(
            "PUMPS",
            (f"{p.pump_id}\t{p.start}\t{p.end}\tHEAD CURVE-{p.pump_id}" for p in supply.pumps),
            "id\tstart\tend\tparameters",
        ),
        _section(
            "VALVES",
            (f"{v.valve_id}\t{v.start}\t{v.end}\t{v.diameter_mm}\t{v.kind}\t{v.setting:.1f}\t0" for v in supply.valves),
            "id\tstart\tend\tdiameter_mm\ttype\tsetting\tminor",
        ),
        _section("DEMANDS", _demands(supply), "junction\tmean_l_per_s\tpattern"),
        _section("PATTERNS", _patterns()),
        _section("CURVES", _pump_curves(supply), "id\tl_per_s\tm"),
        _section("CONTROLS", _controls(supply)),
        _section(
            "TAGS",
            [
                *(f"NODE\t{n.node_id}\tzone={dma_id(plan.prefix, n.zone)}" for n in nodes if n.zone),
                *(f"LINK\t{p.pipe_id}\t{_pipe_tag(plan, p)}" for p in supply.pipes),
            ],
        ),
        _section("TIMES", _TIMES),
        _section("OPTIONS", _OPTIONS),
        _section("REPORT", ["Status No", "Summary No"]),
        _section("COORDINATES", _coordinates(supply), "id\tlon\tlat"),
        "[END]\n",
    ]
    return "\n".join(parts)


_TIMES = [
    "Duration 168:00",
    "Hydraulic Timestep 0:15",
    "Pattern Timestep 1:00",
    "Report Timestep 1:00",
    "Start ClockTime 12 AM",
]
_OPTIONS = [
    "Units LPS",
    "Headloss H-W",
    "Trials 60",
    "Accuracy 0.0005",
    "Unbalanced Continue 10",
    "Emitter Exponent 0.5",
    "Quality None",
]


def _section(name: str, lines: Iterable[str], columns: str = "") -> str:
    head = [f"[{name}]"] + ([f";{columns}"] if columns else [])
    return "\n".join([*head, *lines, ""])


def _pipe_tag(plan: CityPlan, pipe: Pipe) -> str:
    zone = f",zone={dma_id(plan.prefix, pipe.zone)}" if pipe.zone else ""
    return f"material={pipe.material},year={pipe.year}{zone}"


def _tanks(supply: Supply) -> list[str]:
    tank = supply.tank
    if tank is None:
        return []
    return [f"{tank.tank_id}\t{tank.bottom_m:.2f}\t{tank.start_m}\t0.3\t{tank.depth_m}\t{tank.diameter_m}\t0"]


def _demands(supply: Supply) -> Iterable[str]:
    for node in supply.nodes.values():
        if node.use_l_per_s > 0.0:
            yield f"{node.node_id}\t{node.home_l_per_s:.4f}\tHOME"
            yield f"{node.node_id}\t{node.shop_l_per_s:.4f}\tSHOP"
            yield f"{node.node_id}\t{node.leakage_l_per_s:.4f}\tLEAKAGE"


def _patterns() -> Iterable[str]:
    for name, factors in PATTERNS.items():
        for start in range(0, len(factors), 6):
            yield name + "".join(f"\t{factor:.4f}" for factor in factors[start : start + 6])


def _pump_curves(supply: Supply) -> Iterable[str]:
    """Three points of a flat curve: shut-off 8 % above, and 15 % below at half as much again."""
    for pump in supply.pumps:
        for flow, head in ((0.0, 1.08), (1.0, 1.0), (1.5, 0.85)):
            yield f"CURVE-{pump.pump_id}\t{flow * pump.flow_l_per_s:.2f}\t{head * pump.head_m:.2f}"


def _controls(supply: Supply) -> list[str]:
    tank = supply.tank
    if tank is None:
        return []
    return [
        f"LINK {tank.pump_id} OPEN IF NODE {tank.tank_id} BELOW {tank.low_m}",
        f"LINK {tank.pump_id} CLOSED IF NODE {tank.tank_id} ABOVE {tank.high_m}",
    ]


def _coordinates(supply: Supply) -> Iterable[str]:
    places = [(n.node_id, n.x, n.y) for n in supply.nodes.values()]
    places.append(supply.reservoir[:3])
    if supply.tank is not None:
        places.append((supply.tank.tank_id, supply.tank.x, supply.tank.y))
    for node_id, x, y in places:
        lon, lat = supply.plan.ground.lon_lat(x, y)
        yield f"{node_id}\t{lon:.6f}\t{lat:.6f}"
