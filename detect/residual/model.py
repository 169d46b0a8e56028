"""What is normal in a district metered area: courses of its balance and pressures, their noise, and the thresholds.

The balance is the sum of inflows minus outflows. The pressure statistic is the median standardised drop of the zone's
pressure sensors minus its usual share of what all other zones do at the same time (a pump, a tank, the weather).
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from detect.cusum import shewhart_threshold, threshold_for
from detect.instant import DAY_S
from detect.port import Floats, Ints, Json
from detect.residual.profile import (
    BLOCKS,
    Grid,
    Profile,
    follow_level,
    learn_profile,
    nan_median,
    robust_scale,
)

FALSE_ALARM_S = 30 * 365 * DAY_S
"""Each of a zone's three tests (at once, per slot, per night) may be wrong once in thirty years: a zone in ten."""
SLOT_REFERENCE = 0.75
"""half of the smallest step, in standard deviations of a slot, that the slot test is made for"""
NIGHT_REFERENCE = 0.5
DROP_CLIP = 6.0
NIGHT_FROM_S, NIGHT_TO_S = 2 * 3600.0, 5 * 3600.0
"""hours of the minimum night flow"""
_FLOW_FLOOR_SHARE = 0.01
"""noise is never taken as less than half the 2 % that a class 2 meter may be wrong (OIML R 49)"""
_PRESSURE_FLOOR_PA = 500.0
"""nor as less than 5 cm of water"""
_TAIL_MOST = 2.0
_NIGHT_CAUTION = 1.1
"""a scale from fourteen nights is itself uncertain"""
_LEAST_COVER = 0.5
_BATCH_SLOTS = 24
_DROP_SCALE_LEAST = 0.3

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
            "mean": _rounded(self.profile.mean),
            "scale": _rounded(self.scale),
            "level": _rounded(self.level),
            "learned_s": self.learned_s,
            "inflow_drop": _rounded(self.inflow_drop),
            "common_gain": self.common_gain,
            "drop_scale": _rounded(self.drop_scale),
            "joint_scale": _rounded(self.joint_scale),
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


@dataclass(slots=True)
class Lesson:
    """First half of learning a zone: its own course and noise. Series are (n_times,)."""

    profile: Profile
    scale: Floats
    level: Floats
    inflow_drop: Floats
    balance_z: Floats
    drop: Floats
    """median standardised pressure drop"""
    night_scale: float


def study(grid: Grid, channels: Channels, least_days: float) -> Lesson | None:
    """Learns a zone's own course; None where neither its balance nor its pressures are known long enough."""
    values = channels.of(grid.values)
    days, slots = values.shape[:2]
    cover = (~np.isnan(values)).sum(axis=(0, 1)) / slots
    usable = cover >= least_days * _LEAST_COVER
    if not usable.any():
        return None
    values = np.where(usable, values, np.nan)
    profile, residual = learn_profile(grid, values)
    flat = residual.reshape(days * slots, -1)
    floor = _floors(values)
    meters = np.concatenate([channels.inflow, channels.outflow])
    white = np.concatenate([[np.sqrt(np.sum(grid.white[meters] ** 2))], grid.white[channels.pressure]])
    rough = np.maximum(robust_scale(flat), floor)
    course = np.concatenate([profile.mean[kind] for kind in grid.day_types()])
    left, level = follow_level(flat, profile.weight(course), rough, grid.slot_s)
    block = _blocks(grid)
    scale = np.hypot(np.maximum(_block_scale(left, block, floor), floor), white)
    scale[:, ~usable] = np.inf  # a channel that was never heard says nothing
    z = left / scale[block]
    drop = nan_median(np.clip(-z[:, 1:], -DROP_CLIP, DROP_CLIP), 1) if z.shape[1] > 1 else np.full(len(z), np.nan)
    return Lesson(
        profile, scale, level, _inflow_drop(left), z[:, 0], drop, _night_scale(residual[:, :, 0], grid, floor[0])
    )


def conclude(lesson: Lesson, common: Floats, grid: Grid, *, sensor_ids: tuple[str, ...], learned_s: float) -> ZoneModel:
    """Second half: the zone among the others. `common` (n_times,) is the mean drop of all other zones, or NaN."""
    gain = _gain(lesson.drop, common)
    own = lesson.drop - gain * np.nan_to_num(common)
    block = _blocks(grid)
    drop_scale = _block_scale(own, block, _DROP_SCALE_LEAST)
    pressure_z = own / drop_scale[block]
    joint_scale = _block_scale(lesson.balance_z + pressure_z, block, 1.0)
    joint = join(lesson.balance_z, pressure_z, joint_scale[block])
    memory = _correlation(joint[:-1], joint[1:], 0.9)
    known = np.abs(joint[~np.isnan(joint)])
    # heavier tails than the normal's raise the thresholds
    tail = float(np.clip(np.quantile(known, 0.999) / 3.29, 1.0, _TAIL_MOST)) if len(known) > 1000 else 1.2
    slots = FALSE_ALARM_S / grid.slot_s
    limit = threshold_for(slots, SLOT_REFERENCE)
    white = whiten(joint[1:], joint[:-1], memory)
    slot_scale = _long_run_scale(white)
    highest = _highest_sum(white / slot_scale)
    return ZoneModel(
        sensor_ids=sensor_ids,
        profile=lesson.profile,
        scale=lesson.scale,
        level=lesson.level,
        inflow_drop=lesson.inflow_drop,
        learned_s=learned_s,
        common_gain=gain,
        drop_scale=drop_scale,
        joint_scale=joint_scale,
        memory=memory,
        at_once=tail * shewhart_threshold(slots),
        slot_scale=slot_scale,
        per_slot=float(np.clip(1.2 * highest, tail * limit, _TAIL_MOST * limit)),
        night_scale=lesson.night_scale,
        per_night=threshold_for(FALSE_ALARM_S / DAY_S, NIGHT_REFERENCE),
    )


