"""The alarm `backlog` in the real stage: told without the database while it is away, opened and closed by itself."""

import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from alerts.decider import Decider
from alerts.inforce import Rules
from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from ingest.backlog import findings, subject
from ingest.share import run
from lifeline.alarm import AlarmAction, AlarmState
from lifeline.clock import SetClock, SystemClock
from lifeline.doctor import Verdict, waiting_check
from lifeline.finding import FindingKind, Phase
from lifeline.mqtt import BACKLOG_TOPIC, BrokerAddress
from lifeline.settings import AlertsSettings, Settings
from lifeline.store import alarms, views
from lifeline.store.backlog import settle
from lifeline.store.findings import findings_after
from lifeline.store.pool import Store
from lifeline.store.stages import beat
from tests.alert_parts import load_city
from tests.ingesting import CITY, Publisher, count, lawful, load_devices, open_session, pack, running, up, wait_for

LIMIT_S = 3.0


def test_a_finding_of_each_city_by_the_workers_signs_of_life(store: Store) -> None:
    load_devices(store, 1)
    began = datetime.now(UTC)

    def look(after_s: float, backlog_s: float) -> list[Phase]:
        now = began + timedelta(seconds=after_s)
        detail = {"backlog_s": backlog_s, "backlog_reason": "catching-up"}
        beat(store, stage="ingest", worker="w", started_at=began, now=now, detail=detail)
        decide = partial(findings, limit_s=LIMIT_S, now=now)
        return [one.phase for one in settle(store, decide, stage="ingest", prefix=subject(""), now=now)]

    looks = [look(0, 1), look(2, 9), look(4, 9), look(40, 5), look(42, 0), look(44, 0)]
    assert looks == [[], [Phase.ONSET], [], [Phase.UPDATE], [Phase.END], []]
    assert _phases(store) == [Phase.ONSET, Phase.UPDATE, Phase.END]


def test_the_findings_open_one_alarm_and_close_it(store: Store) -> None:
    load_city(store)
    clock = SetClock(datetime(2026, 11, 23, 2, tzinfo=UTC))
    started = clock.now()
    decider = Decider(store, Settings(), Rules(AlertsSettings(), None), clock)

    def look(after_s: float, backlog_s: float) -> None:
        clock.advance(after_s)
        detail = {"backlog_s": backlog_s, "backlog_reason": "catching-up"}
        beat(store, stage="ingest", worker="w", started_at=started, now=clock.now(), detail=detail)
        decide = partial(findings, limit_s=LIMIT_S, now=clock.now())
        settle(store, decide, stage="ingest", prefix=subject(""), now=clock.now())
        decider.work()

    for after_s, backlog_s in ((1, 0), (2, 100), (2, 80), (40, 20), (2, 0)):
        look(after_s, backlog_s)
    (alarm,) = views.alarms(store, states=list(AlarmState), city=CITY, kind="backlog", before=None, limit=10)
    assert alarm.cleared_at == clock.now()
    assert "积压" in alarm.title_zh
    # who was called must have seen it; then it closes by itself
    acted = alarms.act(
        store,
        alarm.alarm_id,
        AlarmAction.ACKNOWLEDGE,
        actor="王芳",
        version=alarm.version,
        reason="seen",
        now=clock.now(),
    )
    assert acted.closed_at is None
    for _ in range(3):
        look(60, 0)
    (alarm,) = views.alarms(store, states=list(AlarmState), city=CITY, kind="backlog", before=None, limit=10)
    assert alarm.closed_at is not None


@pytest.mark.slow
def test_the_alarm_opens_and_closes_by_itself(broker: LocalBroker, own_database: LocalDatabase) -> None:
    words: list[dict[str, object]] = []
    listener = BrokerAddress.parse(broker.url).client("")
    listener.on_connect = lambda client, *_: client.subscribe(BACKLOG_TOPIC + "+", 1)
    listener.on_message = lambda _client, _data, message: words.append(json.loads(message.payload))
    address = BrokerAddress.parse(broker.url)
    listener.connect(address.host, address.port)
    listener.loop_start()
    with Store(own_database.url, name="test") as store:
        load_devices(store, 5)
        settings = Settings(database_url=own_database.url, mqtt_url=broker.url, ingest={"backlog_limit_s": LIMIT_S})
        open_session(broker.url)
        sent = 0

        def publish(publisher: Publisher) -> None:
            nonlocal sent
            for d in range(1, 6):
                publisher.send(up(f"D{d}"), pack(f"D{d}", [(time.time(), float(sent))]))
                sent += 1
            publisher.flush()

        with running(lambda stop: run(settings, stop=stop, clock=SystemClock())), Publisher(broker.url) as publisher:
            publish(publisher)
            wait_for(lambda: count(store, "reading") == 5)
            own_database.kill()
            for _ in range(3):
                publish(publisher)
            wait_for(lambda: any(word["backlog_s"] for word in words))
            assert words[-1]["reason"] == "store-away"
            assert words[-1]["messages"] == 15
            told = waiting_check(broker.url, SystemClock())
            assert told.verdict is Verdict.FAULT
            assert "15 messages in hand" in told.seen
            own_database.start()
            wait_for(lambda: _phases(store)[-1:] == [Phase.END])
            wait_for(lambda: not words[-1]["backlog_s"])
        assert count(store, "reading") == sent
        lawful(store)
        found = findings_after(store, 0)
        assert {one.kind for one in found} == {FindingKind.BACKLOG}
        assert {one.subject for one in found} == {f"backlog:ingest:{CITY}"}
        assert found[0].phase is Phase.ONSET
        assert found[0].explanation["waits_s"] > LIMIT_S
        assert found[0].began_at < found[0].detected_at
    listener.disconnect()
    listener.loop_stop()


def _phases(store: Store) -> list[Phase]:
    return [one.phase for one in findings_after(store, 0)]
