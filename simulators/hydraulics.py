"""The supply network of a city while it lives: EPANET run from instant to instant, with bursts, leaks and valves.

The demand is a function of the local time of day, so a history and the live city that follows it fit together.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lifeline.asset import Sensor
from lifeline.city import CityPack
from lifeline.errors import SimulationError
from lifeline.units import PASCAL_PER_METRE_OF_WATER, Quantity
from simulators.demand import Demand
from simulators.epanet import Epanet

GRAVITY_M_PER_S2 = 9.81
DISCHARGE_COEFFICIENT = 0.6
"""Of a sharp-edged hole."""
LONGEST_STEP_S = 300
SPIN_UP = timedelta(days=2)
"""Simulated before the start, so that tank and pumps are where the demand has brought them."""


@dataclass(frozen=True, slots=True)
class Hole:
    """An open burst or leak: half of it at each end of the pipe that is a junction."""

    pipe_id: str
    diameter_m: float
    nodes: tuple[int, ...]


class Hydraulics:
    """The network of one city at an instant, `now`."""

    def __init__(self, pack: CityPack, *, seed: int, start: datetime, spin_up: timedelta = SPIN_UP) -> None:
        """Stands at `start` with tanks as after `spin_up`. Raises SimulationError where the pack has no network."""
        if pack.network_inp is None:
            raise SimulationError(f"city {pack.code} has no network.inp", advice="add it to the pack")
        self._model = Epanet(pack.network_inp)
        zones = {asset.asset_id: asset.zone_id for asset in pack.assets}
        areas = [zones.get(name) for name in self._model.junction_ids]
        self._demand = Demand(self._model, areas, seed=seed, timezone=pack.timezone)
        self._holes: dict[str, Hole] = {}
        self._probes = {s.sensor_id: probe for s in pack.sensors if (probe := _probe(self._model, s)) is not None}
        self.now = start.replace(microsecond=0) - spin_up
        self._solve()
        self.advance(start)

    def close(self) -> None:
        """Frees the model."""
        self._model.close()

    @property
    def sensor_ids(self) -> tuple[str, ...]:
        """The sensors of the pack that this network answers for."""
        return tuple(self._probes)

    def advance(self, to: datetime) -> dict[str, float]:
        """Moves on to `to` (whole seconds) and reads every sensor there, SI, without noise."""
        while (left_s := int((to - self.now).total_seconds())) > 0:
            moved_s = self._model.move_on(min(left_s, LONGEST_STEP_S))
            self.now += timedelta(seconds=moved_s)
            self._solve()
        return self.read()

    def read(self) -> dict[str, float]:
        """Every sensor at `now`, SI, without noise."""
        return {sensor_id: probe() for sensor_id, probe in self._probes.items()}

    def open_hole(self, pipe_id: str, *, diameter_m: float) -> float:
        """Opens a hole in a pipe; the flow in m3/s that runs out at once.

        It follows the pressure, Q = 0.6 A sqrt(2 g p). Raises SimulationError for an unknown pipe.
        """
        ends = self._model.ends(self._link(pipe_id))
        nodes = tuple(node for node in ends if self._model.is_junction(node))
        if not nodes:
            raise SimulationError(f"pipe {pipe_id} joins no junction", advice="choose another pipe")
        self.repair(pipe_id)
        self._holes[pipe_id] = Hole(pipe_id, diameter_m, nodes)
        self._set_emitters()
        return self.hole_flow_m3_per_s(pipe_id)

    def repair(self, pipe_id: str) -> bool:
        """Closes the hole in a pipe; False where there was none."""
        hole = self._holes.pop(pipe_id, None)
        if hole is None:
            return False
        for node in hole.nodes:
            self._model.set_emitter(node, 0.0)
        self._set_emitters()
        return True

    def hole_flow_m3_per_s(self, pipe_id: str) -> float:
        """What runs out of a hole now; 0 where there is none."""
        hole = self._holes.get(pipe_id)
        if hole is None:
            return 0.0
        share = _emitter_l_per_s(hole.diameter_m) / len(hole.nodes)
        return sum(share * math.sqrt(max(self._model.pressure_m(node), 0.0)) for node in hole.nodes) / 1000.0

    def set_open(self, link_id: str, is_open: bool) -> None:
        """Opens or closes a pipe, valve or pump. Raises SimulationError for an unknown one."""
        self._model.set_open(self._link(link_id), is_open)
        self._model.solve()

    def lowest_pressure_m(self) -> float:
        """Lowest pressure of all junctions, as metres of water."""
        nodes = (self._model.node(name) for name in self._model.junction_ids)
        return min(self._model.pressure_m(node) for node in nodes if node is not None)

    def _link(self, name: str) -> int:
        index = self._model.link(name)
        if index is None:
            raise SimulationError(f"the network has no pipe {name!r}", advice="take an id of [PIPES] in network.inp")
        return index

    def _set_emitters(self) -> None:
        """Holes that share a node add up."""
        total: dict[int, float] = {}
        for hole in self._holes.values():
            for node in hole.nodes:
                total[node] = total.get(node, 0.0) + _emitter_l_per_s(hole.diameter_m) / len(hole.nodes)
        for node, coefficient in total.items():
            self._model.set_emitter(node, coefficient)
        self._model.solve()

    def _solve(self) -> None:
        self._model.set_demands(self._demand.at(self.now).tolist())
        self._model.solve()


def simulate(
    pack: CityPack, times: Sequence[datetime], *, seed: int, progress: Callable[[float], None] | None = None
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Quiet history: sensor ids and their values, SI, without noise, (n_times, n_sensors); `times` ascend.

    `progress` is told the share that is done.
    """
    city = Hydraulics(pack, seed=seed, start=times[0])
    try:
        values = np.empty((len(times), len(city.sensor_ids)))
        for row, when in enumerate(times):
            values[row] = list(city.advance(when).values())
            if progress is not None and row % 100 == 0:
                progress(row / len(times))
        return city.sensor_ids, values
    finally:
        city.close()


def _emitter_l_per_s(diameter_m: float) -> float:
    """Emitter coefficient of a round hole, l/s at 1 m of pressure.

    >>> round(_emitter_l_per_s(0.032) * math.sqrt(40.0) * 3.6, 1)
    48.7
    """
    area_m2 = math.pi / 4.0 * diameter_m**2
    return DISCHARGE_COEFFICIENT * area_m2 * math.sqrt(2.0 * GRAVITY_M_PER_S2) * 1000.0


def _probe(model: Epanet, sensor: Sensor) -> Callable[[], float] | None:
    """How a sensor is read; None where it does not sit on this network."""
    if sensor.element is None:
        return None
    node, link = model.node(sensor.element), model.link(sensor.element)
    if node is not None and sensor.quantity is Quantity.PRESSURE:
        return lambda: model.pressure_m(node) * PASCAL_PER_METRE_OF_WATER
    if node is not None and sensor.quantity is Quantity.LEVEL:
        return lambda: model.pressure_m(node)
    if link is not None and sensor.quantity is Quantity.FLOW:
        return lambda: model.flow_l_per_s(link) / 1000.0
    return None
