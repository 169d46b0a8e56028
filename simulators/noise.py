"""Noise that is a function of time: the same seed and instant give the same value, whatever was asked before.

So a history that is simulated today goes on without a seam in what is simulated live tomorrow.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


class SeededNoise:
    """Sum of octaves; each is white noise on a grid of `period_s`, joined linearly, with a standard deviation.

    Like a sum of AR(1) processes it is correlated over each period and stationary, but it needs no state.
    """

    def __init__(self, seed: int, name: str, *, streams: int, octaves: Sequence[tuple[float, float]]) -> None:
        """`octaves` are (period in s, standard deviation); `streams` independent values are made at a time."""
        self.seed, self.name, self.streams, self.octaves = seed, zlib.crc32(name.encode()), streams, tuple(octaves)
        self._grid = lru_cache(maxsize=4 * len(self.octaves))(self._draw)

    def at(self, epoch_s: float) -> NDArray[np.float64]:
        """Values at an instant, (streams,), mean 0."""
        total = np.zeros(self.streams)
        for number, (period_s, deviation) in enumerate(self.octaves):
            step, share = divmod(epoch_s / period_s, 1.0)
            before, after = self._grid(number, int(step)), self._grid(number, int(step) + 1)
            # divided so that the variance is the same between grid points as on them
            total += deviation * ((1.0 - share) * before + share * after) / np.hypot(1.0 - share, share)
        return total

    def _draw(self, octave: int, step: int) -> NDArray[np.float64]:
        rng = np.random.default_rng([self.seed, self.name, octave, step])
        return rng.standard_normal(self.streams)
