"""The record of places: how deep each stood after how much rain, as storms over the city's drainage model showed.

Of each place a curve from rain within 15, 30, 60 and 120 minutes to the depth that was reached, forced to rise with it
(isotonic). Looked up with the rain so far and with the rain that is foreseen, it says where a place is heading.
"""

from dataclasses import dataclass

import numpy as np

from detect.port import Floats

SPANS_MIN = (15, 30, 60, 120)
GRID_MM = np.concatenate([[0.0], np.geomspace(1.0, 200.0, 31)])
DEEPEST_M = 1.5


@dataclass(frozen=True)
class Record:
    """Curves by place id: (len(SPANS_MIN), len(GRID_MM)) depths, m."""

    curves: dict[str, Floats]

    def depths(self, place_ids: list[str], spans_mm: Floats) -> Floats:
        """(n, len(SPANS_MIN)): depth that goes with the rain of each span, `spans_mm` (n, len(SPANS_MIN)); NaN for a
        place that is not on record or rain that is not known."""
        found = np.full(spans_mm.shape, np.nan)
        known = np.array([p in self.curves for p in place_ids], dtype=bool)
        if not known.any():
            return found
        curves = np.stack([self.curves[p] for p, k in zip(place_ids, known, strict=True) if k])
        mm = spans_mm[known]
        place = np.clip(np.searchsorted(GRID_MM, np.nan_to_num(mm), side="right") - 1, 0, len(GRID_MM) - 2)
        share = np.clip((mm - GRID_MM[place]) / (GRID_MM[place + 1] - GRID_MM[place]), 0.0, 1.0)
        row, span = np.arange(len(mm))[:, None], np.arange(len(SPANS_MIN))[None, :]
        low, high = curves[row, span, place], curves[row, span, place + 1]
        found[known] = low + share * (high - low)
        return found


def learned(place_ids: tuple[str, ...], spans_mm: Floats, depths_m: Floats) -> Record:
    """From storms: most rain of each span `(n_storms, n_places, len(SPANS_MIN))`, depths `(n_storms, n_places)`."""
    from sklearn.isotonic import IsotonicRegression

    curves = {}
    for n, place in enumerate(place_ids):
        rows = []
        for span in range(len(SPANS_MIN)):
            fit = IsotonicRegression(y_min=0.0, out_of_bounds="clip")
            fit.fit(spans_mm[:, n, span], np.minimum(depths_m[:, n], DEEPEST_M))
            rows.append(fit.predict(GRID_MM))
        curves[place] = np.array(rows)
    return Record(curves)


def spans_so_far(past_mm: Floats) -> Floats:
    """Rain of each span from the rain windows of `rainfield`, (n, 6) to (n, len(SPANS_MIN))."""
    return past_mm[:, 2:6]


def spans_ahead(past_mm: Floats, ahead_mm: Floats) -> Floats:
    """The wettest span that lies partly or wholly within the coming hour, (n, len(SPANS_MIN))."""
    p5, _, p15, p30, p60, p120 = past_mm.T
    a15, a30, a60, peak10 = ahead_mm.T[:4]
    return np.column_stack([
        np.maximum.reduce([p15, p5 + 2.0 / 3.0 * a15, a15, peak10 * 1.25]),
        np.maximum.reduce([p30, p15 + a15, a30, a60 - a30, p5 + a30 * 0.9]),
        np.maximum.reduce([p60, p30 + a30, p15 + 0.5 * (a30 + a60), a60]),
        np.maximum.reduce([p120, p60 + a60]),
    ])  # fmt: skip
