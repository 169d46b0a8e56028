"""One watcher of the tables per process, however many people look: it keeps the present in memory and tells changes."""

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console.sensing import SensorNow, SensorState, judge, silent_after
from lifeline import log
from lifeline.asset import Sensor, Zone
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.store import views
from lifeline.store.cities import City
from lifeline.store.cities import cities as load_cities
from lifeline.store.cities import zones as load_zones
from lifeline.store.pool import Listener, Store, Topic
from lifeline.store.views import Latest, LiveAlarm

_RATE_WINDOW_S = 60.0
_RATE_AFTER_S = 5.0
"""a rate from a shorter time would be noise"""
_LOOK_BACK_S = 3600.0
"""latest readings are looked for this far back; older ones stand in memory already"""
_RELOAD_S = 60.0
"""sensors may be loaded anew, and late readings may be older than the look-back"""
_SHARE = 10
"""looking at readings takes at most a tenth of the time, however many sensors there are"""
_STEP_S = 0.5
_LEAST_GAP_S = 0.1
"""a storm of notifications is looked at ten times a second at the most"""


@dataclass(frozen=True, slots=True)
class Intake:
    """How readings come in."""

    per_minute: float | None
    newest_at: datetime | None


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
    findings: tuple[dict[str, object], ...] = ()
    sensors: tuple[SensorNow, ...] = ()
    """sensors whose state or level changed"""
    readings: bool = False
    """newer readings came in"""
    cities: bool = False
    """a city was loaded anew"""
    answering: bool = True
    """the database answers"""


@dataclass(slots=True)
class _Present:
    cities: tuple[City, ...] = ()
    alarms: tuple[LiveAlarm, ...] = ()
    notices: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    zones: dict[str, Zone] = field(default_factory=dict)
    sensors: tuple[Sensor, ...] = ()
    latest: dict[int, Latest] = field(default_factory=dict)
    now: dict[str, SensorNow] = field(default_factory=dict)
    watch: dict[str, Watch] = field(default_factory=dict)
    intake: dict[str, Intake] = field(default_factory=dict)
    finding_id: int = 0
    answering: bool = True


