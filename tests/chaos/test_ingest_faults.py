"""Faults around ingest: after each, every reading that was published is a row, and the conservation law holds."""

import random
import threading
import time

import pytest

from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from ingest.worker import Worker
from lifeline.clock import SystemClock
from lifeline.mqtt import BrokerAddress
from lifeline.settings import Settings
from lifeline.store.devices import devices
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from simulators.devices import Patience
from simulators.publish import Fleet
from simulators.senml import Sample
from tests.chaos.cutting import CuttingProxy
from tests.ingesting import (
    CITY,
    IngestProcess,
    Published,
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
DEVICES = 20


def readings(first: int, last: int) -> Published:
    """Values of every device in minutes `first` to `last` before now."""
    return {
        (f"D{d}", NOW_S - 60 * minute): 1_000.0 * d + minute
        for minute in range(first, last)
        for d in range(1, DEVICES + 1)
    }


def send(publisher: Publisher, sent: Published, *, per_message: int = 10) -> None:
    """Publishes in packs, device by device, until the broker has confirmed all."""
    by_device: dict[str, list[tuple[float, float]]] = {}
    for (device, at), value in sent.items():
        by_device.setdefault(device, []).append((at, value))
    for device, own in by_device.items():
        for start in range(0, len(own), per_message):
            publisher.send(up(device), pack(device, own[start : start + per_message]))
    publisher.flush()


def test_a_worker_killed_in_the_middle_of_a_transaction_leaves_nothing_half(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    open_session(broker.url)
    sent = readings(0, 100)
    with Publisher(broker.url) as publisher, IngestProcess(store.url, broker.url) as worker:
        with store.transaction() as held:
            held.execute("LOCK TABLE tally IN SHARE MODE")
            send(publisher, sent)
            wait_for(lambda: _waits_for_lock(store))
            worker.kill()
        wait_for(lambda: not _is_connected(store))
        assert count(store, "reading") == 0
        worker.start()
        wait_for(lambda: count(store, "reading") == len(sent))
    assert stored(store) == sent
    assert lawful(store).received == len(sent)


def test_a_worker_killed_again_and_again_stores_everything_once(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    open_session(broker.url)
    sent: Published = {}
    with Publisher(broker.url) as publisher, IngestProcess(store.url, broker.url, batch_readings="50") as worker:
        for kills in range(3):
            more = readings(100 * kills, 100 * (kills + 1))
            before = count(store, "reading")
            send(publisher, more, per_message=5)
            sent |= more
            wait_for(lambda before=before: count(store, "reading") > before)  # type: ignore[misc]
            worker.kill()
            worker.start()
        wait_for(lambda: count(store, "reading") == len(sent))
    assert stored(store) == sent
    lawful(store)


def test_a_killed_broker_loses_nothing_of_devices_that_wait_for_receipts(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    names = [f"D{d}" for d in range(1, DEVICES + 1)]
    sent = {key: float(value) for key, value in readings(0, 30).items()}
    patience = Patience(first_s=1.0, longest_s=2.0)
    with (
        IngestProcess(store.url, broker.url),
        Fleet(CITY, names, BrokerAddress.parse(broker.url), client_id="fleet", patience=patience) as fleet,
    ):
        fleet.wait_online(20)
        for number, ((device, at), value) in enumerate(sent.items()):
            fleet.take(device, [Sample(float(at), "pressure", "Pa", value)])
            if number % 20 == 0:
                fleet.pump()
            if number in (200, 400):
                broker.kill()
                broker.start()
        assert fleet.drain(90)
        tally = fleet.tally
    assert (tally.lost, tally.receipted) == (0, len(sent))
    assert stored(store) == sent
    lawful(store)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_database_that_goes_and_comes_back(broker: LocalBroker, own_database: LocalDatabase, end: str) -> None:
    first, second = readings(0, 20), readings(20, 60)
    open_session(broker.url)
    with (
        Store(own_database.url) as store,
        Publisher(broker.url) as publisher,
        IngestProcess(own_database.url, broker.url),
    ):
        load_devices(store, DEVICES)
        send(publisher, first)
        wait_for(lambda: count(store, "reading") == len(first))
        getattr(own_database, end)()
        publisher.send(up("D1"), pack("D1", [(NOW_S + 60, 7.0)]), correlation=b"while-away")
        send(publisher, second)
        time.sleep(1.0)
        assert publisher.receipts == {}
        own_database.start()
        expected = first | second | {("D1", NOW_S + 60): 7.0}
        wait_for(lambda: count(store, "reading") == len(expected))
        wait_for(lambda: publisher.receipts == {"D1": ["while-away"]})
        assert stored(store) == expected
        assert lawful(store).received >= len(expected)
        with store.transaction() as connection:
            order = connection.execute("SELECT received_at FROM reading ORDER BY ctid").fetchall()
        assert [row.received_at for row in order] == sorted(row.received_at for row in order)


@pytest.mark.parametrize("pause_s", [2.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_a_paused_database(broker: LocalBroker, own_database: LocalDatabase, pause_s: float) -> None:
    open_session(broker.url)
    sent: Published = {}
    with (
        Store(own_database.url, timeout_s=120) as store,
        Publisher(broker.url) as publisher,
        IngestProcess(own_database.url, broker.url),
    ):
        load_devices(store, DEVICES)
        for part in range(4):
            more = readings(part * 20, part * 20 + 20)
            sent |= more
            if part == 2:
                own_database.pause()
                threading.Timer(pause_s, own_database.resume).start()
            send(publisher, more)
        wait_for(lambda: count(store, "reading") == len(sent), timeout_s=60 + pause_s)
        assert stored(store) == sent
        lawful(store)


def test_a_full_buffer_stops_reading_and_nothing_is_lost(broker: LocalBroker, own_database: LocalDatabase) -> None:
    settings = Settings(
        database_url=own_database.url,
        mqtt_url=broker.url,
        ingest={"buffer_messages": 50, "batch_readings": 20},
    )
    open_session(broker.url)
    sent = readings(0, 200)
    with Store(own_database.url) as store, Publisher(broker.url) as publisher:
        load_devices(store, DEVICES)
        worker = Worker(settings, BrokerAddress.parse(broker.url), store, SystemClock())
        with running(worker.run):
            wait_for(lambda: count(store, "stage") == 1)
            own_database.stop()
            send(publisher, sent, per_message=2)
            wait_for(lambda: worker.held >= 50)
            time.sleep(0.5)
            assert worker.held < 500  # the limit, and what one read of the socket may bring on top
            own_database.start()
            wait_for(lambda: count(store, "reading") == len(sent))
            wait_for(lambda: worker.held == 0)
        assert stored(store) == sent
        assert lawful(store).received == len(sent)


def test_a_connection_cut_at_random_bytes(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    open_session(broker.url)
    sent = readings(0, 60)
    with CuttingProxy(broker.port, random.Random(4), shortest=500, longest=30_000) as proxy:
        address = f"mqtt://127.0.0.1:{proxy.port}"
        with Publisher(broker.url) as publisher, IngestProcess(store.url, address):
            send(publisher, sent, per_message=5)
            wait_for(lambda: count(store, "reading") == len(sent), timeout_s=120)
        assert proxy.cuts > 0
    assert stored(store) == sent
    lawful(store)


def test_the_same_message_a_thousand_times(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 1)
    open_session(broker.url)
    payload = pack("D1", [(NOW_S, 1.0), (NOW_S - 60, 2.0), (NOW_S - 60, 3.0)])
    with IngestProcess(store.url, broker.url), Publisher(broker.url) as publisher:
        for _ in range(1_000):
            publisher.send(up("D1"), payload)
        publisher.flush()
        wait_for(lambda: conservation(store).received >= 3_000)
    assert stored(store) == {("D1", NOW_S): 1.0, ("D1", NOW_S - 60): 2.0}
    law = lawful(store)
    assert (law.received, law.stored, law.duplicate, law.conflict) == (3_000, 2, 2_997, 1)


def test_messages_in_reverse_order(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    open_session(broker.url)
    sent = dict(sorted(readings(0, 100).items(), key=lambda item: item[0][1]))
    with IngestProcess(store.url, broker.url), Publisher(broker.url) as publisher:
        send(publisher, sent, per_message=1)
        wait_for(lambda: count(store, "reading") == len(sent))
    assert stored(store) == sent
    assert lawful(store).received == len(sent)


def test_clocks_eight_hours_off(broker: LocalBroker, store: Store) -> None:
    load_devices(store, 3)
    open_session(broker.url)
    now_s, off_s = int(time.time()), 8 * 3600
    right = {("D1", now_s - 60 * minute): float(minute) for minute in range(50)}
    behind = {("D2", at - off_s): value for (_, at), value in right.items()}
    ahead = {("D3", at + off_s): value for (_, at), value in right.items()}
    with IngestProcess(store.url, broker.url), Publisher(broker.url) as publisher:
        for one, two, three in zip(right.items(), behind.items(), ahead.items(), strict=True):
            for (device, at), value in (one, two, three):
                publisher.send(up(device), pack(device, [(at, value)]))
        publisher.flush()
        wait_for(lambda: conservation(store).received == 3 * len(right))
    assert stored(store) == right | behind
    assert lawful(store).rejected == len(ahead)
    skews_h = {device.device_id: round((device.clock_skew_s or 0.0) / 3600) for device in devices(store)}
    assert skews_h["D3"] == 8
    with store.transaction() as connection:
        rows = connection.execute("SELECT device_id, reason, sum(times) AS times FROM reject GROUP BY 1, 2").fetchall()
    assert [(row.device_id, row.reason, row.times) for row in rows] == [("D3", "future", len(ahead))]


def _waits_for_lock(store: Store) -> bool:
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT count(*) AS waiting FROM pg_stat_activity WHERE application_name LIKE 'lifeline-ingest%'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return row is not None and row.waiting > 0


def _is_connected(store: Store) -> bool:
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT count(*) AS sessions FROM pg_stat_activity WHERE application_name LIKE 'lifeline-ingest%'"
            " AND datname = current_database()"
        ).fetchone()
    return row is not None and row.sessions > 0
