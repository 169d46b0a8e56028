"""The fast watch: a burst is seen in the zone inflow within minutes, by a CUSUM with a stated false-alarm rate.

Per zone and sample e = Q - (usual value of this time of day and kind of day) - (level of the last hours). The level
takes out how much a day differs from others; it stands still while the sum is raised. The sum runs over e divided by
its own usual size, held against `REFERENCE`; the threshold follows from how seldom chance may pass it (`detect.cusum`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detect.cusum import threshold_for

SLOT_S = 900
SLOTS = 86400 // SLOT_S
REFERENCE = 0.75
"""half of the smallest change watched for, in usual sizes of e"""
CLIP = 4.0
"""one sample alone is no burst"""
DAYS_BETWEEN_FALSE = 180.0
LEARN_DAYS = 7
LEVEL_S = 4 * 3600.0
DAYS_KEPT = 7
"""of one kind: their median is the usual shape of such a day"""
TURN_S = 3600
"""after midnight between two kinds of day the level is found anew"""
HOLD_S = 6 * 3600
"""how long after an alarm the same zone is not watched: the slow watch has it then"""


@dataclass(frozen=True)
class Surge:
    """A zone takes more than it should, since `since_s`."""

    zone: int
    at_s: int
    since_s: int
    excess_m3_per_h: float


class FastWatch:
    """`look` takes the net inflow of every zone at each sample in order; returns the zones that surge."""

    def __init__(self, n_zones: int) -> None:
        self._days = np.full((n_zones, 2, DAYS_KEPT, SLOTS), np.nan)
        self._profile = np.full((n_zones, 2, SLOTS), np.nan)
        self._today = np.full((n_zones, SLOTS), np.nan)
        self._kind = -1
        self._turned = -1
        self._level = np.zeros(n_zones)
        self._spread = np.full(n_zones, np.nan)
        self._sum = np.zeros(n_zones)
        self._since = np.zeros(n_zones, dtype=np.int64)
        self._excess = np.zeros(n_zones)
        self._hold = np.zeros(n_zones, dtype=np.int64)
        self._slot = np.zeros((n_zones, 2))
        """sum and number of the inflows of the slot under way"""
        self._slot_number = -1
        self._began = -1
        self._last = -1

    def look(self, time_s: int, local_s: int, free_day: bool, inflow_m3_per_h: np.ndarray) -> list[Surge]:
        """`inflow_m3_per_h` `(n_zones,)`, NaN where unknown; `free_day` is a weekend or holiday."""
        if self._began < 0:
            self._began = time_s
        step_s = time_s - self._last if 0 < self._last < time_s <= self._last + 3600 else 0
        self._last = time_s
        kind, slot = int(free_day), local_s % 86400 // SLOT_S
        if kind != self._kind:
            self._kind, self._turned = kind, time_s
        self._gather(kind, slot, inflow_m3_per_h)
        if not step_s:
            return []
        usual = self._usual(kind, local_s % 86400)
        raw = inflow_m3_per_h - usual
        known = np.isfinite(raw)
        e = np.where(known, raw - self._level, 0.0)
        new = known & ~np.isfinite(self._spread)
        self._spread[new] = np.maximum(np.abs(e[new]), 1e-3)
        z = np.clip(e / np.where(np.isfinite(self._spread), self._spread, 1.0), -CLIP, CLIP)
        turning = time_s - self._turned < TURN_S
        watched = known & (time_s - self._began > LEARN_DAYS * 86400) & (time_s >= self._hold) & (not turning)
        raised = np.where(watched, np.maximum(self._sum + z - REFERENCE, 0.0), 0.0)
        starts = (raised > 0) & (self._sum == 0)
        self._since[starts] = time_s - step_s
        self._excess = np.where(raised > 0, np.where(starts, e, self._excess + 0.3 * (e - self._excess)), 0.0)
        self._sum = raised
        limit = threshold_for(DAYS_BETWEEN_FALSE * 86400 / step_s, REFERENCE)
        still = raised > 0.4 * limit
        share = min(step_s / (TURN_S / 4 if turning else LEVEL_S), 1.0)
        self._level = np.where(known & ~still, self._level + share * (raw - self._level), self._level)
        slow = min(step_s / (3 * 86400.0), 1.0)
        size = np.minimum(np.abs(e), 3 * self._spread) / 0.8
        self._spread = np.where(known & ~still, self._spread + slow * (size - self._spread), self._spread)
        found = []
        for zone in np.flatnonzero(raised > limit).tolist():
            found.append(Surge(zone, time_s, int(self._since[zone]), float(self._excess[zone])))
            self._sum[zone] = 0.0
            self._hold[zone] = time_s + HOLD_S
            self._level[zone] = raw[zone]
        return found

    def _usual(self, kind: int, second: int) -> np.ndarray:
        """The profile between the middles of its slots, of the other kind of day where need be `(n_zones,)`."""
        place = second / SLOT_S - 0.5
        low, part = int(np.floor(place)), place - np.floor(place)
        rows = np.where(np.isfinite(self._profile[:, kind]), self._profile[:, kind], self._profile[:, 1 - kind])
        value: np.ndarray = (1 - part) * rows[:, low % SLOTS] + part * rows[:, (low + 1) % SLOTS]
        return value

    def _gather(self, kind: int, slot: int, inflow: np.ndarray) -> None:
        number = kind * SLOTS + slot
        if number != self._slot_number:
            if self._slot_number >= 0:
                self._learn(*divmod(self._slot_number, SLOTS))
            self._slot_number = number
            self._slot[:] = 0.0
        known = np.isfinite(inflow)
        self._slot[known, 0] += inflow[known]
        self._slot[known, 1] += 1

    def _learn(self, kind: int, slot: int) -> None:
        """Keep the slot; at the end of a day the day joins those of its kind."""
        count = self._slot[:, 1]
        self._today[:, slot] = np.where(count > 0, self._slot[:, 0] / np.maximum(count, 1), np.nan)
        if slot == SLOTS - 1:
            days = self._days[:, kind]
            days[:, :-1] = days[:, 1:].copy()
            days[:, -1] = self._today - _mean(self._today)[:, None]
            self._today[:] = np.nan
            known = np.isfinite(days).any(axis=1)
            middle = np.nanmedian(np.where(known[:, None], days, 0.0), axis=1)
            self._profile[:, kind] = np.where(known, middle, np.nan)

    def state(self) -> dict[str, Any]:
        """Everything that changes, as JSON."""
        arrays = {k: v.tolist() for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return {**arrays, **{k: v for k, v in vars(self).items() if isinstance(v, int)}}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        for name, value in state.items():
            old = getattr(self, name)
            setattr(self, name, np.array(value, dtype=old.dtype) if isinstance(old, np.ndarray) else value)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean of what is known in each row; 0 where nothing is."""
    known = np.isfinite(values)
    mean: np.ndarray = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return mean


def zone_inflow(inflow: Sequence[tuple[int, int]], flow: np.ndarray) -> float:
    """Sum of the metered flows of one sample, in less out, m3/h; NaN when one is missing."""
    return float(sum(sign * flow[i] for i, sign in inflow))
