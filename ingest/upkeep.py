"""Keeps roll-ups up to date, removes what is too old, lets go of quarantined devices that are known by now.

All beside the readings that come in and never in their way.
"""

import threading
from datetime import datetime, timedelta

from ingest.release import Release
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.log import logger
from lifeline.settings import RetentionSettings, Settings
from lifeline.store.pool import Store
from lifeline.store.retention import Outcome, apply
from lifeline.store.rollups import Width, roll_up

ROLL_UP_EVERY = {
    Width.MINUTE: timedelta(seconds=15),
    Width.QUARTER: timedelta(minutes=1),
    Width.HOUR: timedelta(minutes=5),
}
"""The longer the bucket, the more readings each look reads again, and the less a late look is missed."""
RETENTION_EVERY = timedelta(hours=1)
FIRST_RETENTION_AFTER = timedelta(minutes=10)
"""A wrong setting can be mended before anything is gone."""
LOOK_S = 5.0
_log = logger("ingest")


def run(store: Store, settings: Settings, *, stop: threading.Event, clock: Clock) -> None:
    """Runs until `stop`; while the database is away it tries again. Several at a time do no harm."""
    release = Release(store, settings.ingest, clock)
    now = clock.now()
    due = dict.fromkeys(ROLL_UP_EVERY, now)
    retention_due = now + FIRST_RETENTION_AFTER
    while not stop.is_set():
        try:
            now = clock.now()
            for width, every in ROLL_UP_EVERY.items():
                if now >= due[width]:
                    due[width] = now + every
                    catch_up(store, width, stop)
            if now >= retention_due:
                retention_due = now + RETENTION_EVERY
                retain(store, settings.retention, now)
            release.known_by_now(stop)
        except StoreError as error:
            _log.warning("upkeep left undone, will try again", error=str(error))
        stop.wait(LOOK_S)


def catch_up(store: Store, width: Width, stop: threading.Event) -> None:
    """Rolls up what is new, portion by portion, until nothing is left or `stop` is set. Raises StoreError."""
    while not stop.is_set() and roll_up(store, width).more:
        pass


def retain(store: Store, settings: RetentionSettings, now: datetime) -> None:
    """Removes what is too old and says so in the log. Raises StoreError."""
    for step in apply(store, settings, now=now):
        if step.outcome is Outcome.REMOVED:
            _log.info("removed", kind=step.kind.value, before=step.older_than.isoformat(), readings=step.readings)
        else:
            _log.warning("kept although old", kind=step.kind.value, reason=step.outcome.value)
