"""Quarantine and release on a real database: bounded, lawful, nothing lost, everything once."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from ingest.assembler import Assembler
from ingest.codecs import CODECS
from ingest.gate import Limits, SensorTable
from ingest.message import Message
from ingest.quarantine import CROWDED, FULL, Quarantine
from ingest.release import Release
from ingest.writer import Writer
from lifeline.clock import SystemClock
from lifeline.errors import NotFoundError
from lifeline.settings import IngestSettings
from lifeline.store.pool import Store
from lifeline.store.sensors import sensors
from lifeline.store.strangers import NOBODY, figures, forget, strangers
from tests.ingesting import CITY, count, lawful, load_devices, pack, stored, up

NOW_S = 1_795_428_300
NOW = datetime.fromtimestamp(NOW_S, UTC)


class Stage:
    """The pure parts and the writer, without a broker."""

    def __init__(self, store: Store, *, devices: int = 3, bytes_: int = 2_000) -> None:
        self.settings = IngestSettings(quarantine_devices=devices, quarantine_bytes=bytes_)
        self.store = store
        self.writer = Writer(store, Quarantine.of(self.settings))
        self.assembler = Assembler(CODECS, Limits.of(self.settings), max_payload_bytes=100_000, batch_readings=10_000)

    def take(self, *sent: tuple[str, bytes]) -> None:
        messages = [Message(topic, data, NOW_S * 1_000_000, 1, 1, False, None) for topic, data in sent]
        self.writer.write(self.assembler.assemble(messages, SensorTable(sensors(self.store))))

    def release(self) -> Release:
        return Release(self.store, self.settings, SystemClock())


def offered(device: str, minutes: int, first: int = 0) -> list[tuple[str, bytes]]:
    return [(up(device), pack(device, [(NOW_S - 60 * (first + i), float(i))])) for i in range(minutes)]


def test_an_unknown_device_is_kept_until_it_is_named_and_then_taken_in_once(store: Store) -> None:
    load_devices(store, 1)
    stage = Stage(store)
    sent = offered("D2", 5)
    stage.take(*sent, *offered("D1", 2))
    (seen,) = strangers(store)
    assert (seen.city_code, seen.device_id, seen.messages, seen.readings) == (CITY, "D2", 5, 5)
    assert (seen.channels, seen.sample, seen.topic) == (("pressure",), sent[-1][1], up("D2"))
    assert lawful(store).rejected == 5
    stage.release().known_by_now(threading.Event())
    assert (len(strangers(store)), count(store, "reading")) == (1, 2)

    load_devices(store, 2)
    for _ in range(2):  # twice gives the same tables
        stage.release().known_by_now(threading.Event())
        assert {at: value for (device, at), value in stored(store).items() if device == "D2"} == {
            NOW_S - 60 * i: float(i) for i in range(5)
        }
    assert strangers(store) == []
    law = lawful(store)
    assert (law.received, law.stored, law.rejected) == (12, 7, 5)
    with store.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM reject WHERE resolved_at IS NULL").fetchone() == (0,)
        reasons = connection.execute(
            "SELECT DISTINCT r.reason FROM reading r JOIN sensor USING (sensor_key) WHERE device_id = 'D2'"
        ).fetchall()
    assert reasons == [(7,)]


def test_a_release_that_is_cut_short_goes_on_and_stores_each_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.release.PORTION", 3)
    stage = Stage(store, bytes_=10_000)
    load_devices(store, 1)
    stage.take(*offered("D2", 10))
    load_devices(store, 2)
    release = stage.release()
    written = release._writer.write
    turns = 0

    def killed(*args: object, **more: object) -> object:
        nonlocal turns
        turns += 1
        if turns == 3:
            raise KeyboardInterrupt
        return written(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(release._writer, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        release.known_by_now(threading.Event())
    assert count(store, "reading") == 6
    stage.release().known_by_now(threading.Event())
    assert count(store, "reading") == 10
    assert lawful(store).duplicate == 0


def test_a_channel_that_is_still_unknown_stays_open_and_is_not_counted_twice(store: Store) -> None:
    load_devices(store, 1)
    stage = Stage(store)
    payload = orjson.dumps([{"n": f"D1:{channel}", "v": 1.0, "t": NOW_S} for channel in ("pressure", "level")])
    stage.take((up("D1"), payload))
    released = stage.release().device((CITY, "D1"))
    assert (released.messages, released.resolved, released.written.duplicate, released.written.rejected) == (1, 0, 1, 1)
    with store.transaction() as connection:
        assert connection.execute("SELECT times, resolved_at FROM reject").fetchall() == [(2, None)]
        connection.execute("UPDATE sensor SET channel = 'level' WHERE device_id = 'D1'")
    assert stage.release().device((CITY, "D1")).resolved == 1
    lawful(store)


def test_a_flood_of_invented_devices_ends_at_the_limits_and_is_counted(store: Store) -> None:
    load_devices(store, 1)
    stage = Stage(store, devices=3, bytes_=1_500)
    invented = [one for i in range(200) for one in offered(f"X{i}", 1)]
    talker = offered("X0", 100, first=100)
    nonsense = [(f"lifeline/1/{CITY}/X{i}/up/{'y' * i}", b"z" * i) for i in range(100, 120)]
    lost = [(f"lifeline/1/nowhere/X{i}/up/senml", b"w" * 50) for i in range(30)]
    for start in range(0, 200, 50):
        stage.take(*invented[start : start + 50])
    stage.take(*talker, *nonsense, *lost, *offered("D1", 3))
    law = lawful(store)
    assert (law.received, law.stored, law.rejected) == (353, 3, 350)
    kept = {(one.city_code, one.device_id): one for one in strangers(store)}
    assert set(kept) == {(CITY, "X0"), (CITY, "X1"), (CITY, "X2"), NOBODY}
    assert all(one.kept_bytes <= 1_500 for one in kept.values())
    assert kept[CITY, "X0"].readings == 101
    assert 0 < kept[CITY, "X0"].not_kept < 101
    assert count(store, "device_total") <= 5
    assert count(store, "reject") < 40
    assert figures(store).devices == 3
    with store.transaction() as connection:
        details = {row.detail for row in connection.execute("SELECT detail FROM reject WHERE payload = ''")}
    assert details == {CROWDED, FULL}
    before = count(store, "reject")
    stage.take(*[replace_id(one, i) for i, one in enumerate(invented)])
    assert count(store, "reject") == before
    lawful(store)


def replace_id(one: tuple[str, bytes], number: int) -> tuple[str, bytes]:
    return up(f"Z{number}"), one[1].replace(b"X", b"Z")


def test_forgetting_makes_room_and_keeps_the_law(store: Store) -> None:
    load_devices(store, 1)
    stage = Stage(store, devices=1)
    stage.take(*offered("X1", 4))
    assert forget(store, (CITY, "X1"), who="王工", now=NOW) == 4
    with pytest.raises(NotFoundError, match="X1"):
        forget(store, (CITY, "X1"), who="王工", now=NOW)
    stage.take(*offered("X2", 2))
    assert [one.device_id for one in strangers(store)] == ["X2"]
    assert lawful(store).rejected == 6


def test_a_batch_is_admitted_the_same_way_again(store: Store) -> None:
    """A transaction that is tried again meets the batch as it was."""
    load_devices(store, 1)
    stage = Stage(store, devices=1, bytes_=400)
    messages = [Message(topic, data, NOW_S * 1_000_000, 1, 1, False, None) for topic, data in offered("X1", 5)]
    batch = stage.assembler.assemble(messages, SensorTable(sensors(store)))
    before = replace(batch, rejects=list(batch.rejects))
    for _ in range(2):
        with store.transaction() as connection:
            admitted = Quarantine.of(stage.settings).admit(connection, batch)
            connection.rollback()
        assert [reject.payload == b"" for reject in admitted.rejects] == [False] + [True] * 4
    assert batch.rejects == before.rejects
