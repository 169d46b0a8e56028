"""Runs the detectors of all cities on the store: each reading is judged once, each finding is stored once.

This module, track.py and lesson.py are the I/O of the stage; everything else in detect/ is pure. New readings are
followed in the order of their commits (store/readings.py), sorted by event time (window.py) and handed to the
detectors; findings and the checkpoint they follow are one transaction (store/findings.py). Killed at any moment, the
stage goes on from its checkpoints: nothing found is lost or said twice.
"""

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from detect import heating, silence
from detect.flood import detector as flood
from detect.instant import instant
from detect.leak import live as leak
from detect.ledger import Ledger
from detect.outlook import Outlook, nowcast_of
from detect.port import Factory, Json, Scope
from detect.pressure import detector as pressure
from detect.residual import detector as residual
from detect.track import Track
from detect.window import Rows, Window
from lifeline import log
from lifeline.asset import AssetKind
from lifeline.clock import Clock
from lifeline.errors import LifelineError, StoreError
from lifeline.settings import Settings
from lifeline.store import cities, flood_models, history, readings, sensors, stages
from lifeline.store.binary import Rows as StoredRows
from lifeline.store.pool import Store, Topic
from lifeline.store.readings import StalePositionError

FACTORIES: tuple[Factory, ...] = (
    flood.make, residual.make, pressure.make, leak.make, heating.make, silence.make,
)  # fmt: skip
"""The detectors. A new one is a module with a `make` and a place here."""

_LOG = log.logger("detect")
_BEAT_S = 2.0
_CITIES_S = 10.0
_LEAST_ROUND_S = 0.2
"""new readings within it are judged together"""
_AHEAD = timedelta(hours=2)


class City:
    """One city: its window of event time and its detectors."""

    def __init__(
        self, store: Store, clock: Clock, scope: Scope, *, factories: tuple[Factory, ...], pulse: Callable[[], None],
        flood_model: int | None = None,
    ) -> None:  # fmt: skip
        """Goes on from the checkpoints. Raises StoreError."""
        self.pack = ""
        self.flood_model = flood_model
        self._outlook = Outlook(store, clock, scope, flood_model)
        self.scope = scope
        self._store, self._clock = store, clock
        keys = [s.sensor_key for s in scope.sensors]
        self._keys = np.array(keys, dtype=np.int64)
        self._order = np.argsort(self._keys)
        self.tracks = [
            Track(store, clock, scope, factory=factory, pulse=pulse)
            for factory in factories
            if _watches(factory, scope)
        ]
        for track in self.tracks:
            track.load()
        self._ledger = Ledger(store, clock, scope)
        now_s = clock.now().timestamp()
        devices = {device: n for n, device in enumerate(dict.fromkeys(s.device_id for s in scope.sensors))}
        span = history.span(store, keys)
        past = [t.judged_to for t in self.tracks if t.judged_to is not None]
        begin_s = min(t.timestamp() for t in past) if past else span[0].timestamp() if span else now_s
        self.window = Window(
            np.array([devices[s.device_id] for s in scope.sensors], dtype=np.intp),
            np.array([s.interval_s for s in scope.sensors]),
            lateness_s=scope.allowed_lateness_s,
            watermark_s=min(begin_s, now_s),
            now_s=now_s,
        )
        newest = self._own(readings.latest(store, keys))
        self.window.open(newest.sensor, newest.at_s, now_s)
        # the tracks read what lies before the watermark themselves
        start = instant(self.window.watermark_s)
        self.take(readings.readings_between(store, keys, start, start + _AHEAD))

    def take(self, rows: StoredRows) -> Rows:
        """New readings of any city: this one's are put into the window; those of them that are in time."""
        return self.window.add(self._own(rows), self._clock.now().timestamp())

    def work(self, fresh: Rows) -> None:
        """One round of all detectors."""
        batch = self.window.advance(self._clock.now().timestamp())
        watermark, frontier = instant(self.window.watermark_s), instant(self.window.frontier_s)
        for track in self.tracks:
            self._outlook.before(track)
            track.work(batch, fresh, watermark=watermark, frontier=frontier, late=self.window.late)
            self._outlook.after(track)
        self._ledger.work(watermark)

    def close(self) -> None:
        """Saves every detector. Raises StoreError."""
        for track in self.tracks:
            track.close()

    def detail(self) -> Json:
        """For the heartbeat."""
        return {
            "watermark": instant(self.window.watermark_s).isoformat(),
            "late": self.window.late,
            "detectors": {track.detector.name: track.detail() for track in self.tracks},
        }

    def _own(self, rows: StoredRows) -> Rows:
        place = np.searchsorted(self._keys, rows["sensor_key"], sorter=self._order)
        number = self._order[np.minimum(place, len(self._keys) - 1)]
        own = self._keys[number] == rows["sensor_key"]
        return Rows(number[own], rows["observed_at"][own].astype(np.int64) / 1e6, rows["value"][own])


