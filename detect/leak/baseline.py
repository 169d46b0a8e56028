"""What the hydraulic model gets wrong where nothing leaks: learned from the first quiet days, then slowly kept up.

Per channel a constant and a part that follows the flow (`e = a + b (Q/Qmean)^1.85 + c pump`, ridge), and the scatter of
daily means, which starts as the scatter that random demands would cause and becomes the measured one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from detect.leak.expected import Residual

PRIOR_DAYS = 10.0
"""how many days of data the assumed scatter counts for"""
RIDGE = 0.5
PRIOR_HOURS = 2.0
"""how many hours of no deviation each hour of the day is held against"""


class Baseline:
    """`correct` takes the learned part off a residual; `covariance` is that of 24 h means."""

    def __init__(self, coefficient: np.ndarray, hour: np.ndarray, covariance: np.ndarray) -> None:
        self.coefficient = coefficient
        self.hour = hour
        self.covariance = covariance

    @classmethod
    def fit(
        cls, residuals: Sequence[Residual], hour_of_day: np.ndarray, prior: np.ndarray
    ) -> tuple["Baseline", np.ndarray]:
        """Learn from consecutive hours; also returns the mean left over per channel `(n_channels,)`."""
        value = np.stack([r.value for r in residuals])
        drivers = np.stack([r.drivers for r in residuals])
        hours, channels = value.shape
        coefficient = np.zeros((channels, drivers.shape[2] + 1))
        for c in range(channels):
            ok = np.isfinite(value[:, c])
            if ok.sum() < 12:
                continue
            design = np.column_stack([np.ones(ok.sum()), drivers[ok, c]])
            penalty = np.diag([0.0, *[RIDGE] * drivers.shape[2]])
            coefficient[c] = np.linalg.solve(design.T @ design + penalty, design.T @ value[ok, c])
        base = cls(coefficient, np.zeros((24, channels)), prior.copy())
        left = value - base.predict(drivers)
        for k in range(24):
            same = np.isfinite(left[hour_of_day == k])
            total = np.where(same, left[hour_of_day == k], 0.0).sum(axis=0)
            base.hour[k] = total / (same.sum(axis=0) + PRIOR_HOURS)
        # the mean of a day stays: only its shape is taken out, over the hours that a channel has at all
        used = np.abs(base.hour).sum(axis=0) > 0
        nonzero = np.maximum((base.hour != 0).sum(axis=0), 1)
        base.hour -= np.where((base.hour != 0) & used, base.hour.sum(axis=0) / nonzero, 0.0)
        left = left - base.hour[hour_of_day]
        days = [left[k : k + 24] for k in range(0, hours - 23, 24)]
        mean = window_mean(left)
        if len(days) >= 3:
            scatter = np.nan_to_num(np.stack([window_mean(d) for d in days]) - mean)
            base.covariance = (scatter.T @ scatter + PRIOR_DAYS * prior) / (len(days) - 1 + PRIOR_DAYS)
        return base, np.nan_to_num(mean)

    def predict(self, drivers: np.ndarray) -> np.ndarray:
        """The learned part for drivers `(..., n_channels, n_drivers)`."""
        value: np.ndarray = self.coefficient[:, 0] + (drivers * self.coefficient[:, 1:]).sum(axis=-1)
        return value

    def correct(self, residual: Residual, local_hour: int) -> np.ndarray:
        """Residual less what was learned `(n_channels,)`; `local_hour` counts from 1970-01-01."""
        value: np.ndarray = residual.value - self.predict(residual.drivers) - self.hour[local_hour % 24]
        return value

    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON."""
        return {k: getattr(self, k).tolist() for k in ("coefficient", "hour", "covariance")}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "Baseline":
        """The inverse of `state`."""
        return cls(*(np.array(state[k]) for k in ("coefficient", "hour", "covariance")))


def window_mean(values: np.ndarray, *, least: float = 0.5) -> np.ndarray:
    """Mean over time `(n_channels,)` of `(n_hours, n_channels)`; NaN where less than the part `least` is known."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    # a night channel is known in few hours only: it counts against the most that it can have, three a day
    enough = np.where(count > 0, count >= np.minimum(least * len(values), 2), False)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean: np.ndarray = np.where(enough, total / np.maximum(count, 1), np.nan)
    return mean
