"""The store's reading side: what was written is read back exactly, and who follows misses nothing."""

import random
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.readings import (
    READING,
    READING_BRIEF,
    CollisionError,
    StalePositionError,
    add,
    existing,
    forget_arrivals,
    latest,
    position,
    readings_between,
    readings_since,
)
from tests.ingesting import load_devices

START = np.datetime64("2026-11-23T10:00:00", "us")
MINUTE = np.timedelta64(60_000_000, "us")


def rows(keys: list[int], minutes: list[int], *, received: int = 0, value: float = 1.0) -> npt.NDArray[np.void]:
    made = np.zeros(len(keys), READING)
    made["sensor_key"] = keys
    made["observed_at"] = START + np.array(minutes) * MINUTE
    made["received_at"] = START + received * MINUTE
    made["value"] = value + np.arange(len(keys))
    return made


def put(store: Store, made: npt.NDArray[np.void]) -> None:
    with store.transaction() as connection:
        add(connection, made)
        notify(connection, Topic.READING)


def pairs(found: npt.NDArray[np.void]) -> list[tuple[int, int]]:
    return [(int(row["sensor_key"]), int((row["observed_at"] - START) / MINUTE)) for row in found]


def test_readings_come_back_as_they_were_written(store: Store) -> None:
    load_devices(store, 3)
    made = rows([3, 1, 1, 2], [0, 1, 0, -100_000])
    made["value"] = [0.1, -1e300, 5e-324, np.pi]
    made["quality"] = [0, 1, 0, 2]
    put(store, made)
    end = datetime(2026, 11, 23, 10, 1, tzinfo=UTC)
    start = end - timedelta(days=365)
    found = readings_between(store, [1, 2, 3], start, end, max_quality=2)
    assert found.dtype == READING_BRIEF
    assert found.tolist() == np.sort(made[["sensor_key", "observed_at", "value", "quality"]])[[0, 2, 3]].tolist()
    assert pairs(readings_between(store, [1, 2, 3], start, end)) == [(1, 0), (3, 0)]
    assert pairs(readings_between(store, [1], start, end + timedelta(seconds=1))) == [(1, 0), (1, 1)]
    assert pairs(readings_between(store, [], start, end)) == []
    assert pairs(latest(store)) == [(1, 1), (2, -100_000), (3, 0)]
    assert pairs(latest(store, [3, 1])) == [(1, 1), (3, 0)]


def test_what_is_there_is_not_stored_again(store: Store) -> None:
    put(store, rows([1, 2], [0, 0]))
    with pytest.raises(CollisionError):
        put(store, rows([3, 2], [0, 0]))
    with store.transaction() as connection:
        where, values = existing(connection, rows([3, 2, 1, 1], [0, 0, 0, 1]))
        again, _ = existing(connection, rows([1], [0]))
    assert dict(zip(where.tolist(), values.tolist(), strict=True)) == {1: 2.0, 2: 1.0}
    assert again.tolist() == [0]
    assert pairs(readings_since(store, 0)[0]) == [(1, 0), (2, 0)]


def test_a_follower_sees_late_and_old_readings_when_they_are_committed(store: Store) -> None:
    put(store, rows([1], [0], received=0))
    here = position(store)
    assert pairs(readings_since(store, here)[0]) == []
    put(store, rows([1, 2], [5, -60 * 24 * 30], received=6))
    put(store, rows([1], [3], received=1))
    found, there = readings_since(store, here)
    assert set(pairs(found)) >= {(1, 3), (1, 5), (2, -60 * 24 * 30)}
    assert pairs(readings_since(store, there)[0]) == []
    recent = (START - 10 * MINUTE).item().replace(tzinfo=UTC)
    assert (2, -60 * 24 * 30) not in pairs(readings_since(store, here, not_before=recent)[0])


def test_a_transaction_that_commits_after_a_later_one_is_not_missed(store: Store) -> None:
    put(store, rows([3], [0]))  # whoever makes a chunk keeps others out of it until the commit
    here = position(store)
    with store.transaction() as slow:
        add(slow, rows([1], [0]))
        put(store, rows([2], [0], received=30))
        found, on_the_way = readings_since(store, here)
        assert (1, 0) not in pairs(found)
    found, there = readings_since(store, on_the_way)
    assert set(pairs(found)) >= {(1, 0), (2, 0)}
    assert pairs(readings_since(store, there)[0]) == []


def test_a_follower_among_several_writers_misses_none(store: Store) -> None:
    writers, batches = 4, 25

    def write(number: int) -> None:
        chance = random.Random(number)
        for batch in range(batches):
            with store.transaction() as connection:
                add(connection, rows([number] * 3, [batch * 3, batch * 3 + 1, batch * 3 + 2], received=batch))
                if chance.random() < 0.5:
                    connection.execute("SELECT pg_sleep(%s)", (chance.random() * 0.02,))

    here, seen = position(store), set[tuple[int, int]]()
    threads = [threading.Thread(target=write, args=(n,)) for n in range(1, writers + 1)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found, here = readings_since(store, here)
        seen.update(pairs(found))
    found, _ = readings_since(store, here)
    seen.update(pairs(found))
    assert seen == {(n, minute) for n in range(1, writers + 1) for minute in range(batches * 3)}


def test_a_position_older_than_what_is_kept_is_refused(store: Store) -> None:
    here = position(store)
    for minute in range(3):
        put(store, rows([1], [minute]))
    with store.transaction() as connection:
        _age(connection)
    forget_arrivals(store)
    with pytest.raises(StalePositionError, match="readings_between"):
        readings_since(store, here)
    put(store, rows([1], [3]))
    assert pairs(readings_since(store, position(store))[0]) == []


def _age(connection: Connection) -> None:
    connection.execute("UPDATE arrival SET committed_at = now() - interval '25 hours'")
