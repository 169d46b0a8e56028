"""The part of the alerts stage that works on what happens outside: dispatch, shelters, and the hourly anchor."""

import threading
from datetime import timedelta
from pathlib import Path

from alerts import dispatch, shelters_rules
from alerts.dispatch_desk import Desk
from alerts.shelters_desk import Warden
from lifeline import log
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.settings import FieldSettings
from lifeline.store import audit
from lifeline.store.pool import Store, Topic

_ANCHOR_EVERY = timedelta(hours=1)

_log = log.logger("field")


def rules_of(settings: FieldSettings) -> tuple[dispatch.Rules, shelters_rules.Rules]:
    """What is in force. Raises SettingsError, which names file, line and key."""
    of_dispatch = Path(settings.dispatch_file) if settings.dispatch_file else dispatch.BUILT_IN
    of_shelters = Path(settings.shelters_file) if settings.shelters_file else shelters_rules.BUILT_IN
    return dispatch.load(of_dispatch), shelters_rules.load(of_shelters)


def run(store: Store, settings: FieldSettings, clock: Clock, halt: threading.Event) -> None:
    """Until `halt` is set; a database that is away is waited for. Raises SettingsError where a file has a fault."""
    of_dispatch, of_shelters = rules_of(settings)
    desk = Desk(store, of_dispatch, of_shelters)
    warden = Warden(store, of_shelters, desk.roads)
    listener = store.listener(Topic.ALARM)
    plan_at = anchor_at = clock.now()
    try:
        while not halt.is_set():
            listener.wait(settings.dispatch_s, halt)
            now = clock.now()
            try:
                desk.tick(now)
                if now >= plan_at:
                    warden.tick(now)
                    plan_at = now + timedelta(seconds=settings.plan_s)
                if now >= anchor_at:
                    _log.info("audit trail stands", anchor=str(audit.head(store)))
                    anchor_at = now + _ANCHOR_EVERY
            except StoreError as error:
                _log.warning("the field is out of reach", error=str(error))
                clock.wait(settings.dispatch_s, halt)
    finally:
        listener.close()
