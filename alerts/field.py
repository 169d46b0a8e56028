"""The part of the alerts stage that works on what happens outside: dispatch, shelters, and the hourly anchor."""

import threading
from datetime import timedelta
from pathlib import Path

from alerts import dispatch, shelters_rules
from alerts.dispatch_desk import Desk
from alerts.inforce import RuleFiles
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
    """What the files say now. Raises SettingsError, which names file, line and key."""
    of_dispatch, of_shelters = _paths(settings)
    return dispatch.load(of_dispatch), shelters_rules.load(of_shelters)


class FieldRules(RuleFiles):
    """The rules of dispatch and shelters in force, and what is wrong with the files that are not.

    Raises SettingsError at the start where a file is bad and none was ever in force."""

    def __init__(self, settings: FieldSettings, store: Store | None) -> None:
        super().__init__(store)
        of_dispatch, of_shelters = _paths(settings)
        self._dispatch = self._begin("dispatch", of_dispatch, dispatch.load, lambda one: one.version)
        self._shelters = self._begin("shelters", of_shelters, shelters_rules.load, lambda one: one.version)

    @property
    def dispatch(self) -> dispatch.Rules:
        return self._dispatch.value

    @property
    def shelters(self) -> shelters_rules.Rules:
        return self._shelters.value


def _paths(settings: FieldSettings) -> tuple[Path, Path]:
    return (
        Path(settings.dispatch_file) if settings.dispatch_file else dispatch.BUILT_IN,
        Path(settings.shelters_file) if settings.shelters_file else shelters_rules.BUILT_IN,
    )


def run(store: Store, settings: FieldSettings, rules: FieldRules, clock: Clock, halt: threading.Event) -> None:
    """Until `halt` is set; a database that is away is waited for."""
    desk = Desk(store, rules.dispatch, rules.shelters)
    warden = Warden(store, rules.shelters, desk.roads)
    listener = store.listener(Topic.ALARM)
    plan_at = anchor_at = clock.now()
    try:
        while not halt.is_set():
            listener.wait(settings.dispatch_s, halt)
            now = clock.now()
            if rules.look(now):
                desk = Desk(store, rules.dispatch, rules.shelters)
                warden = Warden(store, rules.shelters, desk.roads)
                plan_at = now
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
