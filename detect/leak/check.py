"""Sensor checks on raw samples, each with a named reason; a doubtful value is masked, never replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np


class Doubt(StrEnum):
    """Why a value is not used."""

    MISSING = "missing"
    RANGE = "range"
    """outside what the sensor can read"""
    FLAT = "flat"
    """the same value for hours where neighbouring sensors move"""
    UNIT = "unit"
    """off by a constant factor, as after a change of unit"""


@dataclass(frozen=True)
class Bounds:
    """What the sensors of one kind can read, and how long they may stand still (samples; 0: for ever)."""

    low: float
    high: float
    flat_samples: int


PRESSURE = Bounds(-2.0, 250.0, 36)
FLOW = Bounds(-1e5, 1e5, 0)
LEVEL = Bounds(-0.5, 200.0, 0)
DEMAND = Bounds(0.0, 1e4, 0)
"""metres and m3/h; a 5-minute pressure with 1 cm resolution moves within three hours, a level or a pump may not"""


UNIT_FACTORS = np.array([9806.65, 9.80665, 0.0980665, 0.00980665])
"""what a metre of water is in Pa, kPa, bar and MPa"""
UNIT_MARGIN = 0.3
"""a pressure that is read in another unit lies so near to a factor of what it usually reads"""


class Checks:
    """Goes through samples in order: `look` gives the mask, `counts` how many values each reason took out."""

    def __init__(self, bounds: Sequence[Bounds]) -> None:
        self._low = np.array([b.low for b in bounds])
        self._high = np.array([b.high for b in bounds])
        self._flat_after = np.array([b.flat_samples if b.flat_samples else np.iinfo(np.int64).max for b in bounds])
        self._last = np.full(len(bounds), np.nan)
        self._same = np.zeros(len(bounds), dtype=np.int64)
        self._typical = np.full(len(bounds), np.nan)
        self.counts: dict[Doubt, np.ndarray] = {d: np.zeros(len(bounds), dtype=int) for d in Doubt}

    def look(self, sample: np.ndarray) -> np.ndarray:
        """Which values of one sample `(n_sensors,)` may be used."""
        missing = ~np.isfinite(sample)
        outside = ~missing & ((sample < self._low) | (sample > self._high))
        same = ~missing & (sample == self._last)
        self._same = np.where(missing, self._same, np.where(same, self._same + 1, 0))
        self._last = np.where(missing, self._last, sample)
        flat = ~missing & (self._same >= self._flat_after)
        # a pressure in the wrong unit is far outside what it ever reads
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.abs(sample) / self._typical
        pressure = ~missing & np.isfinite(ratio) & (self._flat_after < 10**9)
        known = (np.abs(ratio[:, None] / UNIT_FACTORS - 1.0) < UNIT_MARGIN).any(axis=1)
        unit = pressure & (known | (~outside & ((ratio > 5.0) | (ratio < 0.2))))
        outside &= ~unit
        bad = missing | outside | flat | unit
        good = ~bad
        start = good & ~np.isfinite(self._typical)
        self._typical[start] = np.abs(sample[start])
        move = good & np.isfinite(self._typical)
        self._typical[move] += 0.01 * (np.abs(sample[move]) - self._typical[move])
        for doubt, mask in ((Doubt.MISSING, missing), (Doubt.RANGE, outside), (Doubt.FLAT, flat), (Doubt.UNIT, unit)):
            self.counts[doubt] += mask
        return np.asarray(good)

    def state(self) -> dict[str, Any]:
        """Everything that changes, as JSON."""
        return {
            "last": self._last.tolist(),
            "same": self._same.tolist(),
            "typical": self._typical.tolist(),
            "counts": {d.value: c.tolist() for d, c in self.counts.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._last, self._typical = np.array(state["last"], dtype=float), np.array(state["typical"], dtype=float)
        self._same = np.array(state["same"], dtype=np.int64)
        self.counts = {Doubt(d): np.array(c, dtype=int) for d, c in state["counts"].items()}
