"""A warning of others (a weather service) as the policy hears it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifeline.alarm import Level


class Hazard(StrEnum):
    """What is warned of; alerts/hazards.toml says how messages call each."""

    RAINSTORM = "rainstorm"
    SNOWSTORM = "snowstorm"
    COLD_WAVE = "cold-wave"
    GALE = "gale"
    ICING = "icing"
    HEAT = "heat"
    LIGHTNING = "lightning"
    FOG = "fog"
    TYPHOON = "typhoon"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class WeatherWarning:
    """One warning in force between `effective` and `expires`, unless another message ended it before (`ended_at`).

    `areas` are codes of GB/T 2260 or of its longer forms: 220100 covers 220102 and 220102001.
    """

    identifier: str
    sender: str
    hazard: Hazard
    level: Level
    status: str
    msg_type: str
    areas: tuple[str, ...]
    sent: datetime
    effective: datetime
    expires: datetime
    headline: str
    references: tuple[str, ...] = ()
    """identifiers of the messages that it replaces or ends"""
    ended_at: datetime | None = None

    def holds(self, city_code: str, at: datetime) -> bool:
        """Whether it is in force for a city at an instant; only warnings that are meant (`Actual`) are.

        A warning for a province or for a district of the city counts for the city.
        """
        ended = self.ended_at is not None and self.ended_at <= at
        return (
            self.status == "Actual"
            and not ended
            and self.effective <= at < self.expires
            and any(covers(area, city_code) or covers(city_code, area) for area in self.areas)
        )


def covers(area: str, code: str) -> bool:
    """Whether a division holds another: trailing pairs of zeros stand for the whole.

    >>> covers("220000", "220100"), covers("220100", "220102001"), covers("220102", "220100")
    (True, True, False)
    """
    stem = area[:6]
    while stem.endswith("00"):
        stem = stem[:-2]
    return bool(stem) and code.startswith(stem) and (len(area) <= 6 or code.startswith(area))
