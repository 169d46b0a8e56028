"""How everything stands now: cities, sensors, live alarms; taking in what was read tells what changed. No I/O."""

import threading
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.sensing import SensorNow, SensorState, judge, silent_after
from lifeline.asset import Sensor, Zone
from lifeline.store.calls import Call
from lifeline.store.cities import City
from lifeline.store.views import Latest, LiveAlarm

_RATE_WINDOW_S = 60.0
_RATE_AFTER_S = 5.0
"""a rate from a shorter time would be noise"""
NoticeMarks = dict[int, tuple[int, int, int]]
"""By alarm: notices, attempts, deliveries."""


@dataclass(frozen=True, slots=True)
class Intake:
    """How readings come in; None: not known yet."""

    per_minute: float | None = None
    newest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """How the sensors stand, in numbers. `stale_after_s`: with a newest reading older than this, all are silent."""

    sensors: int = 0
    silent: int = 0
    doubtful: int = 0
    stale_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """What is new since the change before; empty parts did not change."""

    at: datetime
    alarms: tuple[LiveAlarm, ...] = ()
    """opened, or different in any way"""
    ended: tuple[int, ...] = ()
    """alarms that are no longer live"""
    noticed: tuple[int, ...] = ()
    """alarms one of whose notices changed"""
    city_of: Mapping[int, str] = field(default_factory=dict)
    """the cities of what ended and of what is noticed"""
    findings: tuple[dict[str, Any], ...] = ()
    sensors: tuple[SensorNow, ...] = ()
    """sensors whose state or level changed"""
    readings: bool = False
    """newer readings came in"""
    calls: bool = False
    """a call from the field came or was taken up"""
    cities: bool = False
    """a city was loaded anew"""
    answering: bool = True
    """the database answers"""

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return self != Change(self.at)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What city packs say; changes only when one is loaded."""

    cities: tuple[City, ...] = ()
    zones: dict[str, Zone] = field(default_factory=dict)
    sensors: tuple[Sensor, ...] = ()


class Standing:
    """The present, taken in by two threads and read by any."""

    def __init__(self, *, silent_intervals: float) -> None:
        self._silent_intervals = silent_intervals
        self._lock = threading.Lock()
        self._notices: NoticeMarks = {}
        self._latest: dict[int, Latest] = {}
        self._stored: deque[tuple[datetime, dict[str, int]]] = deque()
        self.inventory = Inventory()
        self.alarms: tuple[LiveAlarm, ...] = ()
        """the gravest and newest first"""
        self.calls: tuple[Call, ...] = ()
        """from the field, not taken up"""
        self.sensors: dict[str, SensorNow] = {}
        """by id"""
        self.looks = 0
        """counts how often sensors came to look different"""
        self._watch: dict[str, Watch] = {}
        self._intake: dict[str, Intake] = {}

    def watch(self, cities: Collection[str] | None = None) -> Watch:
        """How the sensors (of `cities`) stand, in numbers."""
        parts = [part for code, part in self._watch.items() if cities is None or code in cities]
        return Watch(
            sensors=sum(part.sensors for part in parts),
            silent=sum(part.silent for part in parts),
            doubtful=sum(part.doubtful for part in parts),
            stale_after_s=min((part.stale_after_s for part in parts), default=0.0),
        )

    def intake(self, cities: Collection[str] | None = None) -> Intake:
        """Readings per minute and the newest reading's time (of `cities`)."""
        parts = [part for code, part in self._intake.items() if cities is None or code in cities]
        rates = [part.per_minute for part in parts if part.per_minute is not None]
        times = [part.newest_at for part in parts if part.newest_at is not None]
        return Intake(sum(rates) if rates else None, max(times, default=None))

    def take_alarms(
        self,
        alarms: Sequence[LiveAlarm],
        notices: NoticeMarks,
        findings: Sequence[dict[str, Any]],
        *,
        now: datetime,
    ) -> Change:
        """What changed with these live alarms and notices; only sensors that they name are judged again."""
        with self._lock:
            before = {alarm.alarm_id: alarm for alarm in self.alarms}
            after = {alarm.alarm_id: alarm for alarm in alarms}
            changed = tuple(alarm for alarm in alarms if before.get(alarm.alarm_id) != alarm)
            ended = tuple(number for number in before if number not in after)
            noticed = tuple(
                number
                for number, mark in notices.items()
                if self._notices.get(number) != mark and (number in before or number in after)
            )
            # what is the same stays the same object: who has shown it need not look at it again
            self.alarms = tuple(alarm if alarm in changed else before[alarm.alarm_id] for alarm in alarms)
            self._notices = notices
            touched = [*changed, *(before[number] for number in before if before[number] != after.get(number))]
            named = {sensor_id for alarm in touched for sensor_id in alarm.sensor_ids}
            sensors = self._judge([one.sensor for one in map(self.sensors.get, named) if one is not None], now)
        city_of = {number: (after.get(number) or before[number]).city_code for number in (*ended, *noticed)}
        return Change(
            now, alarms=changed, ended=ended, noticed=noticed, city_of=city_of, findings=tuple(findings),
            sensors=sensors,
        )  # fmt: skip

    def take_inventory(self, inventory: Inventory) -> bool:
        """Takes in what the packs say; True when it is different."""
        with self._lock:
            if inventory == self.inventory:
                return False
            known = {sensor.sensor_id for sensor in inventory.sensors}
            self.inventory = inventory
            self.sensors = {key: now for key, now in self.sensors.items() if key in known}
            self.looks += 1
            self._watch = {}
            return True

    def take_readings(
        self, latest: Iterable[Latest], stored: dict[str, int], *, now: datetime, everything: bool
    ) -> Change:
        """What changed with these newest readings (of all sensors, or only of those that spoke lately) and counters."""
        with self._lock:
            fresh = {one.sensor_key: one for one in latest}
            came = any(self._latest.get(key) != one for key, one in fresh.items())
            self._latest = fresh if everything else self._latest | fresh
            sensors = self._judge(self.inventory.sensors, now)
            self._intake = self._rates(now, stored)
        return Change(now, sensors=sensors, readings=came)

    def _judge(self, sensors: Sequence[Sensor], now: datetime) -> tuple[SensorNow, ...]:
        """Judges `sensors` and returns those that stand differently now."""
        naming: dict[str, list[LiveAlarm]] = defaultdict(list)
        for alarm in self.alarms:
            for sensor_id in alarm.sensor_ids:
                naming[sensor_id].append(alarm)
        judged = {
            sensor.sensor_id: judge(
                sensor,
                self._latest.get(sensor.sensor_key),
                alarms=naming.get(sensor.sensor_id, []),
                now=now,
                silent_intervals=self._silent_intervals,
            )
            for sensor in sensors
        }
        changed = tuple(new for key, new in judged.items() if not _alike(new, self.sensors.get(key)))
        self.sensors = self.sensors | judged
        self.looks += bool(changed)
        if changed or not self._watch:
            self._watch = self._count()
        return changed

    def _count(self) -> dict[str, Watch]:
        of_city: dict[str, list[SensorNow]] = defaultdict(list)
        for one in self.sensors.values():
            of_city[one.sensor.city_code].append(one)
        return {
            code: Watch(
                sensors=len(part),
                silent=sum(one.state is SensorState.SILENT for one in part),
                doubtful=sum(one.state is SensorState.DOUBTFUL for one in part),
                stale_after_s=min(
                    silent_after(one.sensor, intervals=self._silent_intervals).total_seconds() for one in part
                ),
            )
            for code, part in of_city.items()
        }

    def _rates(self, now: datetime, stored: dict[str, int]) -> dict[str, Intake]:
        self._stored.append((now, stored))
        while (now - self._stored[0][0]).total_seconds() > _RATE_WINDOW_S and len(self._stored) > 2:
            self._stored.popleft()
        since, at_first = self._stored[0]
        seconds = (now - since).total_seconds()
        newest: dict[str, datetime] = {}
        for one in self.sensors.values():
            code = one.sensor.city_code
            if one.latest is not None and (code not in newest or one.latest.observed_at > newest[code]):
                newest[code] = one.latest.observed_at
        return {
            city.code: Intake(
                (stored.get(city.code, 0) - at_first.get(city.code, 0)) * 60 / seconds
                if seconds >= _RATE_AFTER_S
                else None,
                newest.get(city.code),
            )
            for city in self.inventory.cities
        }


def _alike(one: SensorNow, other: SensorNow | None) -> bool:
    """Whether both look the same on a page: newer readings of the same state do not count."""
    return (
        other is not None
        and one.state is other.state
        and one.reason is other.reason
        and one.level is other.level
        and (one.sensor is other.sensor or one.sensor == other.sensor)
    )
