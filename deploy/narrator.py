"""Tells what happens in a deployment, a line for each event, from what the stages wrote into the tables."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from lifeline.alarm import AlarmAction, Level
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.store.alarms import alarms
from lifeline.store.pool import Store
from lifeline.store.story import Bookmark, end_of_story, read_on, readings_stored

_LOOK_S = 0.5
_RATE_EVERY_S = 10.0


class Narrator:
    """Reads the story on and hands each line to `report`."""

    def __init__(self, store: Store, *, clock: Clock, timezone: str, report: Callable[[str], None]) -> None:
        self._store = store
        self._clock = clock
        self._zone = ZoneInfo(timezone)
        self._report = report
        self._counted: tuple[datetime, int] | None = None

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; a database that is away is waited for."""
        bookmark: Bookmark | None = None
        while not stop.is_set():
            try:
                if bookmark is None:
                    bookmark = end_of_story(self._store)
                    self._tell_standing()
                bookmark = self._tell(bookmark)
                self._tell_rate()
            except StoreError as error:
                self._report(str(error))
            self._clock.wait(_LOOK_S, stop)

    def _tell_standing(self) -> None:
        for alarm in alarms(self._store, live_only=True):
            self._report(f"alarm {alarm.alarm_id} still stands from before: {alarm.title_zh} ({alarm.state.value})")

    def _tell(self, bookmark: Bookmark) -> Bookmark:
        pages = read_on(self._store, bookmark)
        lines = [
            *((row.at, finding_line(row)) for row in pages.findings),
            *((row.at, event_line(row)) for row in pages.events),
            *((row.at, delivery_line(row)) for row in pages.deliveries),
        ]
        for at, line in sorted(lines):
            self._report(f"{at.astimezone(self._zone):%H:%M:%S} {line}")
        return pages.bookmark

    def _tell_rate(self) -> None:
        now = self._clock.now()
        if self._counted is not None and (now - self._counted[0]).total_seconds() < _RATE_EVERY_S:
            return
        stored = readings_stored(self._store)
        if self._counted is not None:
            since, before = self._counted
            rate = (stored - before) / (now - since).total_seconds()
            self._report(f"{now.astimezone(self._zone):%H:%M:%S} readings: {rate:.1f}/s, {stored:,} stored")
        self._counted = (now, stored)


def finding_line(row: Any) -> str:
    """One finding as a line.  `row`: block `findings` of sql/story.sql."""
    size = ""
    if row.flow_m3_per_h is not None:
        size = f", {row.flow_m3_per_h:.0f} m3/h"
    if row.depth_m is not None:
        size = f", {row.depth_m * 100:.0f} cm"
    where = f", most likely pipe {row.candidates[0]['asset_id']}" if row.candidates else ""
    return f"finding {row.phase}: {row.subject}{size}, {row.probability:.0%} sure ({row.reason}){where}"


def event_line(row: Any) -> str:
    """One alarm event as a line.  `row`: block `events` of sql/story.sql."""
    took = (
        f" {(row.at - row.opened_at).total_seconds():.1f} s after it opened" if row.action != AlarmAction.OPEN else ""
    )
    note = f": {row.note}" if row.note else ""
    level = Level(row.level).name.lower()
    return f"alarm {row.alarm_id} {row.action} by {row.actor}{took} [{level}] {row.title_zh} ({row.reason}){note}"


def delivery_line(row: Any) -> str:
    """One delivered notice as a line.  `row`: block `deliveries` of sql/story.sql."""
    took = (row.at - row.created_at).total_seconds()
    return f"notice {row.notice_id} of alarm {row.alarm_id} delivered through {row.channel} in {took:.1f} s"
