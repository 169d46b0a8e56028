"""Past storms: alarms of water that belong together, with what they cost in water, rain and alarms."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.alarm import Level
from lifeline.finding import FindingKind
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("storms")
GAP = timedelta(hours=6)
"""Dry for so long, what comes then is another storm: the usual least time between events of city drainage."""
_KINDS = [FindingKind.FLOOD.value]


@dataclass(frozen=True, slots=True)
class Storm:
    """From the first water to the last, in one city. `level`: the gravest; None is not known, and is not none."""

    city_code: str
    began_at: datetime
    over_at: datetime
    lasts: bool
    """there is water still"""
    alarms: int
    places: int
    """where water stood"""
    level: Level
    depth_m: float | None
    """the greatest anywhere"""
    alarm_ids: tuple[int, ...]
    """the gravest and deepest first"""
    intensity_m_per_s: float | None
    """the greatest rain of any gauge, from roll-ups"""
    fallen_m: float | None
    """of the gauge that had most, from three hours before the water on"""

    @property
    def key(self) -> str:
        """Names it in an address: it begins when it begins, however long it lasts."""
        return f"{self.city_code}-{self.began_at:%Y%m%dT%H%M%S}"


def storms(
    store: Store, *, cities: Collection[str] | None, since: datetime, now: datetime, limit: int = 500
) -> list[Storm]:
    """Storms whose first water came after `since`, newest first; exercises and false alarms left out. Raises
    StoreError."""
    query = {
        "cities": None if cities is None else sorted(cities), "since": since, "now": now, "kinds": _KINDS,
        "gap_s": GAP.total_seconds(), "limit": limit,
    }  # fmt: skip
    with store.transaction() as connection:
        return [
            Storm(**(row._asdict() | {"level": Level(row.level), "alarm_ids": tuple(row.alarm_ids)}))
            for row in connection.execute(_SQL["storms"], query)
        ]
