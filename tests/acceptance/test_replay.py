"""A recorded week through the real broker and the real ingest stage: as many rows as readings, however often."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.broker import LocalBroker
from lifeline.clock import SystemClock
from lifeline.store.pool import Store
from lifeline.verbs.city import load_command
from simulators.recorded.layouts import Layout
from simulators.replay_verb import make_pack_command, replay_command
from tests.packs import write_tiny_pack

DATA = Path(__file__).parents[3] / "shared" / "data" / "ltown"
CELLS_A_ROW = 33 + 3 + 1 + 82
"""Pressures, flows, level and demands of L-Town."""
DAY = 24 * 12 * CELLS_A_ROW


@contextmanager
def _ingesting(database_url: str, mqtt_url: str, log: Path) -> Iterator[None]:
    """The ingest stage as the process that it is; it must live until it is told to end, and then end well.

    Begins when the stage has connected: what is published before waits half a minute for its receipt.
    """
    settings = {"LIFELINE_DATABASE_URL": database_url, "LIFELINE_MQTT_URL": mqtt_url, "LIFELINE_LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "lifeline", "ingest"]
    with log.open("wb") as lines, subprocess.Popen(command, env=os.environ | settings, stderr=lines) as process:
        try:
            while process.poll() is None and b'"connected"' not in log.read_bytes():
                time.sleep(0.05)
            yield
            assert process.poll() is None, log.read_text(encoding="utf-8")
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=30)
    assert code == 0, log.read_text(encoding="utf-8")


def _count(store: Store, what: str) -> int:
    with store.transaction() as connection:
        return int(connection.execute(f"SELECT {what}".encode()).fetchall()[0][0])


def test_a_week_of_ltown_has_as_many_rows_as_were_published(
    broker: LocalBroker, store: Store, database_url: str, tmp_path: Path
) -> None:
    if not DATA.exists():
        pytest.skip(f"the recorded year {DATA} is not on this machine")
    out = Console(record=True, width=200, soft_wrap=True)
    clock, stop = SystemClock(), threading.Event()
    source, pack = DATA / "2018", tmp_path / "pack"
    assert make_pack_command(source, Layout.BATTLEDIM, pack, out=out, network=DATA / "L-TOWN.inp") == 0
    assert load_command(pack, store, out, now=clock.now()) == 0
    replayed = partial(
        replay_command, source, Layout.BATTLEDIM, mqtt_url=broker.url, out=out, clock=clock, stop=stop, pack=pack
    )
    with _ingesting(database_url, broker.url, tmp_path / "ingest.log"):
        assert replayed(begin="2018-02-01", end="2018-02-08") == 0, out.export_text()
        assert replayed(begin="2018-02-03", end="2018-02-04") == 0, out.export_text()
    published, again = 7 * DAY, DAY
    said = out.export_text()
    assert f"{published} readings sent" in said
    assert f"{again} readings sent" in said
    assert _count(store, "count(*) FROM reading") == published
    assert _count(store, "count(*) FROM reading WHERE quality = 0") == published
    assert _count(store, "count(*) FROM reject") == _count(store, "count(*) FROM conflict") == 0
    assert _count(store, "count(DISTINCT sensor_key) FROM reading") == CELLS_A_ROW
    assert _count(store, "sum(received) FROM device") == published + again
    assert _count(store, "sum(duplicate) FROM device") == again
    assert _count(store, "min(value) FROM reading JOIN sensor USING (sensor_key) WHERE quantity = 'pressure'") > 100_000


def test_a_stopped_replay_starts_again_and_a_damaged_file_loses_only_its_bad_cells(
    broker: LocalBroker, store: Store, database_url: str, tmp_path: Path
) -> None:
    begin = datetime(2026, 3, 1)  # noqa: DTZ001  # the layout has no offsets
    rows = [f"{begin + timedelta(minutes=5 * n)};{0.5 + n % 7 / 10:.2f};{0.7 + n % 3 / 10:.2f}" for n in range(2000)]
    rows[7] = rows[7].replace("0.", "o.", 1)
    rows[9] = "yesterday;1,0;1,0"
    (tmp_path / "SCADA_Levels.csv").write_text("\n".join(["Timestamp;T1;T2", *rows]) + "\n", encoding="utf-8")
    _edit_tanks(write_tiny_pack(tmp_path / "pack", "999901"))
    out, clock = Console(record=True, width=200, soft_wrap=True), SystemClock()
    assert load_command(tmp_path / "pack", store, out, now=clock.now()) == 0
    faults = tmp_path / "faults.txt"
    replayed = partial(
        replay_command, tmp_path, Layout.BATTLEDIM, mqtt_url=broker.url, out=out, clock=clock, faults_file=faults
    )
    stop = threading.Event()
    with _ingesting(database_url, broker.url, tmp_path / "ingest.log"):
        threading.Timer(1.0, stop.set).start()
        assert replayed(speed="300", stop=stop) == 1
        assert "start the same replay again" in out.export_text()
        assert replayed(stop=threading.Event()) == 0, out.export_text()
    assert [line.rsplit("/", 1)[1] for line in faults.read_text(encoding="utf-8").splitlines()] == [
        "SCADA_Levels.csv:9: T1: expected a number with a decimal comma, got 'o.50' (1 not sent)",
        "SCADA_Levels.csv:11: Timestamp: expected a time, got Invalid isoformat string: 'yesterday' (2 not sent)",
    ]
    assert _count(store, "count(*) FROM reading") == 2 * 2000 - 3
    assert _count(store, "count(*) FROM conflict") == _count(store, "count(*) FROM reject") == 0


def _edit_tanks(pack: Path) -> None:
    """Names the recording's two tanks in the pack."""
    sensors = (pack / "sensors.csv").read_text(encoding="utf-8")
    tank = next(line for line in sensors.splitlines() if ",level,level," in line)
    rows = "".join(tank.replace("CC-L-01,CC-L-01", f"LT-{name},LT-{name}") + "\n" for name in ("T1", "T2"))
    (pack / "sensors.csv").write_text(sensors + rows, encoding="utf-8")