class Feed:
    """Keeps what is live and tells `subscribe`rs, on the event loop, what changed.

    Two threads look: one for alarms, findings and notices, one for readings. Both are woken by the database's own
    notifications and look at least every `refresh_s`.
    """

    def __init__(self, store: Store, clock: Clock, *, refresh_s: float, silent_intervals: float) -> None:
        self._store = store
        self._clock = clock
        self._refresh_s = refresh_s
        self._silent_intervals = silent_intervals
        self._log = log.logger("console")
        self._present = _Present()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: set[Callable[[Change], None]] = set()
        self._stored: deque[tuple[datetime, dict[str, int]]] = deque()
        self._reloaded_at: datetime | None = None
        self._turn = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to look; changes are told on `loop`."""
        self._loop = loop
        for name, topics, look in (
            ("alarms", (Topic.ALARM, Topic.FINDING, Topic.NOTICE), self._look_at_alarms),
            ("readings", (Topic.READING,), self._look_at_readings),
        ):
            thread = threading.Thread(target=self._watch, args=(topics, look), name=f"feed-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends both threads and wakes subscribers a last time, so that streams end."""
        self._stop.set()
        self._tell(Change(self._clock.now()))
        for thread in self._threads:
            thread.join()

    def subscribe(self, tell: Callable[[Change], None]) -> Callable[[], None]:
        """Calls `tell` for each change from now on; calling what is returned ends it. On the event loop only."""
        self._subscribers.add(tell)
        return lambda: self._subscribers.discard(tell)

    @property
    def stopped(self) -> bool:
        """Nothing will change any more."""
        return self._stop.is_set()

    @property
    def turn(self) -> int:
        """Counts changes: what was read in the same turn is still true."""
        return self._turn

    @property
    def watchers(self) -> int:
        """How many pages and streams listen."""
        return len(self._subscribers)

    @property
    def answering(self) -> bool:
        """Whether the database answered the last time."""
        return self._present.answering

    @property
    def cities(self) -> tuple[City, ...]:
        """The loaded cities."""
        return self._present.cities

    @property
    def alarms(self) -> tuple[LiveAlarm, ...]:
        """Alarms that have not ended, the gravest and newest first."""
        return self._present.alarms

    def sensors(self, city: str | None = None) -> list[SensorNow]:
        """Every sensor (of `city`) as it stands, by id."""
        return [now for now in self._present.now.values() if city is None or now.sensor.city_code == city]

    def sensor(self, sensor_id: str) -> SensorNow | None:
        """One sensor as it stands."""
        return self._present.now.get(sensor_id)

    @property
    def zones(self) -> dict[str, Zone]:
        """Zones by id."""
        return self._present.zones

    def watch(self, city: str | None = None) -> Watch:
        """How the sensors (of `city`) stand, in numbers."""
        parts = [part for code, part in self._present.watch.items() if city is None or code == city]
        return Watch(
            sensors=sum(part.sensors for part in parts),
            silent=sum(part.silent for part in parts),
            doubtful=sum(part.doubtful for part in parts),
            stale_after_s=min((part.stale_after_s for part in parts), default=0.0),
        )

    def intake(self, city: str | None = None) -> Intake:
        """Readings per minute and the newest reading's time (of `city`)."""
        parts = [part for code, part in self._present.intake.items() if city is None or code == city]
        rates = [part.per_minute for part in parts if part.per_minute is not None]
        times = [part.newest_at for part in parts if part.newest_at is not None]
        return Intake(sum(rates) if rates else None, max(times, default=None))

    def _watch(self, topics: tuple[Topic, ...], look: Callable[[], None]) -> None:
        listener = self._store.listener(*topics)
        gap_s = 0.0
        try:
            while not self._clock.wait(gap_s, self._stop):
                began = self._clock.now()
                try:
                    look()
                    self._answers(True)
                except StoreError as error:
                    self._log.warning("database does not answer", error=str(error))
                    self._answers(False)
                took_s = (self._clock.now() - began).total_seconds()
                gap_s = max(_LEAST_GAP_S, _SHARE * took_s)
                self._until_woken(listener, max(self._refresh_s - gap_s, 0.01))
        finally:
            listener.close()

    def _until_woken(self, listener: Listener, longest_s: float) -> None:
        """Waits in short steps, so that the end of the stage is not waited for."""
        until = time.monotonic() + longest_s
        while not self._stop.is_set() and (left_s := until - time.monotonic()) > 0:
            if listener.wait(min(left_s, _STEP_S), self._stop):
                return

    def _answers(self, answering: bool) -> None:
        if answering != self._present.answering:
            self._present.answering = answering
            self._tell(Change(self._clock.now(), answering=answering))

    def _look_at_alarms(self) -> None:
        present = self._present
        alarms = tuple(views.live_alarms(self._store))
        notices = views.notice_marks(self._store)
        first = not present.finding_id
        if first:
            present.finding_id = views.newest_finding(self._store)
        found = views.findings_after(self._store, present.finding_id)
        with self._lock:
            before = {alarm.alarm_id: alarm for alarm in present.alarms}
            changed = tuple(alarm for alarm in alarms if before.get(alarm.alarm_id) != alarm)
            ended = tuple(before.keys() - {alarm.alarm_id for alarm in alarms})
            noticed = tuple(key for key, mark in notices.items() if present.notices.get(key) != mark)
            present.alarms, present.notices = alarms, notices
            if found:
                present.finding_id = int(found[-1]["finding_id"])
            sensors = self._judge() if changed or ended else ()
        if changed or ended or noticed or found:
            self._tell(
                Change(
                    self._clock.now(),
                    alarms=changed,
                    ended=ended,
                    noticed=noticed,
                    findings=tuple(found),
                    sensors=sensors,
                    answering=True,
                )
            )

    def _look_at_readings(self) -> None:
        now = self._clock.now()
        present = self._present
        reload = self._reloaded_at is None or now - self._reloaded_at > timedelta(seconds=_RELOAD_S)
        cities = tuple(load_cities(self._store))
        anew = cities != present.cities
        everything = reload or anew
        sensors = tuple(views.sensors(self._store)) if everything else present.sensors
        zones = {zone.zone_id: zone for zone in load_zones(self._store)} if everything else present.zones
        latest = views.latest(self._store, since=None if everything else now - timedelta(seconds=_LOOK_BACK_S))
        stored = views.intake(self._store)
        with self._lock:
            came = any(present.latest.get(one.sensor_key) != one for one in latest)
            present.cities, present.sensors, present.zones = cities, sensors, zones
            present.latest = ({} if everything else present.latest) | {one.sensor_key: one for one in latest}
            if everything:
                self._reloaded_at = now
            changed = self._judge()
            present.intake = self._intake(now, stored)
        if came or changed or anew:
            self._tell(Change(now, sensors=changed, readings=came, cities=anew))

    def _judge(self) -> tuple[SensorNow, ...]:
        """Judges all sensors and returns those that stand differently now."""
        present, now = self._present, self._clock.now()
        naming: dict[str, list[LiveAlarm]] = defaultdict(list)
        for alarm in present.alarms:
            for sensor_id in alarm.sensor_ids:
                naming[sensor_id].append(alarm)
        judged = {
            sensor.sensor_id: judge(
                sensor,
                present.latest.get(sensor.sensor_key),
                alarms=naming[sensor.sensor_id],
                now=now,
                silent_intervals=self._silent_intervals,
            )
            for sensor in present.sensors
        }
        before, present.now = present.now, judged
        present.watch = self._count(judged.values())
        return tuple(new for key, new in judged.items() if _looks(new) != _looks(before.get(key)))

    def _count(self, judged: Iterable[SensorNow]) -> dict[str, Watch]:
        of_city: dict[str, list[SensorNow]] = defaultdict(list)
        for now in judged:
            of_city[now.sensor.city_code].append(now)
        return {
            code: Watch(
                sensors=len(part),
                silent=sum(now.state is SensorState.SILENT for now in part),
                doubtful=sum(now.state is SensorState.DOUBTFUL for now in part),
                stale_after_s=min(
                    silent_after(now.sensor, intervals=self._silent_intervals).total_seconds() for now in part
                ),
            )
            for code, part in of_city.items()
        }

    def _intake(self, now: datetime, stored: dict[str, int]) -> dict[str, Intake]:
        self._stored.append((now, stored))
        while (now - self._stored[0][0]).total_seconds() > _RATE_WINDOW_S and len(self._stored) > 2:
            self._stored.popleft()
        since, at_first = self._stored[0]
        seconds = (now - since).total_seconds()
        result = {}
        for city in self._present.cities:
            grown = stored.get(city.code, 0) - at_first.get(city.code, 0)
            rate = grown * 60 / seconds if seconds >= _RATE_AFTER_S else None
            result[city.code] = Intake(rate, _newest(self._present, city.code))
        return result

    def _tell(self, change: Change) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._publish, change)

    def _publish(self, change: Change) -> None:
        self._turn += 1
        for tell in list(self._subscribers):
            try:
                tell(change)
            except Exception:
                self._log.exception("a page could not take a change")


def _looks(now: SensorNow | None) -> object:
    return None if now is None else (now.state, now.reason, now.level, now.sensor)


def _newest(present: _Present, city: str) -> datetime | None:
    keys = (sensor.sensor_key for sensor in present.sensors if sensor.city_code == city)
    return max((present.latest[key].observed_at for key in keys if key in present.latest), default=None)
