"""What a set of sensors can see of a network: how large a leak must be to be found, at every pipe.

A leak of q at pipe j moves the measured means of a day by `q s_j`. It is found when that explains them by `threshold`
(log-likelihood) better than chance: `q^2 s' C^-1 s / 2 >= threshold`, C being the scatter of days, what is not known of
their usual mean, and the error of the signature itself, which grows with q.
"""

from dataclasses import dataclass

import numpy as np

from detect.leak.detector import Plan, Settings
from detect.leak.place import Gaussian
from detect.port import Floats, Ints

_LARGEST_M3_PER_H = 200.0
_ROUNDS = 40
_USUAL_KNOWN = 1.0 + 1.0 / 7.0
"""the usual mean is that of a week"""
SEEN_DEVIATIONS = 3.0


@dataclass(frozen=True)
class Sight:
    """What can be seen. Arrays are per pipe of the network (n_pipes,)."""

    smallest_m3_per_h: Floats
    """smallest leak that would be found; inf where none up to 200 m3/h would"""
    seen: Floats
    """(n_pressures, n_pipes) how many standard deviations a day moves by 1 m3/h there"""
    zone: Ints
    """zone of the layout, -1 outside of all"""

    def of_zone(self, zone: int, length_m: Floats) -> tuple[float, float]:
        """Smallest leak that would be found on half, and on nine tenths, of the zone's length, m3/h."""
        inside = self.zone == zone
        half, most = _quantiles(self.smallest_m3_per_h[inside], length_m[inside], (0.5, 0.9))
        return half, most

    def seen_by(self, sensor: int, flow_m3_per_h: float) -> np.ndarray:
        """Pipes at which a leak of that flow moves a sensor by three standard deviations, (n_pipes,) bool."""
        value: np.ndarray = np.abs(self.seen[sensor]) * flow_m3_per_h >= SEEN_DEVIATIONS
        return value


def look(plan: Plan, scatter: Floats, settings: Settings | None = None) -> Sight:
    """What the sensors of a plan see when days scatter by `scatter` (n_channels, n_channels)."""
    track = (settings or Settings()).track
    signatures = plan.signatures
    zones = len(plan.layout.zones)
    mixed = signatures.at_levels(signatures.weights(np.ones((1, max(zones, 1)))))
    known = np.flatnonzero(np.diag(scatter) > 0)
    smallest = np.full(mixed.shape[2], np.inf)
    for pipe in range(mixed.shape[2]):
        flow = 1.0
        for _ in range(_ROUNDS):
            one = signatures.at_size(mixed[:, :, pipe : pipe + 1], np.array([flow]))[known, 0]
            covariance = _USUAL_KNOWN * scatter[np.ix_(known, known)] + np.diag((track.model_error * flow * one) ** 2)
            strength = float(one @ Gaussian(covariance).solve(one))
            needed = np.sqrt(2.0 * track.threshold / max(strength, 1e-12))
            if abs(needed - flow) < 0.02 * flow:
                break
            flow = float(np.clip(0.5 * (flow + needed), 1e-3, 2.0 * _LARGEST_M3_PER_H))
        if flow < _LARGEST_M3_PER_H:
            smallest[pipe] = flow
    n_pressure = plan.model.n_pressure
    one_each = signatures.at_size(mixed, np.full(mixed.shape[2], 1.0))[:n_pressure]
    deviation = np.sqrt(np.maximum(np.diag(scatter)[:n_pressure], 1e-18))
    return Sight(smallest, one_each / deviation[:, None], signatures.pipe_zone)


def _quantiles(values: Floats, weights: Floats, shares: tuple[float, ...]) -> list[float]:
    """Weighted quantiles; inf where nothing is known."""
    if not len(values):
        return [float("inf")] * len(shares)
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    places = [min(int(np.searchsorted(total, share * total[-1])), len(order) - 1) for share in shares]
    return [float(values[order[place]]) for place in places]
