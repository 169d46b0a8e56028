"""A burst or leak in a zone from its onset to its end: how much, where, how sure, and when to say something new."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

import numpy as np

from detect.port import Floats, Json
from detect.residual.watch import Frame, ZoneWatch
from lifeline.asset import Position

_SMOOTH_S = 60.0
_SAY_AGAIN_S = 60.0
_FLOW_CHANGE_SHARE, _FLOW_CHANGE_DEVIATIONS = 0.25, 3.0
_MOVED_M = 150.0
_SURER_BY = 0.2
_RETURNED_SHARE, _RETURNED_DEVIATIONS = 0.3, 2.0
_RETURNED_FOR_S, _RETURNED_FRAMES = 120.0, 3
_PRIOR_LOGIT = -4.6
"""one suspicion in a hundred is a burst before pressures or balance speak"""
_TEST_PROBABILITY = 0.8
_LOGIT_PER_DEVIATION, _DEVIATIONS_MOST = 0.8, 6.0


class ResidualReason(StrEnum):
    """Why the detector says something."""

    INFLOW_AND_PRESSURE = "inflow-up-and-pressure-down"
    INFLOW_ALONE = "inflow-up-pressure-unmoved"
    PRESSURE_ALONE = "pressure-down-inflow-unknown"
    DRIFT = "inflow-drifted-up"
    """too small for a single reading, seen over slots of the profile"""
    NIGHT_FLOW = "night-flow-up"
    EVIDENCE_GREW = "evidence-grew"
    """pressures or balance have made it much surer than was told"""
    FLOW_CHANGED = "flow-changed"
    PLACE_CHANGED = "place-changed"
    RETURNED = "residual-returned"
    TOLD_FALSE = "told-false"
    """a person found nothing: what was seen is normal from now on"""
    TOLD_USE = "told-use"
    """a person found that water was drawn as it may be"""


@dataclass(slots=True)
class Event:
    """What is known of a burst that goes on. Flows in m3/s, pressures in Pa; None where unknown."""

    began_s: float
    onset_s: float
    balance_z: float
    pressure_z: float
    flow: float | None = None
    peak: float = 0.0
    drops: list[float | None] = field(default_factory=list)
    seen_s: float = 0.0
    frames: int = 0
    told_s: float = 0.0
    told_flow: float | None = None
    told_at: list[float] | None = None
    told_probability: float = 0.0
    least_probability: float = 0.0
    calm_since_s: float | None = None
    calm_frames: int = 0

    def add(self, frame: Frame) -> None:
        """Works a reading of the zone in: means over all at first, over the last minute later."""
        self.frames += 1
        step_s = max(frame.at_s - self.seen_s, 0.0) if self.seen_s else 0.0
        gain = max(1.0 / self.frames, 1.0 - float(np.exp(-step_s / _SMOOTH_S))) if self.frames > 1 else 1.0
        self.seen_s = frame.at_s
        if not np.isnan(frame.left[0]):
            over = float(frame.left[0])
            self.flow = over if self.flow is None else self.flow + gain * (over - self.flow)
            self.peak = max(self.peak, self.flow)
            self.balance_z += gain * (frame.balance_z - self.balance_z)
        if not np.isnan(frame.pressure_z):
            self.pressure_z += gain * (frame.pressure_z - self.pressure_z)
        drops = -frame.left[1:]
        old = self.drops or [None] * len(drops)
        self.drops = [
            before if np.isnan(now) else float(now) if before is None else before + gain * (float(now) - before)
            for before, now in zip(old, drops, strict=True)
        ]

    def drops_pa(self, n_sensors: int) -> Floats:
        """How far each pressure is below its expectation, (n_sensors,), NaN where unknown."""
        return np.array([np.nan if d is None else d for d in self.drops or [None] * n_sensors], dtype=float)

    def reason(self) -> ResidualReason:
        """What speaks for it."""
        if self.flow is None:
            return ResidualReason.PRESSURE_ALONE
        return ResidualReason.INFLOW_AND_PRESSURE if self.pressure_z >= 2.0 else ResidualReason.INFLOW_ALONE

    def probability(self) -> float:
        """Logistic in what balance and pressure say, each capped: one meter alone cannot make it sure."""
        most = _DEVIATIONS_MOST
        evidence = np.clip(self.balance_z if self.flow is not None else 0.0, 0.0, most) + np.clip(
            self.pressure_z, 0.0, most
        )
        sure = float(1.0 / (1.0 + np.exp(-(_PRIOR_LOGIT + _LOGIT_PER_DEVIATION * evidence))))
        return round(max(sure, self.least_probability), 3)

    def flow_changed(self, frame: Frame) -> bool:
        """Whether the flow is materially another than was told."""
        if self.flow is None or frame.at_s - self.told_s < _SAY_AGAIN_S:
            return False
        if self.told_flow is None:
            return True
        least = max(_FLOW_CHANGE_SHARE * self.told_flow, _FLOW_CHANGE_DEVIATIONS * float(frame.scale[0]))
        return abs(self.flow - self.told_flow) > least

    def surer(self, frame: Frame) -> bool:
        """Whether it is much more probable than was told."""
        grown = self.probability() - self.told_probability >= _SURER_BY
        return grown and frame.at_s - self.told_s >= _SAY_AGAIN_S

    def moved(self, frame: Frame, distance_m: float) -> bool:
        """Whether the place is materially another than was told; asked less and less often."""
        pause_s = max(_SAY_AGAIN_S, self.told_s - self.onset_s)
        return frame.at_s - self.told_s >= pause_s and distance_m > _MOVED_M

    def returned(self, frame: Frame) -> bool:
        """Whether the zone has been as before for long enough; what is unknown has not returned."""
        if self.flow is not None:
            low = max(_RETURNED_SHARE * self.peak, _RETURNED_DEVIATIONS * float(frame.scale[0]))
            calm = not np.isnan(frame.left[0]) and frame.left[0] < min(low, 0.6 * self.peak)
        else:
            calm = not np.isnan(frame.pressure_z) and frame.pressure_z < _RETURNED_DEVIATIONS
        if not calm:
            self.calm_since_s, self.calm_frames = None, 0
            return False
        if self.calm_since_s is None:
            self.calm_since_s = frame.at_s
        self.calm_frames += 1
        return frame.at_s - self.calm_since_s >= _RETURNED_FOR_S and self.calm_frames >= _RETURNED_FRAMES

    def told(self, at_s: float, position: Position) -> None:
        """Notes what was said."""
        self.told_s, self.told_flow, self.told_at = at_s, self.flow, [position.lon, position.lat]
        self.told_probability = self.probability()

    def to_json(self) -> Json:
        return asdict(self)


@dataclass(slots=True)
class Leak:
    """A leak that the nights told of. Flow in m3/s."""

    began_s: float
    flow: float
    told_flow: float
    calm_nights: int = 0

    def to_json(self) -> Json:
        return asdict(self)


def open_event(watch: ZoneWatch, frame: Frame, began_s: float, *, sure: bool) -> Event:
    """A new event at this frame; `sure`: by a test over many readings, of which this frame is only the last."""
    event = Event(
        began_s=began_s,
        onset_s=frame.at_s,
        balance_z=float(np.nan_to_num(frame.balance_z)),
        pressure_z=float(np.nan_to_num(frame.pressure_z)),
        least_probability=_TEST_PROBABILITY if sure else 0.0,
    )
    event.add(frame)
    watch.calm()
    return event
