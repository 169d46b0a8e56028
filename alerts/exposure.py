"""Who and what an event touches: people and critical users nearby, the season, the weather warnings in force. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts import rulefile
from lifeline.asset import Name, PopulationCell, Position
from lifeline.city.fault import Faults
from lifeline.city.table import rows, unique
from lifeline.warning import WeatherWarning

COLUMNS = ("user_id", "kind", "name_zh", "name_en", "city", "lon", "lat")
_METRES_PER_DEGREE = 111_320.0


class UserKind(StrEnum):
    """Whom a failure hits harder than others."""

    HOSPITAL = "hospital"
    SCHOOL = "school"
    KINDERGARTEN = "kindergarten"
    CARE_HOME = "care-home"
    HEATING_STATION = "heating-station"
    WATER_WORKS = "water-works"
    METRO = "metro"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class CriticalUser:
    """One of them and where it is."""

    user_id: str
    kind: UserKind
    name: Name
    city_code: str
    position: Position


def users_of(path: Path) -> tuple[CriticalUser, ...]:
    """The critical users in a CSV file. Raises SettingsError, which names every fault with line and field."""
    faults, found, seen = Faults(), [], dict[str, int]()
    for row in rows(rulefile.read(path), str(path), COLUMNS, faults):
        user = CriticalUser(
            row.identifier("user_id"),
            row.choice("kind", UserKind),
            row.name(),
            row.division("city"),
            Position(row.number("lon", low=-180, high=180), row.number("lat", low=-90, high=90)),
        )
        unique(row, "user_id", user.user_id, seen)
        found.append(user)
    if len(faults):
        raise rulefile.listed(faults.sorted(), "critical users", "see docs/alarms.md, critical users")
    return tuple(found)


@dataclass(frozen=True)
class Around:
    """What stands around the places of a city: its people, its critical users, its time zone, warnings for it."""

    city_code: str
    timezone: str = "Asia/Shanghai"
    users: Sequence[CriticalUser] = ()
    cells: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    """(n_cells, 3): lon, lat in degrees, people"""
    warnings: Sequence[WeatherWarning] = ()

    def people(self, centre: Position, within_m: float) -> int:
        """How many people live within a distance."""
        if not len(self.cells):
            return 0
        near = _distance_m(self.cells[:, 0], self.cells[:, 1], centre) <= within_m
        return int(self.cells[near, 2].sum())

    def users_near(self, centre: Position, within_m: float, kinds: Sequence[UserKind]) -> list[CriticalUser]:
        """The critical users of some kinds within a distance."""
        return [
            user
            for user in self.users
            if user.kind in kinds
            and user.city_code == self.city_code
            and _distance_m(np.array([user.position.lon]), np.array([user.position.lat]), centre)[0] <= within_m
        ]

    def day(self, at: datetime) -> date:
        """The local date."""
        return at.astimezone(ZoneInfo(self.timezone)).date()


def cells_of(population: Sequence[PopulationCell]) -> NDArray[np.float64]:
    """Population cells as Around holds them."""
    return np.array([(c.position.lon, c.position.lat, c.people) for c in population], dtype=np.float64).reshape(-1, 3)


def _distance_m(lon: NDArray[np.float64], lat: NDArray[np.float64], centre: Position) -> NDArray[np.float64]:
    east = (lon - centre.lon) * np.cos(np.radians(centre.lat))
    found: NDArray[np.float64] = np.hypot(east, lat - centre.lat) * _METRES_PER_DEGREE
    return found
