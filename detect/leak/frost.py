"""How much likelier a burst is after hard frost: degree-days below zero, felt late and for long by the ground.

    F(day) = F(day before) x exp(-1 / memory) + max(-T, 0)
    rate(day) / rate(no frost) = 1 + slope x F(day - lag) / 100

T is the day's mean air temperature. Freezing degree-days explain the winter peak of breaks of water mains (Kleiner and
Rajani 2002, J. Infrastruct. Syst. 8(4), 159-169); how steeply depends on soil and pipes, so `[leak.frost]` of city.toml
gives the city's own figures, and what is here is a working value until a city has counted its breaks.
"""

import math
from dataclasses import asdict, dataclass, field

from detect.port import Json

DAYS = 60


@dataclass(frozen=True, slots=True)
class FrostTerms:
    """What a pack says of frost and bursts."""

    memory_days: float = 14.0
    """how long the ground remembers"""
    lag_days: int = 5
    """how late it feels"""
    per_100_degree_days: float = 1.0
    """how much the rate of bursts grows, relative to a day without frost"""
    source: str = "working values of this project"

    @classmethod
    def of(cls, settings: Json) -> "FrostTerms":
        """Of a pack's settings; what is missing or no number is a working value."""
        said = settings.get("leak", {}).get("frost", {})
        own = cls()

        def number(name: str, least: float) -> float:
            value = said.get(name)
            known = isinstance(value, int | float) and not isinstance(value, bool) and value >= least
            return float(value) if known else float(getattr(own, name))

        return cls(
            number("memory_days", 0.5),
            int(number("lag_days", 0.0)),
            number("per_100_degree_days", 0.0),
            str(said.get("source", own.source)),
        )


@dataclass(slots=True)
class Frost:
    """Follows the air day by day; goes through JSON as it is."""

    days: dict[str, list[float]] = field(default_factory=dict)
    """sum and number of readings of each day that is not closed"""
    index: list[float] = field(default_factory=list)
    """F of the last days, degree-days"""
    air_cel: float | None = None
    """mean of the last day that was known"""

    def add(self, day: int, air_cel: float) -> None:
        """Takes a reading of the air's temperature; `day` counts from 1970."""
        own = self.days.setdefault(str(day), [0.0, 0.0])
        own[0] += air_cel
        own[1] += 1.0

    def close(self, day: int, terms: FrostTerms) -> None:
        """Closes a day; one without readings is as cold as the one before it."""
        total, count = self.days.pop(str(day), (0.0, 0.0))
        if count:
            self.air_cel = total / count
        self.days = {key: own for key, own in self.days.items() if int(key) > day}
        kept = math.exp(-1.0 / terms.memory_days) * (self.index[-1] if self.index else 0.0)
        self.index = [*self.index[1 - DAYS :], round(kept + max(-(self.air_cel or 0.0), 0.0), 3)]

    def times_as_likely(self, terms: FrostTerms) -> float:
        """Rate of bursts now, relative to a day without frost.

        >>> frost = Frost()
        >>> for day in range(30):
        ...     frost.add(day, -20.0)
        ...     frost.close(day, FrostTerms())
        >>> round(frost.times_as_likely(FrostTerms()), 1)
        3.4
        """
        return 1.0 + terms.per_100_degree_days * self._felt(terms) / 100.0

    def explained(self, terms: FrostTerms) -> Json | None:
        """As findings tell it; None where no frost is felt."""
        felt = self._felt(terms)
        if felt < 1.0:
            return None
        return {
            "freezing_degree_days": round(felt, 1),
            "lag_days": terms.lag_days,
            "times_as_likely": round(self.times_as_likely(terms), 2),
            "air_cel": None if self.air_cel is None else round(self.air_cel, 1),
            "source": terms.source,
        }

    def _felt(self, terms: FrostTerms) -> float:
        return self.index[-1 - terms.lag_days] if len(self.index) > terms.lag_days else 0.0

    def to_json(self) -> Json:
        return asdict(self)
