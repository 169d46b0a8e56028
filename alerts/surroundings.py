"""What the policy asks about a city, read from the store now and then: people, critical users, weather warnings."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from alerts.exposure import Around, CriticalUser, cells_of
from lifeline.store import warnings
from lifeline.store.cities import population
from lifeline.store.pool import Store
from lifeline.warning import WeatherWarning

_WARNINGS_S = 10.0
_PEOPLE_S = 600.0
_REPLAY_DAYS = 400.0
"""Warnings so long ago are still known: a finding of a replay is judged by the weather of its own day."""


class Surroundings:
    """What is around the places of each city; a warning counts within _WARNINGS_S of its import."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._warnings: Sequence[WeatherWarning] = ()
        self._warnings_at: datetime | None = None
        self._cells: dict[str, tuple[datetime, NDArray[np.float64]]] = {}

    def around(self, city_code: str, timezone: str, users: Sequence[CriticalUser], now: datetime) -> Around:
        """What stands around the places of a city. Raises StoreError."""
        if self._warnings_at is None or now - self._warnings_at >= timedelta(seconds=_WARNINGS_S):
            self._warnings = warnings.current(self._store, since=now - timedelta(days=_REPLAY_DAYS))
            self._warnings_at = now
        known = self._cells.get(city_code)
        if known is None or now - known[0] >= timedelta(seconds=_PEOPLE_S):
            known = (now, cells_of(population(self._store, city_code)))
            self._cells[city_code] = known
        return Around(city_code, timezone, users, known[1], self._warnings)
