"""What a district metered area took, used and lost on a day, by its own meters: the figures of the dashboards.

The minimum night flow is the least hourly mean of the balance between 02:00 and 05:00 local time. What people may use
in that hour is taken off by the population of the zone; the rest is loss, and runs for 24 hours (Farley 2001, Leakage
management and control, WHO/SDE/WSH/01.1; the night-day factor of pressure is taken as 1). A day is local.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from detect.port import Floats, Json
from lifeline.asset import PopulationCell, Zone
from lifeline.city.geometry import zone_of
from lifeline.zone_day import ZoneDay

NIGHT_HOURS = (2, 3, 4)
NIGHT_USE_L_PER_PERSON_H = 0.6
"""6 % of people awake, 10 l each (the same source); `[leak] night_use_l_per_person_h` of the pack goes before"""
_LEAST_HOURS = 12.0
"""a day of which less is known has no night flow that could be trusted"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a city pack says of water that is lost: `[leak]` of city.toml."""

    night_use_l_per_person_h: float = NIGHT_USE_L_PER_PERSON_H
    cost_per_m3: float | None = None
    currency: str | None = None

    @classmethod
    def of(cls, settings: Json) -> "Terms":
        """Of a pack's settings; figures that are no numbers are as if they were not there."""
        said = settings.get("leak", {})
        cost, use = said.get("water_cost_per_m3"), said.get("night_use_l_per_person_h", NIGHT_USE_L_PER_PERSON_H)
        return cls(
            float(use) if isinstance(use, int | float) else NIGHT_USE_L_PER_PERSON_H,
            float(cost) if isinstance(cost, int | float) else None,
            str(said["currency"]) if "currency" in said else None,
        )


def day_span(day: date, timezone: str) -> tuple[datetime, datetime]:
    """Begin and end of a local day, UTC: 23 to 25 hours apart."""
    zone = ZoneInfo(timezone)
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    after = day + timedelta(days=1)
    return begin.astimezone(UTC), datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)


def people_in(zone: Zone, cells: Sequence[PopulationCell]) -> int:
    """How many live in the zone's polygon."""
    return sum(cell.people for cell in cells if zone_of((cell.position.lon, cell.position.lat), [zone], zone.kind))


def count(
    zone: Zone, day: date, *, hours: Sequence[int], balance_m3_per_h: Floats, people: int, told_loss_m3: float,
    terms: Terms, now: datetime,
) -> ZoneDay:  # fmt: skip
    """The day's figures. `hours` are local hours of the day, `balance_m3_per_h` (n,) their mean, NaN where unknown."""
    known = np.isfinite(balance_m3_per_h)
    night = [float(balance_m3_per_h[n]) for n, hour in enumerate(hours) if hour in NIGHT_HOURS and known[n]]
    enough = len(night) >= 2 and known.sum() >= _LEAST_HOURS
    least = min(night) if enough else None
    use = terms.night_use_l_per_person_h * people / 1000.0 if people else None
    loss = max(least - use, 0.0) * 24.0 if least is not None and use is not None else None
    lost = loss if loss is not None else told_loss_m3
    return ZoneDay(
        zone_id=zone.zone_id,
        city_code=zone.city_code,
        day=day,
        hours=float(known.sum()),
        inflow_m3=round(float(balance_m3_per_h[known].sum()), 3),
        night_flow_m3_per_h=None if least is None else round(least, 3),
        night_use_m3_per_h=None if use is None else round(use, 3),
        loss_m3=None if loss is None else round(loss, 3),
        told_loss_m3=round(told_loss_m3, 3),
        cost=None if terms.cost_per_m3 is None else round(lost * terms.cost_per_m3, 2),
        currency=terms.currency if terms.cost_per_m3 is not None else None,
        counted_at=now,
    )
