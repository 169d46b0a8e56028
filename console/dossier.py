"""All that is known about one alarm, read once however many people look at it."""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from console.curves import Curve, Picture, explained, of_quantity
from console.feed import Feed
from lifeline.alarm import Alarm, AlarmEvent
from lifeline.asset import Sensor
from lifeline.clock import Clock
from lifeline.finding import FindingKind
from lifeline.store import alarms as alarm_store
from lifeline.store import flood_forecasts, views
from lifeline.store.duty import Call, calls_of
from lifeline.store.flood_forecasts import FloodForecast
from lifeline.store.notices import Notice, notices_of
from lifeline.store.photos import Photo, photos
from lifeline.store.pool import Store
from lifeline.units import Quantity

PEOPLE_RADIUS_M = 500.0
_CURVES = 5
"""more lines than this in one picture cannot be told apart"""
_STEPS = 400
_LEAST_LEAD, _GREATEST_LEAD = timedelta(hours=1), timedelta(days=2)
_FRESH_S = 5.0


@dataclass(frozen=True, slots=True)
class Dossier:
    """An alarm with its history, its finding, what was told, who lives near, and the curves behind it."""

    alarm: Alarm
    events: Sequence[AlarmEvent]
    finding: dict[str, Any] | None
    notices: Sequence[Notice]
    calls: Sequence[Call]
    """who was called to it, rung after rung"""
    photos: Sequence[Photo]
    people: tuple[int, int] | None
    """within PEOPLE_RADIUS_M: all, and those with special needs"""
    pictures: tuple[Picture, ...]
    marks: tuple[tuple[str, datetime], ...]
    """catalogue keys and moments"""


class Dossiers:
    """Reads dossiers; asked again within seconds, and with nothing new, it gives the one that it has."""

    def __init__(self, store: Store, feed: Feed, clock: Clock) -> None:
        self._store = store
        self._feed = feed
        self._clock = clock
        self._kept: dict[int, tuple[int, float, Dossier]] = {}
        self._lock = threading.Lock()

    def read(self, alarm_id: int, *, fresh: bool = False) -> Dossier:
        """The dossier of an alarm; `fresh` reads it now. Blocks. Raises NotFoundError, StoreError."""
        with self._lock:
            turn = self._feed.turn
            kept = self._kept.get(alarm_id)
            if kept and not fresh and kept[0] == turn and time.monotonic() - kept[1] < _FRESH_S:
                return kept[2]
            dossier = self._read(alarm_id)
            if len(self._kept) > 100:
                self._kept.clear()
            self._kept[alarm_id] = turn, time.monotonic(), dossier
            return dossier

    def _read(self, alarm_id: int) -> Dossier:
        store = self._store
        alarm = alarm_store.alarm(store, alarm_id)
        finding = views.finding(store, alarm.finding_id)
        marks = [("detail.began_line", alarm.began_at)]
        if finding:
            marks.append(("detail.detected_line", alarm.opened_at))
        return Dossier(
            alarm=alarm,
            events=alarm_store.events(store, alarm_id),
            finding=finding,
            notices=notices_of(store, alarm_id),
            calls=calls_of(store, alarm_id),
            photos=photos(store, alarm_id),
            people=(
                views.people_near(store, city=alarm.city_code, position=alarm.position, radius_m=PEOPLE_RADIUS_M)
                if alarm.position and alarm.kind in _OF_PEOPLE
                else None
            ),
            pictures=self._pictures(alarm, finding or {}),
            marks=tuple(marks),
        )

    def _pictures(self, alarm: Alarm, finding: dict[str, Any]) -> tuple[Picture, ...]:
        end = min(self._clock.now(), alarm.closed_at + _LEAST_LEAD if alarm.closed_at else self._clock.now())
        lead = min(max(end - alarm.began_at, _LEAST_LEAD), _GREATEST_LEAD)
        curves: dict[Quantity, list[Curve]] = defaultdict(list)
        for sensor_id in finding.get("sensor_ids", [])[:_CURVES]:
            if now := self._feed.sensor(sensor_id):
                points = measured(self._store, now.sensor, alarm.began_at - lead, end)
                curves[now.sensor.quantity].append(Curve(now.sensor.sensor_id, points))
                if now.sensor.quantity is Quantity.WATER_DEPTH and not alarm.closed_at:
                    curves[now.sensor.quantity] += fan(flood_forecasts.of_city(self._store, alarm.city_code), sensor_id)
        own = explained((finding.get("explanation") or {}).get("curve"))
        if own and own.name in curves and len(curves[Quantity(own.name)]) == 1:
            curves[Quantity(own.name)] += [line for line in own.curves if line.other]  # the sensor's own: one picture
            own = None
        seen = [of_quantity(quantity, *lines) for quantity, lines in curves.items()]
        return tuple(([own] if own else []) + seen)


def fan(forecasts: Sequence[FloodForecast], sensor_id: str) -> list[Curve]:
    """What is foreseen at a place as three lines from now on: the middle, and where one in ten is below and above."""
    found = next((one for one in forecasts if one.sensor_id == sensor_id), None)
    if found is None or max(found.quantiles_60_m, default=0.0) <= 0.0:
        return []
    ahead = [found.made_at + timedelta(minutes=minutes) for minutes in (0, 30, 60)]
    lines = zip(("fan_low", "fan_middle", "fan_high"), found.quantiles_30_m, found.quantiles_60_m, strict=True)
    return [
        Curve(name, list(zip(ahead, (found.depth_m, in_30, in_60), strict=True)), other=True)
        for name, in_30, in_60 in lines
    ]


_OF_PEOPLE = (FindingKind.BURST, FindingKind.LEAK, FindingKind.FLOOD)


def measured(store: Store, sensor: Sensor, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    """What a sensor measured, in steps that a picture can show. Raises StoreError."""
    step_s = max(sensor.interval_s, (end - start).total_seconds() / _STEPS, 1.0)
    return [
        (at, mean) for at, mean, _, _, _ in views.series(store, sensor.sensor_key, start=start, end=end, step_s=step_s)
    ]
