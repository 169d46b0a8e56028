"""What each pressure of a zone should be, without a hydraulic model: by its meters, the hour, and the other pressures.

Two steps, both linear. A ridge regression on the drivers (flows and their head loss, tank levels, the course of the
day) gives what is common to all; a factor analysis of what that leaves over says how pressures move together for
reasons that nobody measures. With both, each pressure is expected from all others (the conditional mean of a Gaussian
of low rank; Bishop 2006, Pattern Recognition and Machine Learning, 12.2.4): a leak shows where one stays below that.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV

from detect.instant import DAY_S, day_type
from detect.port import Floats, Json

HEAD_LOSS_EXPONENT = 1.852
"""Hazen-Williams"""
_HARMONICS = 3
_ALPHAS = (0.1, 1.0, 10.0, 100.0)
_RANKS = (0, 1, 2, 3, 4, 6)
"""of the unmeasured common part; the one that predicts days held back best is taken"""
_FOLDS = 4
_CLIP = 5.0
_FLOOR_M = 0.002
"""no pressure is expected more closely: a sensor reads in steps of a centimetre, an hour has a dozen of them"""
_LEAST_HOURS = 120
_LEAST_COVER = 0.6


@dataclass(frozen=True, slots=True)
class Expectation:
    """Learned figures of one zone. Pressures in metres of water, flows in m3/h, levels in m."""

    mean: Floats
    """(n_features,) of the drivers' features"""
    scale: Floats
    weight: Floats
    """(n_features, n_pressures)"""
    usual: Floats
    """(n_pressures,) pressure at mean drivers"""
    loading: Floats
    """(rank, n_pressures) of what moves together and is not measured"""
    own: Floats
    """(n_pressures,) variance that is a pressure's own; infinite where a pressure was not learned"""

    @property
    def rank(self) -> int:
        return len(self.loading)

    def common(self, pressure_m: Floats, drivers: Floats, local_s: float) -> Floats:
        """Pressures (n_pressures,) less what the drivers (n_drivers,) explain; NaN where unknown."""
        feature = (_features(drivers[None, :], np.array([local_s]))[0] - self.mean) / self.scale
        left: Floats = pressure_m - self.usual - feature @ self.weight
        return np.where(np.isfinite(self.own), left, np.nan)

    def alone(self, left: Floats) -> Floats:
        """Of what the drivers leave over (n_pressures,), what the other pressures do not explain; NaN where unknown."""
        value = np.full(len(left), np.nan)
        rows = np.flatnonzero(np.isfinite(left) & np.isfinite(self.own))
        if not len(rows):
            return value
        precision = np.linalg.inv(np.diag(self.own[rows]) + self.loading[:, rows].T @ self.loading[:, rows])
        value[rows] = precision @ left[rows] / np.diag(precision)
        return value

    def to_json(self) -> Json:
        own = [float(v) if np.isfinite(v) else None for v in self.own]
        return {
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "weight": self.weight.tolist(),
            "usual": self.usual.tolist(),
            "loading": self.loading.tolist(),
            "own": own,
        }

    @classmethod
    def from_json(cls, saved: Json) -> "Expectation":
        """The inverse of `to_json`."""
        own = np.array([np.inf if v is None else v for v in saved["own"]])
        loading = np.array(saved["loading"], dtype=float).reshape(-1, len(own))
        rest = {key: np.array(saved[key], dtype=float) for key in ("mean", "scale", "weight", "usual")}
        return cls(loading=loading, own=own, **rest)


def learn(pressure_m: Floats, drivers: Floats, local_s: Floats) -> Expectation | None:
    """Learns from hours: pressures (n_hours, n_pressures), drivers (n_hours, n_drivers), local seconds (n_hours,).

    None where too few hours are known. Pressures that are missing for the most part are not learned.
    """
    n = pressure_m.shape[1]
    driven = np.isfinite(drivers).all(axis=1)
    cover = np.isfinite(pressure_m[driven]).mean(axis=0) if driven.any() else np.zeros(n)
    used = np.flatnonzero(cover >= _LEAST_COVER)
    rows = (
        np.flatnonzero(driven & np.isfinite(pressure_m[:, used]).all(axis=1)) if len(used) else np.zeros(0, dtype=int)
    )
    if len(rows) < _LEAST_HOURS:
        return None
    feature = _features(drivers[rows], local_s[rows])
    mean, scale = feature.mean(axis=0), np.maximum(feature.std(axis=0), 1e-9)
    ridge = RidgeCV(alphas=_ALPHAS).fit((feature - mean) / scale, pressure_m[np.ix_(rows, used)])
    left = pressure_m[np.ix_(rows, used)] - ridge.predict((feature - mean) / scale).reshape(len(rows), -1)
    limit = _CLIP * np.maximum(1.4826 * np.median(np.abs(left), axis=0), _FLOOR_M)
    loading, own = _factors(np.clip(left, -limit, limit))
    weight, usual, spread = np.zeros((feature.shape[1], n)), np.zeros(n), np.full(n, np.inf)
    weight[:, used], usual[used], spread[used] = np.atleast_2d(ridge.coef_).T, ridge.intercept_, own
    wide = np.zeros((len(loading), n))
    wide[:, used] = loading
    return Expectation(mean, scale, weight, usual, wide, spread)


def _factors(left: Floats) -> tuple[Floats, Floats]:
    """Loadings (rank, n) and own variances (n,) of residuals (n_hours, n); the rank that days held back like best."""
    days = np.array_split(np.arange(len(left)), _FOLDS)
    best, best_score = 0, -np.inf
    for rank in _RANKS:
        if rank > max(left.shape[1] // 2, 0):
            break
        score = 0.0
        for held in days:
            others = np.setdiff1d(np.arange(len(left)), held)
            loading, own = _fit(left[others], rank)
            score += _log_likelihood(left[held], loading, own)
        if score > best_score:
            best, best_score = rank, score
    return _fit(left, best)


def _fit(left: Floats, rank: int) -> tuple[Floats, Floats]:
    floor = _FLOOR_M**2
    if not rank:
        return np.zeros((0, left.shape[1])), np.maximum(np.mean(left**2, axis=0), floor)
    with warnings.catch_warnings():
        # a rank too many has no best answer to converge to; days held back judge it all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = FactorAnalysis(n_components=rank, max_iter=300, tol=1e-2).fit(left)
    return np.asarray(found.components_), np.maximum(found.noise_variance_, floor)


def _log_likelihood(left: Floats, loading: Floats, own: Floats) -> float:
    covariance = np.diag(own) + loading.T @ loading
    sign, log_det = np.linalg.slogdet(covariance)
    assert sign > 0
    return -0.5 * float(np.einsum("ti,ti->", left, np.linalg.solve(covariance, left.T).T) + len(left) * log_det)


def _features(drivers: Floats, local_s: Floats) -> Floats:
    """(n, n_features): each driver, its head loss, the course of a workday and of a day off."""
    angle = 2.0 * np.pi * local_s[:, None] / DAY_S * np.arange(1, _HARMONICS + 1)
    off = day_type(np.floor_divide(local_s, DAY_S).astype(np.intp)).astype(float)[:, None]
    course = np.hstack([np.sin(angle), np.cos(angle)])
    loss = np.sign(drivers) * np.abs(drivers) ** HEAD_LOSS_EXPONENT
    return np.hstack([drivers, loss, course, off, off * course])