class Runner:
    """The stage. `factories` may be replaced by a test."""

    def __init__(
        self, store: Store, settings: Settings, clock: Clock, factories: tuple[Factory, ...] = FACTORIES
    ) -> None:
        self._store, self._settings, self._clock, self._factories = store, settings, clock, factories
        self._started_at = clock.now()
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._cities: dict[str, City] = {}
        self._position: int | None = None
        self._beat_s = self._looked_s = -np.inf
        self._error: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; what is unsaved is saved then."""
        listener = self._store.listener(Topic.READING)
        try:
            while not stop.is_set():
                self.round()
                listener.wait(self._settings.detect.poll_s, stop)
                self._clock.wait(_LEAST_ROUND_S, stop)
        finally:
            listener.close()
            self._close()

    def round(self) -> None:
        """Looks for new readings and judges what is complete. A database that is away is waited for."""
        try:
            if self._position is None:
                # taken before the cities are read: what is committed meanwhile comes again, and is told apart
                self._position = readings.position(self._store)
                self._cities.clear()
                self._looked_s = -np.inf
            self._look_at_cities()
            fresh = self._follow()
            for code, city in self._cities.items():
                city.work(fresh[code])
            self._error = None
            self._pulse()
        except StoreError as error:
            if self._error is None:
                _LOG.warning("waiting for the database", error=str(error))
            self._error = str(error)

    def _follow(self) -> dict[str, Rows]:
        assert self._position is not None
        try:
            rows, self._position = readings.readings_since(self._store, self._position)
        except StalePositionError:
            _LOG.warning("fell behind the record of arrivals; reading again from the checkpoints")
            self._position = None
            raise
        return {code: city.take(rows) for code, city in self._cities.items()}

    def _look_at_cities(self) -> None:
        """Opens cities that were loaded or changed, drops those that are gone."""
        now_s = self._clock.now().timestamp()
        if now_s - self._looked_s < _CITIES_S:
            return
        loaded = {city.code: city for city in cities.cities(self._store)}
        for code in [code for code in self._cities if code not in loaded]:
            del self._cities[code]
        for code, city in loaded.items():
            known = self._cities.get(code)
            if known is not None and known.pack == city.sha256:
                model = flood_models.number_in_use(self._store, code)
                if model is None or model == known.flood_model:
                    continue
            if known is not None:
                known.close()
            self._open(city)
        self._looked_s = now_s

    def _open(self, city: cities.City) -> None:
        scope = _scope(self._store, city, self._settings)
        if not scope.sensors:
            return
        nowcast, model = nowcast_of(self._store, city.code)
        opened = City(
            self._store, self._clock, replace(scope, nowcast=nowcast), factories=self._factories, pulse=self._pulse,
            flood_model=model,
        )  # fmt: skip
        opened.pack = city.sha256
        self._cities[city.code] = opened
        names = [track.detector.name for track in opened.tracks]
        _LOG.info("watching", city=city.code, sensors=len(scope.sensors), detectors=names)

    def _pulse(self) -> None:
        now = self._clock.now()
        if now.timestamp() - self._beat_s < _BEAT_S:
            return
        self._beat_s = now.timestamp()
        detail = {"cities": {code: city.detail() for code, city in self._cities.items()}}
        stages.beat(
            self._store, stage="detect", worker=self._worker, started_at=self._started_at, now=now, detail=detail
        )

    def _close(self) -> None:
        for city in self._cities.values():
            try:
                city.close()
            except StoreError as error:
                _LOG.warning("not saved: the next start goes on from the last checkpoint", error=str(error))


def _watches(factory: Factory, scope: Scope) -> bool:
    """Whether there is something for the detector; one that cannot be made keeps no other from its work."""
    try:
        return factory(scope) is not None
    except LifelineError as error:
        _LOG.error("a detector cannot be made", city=scope.city_code, error=str(error))
        return False


def _scope(store: Store, city: cities.City, settings: Settings) -> Scope:
    return Scope(
        city_code=city.code,
        timezone=city.timezone,
        sensors=tuple(sensors.sensors(store, city_code=city.code)),
        zones=tuple(cities.zones(store, city.code)),
        assets=tuple(cities.assets(store, city.code, {AssetKind.PIPE, AssetKind.TANK})),
        drains=tuple(cities.assets(store, city.code, {AssetKind.CONDUIT, AssetKind.MANHOLE})),
        levels=cities.levels(store, city.code),
        learning_days=settings.detect.learning_days,
        allowed_lateness_s=settings.detect.allowed_lateness_s,
        network_inp=cities.document(store, city.code, "network.inp"),
        settings=city.settings,
    )


def run(settings: Settings, *, stop: threading.Event, clock: Clock) -> None:
    """The detect stage. Raises SettingsError where no database is set."""
    with Store(settings.require_database(), name="lifeline-detect") as store:
        Runner(store, settings, clock).run(stop)