def join(balance_z: Floats, pressure_z: Floats, scale: Floats) -> Floats:
    """One standard normal statistic out of two, or the one that is known. Any shape."""
    both = (balance_z + pressure_z) / scale
    joint: Floats = np.where(np.isnan(pressure_z), balance_z, np.where(np.isnan(balance_z), pressure_z, both))
    return joint


def whiten(z: V, before: V, memory: float) -> V:
    """What `z` says beyond the slot before it; a standard normal again."""
    return (z - memory * before) / float(np.sqrt(1.0 - memory**2))


def _blocks(grid: Grid) -> Ints:
    """Block of the day of each time of the grid, (n_times,)."""
    days, slots = grid.values.shape[:2]
    return np.tile(np.arange(slots) * BLOCKS // slots, days)


def _block_scale(values: Floats, block: Ints, least: Floats | float) -> Floats:
    """Scatter of values (n_times, ...) per block, nowhere below half of that of the whole day, nor below `least`."""
    overall = np.maximum(robust_scale(values), least)
    scales = [np.maximum(robust_scale(values[block == b]), 0.5 * overall) for b in range(BLOCKS)]
    scale: Floats = np.maximum(np.stack(scales), least)
    return scale


def _floors(values: Floats) -> Floats:
    floor = np.full(values.shape[-1], _PRESSURE_FLOOR_PA)
    flow = values[..., 0]
    floor[0] = _FLOW_FLOOR_SHARE * float(np.nanmean(np.abs(flow))) if not np.isnan(flow).all() else 0.0
    least: Floats = np.maximum(floor, 1e-9)
    return least


def _night_scale(balance: Floats, grid: Grid, floor: float) -> float:
    """Scatter of the mean night residual (n_days, n_slots) -> m3/s; 0 where fewer than five nights are known."""
    second = np.arange(balance.shape[1]) * grid.slot_s
    nights = balance[:, (second >= NIGHT_FROM_S) & (second < NIGHT_TO_S)]
    known = (~np.isnan(nights)).mean(axis=1) > _LEAST_COVER
    if known.sum() < 5:
        return 0.0
    means = np.nanmean(nights[known], axis=1)
    return _NIGHT_CAUTION * max(float(np.std(means)), float(robust_scale(means)), floor)


def _inflow_drop(left: Floats) -> Floats:
    """Least squares of the pressures on the balance, both over their expectation, outliers clipped."""
    limit = np.maximum(4.0 * robust_scale(left), 1e-12)
    clipped = np.clip(left, -limit, limit)
    both = ~np.isnan(clipped[:, :1]) & ~np.isnan(clipped[:, 1:])
    balance = np.where(both, clipped[:, :1], 0.0)
    power = np.sum(balance**2, axis=0)
    together = np.sum(balance * np.where(both, clipped[:, 1:], 0.0), axis=0)
    drop: Floats = np.maximum(-together / np.maximum(power, 1e-12), 0.0)
    return drop


def _gain(drop: Floats, common: Floats) -> float:
    known = ~(np.isnan(drop) | np.isnan(common))
    power = float(np.sum(common[known] ** 2))
    return float(np.clip(np.sum(drop[known] * common[known]) / power, 0.0, 1.0)) if power > 0 else 0.0


def _correlation(a: Floats, b: Floats, most: float) -> float:
    known = ~(np.isnan(a) | np.isnan(b))
    if known.sum() < 10:
        return 0.0
    x, y = np.clip(a[known], -4.0, 4.0), np.clip(b[known], -4.0, 4.0)
    spread = float(np.std(x) * np.std(y))
    return float(np.clip(np.mean((x - x.mean()) * (y - y.mean())) / spread, 0.0, most)) if spread > 0 else 0.0


def _long_run_scale(white: Floats) -> float:
    """By batch means (Law and Kelton 2000, Simulation Modeling and Analysis, 9.5.3); 1 where they are white indeed."""
    batches = white[: len(white) // _BATCH_SLOTS * _BATCH_SLOTS].reshape(-1, _BATCH_SLOTS)
    known = ~np.isnan(batches)
    full = known.sum(axis=1) > _BATCH_SLOTS // 2
    if full.sum() < 10:
        return 1.0
    sums = np.nansum(batches[full], axis=1) / np.sqrt(known[full].sum(axis=1))
    return max(1.0, float(np.sqrt(np.mean(np.clip(sums, -6.0, 6.0) ** 2))))


def _highest_sum(white: Floats) -> float:
    """How high the slot test would have risen in the history itself."""
    total = highest = 0.0
    for z in white[~np.isnan(white)].tolist():
        total = max(0.0, total + z - SLOT_REFERENCE)
        highest = max(highest, total)
    return highest


def _rounded(values: Floats) -> list[object]:
    finite = np.where(np.isfinite(values), values, 1e30)
    with np.errstate(divide="ignore"):
        digits = 6 - np.floor(np.log10(np.maximum(np.abs(finite), 1e-300)))
    step = 10.0 ** -np.clip(digits, -30, 300)
    rounded: list[object] = (np.round(finite / step) * step).tolist()
    return rounded
