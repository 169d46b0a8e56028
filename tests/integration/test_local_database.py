"""The private database keeps its promises: data kept, one start at a time, nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from deploy.local.database import LocalDatabase
from deploy.local.port import is_free
from lifeline.errors import StoreError
from lifeline.store.pool import Store


def _one(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def test_it_is_timescaledb_apache_edition_and_keeps_to_the_loopback_address(own_database: LocalDatabase) -> None:
    url = own_database.url
    assert _one(url, "SHOW timescaledb.license") == "apache"
    assert _one(url, "SHOW timescaledb.telemetry_level") == "off"
    assert _one(url, "SHOW listen_addresses") == "127.0.0.1"
    assert _one(url, "SHOW fsync") == "on"
    assert _one(url, "SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_name = 'reading'") == 1


def test_a_password_is_needed_and_nobody_else_can_read_it(own_database: LocalDatabase) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://lifeline@127.0.0.1:{own_database.port}/lifeline")
    assert (own_database.data_dir / "password").stat().st_mode & 0o777 == 0o600


def test_committed_rows_and_address_survive_kill_9_and_a_restart(own_database: LocalDatabase) -> None:
    url = own_database.url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n integer)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
        own_database.kill()
    assert not own_database.is_running
    own_database.start()
    assert own_database.url == url
    assert _one(url, "SELECT sum(n) FROM kept") == 500_500
    own_database.stop()
    own_database.start()
    assert _one(url, "SELECT sum(n) FROM kept") == 500_500


def test_a_paused_server_answers_nothing_and_then_goes_on(own_database: LocalDatabase) -> None:
    with psycopg.connect(own_database.url, autocommit=True) as connection:
        own_database.pause()
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            psycopg.connect(own_database.url, connect_timeout=2)
        own_database.resume()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    own_database.pause()
    own_database.stop()
    assert not own_database.is_running


def test_a_second_start_on_the_same_folder_is_refused(own_database: LocalDatabase) -> None:
    second = LocalDatabase(own_database.root, own_database.data_dir)
    with pytest.raises(StoreError, match=f"running already .started by process {os.getpid()}.* stop that one first"):
        second.start()
    assert _one(own_database.url, "SELECT 1") == 1


def test_another_port_is_taken_when_somebody_sits_on_the_kept_one(own_database: LocalDatabase) -> None:
    kept = own_database.port
    own_database.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", kept))
        squatter.listen()
        own_database.start()
        assert own_database.port != kept
        assert _one(own_database.url, "SELECT 1") == 1


def test_nothing_is_left_when_the_parent_is_killed_and_the_next_start_goes_on(
    private_root: Path, tmp_path: Path
) -> None:
    script = (
        "import sys, time; from pathlib import Path; from deploy.local.database import LocalDatabase\n"
        "database = LocalDatabase(Path(sys.argv[1]), Path(sys.argv[2])); database.start()\n"
        "database.create('extra'); print(database.port, flush=True); time.sleep(600)"
    )
    argv = [sys.executable, "-c", script, str(private_root), str(tmp_path / "database")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while not is_free(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_free(port)
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in _read(p)]
    with LocalDatabase(private_root, tmp_path / "database") as database:
        assert database.port == port
        assert _one(database.url_of("extra"), "SELECT 1") == 1


def test_a_start_that_fails_shows_the_server_s_own_words(private_root: Path, tmp_path: Path) -> None:
    with LocalDatabase(private_root, tmp_path / "database") as database:
        cluster = tmp_path / "database" / "cluster"
    with (cluster / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(StoreError, match="no_such_setting"):
        database.start()
    assert not database.is_running


def test_each_test_has_a_new_empty_migrated_database(store: Store, database_url: str) -> None:
    with store.transaction() as connection:
        assert connection.execute("SELECT value FROM reading").fetchall() == []
    assert _one(database_url, "SELECT count(*) = max(number) FROM migration") is True


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
