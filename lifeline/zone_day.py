"""The water balance of a district metered area on a local day."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class ZoneDay:
    """What came in, what the night says, what was lost; None where it is not known."""

    zone_id: str
    city_code: str
    day: date
    hours: float
    """of the day whose balance is known"""
    inflow_m3: float
    """in these hours"""
    night_flow_m3_per_h: float | None
    night_use_m3_per_h: float | None
    """what people may use at night"""
    loss_m3: float | None
    """night flow less night use, over 24 hours"""
    told_loss_m3: float
    """what the leaks and bursts that were told of lost that day"""
    cost: float | None
    """of the loss, of the told one where the night does not say it; None where the pack gives no price"""
    currency: str | None
    counted_at: datetime
