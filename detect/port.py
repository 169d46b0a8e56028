"""The port of a detector: arrays and a `now` in, findings and a memory out; no clock, no store, no surprise.

A detector is made for one scope (a city), is taught by history where it needs to learn, and then steps through the
readings once, in order. What it says must not depend on how the readings are cut into steps: a run that was killed
and goes on from `state` says the same as one that was not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lifeline.asset import Asset, Sensor, Zone
from lifeline.city.levels import Levels
from lifeline.finding import Finding
from lifeline.verdict import Verdict

if TYPE_CHECKING:
    from detect.flood.nowcast import Nowcast

Json = dict[str, Any]
"""What goes through JSON unchanged; finite numbers only."""
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class Order(StrEnum):
    """When readings are handed to a detector."""

    CITY = "city"
    """all sensors in one order of event time, up to the city's watermark: late ones are sorted in first"""
    SENSOR = "sensor"
    """each as it comes; in order per sensor only, and the detector drops what is not newer than what it has judged"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings of a scope ordered by (at_s, sensor). Arrays of shape (n,)."""

    sensor: Ints
    """position in the detector's `sensors`"""
    at_s: Floats
    """observed at, seconds since 1970 UTC"""
    value: Floats
    """SI"""

    def __len__(self) -> int:
        return len(self.at_s)


@dataclass(frozen=True, slots=True)
class History:
    """What was, condensed: one row per sensor and interval, ordered by (at_s, sensor). Arrays of shape (n,)."""

    sensor: Ints
    at_s: Floats
    """mean instant of the readings in the row"""
    value: Floats
    """their mean, SI"""
    count: Ints
    """how many they are"""
    spread: Floats
    """their standard deviation, 0 where there is only one"""

    def part(self, keep: NDArray[np.bool_]) -> "History":
        """The rows where `keep` (n,) is true."""
        return History(self.sensor[keep], self.at_s[keep], self.value[keep], self.count[keep], self.spread[keep])


@dataclass(frozen=True, slots=True)
class Learning:
    """What a detector needs before it can judge."""

    days: float
    """history that it makes use of"""
    least_days: float
    """with less it does not judge"""
    again_after_days: float
    """how old what was learned may become"""


@dataclass(frozen=True, slots=True)
class Scope:
    """A city as detectors see it."""

    city_code: str
    timezone: str
    sensors: tuple[Sensor, ...]
    zones: tuple[Zone, ...] = ()
    assets: tuple[Asset, ...] = ()
    """pipes"""
    levels: Levels | None = None
    learning_days: float = 14.0
    allowed_lateness_s: float = 15.0
    network_inp: str | None = None
    """the pack's EPANET file as text"""
    settings: Json = field(default_factory=dict)
    """the tables of city.toml that detectors read"""
    drains: tuple[Asset, ...] = ()
    """conduits and manholes"""
    nowcast: "Nowcast | None" = None
    """what was learned of the city's floods (`lifeline train flood`)"""


class Detector(Protocol):
    """Finds one kind of trouble in one scope."""

    @property
    def name(self) -> str:
        """Stands in findings and names the checkpoint."""
        ...

    @property
    def version(self) -> int:
        """A checkpoint of another version is not restored."""
        ...

    @property
    def order(self) -> Order: ...

    @property
    def sensors(self) -> tuple[Sensor, ...]:
        """The sensors it wants; batches name them by their position here."""
        ...

    @property
    def learning(self) -> Learning | None:
        """None: judges from the first reading on."""
        ...

    def learn(self, history: History, now: datetime) -> bool:
        """Learns what is normal; False where the history does not suffice, then what was learned before stays."""
        ...

    def needs_lesson(self) -> bool:
        """Whether something that it watches is not in its model (a zone that is new, or whose sensors changed)."""
        ...

    def model(self) -> Json | None:
        """What was learned; None before."""
        ...

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        """Judges the readings; `now` is the event time up to which they are complete. Findings in order of time."""
        ...

    def state(self) -> Json:
        """What it remembers of the steps so far."""
        ...

    def restore(self, model: Json | None, state: Json | None) -> None:
        """Goes on from what `model` and `state` gave. Sensors that have come or gone since are no error."""
        ...


@runtime_checkable
class Listener(Protocol):
    """A detector that minds what other detectors and people say."""

    def listens(self, now: datetime) -> bool:
        """Whether the step to `now` may need it: hearing costs a question to the store."""
        ...

    def heard(self) -> int:
        """Number of the newest verdict that it has taken in."""
        ...

    def hear(self, standing: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
        """What other detectors have told of leaks, bursts and sensors and not ended; verdicts since `heard()`."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A detector that needs something made before it can learn, which takes long and is made beside the stage."""

    def prepared(self) -> bool:
        """Whether it is there; has it made where it is not. History is not read for a lesson until then."""
        ...


Factory = Callable[[Scope], Detector | None]
"""Makes a detector for a scope; None where the scope has nothing for it."""
