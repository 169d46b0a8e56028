"""Page's CUSUM and its false-alarm rate: thresholds follow from how seldom a false alarm may be, not from taste.

For independent standard normal z the one-sided CUSUM S = max(0, S + z - k), alarm at S >= h, has the average run length
to a false alarm (Siegmund 1985, Sequential Analysis, eq. 2.56; Page 1954, Biometrika 41, for the scheme)

    ARL0 = (exp(2 k b) - 2 k b - 1) / (2 k^2),   b = h + 1.166
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from scipy.optimize import brentq
from scipy.stats import norm

SIEGMUND = 1.166


def run_length(threshold: float, reference: float) -> float:
    """Mean number of steps to a false alarm.

    >>> round(run_length(4.0, 0.5))   # the exact value is 336
    338
    """
    x = 2.0 * reference * (threshold + SIEGMUND)
    return (math.exp(min(x, 700.0)) - x - 1.0) / (2.0 * reference**2)


@lru_cache(maxsize=64)
def threshold_for(steps: float, reference: float) -> float:
    """The threshold whose mean number of steps to a false alarm is `steps`.

    >>> round(run_length(threshold_for(1e6, 0.75), 0.75))
    1000000
    """
    return float(brentq(lambda h: math.log(run_length(h, reference) / steps), 0.01, 100.0))


def shewhart_threshold(steps: float) -> float:
    """The limit that a standard normal value passes once in `steps` on average.

    >>> round(shewhart_threshold(740.8), 2)
    3.0
    """
    return float(norm.isf(1.0 / steps))


@dataclass(slots=True)
class Cusum:
    """One running sum; `since_s` is the instant at which it last left zero: the estimate of when the change began."""

    reference: float
    value: float = 0.0
    since_s: float = 0.0

    def add(self, z: float, at_s: float) -> float:
        """The sum after `z` at `at_s`."""
        after = max(0.0, self.value + z - self.reference)
        if after > 0.0 and self.value == 0.0:
            self.since_s = at_s
        self.value = after
        return after

    def reset(self) -> None:
        self.value = 0.0
