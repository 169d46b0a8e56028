"""A silence: until a time nobody is told of alarms of a sensor or a zone, because a named person said so and why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.alarm import Alarm, Level

LONGEST = timedelta(days=31)
"""What has to be quiet for longer is out of use: its city pack says so."""
GRAVEST = Level.ORANGE
"""The gravest level that a silence keeps quiet: of a red alarm people are told whatever is silenced."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Of one sensor or of one zone; `sensor_ids`: all that it makes silent."""

    silence_id: int
    city_code: str
    sensor_id: str | None
    zone_id: str | None
    begins_at: datetime
    ends_at: datetime
    why: str
    made_at: datetime
    made_by: str
    ended_at: datetime | None = None
    ended_by: str | None = None
    sensor_ids: frozenset[str] = frozenset()

    @property
    def over_at(self) -> datetime:
        """When it ends, or was ended before that."""
        return self.ended_at or self.ends_at

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.begins_at <= at < self.over_at


def silenced(silences: Collection[Silence], alarm: Alarm, sensor_ids: Collection[str]) -> Silence | None:
    """The silence in force that keeps an alarm quiet; None where there is none, and for every red alarm.

    An alarm is a silenced zone's where it names the zone; it is a silenced sensor's only where every sensor behind it
    (`sensor_ids`) is silenced: what another sensor sees too is told. What was there before the silence stays as it is.
    """
    if alarm.level < GRAVEST:
        return None
    here = [one for one in silences if one.city_code == alarm.city_code and one.begins_at <= alarm.opened_at]
    quiet = frozenset[str]().union(*(one.sensor_ids for one in here))
    by_sensor = bool(sensor_ids) and quiet.issuperset(sensor_ids)
    for one in here:
        if one.zone_id is not None and one.zone_id == alarm.zone_id:
            return one
        if by_sensor and not one.sensor_ids.isdisjoint(sensor_ids):
            return one
    return None
