"""What is normal at this time of day: a profile per channel and kind of day, learned from history, and its noise.

A channel is whatever has a daily course: a pressure, a zone balance. Values stand on a grid (n_days, n_slots,
n_channels), NaN where there is none.
"""

from dataclasses import dataclass

import numpy as np

from detect.instant import DAY_S, LocalTime, day_type
from detect.port import Floats, History, Ints

_SLOT_CHOICES_S = (300.0, 600.0, 900.0, 1800.0, 3600.0)
_KERNEL = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
"""smooths a profile over some 15 minutes: a fortnight alone leaves it rough"""
_CLIP = 4.0
_LEAST_DAYS_OF_A_TYPE = 2
BLOCKS = 12
"""the noise is learned per two hours of the day: it is larger when people use water"""
LEVEL_TIME_S = 7_200.0
"""how slowly the level of a day (weather, a feast) is followed"""
_LEVEL_CLIP = 2.5
_WEIGHT_LEAST = 0.2


def robust_scale(values: Floats, axis: int = 0) -> Floats:
    """1.4826 times the median absolute value: the standard deviation of normal noise around 0, deaf to outliers."""
    scale: Floats = np.nan_to_num(1.4826 * nan_median(np.abs(values), axis), nan=0.0)
    return scale


def nan_median(values: Floats, axis: int = 0) -> Floats:
    """Median of what is known, NaN where nothing is; fast for many short columns, where numpy's is not."""
    ordered = np.sort(values, axis=axis)  # NaN last
    count = np.sum(~np.isnan(values), axis=axis, keepdims=True)
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    high = np.minimum(high, values.shape[axis] - 1)
    middle: Floats = (np.take_along_axis(ordered, low, axis) + np.take_along_axis(ordered, high, axis)) / 2.0
    return np.where(count > 0, middle, np.nan).squeeze(axis)


@dataclass(frozen=True, slots=True)
class Grid:
    """History on a grid of local days and slots. `values` is (n_days, n_slots, n_sensors)."""

    first_day: int
    slot_s: float
    offset_s: float
    """mean instant of the values within their slot"""
    values: Floats
    white: Floats
    """(n_sensors,) noise of a single reading beyond that of the grid's means, 0 where the rows are single readings"""

    def day_types(self) -> Ints:
        return day_type(np.arange(self.first_day, self.first_day + len(self.values)))

    def local_s(self) -> Floats:
        """Local seconds of each slot's values, (n_days * n_slots,)."""
        days, slots = self.values.shape[:2]
        steps: Floats = np.arange(days * slots) * self.slot_s + self.first_day * DAY_S + self.offset_s
        return steps


