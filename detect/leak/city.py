"""A city as the leak core sees it: which of its sensors stand where in its network, and in which units they speak."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.leak.balance import Sensors
from detect.leak.network import Network, read_network
from detect.port import Floats, Scope
from lifeline.asset import Sensor
from lifeline.errors import SimulationError
from lifeline.units import PASCAL_PER_METRE_OF_WATER, SECONDS_PER_HOUR, Quantity

LEAST_SLOT_S, LONGEST_SLOT_S = 300.0, 3600.0
BY_MODEL = "model"


@dataclass(frozen=True)
class Instruments:
    """The sensors that the core uses, in the order of its columns: pressures, flows, levels, metered demands."""

    sensors: tuple[Sensor, ...]
    names: Sensors
    per_si: Floats
    """(n_sensors,) what a unit of SI is in the core's: m of water, m3/h, m"""

    @property
    def slot_s(self) -> float:
        """Samples are means over so long: the rarest sensor has spoken in each."""
        rarest = max((s.interval_s for s in self.sensors), default=LEAST_SLOT_S)
        whole = LEAST_SLOT_S * np.ceil(rarest / LEAST_SLOT_S)
        return float(min(whole, LONGEST_SLOT_S))


def uses_model(scope: Scope) -> bool:
    """Whether the pack says that its network is good enough to predict pressures."""
    said = scope.settings.get("leak", {})
    return scope.network_inp is not None and said.get("expected_pressure") == BY_MODEL


def network_of(text: str) -> Network:
    """The network of an EPANET file that is at hand as text. Raises SimulationError."""
    with tempfile.TemporaryDirectory(prefix="lifeline-network-") as folder:
        path = Path(folder) / "network.inp"
        path.write_text(text, encoding="utf-8")
        try:
            return read_network(path)
        except ImportError as error:
            raise SimulationError(
                f"the hydraulic model needs {error.name}", advice="install Lifeline with its extra `simulators`"
            ) from error


def instruments_of(sensors: tuple[Sensor, ...], network: Network) -> Instruments:
    """The sensors that stand on an element of the network; of several on one element the first.

    A flow on a node is a meter of what is used there; a level that is not a tank's is left out.
    """
    groups: list[dict[str, Sensor]] = [{}, {}, {}, {}]
    for sensor in sensors:
        element = sensor.element or ""
        if sensor.quantity is Quantity.PRESSURE and element in network.node_number:
            groups[0].setdefault(element, sensor)
        elif sensor.quantity is Quantity.FLOW and element in network.link_number:
            groups[1].setdefault(element, sensor)
        elif sensor.quantity is Quantity.LEVEL and element in network.tanks:
            groups[2].setdefault(element, sensor)
        elif sensor.quantity is Quantity.FLOW and element in network.node_number:
            groups[3].setdefault(element, sensor)
    factors = (1.0 / PASCAL_PER_METRE_OF_WATER, SECONDS_PER_HOUR, 1.0, SECONDS_PER_HOUR)
    return Instruments(
        tuple(sensor for group in groups for sensor in group.values()),
        Sensors(*(tuple(group) for group in groups)),
        np.repeat(factors, [len(group) for group in groups]),
    )


def fingerprint(text: str, names: Sensors) -> str:
    """What signatures belong to: another network or other sensors, other signatures."""
    parts = [text, *names.pressure, "/", *names.flow, "/", *names.level, "/", *names.demand]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
