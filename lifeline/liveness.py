"""Whether a device lives, and whether its clock is right: every trouble with its named reason. Pure.

`silent` is judged by what we received, against the shortest interval of the device's sensors; `offline` is what the
device (or its will) said itself. A clock's error is the median of measurements a minute apart, each of the reading
that was least held up on its way; it counts once there are `MEASURED` of them. That a clock is behind is believed only
where they agree: a device that sends what it has kept comes nearer to the present with every minute.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifeline.settings import Settings

MEASURED = 5
"""Measurements of a clock before it is judged."""
STEADY_S = 60.0
"""Half of the measurements of a clock that is wrong lie this close together; a kept day that is sent within an hour
moves by 24 minutes from one to the next."""


class Trouble(StrEnum):
    """What is wrong with a device."""

    NEVER_SEEN = "never-seen"
    """a pack names it, and it has not spoken yet"""
    OFFLINE = "offline"
    """it said that it goes, or the broker said so in its name"""
    SILENT = "silent"
    """nothing came for longer than its interval allows"""
    CLOCK_AHEAD = "clock-ahead"
    CLOCK_BEHIND = "clock-behind"


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of a device that is named."""

    device_id: str
    city_code: str
    online: bool | None
    state_at: datetime | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    last_observed_at: datetime | None
    clock_skew_s: float | None
    """observed minus received; positive: the device's clock is ahead"""
    measured: int
    clock_spread_s: float
    """between the quartiles of the measurements"""
    interval_s: float
    sensors: int
    adopted: bool
    received: int
    stored: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is no trouble yet."""

    silent_intervals: float
    ahead_s: float
    behind_s: float

    @classmethod
    def of(cls, settings: Settings) -> "Allowance":
        """What the settings allow: the same limits by which single readings and sensors are judged."""
        own = settings.ingest
        return cls(settings.console.silent_intervals, own.future_tolerance_s, own.late_after_s)


def troubles(life: Life, allowance: Allowance, *, now: datetime) -> tuple[Trouble, ...]:
    """What is wrong with a device now; nothing: it lives and its clock is right."""
    if life.last_seen_at is None:
        return (Trouble.NEVER_SEEN,)
    found: list[Trouble] = []
    if life.online is False and (life.state_at is None or life.state_at >= life.last_seen_at):
        found.append(Trouble.OFFLINE)
    if (now - life.last_seen_at).total_seconds() > allowance.silent_intervals * life.interval_s:
        found.append(Trouble.SILENT)
    if life.clock_skew_s is not None and life.measured >= MEASURED:
        if life.clock_skew_s > allowance.ahead_s:
            found.append(Trouble.CLOCK_AHEAD)
        elif life.clock_skew_s < -allowance.behind_s and life.clock_spread_s <= STEADY_S:
            found.append(Trouble.CLOCK_BEHIND)
    return tuple(found)
