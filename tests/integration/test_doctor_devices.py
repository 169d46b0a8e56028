"""The doctor's lines about devices are among those that it prints."""

from deploy.local.broker import LocalBroker
from lifeline.clock import SystemClock
from lifeline.doctor import Verdict, examine
from lifeline.settings import Settings
from lifeline.store.pool import Store


def test_the_doctor_looks_at_devices_quarantine_and_what_waits(broker: LocalBroker, store: Store) -> None:
    settings = Settings(database_url=store.url, mqtt_url=broker.url)
    checks = {check.part: check for check in examine(settings, clock=SystemClock())}
    for part in ("waiting", "devices", "quarantine", "backlog"):
        assert checks[part].verdict is Verdict.OK, checks[part]
