"""One watcher of the tables per process, however many people look: it keeps how all stands and tells changes."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from console.sensing import SensorNow
from console.standing import Change, Intake, Inventory, Standing, Watch
from lifeline import log
from lifeline.asset import Zone
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.store import cities as city_store
from lifeline.store import views
from lifeline.store.calls import Call, open_calls
from lifeline.store.cities import City
from lifeline.store.pool import Listener, Store, Topic
from lifeline.store.views import LiveAlarm

__all__ = ["Change", "Feed", "Intake", "Watch"]

_LOOK_BACK_S = 3600.0
"""latest readings are looked for this far back; older ones stand in memory already"""
_RELOAD_S = 60.0
"""sensors may be loaded anew, and late readings may be older than the look-back"""
_LEAST_GAP_S = 0.1
"""a storm of notifications is looked at ten times a second at the most"""
_SHARE = 10
"""looking at readings takes at most a tenth of the time, however many sensors there are"""
_STEP_S = 0.5


class Feed:
    """Keeps what is live and tells `subscribe`rs, on the event loop, what changed.

    Two threads look: one for alarms, findings and notices, one for readings, which takes longer the more sensors
    there are. Both are woken by the database's own notifications and look at least every `refresh_s`.
    """

    def __init__(self, store: Store, clock: Clock, *, refresh_s: float, silent_intervals: float) -> None:
        self._store = store
        self._clock = clock
        self._refresh_s = refresh_s
        self._log = log.logger("console")
        self._standing = Standing(silent_intervals=silent_intervals)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: set[Callable[[Change], None]] = set()
        self._finding_id: int | None = None
        self._reloaded_at: datetime | None = None
        self._turn = 0
        self._answering = True

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to look; changes are told on `loop`."""
        self._loop = loop
        for name, topics, look, share in (
            ("alarms", (Topic.ALARM, Topic.FINDING, Topic.NOTICE), self._look_at_alarms, 1),
            ("readings", (Topic.READING,), self._look_at_readings, _SHARE),
        ):
            thread = threading.Thread(
                target=self._watch_tables, args=(topics, look, share), name=f"feed-{name}", daemon=True
            )
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
        return self._answering

    @property
    def cities(self) -> tuple[City, ...]:
        """The loaded cities."""
        return self._standing.inventory.cities

    @property
    def alarms(self) -> tuple[LiveAlarm, ...]:
        """Alarms that have not ended, the gravest and newest first."""
        return self._standing.alarms

    @property
    def calls(self) -> tuple[Call, ...]:
        """Calls from the field that nobody has taken up, oldest first."""
        return self._standing.calls

    def sensors(self, city: str | None = None) -> list[SensorNow]:
        """Every sensor (of `city`) as it stands, by id."""
        return [now for now in self._standing.sensors.values() if city is None or now.sensor.city_code == city]

    def sensor(self, sensor_id: str) -> SensorNow | None:
        """One sensor as it stands."""
        return self._standing.sensors.get(sensor_id)

    @property
    def looks(self) -> int:
        """Counts how often sensors came to look different: what was drawn since the last time still holds."""
        return self._standing.looks

    @property
    def zones(self) -> dict[str, Zone]:
        """Zones by id."""
        return self._standing.inventory.zones

    def watch(self, cities: Collection[str] | None = None) -> Watch:
        """How the sensors (of `cities`) stand, in numbers."""
        return self._standing.watch(cities)

    def intake(self, cities: Collection[str] | None = None) -> Intake:
        """Readings per minute and the newest reading's time (of `cities`)."""
        return self._standing.intake(cities)

    def _watch_tables(self, topics: tuple[Topic, ...], look: Callable[[], Change], share: int) -> None:
        listener = self._store.listener(*topics)
        gap_s = 0.0
        try:
            while not self._clock.wait(gap_s, self._stop):
                began = time.monotonic()
                try:
                    change = look()
                    self._answers(True)
                    if change:
                        self._tell(change)
                except StoreError as error:
                    self._log.warning("the database does not answer", error=str(error))
                    self._answers(False)
                gap_s = max(_LEAST_GAP_S, share * (time.monotonic() - began))
                self._until_woken(listener, max(self._refresh_s - gap_s, 0.01))
        finally:
            listener.close()

    def _until_woken(self, listener: Listener, longest_s: float) -> None:
        """Waits in short steps, so that the end of the stage is not waited for."""
        until = time.monotonic() + longest_s
        while not self._stop.is_set() and (left_s := until - time.monotonic()) > 0:
            if listener.wait(min(left_s, _STEP_S), self._stop):
                return

    def _look_at_alarms(self) -> Change:
        alarms, notices = views.live_alarms(self._store), views.notice_marks(self._store)
        if self._finding_id is None:
            self._finding_id = views.newest_finding(self._store)
        findings = views.findings_after(self._store, self._finding_id)
        if findings:
            self._finding_id = int(findings[-1]["finding_id"])
        calls = tuple(open_calls(self._store))
        change = self._standing.take_alarms(alarms, notices, findings, now=self._clock.now())
        came = calls != self._standing.calls
        self._standing.calls = calls
        return replace(change, calls=came)

    def _look_at_readings(self) -> Change:
        now, standing = self._clock.now(), self._standing
        cities = tuple(city_store.cities(self._store))
        everything = (
            self._reloaded_at is None
            or now - self._reloaded_at > timedelta(seconds=_RELOAD_S)
            or cities != standing.inventory.cities
        )
        anew = False
        if everything:
            zones = {zone.zone_id: zone for zone in city_store.zones(self._store)}
            anew = standing.take_inventory(Inventory(cities, zones, tuple(views.sensors(self._store))))
            self._reloaded_at = now
        latest = views.latest(self._store, since=None if everything else now - timedelta(seconds=_LOOK_BACK_S))
        change = standing.take_readings(latest, views.intake(self._store), now=now, everything=everything)
        return replace(change, cities=anew)

    def _answers(self, answering: bool) -> None:
        if answering != self._answering:
            self._answering = answering
            self._tell(Change(self._clock.now(), answering=answering))

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
