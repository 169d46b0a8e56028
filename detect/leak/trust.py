"""Whether the hydraulic model is good enough to judge by: asked of the readings themselves when the calibration ends.

A network whose pumps, tanks and valves go their own way is not followed by a model that does not know why; what is
left over from day to day is then many times what random demands cause. And sensors that are too few or too far do not
show even a large leak. In both cases the core says that it cannot judge, and reports nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from detect.leak.baseline import window_mean
from detect.port import Floats

MISFIT_MOST = 3.0
"""how much more than random demands the pressures may scatter from day to day. Working value between what was seen: 36
weeks of the three twin years of L-Town 0.6 to 2.7 but for four in which large leaks began or grew (3.4 to 5.5: no weeks
to calibrate in), eight of Net3 3.4 to 9"""
LARGE_LEAK = 0.10
"""of the mean inflow: who does not see that on half of the network's length cannot judge it"""
LEAST_SHARE = 0.5
_LEAST_DAYS = 4
DIFFERENCE_MEDIAN = 0.954
"""median of the absolute difference of two standard normals: deaf to one step within the week, as of a leak's begin"""


class TrustReason(StrEnum):
    """What the calibration made of the model."""

    CAN_JUDGE = "can-judge"
    CANNOT_JUDGE = "cannot-judge"
    """the model misses what happens in the network, or its sensors would not show even a large leak"""


@dataclass(frozen=True, slots=True)
class Trust:
    """The answer, with its numbers."""

    reason: TrustReason
    misfit: float
    """scatter of the pressures from day to day, relative to what random demands cause; their median"""
    leak_m3_per_h: float
    """a large leak"""
    seen_share: float
    """part of the network's length where it would be seen by the value that shows it best"""
    channels: int
    """pressures that were known on enough days"""

    @property
    def usable(self) -> bool:
        return self.reason is TrustReason.CAN_JUDGE


def judge(
    left: Floats,
    assumed: Floats,
    signature: Floats,
    length_m: Floats,
    *,
    n_pressure: int,
    leak: float,
    threshold: float,
) -> Trust:
    """Judges by what the baseline leaves over of consecutive hours, (n_hours, n_channels), pressures first.

    `assumed` (n_channels, n_channels) is the scatter that random demands alone would cause; `signature` (n_channels,
    n_pipes) the change per m3/h of a leak of `leak` m3/h. It is seen where it moves a value by as many of its standard
    deviations as the log-likelihood ratio `threshold` of the detector asks for.
    """
    days = np.array([window_mean(left[k : k + 24]) for k in range(0, len(left) - 23, 24)]).reshape(-1, left.shape[1])
    steps = np.abs(np.diff(days, axis=0))
    known = np.flatnonzero(np.isfinite(steps).sum(axis=0) >= _LEAST_DAYS - 1)
    pressures = known < n_pressure
    if not pressures.any():
        return Trust(TrustReason.CANNOT_JUDGE, 0.0, leak, 0.0, 0)
    random = np.sqrt(np.diag(assumed)[known])
    scatter = np.nanmedian(steps[:, known], axis=0) / DIFFERENCE_MEDIAN
    misfit = float(np.median((scatter / random)[pressures]))
    moved = (np.abs(signature[known]) * leak / np.maximum(scatter, random)[:, None]).max(axis=0)
    share = float(length_m[moved >= np.sqrt(2.0 * threshold)].sum() / max(float(length_m.sum()), 1e-9))
    usable = misfit <= MISFIT_MOST and share >= LEAST_SHARE
    reason = TrustReason.CAN_JUDGE if usable else TrustReason.CANNOT_JUDGE
    return Trust(reason, misfit, leak, share, int(pressures.sum()))
