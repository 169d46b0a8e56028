"""The ingest stage on a real broker and a real TimescaleDB: what arrives, what becomes of it, who is told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from deploy.local.broker import LocalBroker
from ingest.share import run
from lifeline.clock import SystemClock
from lifeline.errors import LinkError
from lifeline.settings import Settings
from lifeline.store.devices import devices
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from lifeline.store.rejects import newest_rejects
from lifeline.store.stages import stages
from tests.ingesting import (
    CITY,
    Publisher,
    count,
    lawful,
    load_devices,
    open_session,
    pack,
    running,
    stored,
    up,
    wait_for,
)

NOW_S = int(time.time())


@contextmanager
def ingest(broker: LocalBroker, store: Store, **own: object) -> Iterator[threading.Event]:
    settings = Settings(database_url=store.url, mqtt_url=broker.url, ingest=own)
    open_session(broker.url)
    with running(lambda stop: run(settings, stop=stop, clock=SystemClock())) as stop:
        yield stop


def received(store: Store) -> int:
    return conservation(store).received


def test_readings_come_through_unchanged(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 20)
    sent = {(f"D{d}", NOW_S - 60 * i): 300_000.5 + d + i / 7 for d in range(1, 21) for i in range(50)}
    with ingest(broker, store), Publisher(broker.url) as publisher:
        for d in range(1, 21):
            own = [(at, value) for (device, at), value in sent.items() if device == f"D{d}"]
            publisher.send(up(f"D{d}"), pack(f"D{d}", own[:40]))
            for reading in own[40:]:
                publisher.send(up(f"D{d}"), pack(f"D{d}", [reading]))
        publisher.flush()
        wait_for(lambda: received(store) == len(sent))
        wait_for(lambda: any(beat.stage == "ingest" and "buffered" in beat.detail for beat in stages(store)))
    assert stored(store) == sent
    assert lawful(store).stored == len(sent)
    for device in devices(store):
        assert device.city_code == CITY
        assert device.last_observed_at is not None
        assert device.last_observed_at.timestamp() == NOW_S
        assert device.clock_skew_s is not None
        assert NOW_S - time.time() - 60 < device.clock_skew_s < 60  # NOW_S was some time ago


def test_the_same_message_again_is_a_duplicate_and_another_value_a_conflict(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 1)
    first, other, third = ([(NOW_S, value), (NOW_S - 60, 1.0)] for value in (1.0, 2.0, 3.0))
    with ingest(broker, store, batch_wait_s=0.0), Publisher(broker.url) as publisher:
        for readings in (first, first, other, other, third, first):
            publisher.send(up("D1"), pack("D1", readings))
            publisher.flush()
        wait_for(lambda: received(store) == 12)
    assert stored(store) == {("D1", NOW_S): 1.0, ("D1", NOW_S - 60): 1.0}
    law = lawful(store)
    assert (law.stored, law.duplicate, law.conflict) == (2, 8, 2)
    with store.transaction() as connection:
        rows = connection.execute("SELECT stored_value, offered_value FROM conflict ORDER BY offered_value").fetchall()
    assert [tuple(row) for row in rows] == [(1.0, 2.0), (1.0, 3.0)]


def test_what_is_no_reading_is_a_row_that_says_why(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 2)
    good = (NOW_S, 300_000.0)
    mixed = orjson.loads(pack("D1", [good]))
    mixed += [{"n": "humidity", "v": 1}, {"n": "pressure", "vs": "frozen"}, {"n": "pressure", "u": "m", "v": 1}]
    mixed += [{"n": "pressure", "v": 1, "t": NOW_S + 7200}, {"n": "pressure", "v": 1, "t": 300_000_000}]
    with ingest(broker, store, max_payload_bytes=10_000), Publisher(broker.url) as publisher:
        publisher.send(up("D1"), orjson.dumps(mixed))
        publisher.send(up("D1"), b"\x00\xff not JSON")
        publisher.send(up("D1"), b"[" + b" " * 20_000 + b"]")
        publisher.send(up("D1"), pack("D2", [good]))
        publisher.send(f"lifeline/1/{CITY}/D1/up/morse", b"... --- ...")
        publisher.send(up("STRANGER"), pack("STRANGER", [good]))
        publisher.send("lifeline/1/9/D1/up/senml", b"x")
        publisher.send(up("D2"), pack("D2", [good]))
        publisher.flush()
        wait_for(lambda: received(store) == 13)
    assert stored(store) == {("D1", NOW_S): 300_000.0, ("D2", NOW_S): 300_000.0}
    law = lawful(store)
    assert (law.stored, law.rejected) == (2, 11)
    rejects = {(reject.device_id, reject.reason.value): reject for reject in newest_rejects(store)}
    expected = {"malformed", "too-large", "device-mismatch", "format"}
    expected |= {"unknown-channel", "no-value", "unit", "future", "too-old"}
    assert set(rejects) == {("D1", reason) for reason in expected} | {("STRANGER", "unknown-device"), ("", "topic")}
    assert rejects["D1", "malformed"].payload == b"\x00\xff not JSON"
    assert rejects["D1", "unknown-channel"].payload == orjson.dumps(mixed)
    assert len(rejects["D1", "too-large"].payload) == 10_000


def test_receipts_name_what_is_stored_and_only_then(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 2)
    with ingest(broker, store), Publisher(broker.url) as publisher:
        publisher.send(up("D1"), pack("D1", [(NOW_S, 1.0)]), correlation=b"a1")
        publisher.send(up("D1"), b"nonsense", correlation="二".encode())
        publisher.send(up("D2"), pack("D2", [(NOW_S, 1.0)]))
        publisher.send(up("D2"), pack("D2", [(NOW_S, 2.0)]), correlation=b"b1")
        publisher.flush()
        wait_for(lambda: sum(map(len, publisher.receipts.values())) == 3)
        assert publisher.receipts == {"D1": ["a1", "二"], "D2": ["b1"]}
        assert lawful(store).received == 4
        publisher.send(up("D1"), pack("D1", [(NOW_S, 1.0)]), correlation=b"a1")
        wait_for(lambda: publisher.receipts["D1"].count("a1") == 2)
    assert lawful(store).duplicate == 1


def test_births_and_deaths(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 1)
    with ingest(broker, store), Publisher(broker.url) as publisher:
        state = f"lifeline/1/{CITY}/D1/state"
        publisher.send(state, orjson.dumps({"online": True, "at": NOW_S}), retain=True)
        wait_for(lambda: [device.online for device in devices(store)] == [True])
        publisher.send(state, orjson.dumps({"online": False, "at": NOW_S + 1}), retain=True)
        publisher.send(state, orjson.dumps({"online": True, "at": NOW_S - 9}), retain=True)
        publisher.flush()
        wait_for(lambda: [device.online for device in devices(store)] == [False])
    assert lawful(store).received == 0


def test_a_city_pack_that_is_loaded_later_is_taken_up(broker: LocalBroker, store: Store) -> None:
    with ingest(broker, store), Publisher(broker.url) as publisher:
        publisher.send(up("D1"), pack("D1", [(NOW_S, 1.0)]))
        wait_for(lambda: conservation(store).rejected == 1)
        load_devices(store, 1)
        minutes = iter(range(1, 1000))

        def again() -> bool:
            publisher.send(up("D1"), pack("D1", [(NOW_S - 60 * next(minutes), 1.0)]))
            time.sleep(0.2)
            return count(store, "reading") > 0

        wait_for(again)
    lawful(store)


def test_what_comes_while_ingest_is_stopped_waits_for_it(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 1)
    open_session(broker.url)
    with Publisher(broker.url) as publisher:
        for start in range(3):
            publisher.send(up("D1"), pack("D1", [(NOW_S - 60 * start, 1.0)]))
            publisher.flush()
            with ingest(broker, store):
                wait_for(lambda start=start: count(store, "reading") == start + 1)  # type: ignore[misc]
            publisher.send(up("D1"), pack("D1", [(NOW_S - 60 * start, 2.0)]))
        publisher.flush()
        with ingest(broker, store):
            wait_for(lambda: count(store, "conflict") == 3)
    assert lawful(store).received == 6


def test_a_broker_that_refuses_ends_the_stage_with_advice(broker: LocalBroker, store: Store) -> None:
    broker.stop()
    place = broker.data_dir / "config" / "place" / "refuse.conf"
    place.write_text("allow_anonymous false\n")
    broker.start()
    settings = Settings(database_url=store.url, mqtt_url=broker.url)
    with pytest.raises(LinkError, match="LIFELINE_MQTT_URL"):
        run(settings, stop=threading.Event(), clock=SystemClock())


def test_a_second_ingest_under_the_same_name_is_told_so(broker: LocalBroker, store: Store) -> None:
    settings = Settings(database_url=store.url, mqtt_url=broker.url)
    with (
        pytest.raises(LinkError, match="another ingest"),
        running(lambda stop: run(settings, stop=stop, clock=SystemClock())),
    ):
        time.sleep(1.0)
        with ingest(broker, store):
            time.sleep(1.0)
