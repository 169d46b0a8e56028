"""What a sensor's newest reading says about the sensor: good, doubtful, or unknown because it is silent. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.alarm import Level
from lifeline.asset import Sensor
from lifeline.finding import FindingKind
from lifeline.reading import Quality, QualityReason
from lifeline.store.views import Latest, LiveAlarm

_LEAST = timedelta(seconds=60)
"""a link that reconnects takes this long"""


class SensorState(StrEnum):
    """How far a sensor can be believed now. Silent is unknown, never normal."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    SILENT = "silent"


class StateReason(StrEnum):
    """Why a sensor has its state."""

    OK = "ok"
    NEVER = "never"
    """it has not reported yet"""
    OVERDUE = "overdue"
    """its newest reading is older than the silence limit"""
    QUALITY = "quality"
    """its newest reading is itself doubtful or bad"""
    FAULT = "fault"
    """a live alarm says that it is at fault"""


@dataclass(frozen=True, slots=True)
class SensorNow:
    """A sensor as it stands; `level` is that of the gravest live alarm that names it."""

    sensor: Sensor
    latest: Latest | None
    state: SensorState
    reason: StateReason
    level: Level | None = None


def silent_after(sensor: Sensor, *, intervals: float) -> timedelta:
    """How old the newest reading may be: `intervals` of the sensor's own interval, a minute at the least."""
    return max(timedelta(seconds=sensor.interval_s * intervals), _LEAST)


def judge(
    sensor: Sensor, latest: Latest | None, *, alarms: list[LiveAlarm], now: datetime, silent_intervals: float
) -> SensorNow:
    """The sensor at `now`; `alarms` are the live alarms that name it."""
    level = min((alarm.level for alarm in alarms), default=None)
    kinds = {alarm.kind for alarm in alarms}
    if latest is None:
        state, reason = SensorState.SILENT, StateReason.NEVER
    elif now - latest.observed_at > silent_after(sensor, intervals=silent_intervals):
        state, reason = SensorState.SILENT, StateReason.OVERDUE
    elif FindingKind.SENSOR_SILENT in kinds:
        state, reason = SensorState.SILENT, StateReason.FAULT
    elif FindingKind.SENSOR_FAULT in kinds:
        state, reason = SensorState.DOUBTFUL, StateReason.FAULT
    elif latest.quality is not Quality.GOOD and latest.reason is not QualityReason.LATE:
        state, reason = SensorState.DOUBTFUL, StateReason.QUALITY
    else:
        state, reason = SensorState.GOOD, StateReason.OK
    return SensorNow(sensor, latest, state, reason, level)
