"""What a person's verdict does to the account of leaks: the leak moves to where it was found, or becomes normal.

The account says `measured = offset + sum of flow x signature`. A verdict changes how the sum is split, not the
sum: what is expected of the next hour stays, and nothing new is seen because of the verdict itself.
"""

import numpy as np

from detect.leak.tracker import Leak, Tracker

_CONFIRMED_SHARE = 0.05
"""how far, relative to a flow measured on the spot, the true one may be from it"""


def confirm(tracker: Tracker, number: int, pipe: int, *, flow_m3_per_h: float | None = None) -> bool:
    """The leak `number` is at `pipe`; with a flow measured on the spot, of that size. False where it is not known."""
    leak = _known(tracker, number)
    if leak is None:
        return False
    before = _effect(tracker, leak)
    leak.pipe = pipe
    if flow_m3_per_h is not None:
        leak.flow_m3_per_h = flow_m3_per_h
        leak.peak_m3_per_h = max(leak.peak_m3_per_h, flow_m3_per_h)
        leak.variance = (_CONFIRMED_SHARE * flow_m3_per_h) ** 2
    tracker.offset = tracker.offset + before - _effect(tracker, leak)
    return True


def absorb(tracker: Tracker, number: int) -> bool:
    """The leak `number` is none: what it explained is normal from now on. False where it is not known."""
    leak = _known(tracker, number)
    if leak is None:
        return False
    tracker.offset = tracker.offset + _effect(tracker, leak)
    tracker.leaks.remove(leak)
    tracker.pending = [p for p in tracker.pending if p.leak != number]
    return True


def _known(tracker: Tracker, number: int) -> Leak | None:
    return next((leak for leak in tracker.leaks if leak.number == number), None)


def _effect(tracker: Tracker, leak: Leak) -> np.ndarray:
    """What the leak does to every channel at mean flow `(n_channels,)`."""
    signatures = tracker.signatures
    zones = int(signatures.pipe_zone.max()) + 1
    mixed = signatures.at_levels(signatures.weights(np.ones((1, max(zones, 1)))))
    one = mixed[:, :, leak.pipe : leak.pipe + 1]
    signature = signatures.at_size(one, np.array([leak.flow_m3_per_h]))[:, 0]
    return np.asarray(leak.flow_m3_per_h * signature)
