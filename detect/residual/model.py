"""What was learned of a district metered area: courses of its balance and pressures, their noise, and the thresholds.

The balance is the sum of inflows minus outflows. The pressure statistic is the median standardised drop of the zone's
pressure sensors minus its usual share of what all other zones do at the same time (a pump, a tank, the weather).
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from detect.instant import DAY_S
from detect.port import Floats, Ints, Json
from detect.residual.profile import Profile

FALSE_ALARM_S = 30 * 365 * DAY_S
"""Each of a zone's three tests (at once, per slot, per night) may be wrong once in thirty years: a zone in ten."""
SLOT_REFERENCE = 0.75
"""half of the smallest step, in standard deviations of a slot, that the slot test is made for"""
NIGHT_REFERENCE = 0.5
DROP_CLIP = 6.0
NIGHT_FROM_S, NIGHT_TO_S = 2 * 3600.0, 5 * 3600.0
"""hours of the minimum night flow"""

V = TypeVar("V", float, Floats)


@dataclass(frozen=True, slots=True)
class ZoneModel:
    """Learned figures of one zone. Channels: the balance first (m3/s), then the pressures (Pa) in their order."""

    sensor_ids: tuple[str, ...]
    """meters in, meters out, pressures: a change of the pack makes the model useless"""
    profile: Profile
    scale: Floats
    """(12, n_channels) noise of a single reading per two hours of the day"""
    level: Floats
    """(n_channels,) at `learned_s`"""
    learned_s: float
    inflow_drop: Floats
    """(n_pressures,) how far each pressure falls per m3/s that the zone takes more than usual, Pa s/m3"""
    common_gain: float
    """share of the other zones' drop that is this one's too"""
    drop_scale: Floats
    """(12,) scatter of the zone's drop per two hours of the day"""
    joint_scale: Floats
    """(12,) scatter of the sum of balance and pressure statistic, which go together more when much water is used"""
    memory: float
    """correlation of the joint statistic with itself a slot later"""
    at_once: float
    """threshold of a single reading of the joint statistic"""
    slot_scale: float
    """standard deviation of whitened slots in the long run: what of their memory is longer than one slot"""
    per_slot: float
    """threshold of the CUSUM over slots"""
    night_scale: float
    """m3/s; 0 where nights could not be learned"""
    per_night: float

    def to_json(self) -> Json:
        return {
            "sensor_ids": list(self.sensor_ids),
            "slot_s": self.profile.slot_s,
            "offset_s": self.profile.offset_s,
            "mean": rounded(self.profile.mean),
            "scale": rounded(self.scale),
            "level": rounded(self.level),
            "learned_s": self.learned_s,
            "inflow_drop": rounded(self.inflow_drop),
            "common_gain": self.common_gain,
            "drop_scale": rounded(self.drop_scale),
            "joint_scale": rounded(self.joint_scale),
            "memory": self.memory,
            "at_once": self.at_once,
            "slot_scale": self.slot_scale,
            "per_slot": self.per_slot,
            "night_scale": self.night_scale,
            "per_night": self.per_night,
        }

    @classmethod
    def from_json(cls, saved: Json) -> "ZoneModel":
        rest = dict(saved)
        mean, slot_s, offset_s = np.array(rest.pop("mean")), rest.pop("slot_s"), rest.pop("offset_s")
        return cls(
            sensor_ids=tuple(rest.pop("sensor_ids")),
            profile=Profile(slot_s, offset_s, mean),
            scale=np.array(rest.pop("scale")),
            level=np.array(rest.pop("level")),
            inflow_drop=np.array(rest.pop("inflow_drop")),
            drop_scale=np.array(rest.pop("drop_scale")),
            joint_scale=np.array(rest.pop("joint_scale")),
            **rest,
        )


@dataclass(frozen=True, slots=True)
class Channels:
    """Which columns of a city's grid make up a zone."""

    inflow: Ints
    outflow: Ints
    pressure: Ints

    def of(self, values: Floats) -> Floats:
        """(..., 1 + n_pressures): balance and pressures out of (..., n_sensors); NaN balance without meters."""
        balance = values[..., self.inflow].sum(axis=-1) - values[..., self.outflow].sum(axis=-1)
        if not len(self.inflow):
            balance = np.full(values.shape[:-1], np.nan)
        return np.concatenate([balance[..., None], values[..., self.pressure]], axis=-1)


def join(balance_z: Floats, pressure_z: Floats, scale: Floats) -> Floats:
    """One standard normal statistic out of two, or the one that is known. Any shape."""
    both = (balance_z + pressure_z) / scale
    joint: Floats = np.where(np.isnan(pressure_z), balance_z, np.where(np.isnan(balance_z), pressure_z, both))
    return joint


def whiten(z: V, before: V, memory: float) -> V:
    """What `z` says beyond the slot before it; a standard normal again."""
    return (z - memory * before) / float(np.sqrt(1.0 - memory**2))


def rounded(values: Floats) -> list[object]:
    finite = np.where(np.isfinite(values), values, 1e30)
    with np.errstate(divide="ignore"):
        digits = 6 - np.floor(np.log10(np.maximum(np.abs(finite), 1e-300)))
    step = 10.0 ** -np.clip(digits, -30, 300)
    rounded: list[object] = (np.round(finite / step) * step).tolist()
    return rounded
