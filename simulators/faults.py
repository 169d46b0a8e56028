"""What instruments add to the truth: noise and resolution always, faults while they last; seeded."""

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lifeline.asset import Sensor
from lifeline.errors import SimulationError
from lifeline.units import Quantity


@dataclass(frozen=True, slots=True)
class Accuracy:
    """White noise of `absolute` plus `relative` x the value, in steps of `resolution`; SI."""

    absolute: float
    relative: float
    resolution: float
    never_negative: bool = False


ACCURACY: dict[Quantity, Accuracy] = {
    Quantity.PRESSURE: Accuracy(200.0, 0.0003, 10.0, never_negative=True),
    Quantity.FLOW: Accuracy(3e-5, 0.004, 1e-6),
    Quantity.LEVEL: Accuracy(0.003, 0.0, 0.001, never_negative=True),
    Quantity.WATER_DEPTH: Accuracy(0.0015, 0.005, 0.001, never_negative=True),
    Quantity.RAIN_INTENSITY: Accuracy(0.0, 0.04, 1e-9, never_negative=True),
    Quantity.TEMPERATURE: Accuracy(0.1, 0.0, 0.1),
}
"""Usual figures of field instruments: a pressure logger 2 cm, a magnetic meter 0.4 %, a level probe 3 mm."""


class Instrument:
    """One sensor's own imperfection; the same seed gives the same noise in the same order of asking.

    Raises SimulationError for a quantity of which no model has the truth.
    """

    def __init__(self, sensor: Sensor, *, seed: int, stream: str = "live") -> None:
        if sensor.quantity not in ACCURACY:
            raise SimulationError(
                f"{sensor.sensor_id} measures {sensor.quantity.value}, which no model has",
                advice="simulate a pack without this sensor",
            )
        self._accuracy = ACCURACY[sensor.quantity]
        self._rng = np.random.default_rng([seed, zlib.crc32(f"{stream}/{sensor.sensor_id}".encode())])

    def measure(self, truth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Measured values, SI, (n,), of `truth`, SI, (n,)."""
        a = self._accuracy
        noise = self._rng.standard_normal(len(truth)) * (a.absolute + a.relative * np.abs(truth))
        measured = np.round((truth + noise) / a.resolution) * a.resolution
        result: NDArray[np.float64] = np.maximum(measured, 0.0) if a.never_negative else measured
        return result

    def measure_one(self, truth: float) -> float:
        """One measured value, SI."""
        return float(self.measure(np.array([truth]))[0])


class FaultKind(StrEnum):
    """What can be wrong with a sensor; `size` says how much."""

    DRIFT = "drift"
    """`size` is added for each hour since the fault began"""
    STUCK = "stuck"
    """the same number again and again, the one it had when the fault began"""
    FROZEN = "frozen"
    """the sensing line is ice: the value it had stays, with the noise of the electronics, `size`"""
    SPIKE = "spike"
    """one reading in fifty is off by `size`"""
    SCALE = "scale"
    """multiplied by `size`, as with a wrong unit"""
    DROP_OUT = "drop-out"
    """nothing is sent"""
    CLOCK_SKEW = "clock-skew"
    """the device's clock is `size` seconds ahead"""


SPIKE_SHARE = 0.02


@dataclass(slots=True)
class Fault:
    """A fault of one sensor from `begins` until it is mended; remembers what it needs to repeat a value."""

    kind: FaultKind
    begins: datetime
    size: float = 0.0
    seed: int = 0
    held: float | None = None
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, int(self.begins.timestamp())])

    def apply(self, when: datetime, value: float) -> tuple[datetime, float] | None:
        """What the device sends for a measured `value`: its time and value, or None where nothing is sent."""
        if when < self.begins:
            return when, value
        if self.held is None:
            self.held = value
        match self.kind:
            case FaultKind.DRIFT:
                return when, value + self.size * (when - self.begins).total_seconds() / 3600.0
            case FaultKind.STUCK:
                return when, self.held
            case FaultKind.FROZEN:
                return when, self.held + self.size * float(self.rng.standard_normal())
            case FaultKind.SPIKE:
                return when, value + (self.size if self.rng.random() < SPIKE_SHARE else 0.0)
            case FaultKind.SCALE:
                return when, value * self.size
            case FaultKind.CLOCK_SKEW:
                return when + timedelta(seconds=self.size), value
            case FaultKind.DROP_OUT:
                return None
