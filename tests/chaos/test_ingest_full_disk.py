"""A full disk for the database: only what is committed is confirmed, and with room again everything is a row."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from lifeline.errors import StoreError
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store
from tests.chaos.test_ingest_faults import NOW_S
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

SIZE_MIB, LEFT_MIB = 400, 4
DEVICES, MESSAGES, PER_MESSAGE = 10, 300, 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of SIZE_MIB."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "lifeline-test", str(place)]
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a small file system")
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine lets nobody make a small file system: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk(private_root: Path, own_broker: LocalBroker, small_disk: Path, tmp_path: Path) -> None:
    log, ballast = tmp_path / "log", small_disk / "ballast"
    folder = small_disk / "database"
    folder.mkdir()
    (folder / "log").symlink_to(log)  # what the server says of the full disk must find room
    open_session(own_broker.url)
    sent: Published = {}
    with LocalDatabase(private_root, folder) as database:
        migrate(database.url)
        with (
            Store(database.url, name="test") as store,
            Publisher(own_broker.url) as publisher,
            IngestProcess(database.url, own_broker.url, batch_readings="2000"),
        ):
            load_devices(store, DEVICES)
            _send(publisher, sent, 0, 5)
            wait_for(lambda: count(store, "reading") == len(sent))
            room = os.statvfs(small_disk)
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - LEFT_MIB * 2**20)
            _send(publisher, sent, 5, MESSAGES)
            wait_for(lambda: "No space left on device" in log.read_text(errors="replace"))
            confirmed = _confirmed(publisher)
            ballast.unlink()
            wait_for(lambda: _is_up(database, store))
            assert confirmed <= set(stored(store))
            wait_for(lambda: count(store, "reading") == len(sent))
            wait_for(lambda: len(_confirmed(publisher)) == len(sent))
            assert stored(store) == sent
            assert lawful(store).rejected == 0


def _send(publisher: Publisher, sent: Published, first: int, last: int) -> None:
    """Messages `first` to `last` of PER_MESSAGE readings each; a message's id says which."""
    for number in range(first, last):
        own = _readings(number)
        sent |= own
        device = f"D{1 + number % DEVICES}"
        publisher.send(
            up(device), pack(device, [(at, value) for (_, at), value in own.items()]), correlation=b"%d" % number
        )
    publisher.flush()


def _readings(number: int) -> Published:
    turn = number // DEVICES
    return {
        (f"D{1 + number % DEVICES}", NOW_S - 60 * (turn * PER_MESSAGE + i)): float(number) for i in range(PER_MESSAGE)
    }


def _confirmed(publisher: Publisher) -> set[tuple[str, int]]:
    """The readings of all messages for which a receipt has come."""
    numbers = [int(identity) for own in list(publisher.receipts.values()) for identity in list(own)]
    return {key for number in numbers for key in _readings(number)}


def _is_up(database: LocalDatabase, store: Store) -> bool:
    """Whether the server answers; it is started again where the full disk has ended it."""
    if not database.is_running:
        database.start()
    with contextlib.suppress(StoreError):
        count(store, "reading")
        return True
    return False
