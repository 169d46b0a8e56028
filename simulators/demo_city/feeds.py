"""Source, trunk main and the way into each area: one meter each, a valve, a tank where the ground is high."""

import math
from dataclasses import replace
from itertools import pairwise
from random import Random

from lifeline.asset import Name
from simulators.demo_city.areas import GIVER, Area, build_areas
from simulators.demo_city.plan import CityPlan, Feed
from simulators.demo_city.supply import Meter, Node, Pump, Supply, Tank, Valve, choose_pipe, nominal_mm

TRUNK_YEARS = (1995, 2014)
BOOSTER_FACTOR = 1.75
"""Flow of the booster over the mean use of the area behind its tank."""
PEAK_METER_FACTOR = 6.0
"""Upper end of a meter's range over the mean flow: a burst must not run off the scale."""


def build(plan: CityPlan) -> Supply:
    """Lays out and sizes the network of `plan`; the same plan gives the same network."""
    rng = Random(plan.seed)
    supply = Supply(plan)
    areas = build_areas(supply, rng)
    _Feeds(supply, areas, rng).connect()
    _close_boundaries(supply, areas, rng)
    return supply


class _Feeds:
    """Connects the areas; its nodes and pipes are numbered below 1000."""

    def __init__(self, supply: Supply, areas: list[Area], rng: Random) -> None:
        self.supply, self.areas, self.rng = supply, areas, rng
        self.prefix = supply.plan.prefix
        self.node_count = self.pipe_count = self.valve_count = 0
        self.through = {area.zone: area.use_l_per_s for area in areas}
        self.through[GIVER] += math.fsum(area.use_l_per_s for area in areas if area.dma.feed is Feed.VALVE)

    def connect(self) -> None:
        supply, plan = self.supply, self.supply.plan
        first = self.areas[0].entry
        trunk_x = first.x + 58.0 if len(self.areas) > 1 else first.x - 70.0
        well_m = plan.ground.height_m(trunk_x, -240.0) + 1.5
        supply.reservoir = (f"{self.prefix}-R-1", trunk_x, -240.0, well_m)
        takers = sorted((a for a in self.areas if a.dma.feed is not Feed.VALVE), key=lambda a: (a.entry.y, a.zone))
        left_l_per_s = math.fsum(self.through[area.zone] for area in takers)
        trunk = self._node(trunk_x, -215.0, None)
        lift_m = first.z + plan.pump_head_m - well_m
        supply.pumps.append(Pump(f"{self.prefix}-PU-1", supply.reservoir[0], trunk.node_id, 1.3 * left_l_per_s, lift_m))
        for area in takers:
            tap = self._node(trunk_x, area.entry.y + self.rng.uniform(-8.0, 8.0), None)
            self._pipe(trunk, tap, left_l_per_s, None)
            if area.dma.feed is Feed.TANK:
                self._through_tank(area, tap)
            else:
                self._through_valve(area, tap, None)
            trunk, left_l_per_s = tap, left_l_per_s - self.through[area.zone]
        for area in self.areas:
            if area.dma.feed is Feed.VALVE and area.dma.source_entry is not None:
                giver = self.areas[GIVER - 1]
                self._through_valve(area, giver.crossing(area.dma.source_entry), GIVER)
        supply.meters.sort(key=lambda meter: meter.number)

    def _through_valve(self, area: Area, source: Node, out_of: int | None) -> None:
        """source - metered pipe - valve - pipe - entry."""
        entry, flow = area.entry, self.through[area.zone]
        before = self._node(*_between(source, entry, 0.45), out_of)
        after = self._node(*_between(source, entry, 0.55), area.zone)
        self._meter(self._pipe(source, before, flow, out_of), after, area, out_of)
        kind, setting = ("PRV", area.dma.setting_m) if area.dma.feed is Feed.PRV else ("TCV", 0.0)
        self._valve(before, after, flow, kind, setting)
        self._pipe(after, entry, flow, area.zone)

    def _through_tank(self, area: Area, tap: Node) -> None:
        """tap - metered pipe - booster - rising main - tank - metered pipe - valve - entry."""
        supply, entry, flow = self.supply, area.entry, self.through[area.zone]
        bottom_m = entry.z + area.dma.setting_m - 3.0
        tank = Tank(
            f"{self.prefix}-T-1",
            entry.x + 30.0,
            entry.y + 70.0,
            bottom_m,
            diameter_m=12.0,
            depth_m=6.0,
            low_m=2.4,
            high_m=4.6,
            start_m=3.5,
            pump_id=f"{self.prefix}-PU-2",
        )
        supply.tank = tank
        suction = self._node(tap.x + 12.0, tap.y, None)
        delivery = self._node(tap.x + 24.0, tap.y, None)
        pipe_id = self._pipe(tap, suction, BOOSTER_FACTOR * flow, None)
        supply.meters.append(
            Meter(len(self.areas) + 1, pipe_id, suction.node_id, None, None, 2.5 * flow, Name("加压站", "Booster"))
        )
        head_m = bottom_m + tank.high_m - (self.areas[0].entry.z + supply.plan.pump_head_m) + 3.0
        supply.pumps.append(Pump(tank.pump_id, suction.node_id, delivery.node_id, BOOSTER_FACTOR * flow, head_m))
        foot = self._node(tank.x, tank.y, None)
        self._pipe(delivery, foot, BOOSTER_FACTOR * flow, None)
        self._pipe(foot, _as_node(tank), BOOSTER_FACTOR * flow, None)
        before = self._node(tank.x + 6.0, tank.y - 20.0, None)
        after = self._node(tank.x + 8.0, tank.y - 28.0, area.zone)
        self._meter(self._pipe(_as_node(tank), before, flow, None), after, area, None)
        self._valve(before, after, flow, "TCV", 0.0)
        self._pipe(after, entry, flow, area.zone)

    def _node(self, x: float, y: float, zone: int | None) -> Node:
        self.node_count += 1
        node = Node(f"{self.prefix}-J-{self.node_count:04d}", x, y, self.supply.plan.ground.height_m(x, y), zone)
        self.supply.nodes[node.node_id] = node
        return node

    def _pipe(self, start: Node, end: Node, flow_l_per_s: float, zone: int | None) -> str:
        self.pipe_count += 1
        pipe_id = f"{self.prefix}-P-{self.pipe_count:04d}"
        diameter_mm = nominal_mm(flow_l_per_s, 150)
        self.supply.pipes.append(
            choose_pipe(pipe_id, start, end, diameter_mm=diameter_mm, years=TRUNK_YEARS, zone=zone, rng=self.rng)
        )
        return pipe_id

    def _valve(self, start: Node, end: Node, flow_l_per_s: float, kind: str, setting: float) -> None:
        self.valve_count += 1
        valve_id = f"{self.prefix}-V-{self.valve_count}"
        diameter_mm = nominal_mm(flow_l_per_s, 150)
        self.supply.valves.append(Valve(valve_id, start.node_id, end.node_id, diameter_mm, kind, setting))

    def _meter(self, pipe_id: str, node: Node, area: Area, out_of: int | None) -> None:
        name = area.dma.name
        self.supply.meters.append(
            Meter(
                area.zone,
                pipe_id,
                node.node_id,
                area.zone,
                out_of,
                PEAK_METER_FACTOR * self.through[area.zone],
                Name(f"{name.zh}入口", f"{name.en} inlet"),
            )
        )


def _between(start: Node, end: Node, share: float) -> tuple[float, float]:
    return start.x + share * (end.x - start.x), start.y + share * (end.y - start.y)


def _as_node(tank: Tank) -> Node:
    return Node(tank.tank_id, tank.x, tank.y, tank.bottom_m, None)


def _close_boundaries(supply: Supply, areas: list[Area], rng: Random) -> None:
    """One pipe with a closed gate valve between neighbouring areas: water could cross there, and must not."""
    for number, (one, other) in enumerate(pairwise(areas), start=1):
        pairs = (
            ((a.x - b.x) ** 2 + (a.y - b.y) ** 2, a.node_id, b.node_id)
            for a in supply.zone_nodes(one.zone)
            for b in supply.zone_nodes(other.zone)
        )
        _, start, end = min(pairs)
        pipe = choose_pipe(
            f"{supply.plan.prefix}-P-{900 + number:04d}",
            supply.nodes[start],
            supply.nodes[end],
            diameter_mm=150,
            years=one.dma.years,
            zone=None,
            rng=rng,
        )
        supply.pipes.append(replace(pipe, closed=True))
