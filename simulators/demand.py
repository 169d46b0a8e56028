"""What the people of a city draw from its network at an instant: weekly pattern, areas that vary, taps that scatter."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.epanet import Epanet
from simulators.noise import SeededNoise

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
AREA_OCTAVES = ((MINUTE_S, 0.012), (10 * MINUTE_S, 0.015), (2 * HOUR_S, 0.015), (DAY_S, 0.015))
"""An area's use against its pattern: about 3 % altogether, of which half changes within minutes."""
NODE_OCTAVES = ((2 * MINUTE_S, 0.12), (HOUR_S, 0.12))
"""A junction's use against its area's."""


class Demand:
    """Demands of all junctions as a pure function of time: history and live city share it."""

    def __init__(self, model: Epanet, areas: Sequence[str | None], *, seed: int, timezone: str) -> None:
        """`areas` names the zone of each junction of the model, in its order."""
        self._base = model.demands.base_l_per_s
        self._pattern = model.demands.pattern
        self._patterns = model.patterns
        self._step_s, self._start_s = model.pattern_step_s, model.pattern_start_s
        self._timezone = ZoneInfo(timezone)
        zones = sorted({area for area in areas if area is not None})
        self._area = np.array([zones.index(area) if area is not None else len(zones) for area in areas], dtype=np.intp)
        self._areas_vary = SeededNoise(seed, "areas", streams=len(zones) + 1, octaves=AREA_OCTAVES)
        self._nodes_vary = SeededNoise(seed, "junctions", streams=len(areas), octaves=NODE_OCTAVES)

    def at(self, when: datetime) -> NDArray[np.float64]:
        """Demand of each junction in l/s, (n_junctions,); patterns begin on Monday 00:00 local time."""
        local = when.astimezone(self._timezone)
        second_of_week = (
            local.weekday() * DAY_S
            + local.hour * HOUR_S
            + local.minute * MINUTE_S
            + local.second
            + local.microsecond / 1e6
        )
        position, share = divmod((second_of_week + self._start_s) / self._step_s, 1.0)
        factors = np.array([_between(pattern, int(position), share) for pattern in self._patterns])
        expected = (self._base * factors[self._pattern]).sum(axis=1)
        epoch_s = when.timestamp()
        scatter = (1.0 + self._areas_vary.at(epoch_s))[self._area] * (1.0 + self._nodes_vary.at(epoch_s))
        result: NDArray[np.float64] = expected * np.maximum(scatter, 0.05)
        return result


def _between(pattern: NDArray[np.float64], position: int, share: float) -> float:
    """The pattern joined linearly, so that use does not jump at the full hour."""
    before, after = pattern[position % len(pattern)], pattern[(position + 1) % len(pattern)]
    return float((1.0 - share) * before + share * after)
