"""Which explanation fits a change best: a new leak at some pipe, a known leak that grew or ended, or a faulty sensor.

A change `u` of the measured quantities is compared with each explanation by its Gaussian likelihood. A leak at pipe j
with flow q explains `q s_j`; what the model gets wrong about it is taken as proportional to the change itself
(`model_error`), so that a large leak is not placed more finely than the model allows.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from detect.leak.signature import Signatures


class Gaussian:
    """A zero-mean Gaussian: `log_density`, and `solve` with its covariance."""

    def __init__(self, covariance: np.ndarray) -> None:
        self._factor = cho_factor(covariance, lower=True)
        self.log_det = 2.0 * float(np.log(np.diag(self._factor[0])).sum())

    def solve(self, right: np.ndarray) -> np.ndarray:
        """`covariance^-1 right`."""
        value: np.ndarray = cho_solve(self._factor, right)
        return value

    def log_density(self, value: np.ndarray) -> float:
        """Without the constant."""
        return -0.5 * (float(value @ self.solve(value)) + self.log_det)


@dataclass(frozen=True)
class Placement:
    """Log-likelihood and fitted flow of a leak at every pipe `(n_pipes,)`."""

    log_density: np.ndarray
    flow_m3_per_h: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        """Posterior over the pipes, every pipe equally likely beforehand."""
        weight = np.exp(self.log_density - self.log_density.max())
        value: np.ndarray = weight / weight.sum()
        return value

    @property
    def best(self) -> int:
        return int(self.log_density.argmax())


def place(
    change: np.ndarray,
    covariance: np.ndarray,
    mixed: np.ndarray,
    signatures: Signatures,
    *,
    rows: np.ndarray,
    least_m3_per_h: float = 0.1,
) -> Placement:
    """Fit a leak at every pipe to `change` `(n_rows,)`; `mixed` is of `Signatures.at_levels`, `rows` picks channels.

    The signature depends on the flow, so flow and signature are fitted in turns.
    """
    gauss = Gaussian(covariance)
    whitened_change = gauss.solve(change)
    flow = np.full(mixed.shape[2], 1.0)
    for _ in range(4):
        signature = signatures.at_size(mixed, flow)[rows]
        weighted = gauss.solve(signature)
        strength = np.maximum(np.einsum("cp,cp->p", signature, weighted), 1e-12)
        flow = np.maximum(weighted.T @ change / strength, least_m3_per_h)
    signature = signatures.at_size(mixed, flow)[rows]
    weighted = gauss.solve(signature)
    strength = np.einsum("cp,cp->p", signature, weighted)
    misfit = float(change @ whitened_change) - 2 * flow * (weighted.T @ change) + flow**2 * strength
    return Placement(-0.5 * (misfit + gauss.log_det), flow)


class Reach:
    """Who reaches whom: made once from the distances between the pipes `(n_pipes, n_pipes)`, m."""

    def __init__(self, distance_m: np.ndarray, *, within_m: float = 300.0) -> None:
        self._distance_m, self._within_m = distance_m, within_m
        self._worth = np.where(distance_m <= within_m, 1.0 - 0.15 * distance_m / within_m, 0.0)

    def choose(self, probability: np.ndarray) -> tuple[int, float]:
        """The pipe to send a crew to, and the probability that the leak lies within reach of it.

        It maximises the chance to be within reach, and among equals the nearness to the likely pipes.
        """
        pipe = int((self._worth @ probability).argmax())
        return pipe, float(probability[self._distance_m[pipe] <= self._within_m].sum())
