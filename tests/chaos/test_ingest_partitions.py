"""Several ingest processes: whatever happens to one, every reading is a row once, and a sensor's are in order."""

import time

import pytest

from deploy.local.broker import LocalBroker
from lifeline.doctor import Verdict, partition_check
from lifeline.settings import Settings
from lifeline.store.partitions import Shares, layout, shares
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from tests.ingesting import (
    IngestProcess,
    Published,
    Publisher,
    count,
    lawful,
    load_devices,
    open_session,
    pack,
    stored,
    up,
    wait_for,
)

NOW_S = int(time.time()) // 60 * 60
DEVICES = 24


def minutes(first: int, last: int) -> Published:
    """A reading of every device in each minute, as many minutes after 10,000 minutes ago."""
    start_s = NOW_S - 600_000
    return {
        (f"D{d}", start_s + 60 * minute): 1_000.0 * d + minute
        for minute in range(first, last)
        for d in range(1, DEVICES + 1)
    }


def send(publisher: Publisher, sent: Published) -> None:
    """One message a reading, in the order of time."""
    for (device, at), value in sent.items():
        publisher.send(up(device), pack(device, [(at, value)]))
    publisher.flush()


def in_order(store: Store) -> bool:
    """Whether the readings of each sensor were stored in the order in which they were sent, which is that of time."""
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE observed_at < before) AS wrong FROM (SELECT observed_at, lag(observed_at)"
            " OVER (PARTITION BY sensor_key ORDER BY xmin::text::bigint, ctid) AS before FROM reading) r"
        ).fetchone()
    return row is not None and row.wrong == 0


def who(store: Store, of: int) -> Shares:
    return shares(store, client_id="lifeline-ingest", of=of)


def owners(store: Store, of: int) -> dict[int, int]:
    """Process id by partition."""
    return {number: int(holder.worker.rpartition(":")[2]) for number, holder in who(store, of).holders.items()}


def wait_count(store: Store, at_least: int) -> None:
    """Until so many readings are stored."""
    wait_for(lambda: count(store, "reading") >= at_least)


def wait_shared(store: Store, *workers: IngestProcess) -> None:
    """Until each of `workers` holds one partition."""
    pids = sorted(worker.pid for worker in workers)
    wait_for(lambda: sorted(owners(store, len(workers)).values()) == pids)


def test_a_killed_workers_devices_go_on_with_the_other(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    sent: Published = {}
    with (
        Publisher(broker.url) as publisher,
        IngestProcess(store.url, broker.url, partitions="2", batch_readings="40") as one,
        IngestProcess(store.url, broker.url, partitions="2", batch_readings="40") as other,
    ):
        wait_shared(store, one, other)
        for turn, victim in enumerate((one, other)):
            more = minutes(40 * turn, 40 * turn + 40)
            for at in range(40):
                send(publisher, minutes(40 * turn + at, 40 * turn + at + 1))
                if at == 20:
                    wait_count(store, len(sent) + 1)
                    victim.kill()
            sent |= more
            wait_count(store, len(sent))
            assert len(set(owners(store, 2).values())) == 1
            victim.start()
            wait_shared(store, one, other)
    assert stored(store) == sent
    assert in_order(store)
    lawful(store)


def test_a_paused_worker_is_cut_off_and_does_no_harm_when_it_goes_on(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    sent = minutes(0, 60)
    with (
        Publisher(broker.url) as publisher,
        IngestProcess(store.url, broker.url, partitions="2", batch_readings="40") as one,
        IngestProcess(store.url, broker.url, partitions="2", batch_readings="40") as other,
    ):
        wait_shared(store, one, other)
        send(publisher, minutes(0, 20))
        wait_count(store, DEVICES * 20)
        with store.transaction() as held:  # it stands still in the middle of a transaction, with messages in hand
            held.execute("LOCK TABLE tally IN SHARE MODE")
            send(publisher, minutes(20, 40))
            wait_for(lambda: _waiting(store) == 2)
            one.pause()
        wait_for(lambda: set(owners(store, 2).values()) == {other.pid})
        wait_count(store, DEVICES * 40)
        one.resume()
        send(publisher, minutes(40, 60))
        wait_count(store, len(sent))
        wait_shared(store, one, other)
        publisher.send(up("D1"), pack("D1", [(NOW_S, 1.0)]))
        wait_count(store, len(sent) + 1)
    assert stored(store) == sent | {("D1", NOW_S): 1.0}
    assert in_order(store)
    assert lawful(store).rejected == 0


def test_a_worker_too_many_stands_by(broker: LocalBroker, store: Store) -> None:
    load_devices(store, DEVICES)
    open_session(broker.url)
    sent = minutes(0, 10)
    with Publisher(broker.url) as publisher, IngestProcess(store.url, broker.url) as one:
        wait_shared(store, one)
        with IngestProcess(store.url, broker.url) as other:
            wait_for(lambda: len(who(store, 1).present) == 2)
            told = partition_check(store, Settings())
            assert (told.verdict, f":{other.pid} stands by" in told.seen) == (Verdict.OK, True)
            send(publisher, minutes(0, 5))
            wait_count(store, DEVICES * 5)
            assert set(owners(store, 1).values()) == {one.pid}
            one.kill()
            send(publisher, minutes(5, 10))
            wait_count(store, len(sent))
            assert set(owners(store, 1).values()) == {other.pid}
    assert stored(store) == sent
    assert in_order(store)
    lawful(store)


@pytest.mark.parametrize("kill", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_another_number_of_partitions_loses_nothing_and_keeps_the_order(
    broker: LocalBroker, store: Store, kill: bool
) -> None:
    load_devices(store, DEVICES)
    open_session(broker.url)
    sent: Published = {}
    with Publisher(broker.url) as publisher:
        for turn, partitions in enumerate((1, 3, 2, 1)):
            more = minutes(30 * turn, 30 * turn + 30)
            send(publisher, more)  # into the sessions of the former layout
            sent |= more
            with IngestProcess(store.url, broker.url, partitions=str(partitions)) as worker:
                if kill and partitions > 1:
                    wait_count(store, len(sent) - len(more) + 1)
                    worker.kill()
                    worker.start()
                wait_count(store, len(sent))
                wait_for(lambda of=partitions: layout(store, "lifeline-ingest") == of)  # type: ignore[misc]
                assert worker.stop() == 0
    assert stored(store) == sent
    assert in_order(store)
    assert lawful(store).received == conservation(store).received


def _waiting(store: Store) -> int:
    """Ingest transactions that wait for a lock."""
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT count(*) AS waiting FROM pg_stat_activity WHERE application_name LIKE 'lifeline-ingest%'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return 0 if row is None else int(row.waiting)
