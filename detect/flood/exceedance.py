"""Learns the probability that the highest depth within a time reaches a level, for any level and any time at once.

One gradient-boosted classifier with level and horizon among its features, forced to be monotone in both, so that
blue is never less likely than red nor an hour less than half of it; then isotonic calibration on forecasts made of
floods later than those it was fitted to (forward chaining). Needs scikit-learn; imports it when it is used.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from detect.port import Floats, Ints

FIT_LEVELS_M = (0.03, 0.05, 0.08, 0.10, 0.15, 0.20, 0.27, 0.40)
FIT_HORIZONS_MIN = (15.0, 30.0, 60.0)
_PAIRS = 8
"""level and horizon pairs drawn per row: rows of one flood are alike, pairs of one row even more so"""
_LEAST_FLOODS = 30


@dataclass(frozen=True)
class Examples:
    """What happened after each row: `rows` (n, n_features), highest later depth by horizon `ahead_m` (n, 3).

    `flood` (n,) numbers the floods in order of their beginning: rows of one flood are never on both sides of a fold.
    """

    rows: Floats
    ahead_m: Floats
    flood: Ints
    weight: Floats
    """(n,) how many rows of its kind each stands for"""

    def part(self, chosen: Any) -> "Examples":
        """The rows where `chosen` (n,) is true."""
        return Examples(self.rows[chosen], self.ahead_m[chosen], self.flood[chosen], self.weight[chosen])


@dataclass(frozen=True, slots=True)
class Size:
    """How large a model is fitted: trees, leaves of each, rows in a leaf at the least, learning rate, and shares of the
    floods at which the folds of the calibration end; of more than `most` pairs of row and question a part is drawn."""

    trees: int = 140
    leaves: int = 12
    leaf_rows: int = 60
    rate: float = 0.06
    folds: tuple[float, ...] = (0.4, 0.6, 0.8, 1.0)
    most: int = 1_000_000


class Exceedance:
    """A fitted model. `columns` are the features it looks at, by position; the first must be the depth. `shift`,
    `slope`: what observed floods have made of its log-odds (observed.py)."""

    def __init__(
        self, classifier: Any, calibration: Any, columns: Ints, *, shift: float = 0.0, slope: float = 1.0
    ) -> None:
        self._classifier, self._calibration, self.columns = classifier, calibration, columns
        self._shift, self._slope = shift, slope

    def shifted(self, shift: float, slope: float) -> "Exceedance":
        """The same model with corrected log-odds."""
        return Exceedance(
            self._classifier, self._calibration, self.columns,
            shift=shift + slope * self._shift, slope=slope * self._slope,
        )  # fmt: skip

    def at(self, rows: Floats, levels_m: Floats, horizons_min: Floats) -> Floats:
        """Calibrated probability of each row at its own level and horizon, (n,); 1 where it is reached already."""
        if len(rows) == 0:
            return np.zeros(0)
        raw = self._classifier.predict_proba(_table(rows[:, self.columns], levels_m, horizons_min))[:, 1]
        found = np.asarray(self._calibration.predict(raw), dtype=np.float64)
        if (self._shift, self._slope) != (0.0, 1.0):
            found = 1.0 / (1.0 + np.exp(-(self._shift + self._slope * np.log(found / (1.0 - found)))))
        found[rows[:, 0] >= levels_m] = 1.0
        return found


def fit(
    examples: Examples, *, leave_out: tuple[int, ...] = (), size: Size | None = None, seed: int = 0
) -> Exceedance | None:
    """A calibrated model; None where there are too few floods or none that rises. Features of `leave_out` (positions)
    and those that are nowhere known are left out."""
    floods = np.unique(examples.flood)
    if len(floods) < _LEAST_FLOODS:
        return None
    size = size or Size()
    known = np.asarray(np.isfinite(examples.rows).any(axis=0))
    known[list(leave_out)] = False
    columns = np.flatnonzero(known).astype(np.intp)
    rng = np.random.default_rng(seed)
    raw, truth, weights = [], [], []
    edges = np.quantile(floods, size.folds)
    for low, high in pairwise(edges):
        early = _classifier(examples.part(examples.flood <= low), columns, size, rng)
        if early is None:
            continue
        later = _drawn(examples.part((examples.flood > low) & (examples.flood <= high)), size.most // _PAIRS, rng)
        table, reached, weight = _pairs(later, columns, rng)
        raw.append(early.predict_proba(table)[:, 1])
        truth.append(reached)
        weights.append(weight)
    model = _classifier(examples, columns, size, rng)
    if model is None or not raw:
        return None
    from sklearn.isotonic import IsotonicRegression

    calibration = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip")
    calibration.fit(np.concatenate(raw), np.concatenate(truth), sample_weight=np.concatenate(weights))
    return Exceedance(model, calibration, columns)


def _classifier(examples: Examples, columns: Ints, size: Size, rng: np.random.Generator) -> Any | None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    table, reached, weight = _pairs(_drawn(examples, size.most // _PAIRS, rng), columns, rng)
    if len(table) == 0 or reached.all() or not reached.any():
        return None
    model = HistGradientBoostingClassifier(
        max_iter=size.trees, learning_rate=size.rate, max_leaf_nodes=size.leaves, min_samples_leaf=size.leaf_rows,
        l2_regularization=5.0, early_stopping=False, random_state=0,
        monotonic_cst=[0] * len(columns) + [-1, -1, 1],
    )  # fmt: skip
    model.fit(table, reached, sample_weight=weight)
    model._feature_subsample_rng = None  # of no use once fitted, and a stored model need not hold it
    return model


def _drawn(examples: Examples, most: int, rng: np.random.Generator) -> Examples:
    if len(examples.flood) <= most:
        return examples
    return examples.part(np.sort(rng.choice(len(examples.flood), most, replace=False)))


def _pairs(examples: Examples, columns: Ints, rng: np.random.Generator) -> tuple[Floats, Any, Floats]:
    """Rows with a level not yet reached and a horizon, drawn at random; whether the level was reached; weights."""
    n, k, h = len(examples.rows), len(FIT_LEVELS_M), len(FIT_HORIZONS_MIN)
    drawn = np.argsort(rng.random((n, k * h)), axis=1)[:, :_PAIRS]
    which = np.repeat(np.arange(n), _PAIRS)
    level, horizon = np.divmod(drawn.ravel(), h)
    levels_m = np.array(FIT_LEVELS_M)[level]
    open_ = examples.rows[which, 0] < levels_m
    which, levels_m, horizon = which[open_], levels_m[open_], horizon[open_]
    table = _table(examples.rows[:, columns][which], levels_m, np.array(FIT_HORIZONS_MIN)[horizon])
    return table, examples.ahead_m[which, horizon] >= levels_m, examples.weight[which]


def _table(rows: Floats, levels_m: Floats, horizons_min: Floats) -> Floats:
    return np.column_stack([rows, levels_m, levels_m - rows[:, 0], horizons_min])
