"""Learns a zone from a grid of history: first each by itself (`study`), then among the others (`conclude`)."""

from dataclasses import dataclass

import numpy as np

from detect.cusum import shewhart_threshold, threshold_for
from detect.instant import DAY_S
from detect.port import Floats, Ints
from detect.residual.model import (
    DROP_CLIP,
    FALSE_ALARM_S,
    NIGHT_FROM_S,
    NIGHT_REFERENCE,
    NIGHT_TO_S,
    SLOT_REFERENCE,
    Channels,
    ZoneModel,
    join,
    whiten,
)
from detect.residual.profile import (
    BLOCKS,
    Grid,
    Profile,
    follow_level,
    learn_profile,
    nan_median,
    robust_scale,
)

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
