"""Zones cut out by the flow meters, and what flows into each of them: the water balance behind every leak figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detect.leak.network import Network
from lifeline.errors import PackError

METERED_SHARE = 0.5
"""from this share of metered demand on, consumption is taken from the meters and the rest is loss"""


@dataclass(frozen=True)
class Sensors:
    """Names of what is measured, by the element that it sits on: nodes, links, tanks, nodes with consumption meters."""

    pressure: tuple[str, ...]
    flow: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    demand: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pressure) + len(self.flow) + len(self.level) + len(self.demand)


@dataclass(frozen=True)
class Zone:
    """A part of the network between flow meters. Numbers index `Sensors` groups and network nodes."""

    nodes: np.ndarray
    """(n_nodes,) bool"""
    inflow: tuple[tuple[int, int], ...]
    """(flow sensor, +1 in or -1 out)"""
    tanks: tuple[tuple[int, float], ...]
    """(level sensor, area m2)"""
    meters: tuple[int, ...]
    """demand sensors in the zone"""
    closed: bool
    """every way in and out, and every tank, is measured"""
    metered: bool
    """consumption is known from meters, so inflow less consumption is loss"""


@dataclass(frozen=True)
class Layout:
    """Where the sensors sit in the network."""

    sensors: Sensors
    pressure_node: np.ndarray
    flow_link: np.ndarray
    demand_node: np.ndarray
    zones: tuple[Zone, ...]
    zone_of_node: np.ndarray
    """(n_nodes,), -1 where no zone takes water"""
    cut_pumps: tuple[str, ...]
    """pumps with a flow meter"""
    split: tuple[int, ...]
    """flow sensors whose value says how the inflow divides between several entries of a zone"""

    def net_inflow(self, zone: Zone, flow: np.ndarray, level_change_m: np.ndarray) -> float:
        """Inflow less outflow less what the tanks took, m3/h; NaN when a part is missing. `level_change_m` per hour."""
        total = sum(sign * float(flow[i]) for i, sign in zone.inflow)
        return total - sum(area * float(level_change_m[i]) for i, area in zone.tanks)


def lay_out(network: Network, sensors: Sensors) -> Layout:
    """Find the zones. Raises `PackError` naming a sensor whose element the network does not have."""
    unknown = [
        f"{group} sensor {name!r}: no such element in the network"
        for group, names, known in (
            ("pressure", sensors.pressure, network.node_number),
            ("flow", sensors.flow, network.link_number),
            ("level", sensors.level, network.tanks),
            ("demand", sensors.demand, network.node_number),
        )
        for name in names
        if name not in known
    ]
    if unknown:
        raise PackError("; ".join(unknown[:10]), advice="name sensors by the element that they sit on")
    flow_link = np.array([network.link_number[n] for n in sensors.flow], dtype=int)
    label = network.components(set(flow_link.tolist()))
    base = network.demand.sum(axis=1) > 0
    zones: list[Zone] = []
    zone_of_node = np.full(len(network.nodes), -1)
    for part in np.unique(label):
        inside = label == part
        if not (inside & base).any():
            continue
        zone_of_node[inside] = len(zones)
        zones.append(_zone(network, sensors, flow_link, inside))
    return Layout(
        sensors=sensors,
        pressure_node=np.array([network.node_number[n] for n in sensors.pressure], dtype=int),
        flow_link=flow_link,
        demand_node=np.array([network.node_number[n] for n in sensors.demand], dtype=int),
        zones=tuple(zones),
        zone_of_node=zone_of_node,
        cut_pumps=tuple(n for n in sensors.flow if network.kind[network.link_number[n]] == "pump"),
        split=_splits(network, flow_link, zone_of_node),
    )


def _zone(network: Network, sensors: Sensors, flow_link: np.ndarray, inside: np.ndarray) -> Zone:
    inflow = []
    for i, link in enumerate(flow_link):
        start, end = network.ends[link]
        if inside[start] != inside[end]:
            inflow.append((i, 1 if inside[end] else -1))
    tanks, closed = [], bool(inflow)
    for name, (diameter, _) in network.tanks.items():
        if inside[network.node_number[name]]:
            if name in sensors.level:
                tanks.append((sensors.level.index(name), np.pi * diameter**2 / 4))
            else:
                closed = False
    closed = closed and not any(inside[network.node_number[name]] for name in network.reservoirs)
    meters = tuple(i for i, n in enumerate(sensors.demand) if inside[network.node_number[n]])
    mean = network.demand @ network.multiplier.mean(axis=1)
    known = mean[[network.node_number[sensors.demand[i]] for i in meters]].sum() if meters else 0.0
    metered = bool(known > METERED_SHARE * mean[inside].sum())
    return Zone(inside, tuple(inflow), tuple(tanks), meters, closed, metered)


def _splits(network: Network, flow_link: np.ndarray, zone_of_node: np.ndarray) -> tuple[int, ...]:
    """Of several metered pipes into one zone all but the last: their sum is known already."""
    entries: dict[int, list[int]] = {}
    for i, link in enumerate(flow_link):
        if network.kind[link] == "pipe":
            entries.setdefault(int(zone_of_node[network.ends[link, 1]]), []).append(i)
    return tuple(i for zone, several in entries.items() if zone >= 0 for i in several[:-1])


def hour_of_week(seconds: Sequence[int] | np.ndarray, shift_days: int = 0) -> np.ndarray:
    """Hour of the week 0-167, Monday 00:00 first, of local times given as seconds since 1970-01-01 (a Thursday)."""
    value: np.ndarray = (np.asarray(seconds) // 3600 + (3 + shift_days) * 24) % 168
    return value
