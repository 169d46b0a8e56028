"""Keeps the water balance of each zone and day (store/zone_days.py): one day at a time, when nothing else is urgent.

A day is counted when event time is two hours past its end, and once more a day later, because readings come late.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from detect.leak.loss import Terms, count, day_span, people_in
from detect.port import Floats, Scope
from lifeline import log
from lifeline.asset import PopulationCell, ZoneKind
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.store import cities, history, zone_days
from lifeline.store.pool import Store
from lifeline.units import SECONDS_PER_HOUR, Quantity

_LOG = log.logger("detect")
_DAYS_BACK = 35
_AFTER = timedelta(hours=2)
_LATE = timedelta(hours=26)
_LOOK_EVERY_S = 60.0
_HOUR_S = 3600.0
_LEAST_SHARE = 0.5
"""of an hour's usual readings: an hour of which a meter knows less is unknown"""


class Ledger:
    """The ledger of one city."""

    def __init__(self, store: Store, clock: Clock, scope: Scope) -> None:
        self._store, self._clock, self._scope = store, clock, scope
        self._flows = {s.sensor_id: s for s in scope.sensors if s.quantity is Quantity.FLOW}
        self._zones = [
            zone
            for zone in scope.zones
            if zone.kind is ZoneKind.DMA and zone.inflow and {*zone.inflow, *zone.outflow} <= set(self._flows)
        ]
        self._terms = Terms.of(scope.settings)
        self._cells: list[PopulationCell] | None = None
        self._looked_s = -np.inf
        self._due: list[date] = []

    def work(self, watermark: datetime) -> None:
        """Counts a day, where one is due; cheap where none is. Raises StoreError."""
        now_s = self._clock.now().timestamp()
        if not self._zones:
            return
        if not self._due and now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now_s
            self._due = self._open_days(watermark)
        if self._due:
            day = self._due.pop()
            try:
                self._count(day)
            except StoreError:
                raise
            except Exception:  # whatever a day may hold: the detectors must go on
                _LOG.exception("a day's water balance cannot be counted", city=self._scope.city_code, day=str(day))

    def _open_days(self, watermark: datetime) -> list[date]:
        """Days that are over and not counted, or counted before their late readings came; the newest last."""
        zone = ZoneInfo(self._scope.timezone)
        last = (watermark - _AFTER).astimezone(zone).date() - timedelta(days=1)
        span = history.span(self._store, [s.sensor_key for s in self._flows.values()])
        if span is None:
            return []
        first = max(span[0].astimezone(zone).date(), last - timedelta(days=_DAYS_BACK))
        done = zone_days.counted(self._store, self._scope.city_code, first, last)
        found = []
        for n in range((last - first).days + 1):
            day = first + timedelta(days=n)
            late_end = day_span(day, self._scope.timezone)[1] + _LATE
            again = min(watermark, self._clock.now()) >= late_end
            if day not in done or (again and done[day] < late_end):
                found.append(day)
        return found

    def _count(self, day: date) -> None:
        if self._cells is None:
            self._cells = cities.population(self._store, self._scope.city_code)
        since, till = day_span(day, self._scope.timezone)
        hours, flow = self._hourly(since, till)
        local = [(since + timedelta(hours=n)).astimezone(ZoneInfo(self._scope.timezone)).hour for n in range(hours)]
        found = []
        for zone in self._zones:
            balance = sum((flow[i] for i in zone.inflow), np.zeros(hours))
            balance = balance - sum((flow[i] for i in zone.outflow), np.zeros(hours))
            told = zone_days.told_m3(self._store, zone.zone_id, since, till)
            day_of_zone = count(
                zone, day, hours=local, balance_m3_per_h=balance, people=people_in(zone, self._cells),
                told_loss_m3=told, terms=self._terms, now=self._clock.now(),
            )  # fmt: skip
            found.append(day_of_zone)
        zone_days.put(self._store, found)
        _LOG.debug("water balance of a day", city=self._scope.city_code, day=day.isoformat(), zones=len(found))

    def _hourly(self, since: datetime, till: datetime) -> tuple[int, dict[str, Floats]]:
        """Mean flow of each meter in each hour of the span, m3/h, NaN where less than half of it was heard."""
        hours = round((till - since).total_seconds() / _HOUR_S)
        key = {s.sensor_key: s.sensor_id for s in self._flows.values()}
        rows = history.means(self._store, list(key), since, till, interval_s=_HOUR_S)
        flow = {sensor_id: np.full(hours, np.nan) for sensor_id in self._flows}
        begin_s = since.astimezone(UTC).timestamp()
        usual: dict[int, int] = {}
        for row in rows:
            usual[int(row["sensor_key"])] = max(usual.get(int(row["sensor_key"]), 0), int(row["readings"]))
        for row in rows:
            number = int((float(row["at_s"]) - begin_s) // _HOUR_S)
            if 0 <= number < hours and row["readings"] >= _LEAST_SHARE * usual[int(row["sensor_key"])]:
                flow[key[int(row["sensor_key"])]][number] = float(row["value"]) * SECONDS_PER_HOUR
        return hours, flow