def grid_of(history: History, n_sensors: int, local: LocalTime) -> Grid | None:
    """Puts history on a grid as fine as most of it comes, 5 minutes at the finest; None where there is none."""
    if not len(history.at_s):
        return None
    local_s = local.seconds(history.at_s)
    typical_s = _interval_s(history)
    slot_s = next((s for s in _SLOT_CHOICES_S if s >= typical_s * 0.9), _SLOT_CHOICES_S[-1])
    first_day = int(local_s.min() // DAY_S)
    slots = round(DAY_S / slot_s)
    days = int(local_s.max() // DAY_S) - first_day + 1
    cell = ((local_s - first_day * DAY_S) // slot_s).astype(np.intp)
    flat = cell * n_sensors + history.sensor
    size = days * slots * n_sensors
    count = np.bincount(flat, minlength=size)
    total = np.bincount(flat, weights=history.value, minlength=size)
    with np.errstate(invalid="ignore"):
        values = np.where(count > 0, total / count, np.nan).reshape(days, slots, n_sensors)
    several = history.count > 1
    white = np.zeros(n_sensors)
    if several.any():
        rows = np.bincount(history.sensor[several], minlength=n_sensors)
        squares = np.bincount(history.sensor[several], weights=history.spread[several] ** 2, minlength=n_sensors)
        white = np.sqrt(squares / np.maximum(rows, 1))
    return Grid(first_day, slot_s, float(np.mean(local_s % slot_s)), values, white)


def _interval_s(history: History) -> float:
    order = np.lexsort((history.at_s, history.sensor))
    gaps = np.diff(history.at_s[order])[np.diff(history.sensor[order]) == 0]
    return float(np.median(gaps)) if len(gaps) else _SLOT_CHOICES_S[-1]


@dataclass(frozen=True, slots=True)
class Profile:
    """Expected course of a day, (2, n_slots, n_channels) for workdays and weekends."""

    slot_s: float
    offset_s: float
    mean: Floats

    def weight(self, expected: Floats) -> Floats:
        """How much a unit of slow level is where `expected` (..., n_channels) is the profile's value.

        A day on which people use more than usual scales the course of a balance, the first channel; it shifts
        pressures.
        """
        mean = self.mean[:, :, 0].mean()
        weight = np.ones_like(expected)
        if mean > 0:
            weight[..., 0] = np.maximum(expected[..., 0] / mean, _WEIGHT_LEAST)
        return weight

    def at(self, local_s: float) -> Floats:
        """Expected values at a local instant, (n_channels,), joined linearly between slots."""
        slots = self.mean.shape[1]
        place = (local_s - self.offset_s) / self.slot_s
        whole = int(place // 1)
        share = place - whole
        before = self._slot(whole, slots)
        return before + share * (self._slot(whole + 1, slots) - before)

    def _slot(self, step: int, slots: int) -> Floats:
        day, slot = divmod(step, slots)
        row: Floats = self.mean[1 if (day + 3) % 7 >= 5 else 0, slot]
        return row


def learn_profile(grid: Grid, values: Floats) -> tuple[Profile, Floats]:
    """The profile of `values` (n_days, n_slots, n_channels) and the residual of each day against all other days.

    Days of a kind that is rarer than two are pooled with the other. Outliers are clipped at 4 robust deviations first.
    """
    types = grid.day_types()
    has = ~np.isnan(values).all(axis=(1, 2))
    pooled = any(np.sum(has & (types == kind)) < _LEAST_DAYS_OF_A_TYPE for kind in (0, 1))
    mean = np.empty((2, *values.shape[1:]))
    residual = np.full(values.shape, np.nan)
    for kind in (0, 1):
        own = has if pooled else has & (types == kind)
        days = _clipped(values[own])
        known = ~np.isnan(days)
        total, count = np.nansum(days, axis=0), known.sum(axis=0)
        mean[kind] = _smooth(total, count, grid.slot_s)
        judged = np.flatnonzero(own & (types == kind))
        position = {int(day): n for n, day in enumerate(np.flatnonzero(own))}
        for day in judged:
            n = position[int(day)]
            others = _smooth(total - np.nan_to_num(days[n]), count - known[n], grid.slot_s)
            residual[day] = values[day] - others
    return Profile(grid.slot_s, grid.offset_s, np.nan_to_num(mean)), residual


def _clipped(days: Floats) -> Floats:
    middle = nan_median(days)
    deviation = days - middle
    limit = _CLIP * np.maximum(robust_scale(deviation.reshape(-1, days.shape[-1])), 1e-12)
    clipped: Floats = middle + np.clip(deviation, -limit, limit)
    return clipped


def _smooth(total: Floats, count: Floats, slot_s: float) -> Floats:
    """Mean per slot, smoothed around the clock, slots without data taken from their neighbours."""
    kernel = _KERNEL if slot_s <= 900.0 else np.ones(1)
    half = len(kernel) // 2
    mass = np.zeros(total.shape)
    weight = np.zeros(total.shape)
    for shift, factor in zip(range(-half, half + 1), kernel, strict=True):
        mass += factor * np.roll(total, shift, axis=0)
        weight += factor * np.roll(count, shift, axis=0)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(weight > 0, mass / weight, np.nan)
    return mean


def follow_level(residual: Floats, weight: Floats, scale: Floats, step_s: float) -> tuple[Floats, Floats]:
    """Takes the slow level off residuals (n_times, n_channels): what is left, and the level at the end.

    `weight` (n_times, n_channels): how much a unit of level is at that time of day (see Profile.weight).
    """
    left = np.empty_like(residual)
    level = np.zeros(residual.shape[1])
    for n in range(len(residual)):
        left[n] = residual[n] - level * weight[n]
        level = next_level(level, left[n] / weight[n], scale / weight[n], step_s)
    return left, level


def next_level(level: Floats, left: Floats, scale: Floats, step_s: float) -> Floats:
    """The level after `step_s`, given what is left over it; jumps are followed no faster than 2.5 deviations."""
    gain = 1.0 - np.exp(-step_s / LEVEL_TIME_S)
    change = np.minimum(np.maximum(left, -_LEVEL_CLIP * scale), _LEVEL_CLIP * scale)
    moved: Floats = level + gain * np.where(np.isnan(change), 0.0, change)
    return moved
