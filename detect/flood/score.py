"""What warnings were worth: hits, false alarms, critical success, reliability, lead time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.port import Floats

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Score:
    """POD, FAR and CSI of warnings; NaN where there is nothing to divide by."""

    cases: int
    happened: int
    warned: int
    hits: int

    @property
    def pod(self) -> float:
        """Share of what happened that was warned of."""
        return _share(self.hits, self.happened)

    @property
    def far(self) -> float:
        """Share of warnings that were false."""
        return _share(self.warned - self.hits, self.warned)

    @property
    def csi(self) -> float:
        """Hits of all that happened or were warned of.

        >>> score(np.array([True, True, False]), np.array([True, False, True])).csi
        0.3333333333333333
        """
        return _share(self.hits, self.happened + self.warned - self.hits)

    def figures(self) -> dict[str, float | int | None]:
        """For JSON."""
        rates = {"pod": self.pod, "far": self.far, "csi": self.csi}
        counts = {"cases": self.cases, "happened": self.happened, "warned": self.warned}
        return counts | {k: None if np.isnan(v) else round(v, 4) for k, v in rates.items()}


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts of about one probability, and how often it happened."""

    cases: int
    forecast: float
    happened: float


def score(warned: Flags, happened: Flags) -> Score:
    """Of arrays (n,)."""
    return Score(len(happened), int(happened.sum()), int(warned.sum()), int((warned & happened).sum()))


def reliability(probability: Floats, happened: Flags, bins: int = 5) -> list[Bin]:
    """Bins of equal width that hold anything. Arrays (n,)."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    return [
        Bin(int((place == b).sum()), float(probability[place == b].mean()), float(happened[place == b].mean()))
        for b in range(bins)
        if (place == b).any()
    ]


def brier(probability: Floats, happened: Flags) -> float:
    """Mean squared error of probabilities; NaN of none."""
    return float(np.mean((probability - happened) ** 2)) if len(happened) else float("nan")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
