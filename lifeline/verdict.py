"""A verdict: what people found out about a leak or burst that a detector told of."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Said(StrEnum):
    """What was found on the spot."""

    CONFIRMED = "confirmed"
    """there is a leak, at `asset_id`"""
    FALSE = "false"
    """there is none, and nothing else explains it: what the detector saw is normal from now on"""
    UNUSUAL_USE = "unusual-use"
    """water was drawn, as it may be: flushing, a fire, filling a pool; normal is what was before"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One statement of a person about one subject; the newest holds. `verdict_id` is 0 before it is stored."""

    subject: str
    finding_id: int
    city_code: str
    said: Said
    began_at: datetime
    said_at: datetime
    person: str
    zone_id: str | None = None
    asset_id: str | None = None
    """the pipe at which the leak was found"""
    flow_m3_per_h: float | None = None
    """as it was measured on the spot"""
    ended_at: datetime | None = None
    """when it was over; None while it goes on"""
    note: str = ""
    label: dict[str, Any] = field(default_factory=dict)
    """the finding as it stood"""
    verdict_id: int = 0
