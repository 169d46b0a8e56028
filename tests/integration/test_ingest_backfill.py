"""Backfill of recorded files on a real TimescaleDB: the same gate, nothing twice, and on where it was killed."""

import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest import recorded
from ingest.backfill import backfill
from ingest.writer import Written
from lifeline.errors import ReplayError, StoreError
from lifeline.settings import IngestSettings
from lifeline.store.pool import Store
from lifeline.store.rejects import newest_rejects
from tests.ingesting import Published, count, lawful, load_devices, stored, wait_for

START = datetime(2026, 11, 1, tzinfo=UTC)
SETTINGS = IngestSettings()


def history(folder: Path, *, devices: int, steps: int) -> tuple[Path, Published]:
    """A file with a reading of every device each minute, and the same as the table should have it."""
    path = folder / "history.csv"
    expected: Published = {}
    with path.open("w", encoding="utf-8") as file:
        file.write("sensor_id,observed_at,value\n")
        for step in range(steps):
            at = START + timedelta(minutes=step)
            for device in range(1, devices + 1):
                value = 300_000 + device + step / 8
                expected[f"D{device}", int(at.timestamp())] = value
                file.write(f"D{device},{at.isoformat()},{value}\n")
    return path, expected


def test_a_file_twice_is_in_the_table_once(store: Store, tmp_path: Path) -> None:
    load_devices(store, 10)
    path, expected = history(tmp_path, devices=10, steps=200)
    shares: list[float] = []
    assert backfill(store, SETTINGS, path, progress=shares.append) == Written(2_000, 0, 0, 0)
    assert backfill(store, SETTINGS, path) == Written(0, 2_000, 0, 0)
    assert stored(store) == expected
    assert (shares[0], shares[-1], shares) == (0.0, 1.0, sorted(shares))
    lawful(store)


def test_malformed_lines_are_rows_that_name_file_and_line(store: Store, tmp_path: Path) -> None:
    load_devices(store, 1)
    path = tmp_path / "mixed.csv"
    path.write_bytes(
        b"sensor_id,observed_at,value,unit\n"
        b"D1,2026-11-01T00:00:00Z,3.1,bar\n"
        b"D1,2026-11-01T00:01:00,3.1,bar\n"
        b"D9,2026-11-01T00:01:00Z,3.1,bar\n"
        b"D1,2026-11-01T00:02:00Z,3.1,furlong\n"
        b"D1,2026-11-01T00:03:00Z,nan,\n"
        b"D1,1926-11-01T00:03:00Z,1,\n"
        b"D1,2026-11-01T00:00:00Z,3.2,bar\n"
        b"\xff\n"
        b"D1,2026-11-01T00:04:00Z,200000,\n"
    )
    assert backfill(store, SETTINGS, path) == Written(stored=2, duplicate=0, conflict=1, rejected=6)
    assert list(stored(store).values()) == pytest.approx([310_000, 200_000])
    rejects = {reject.detail.split(":")[0]: reject for reject in newest_rejects(store)}
    assert {line: reject.reason.value for line, reject in rejects.items()} == {
        "line 3": "malformed",
        "line 4": "unknown-sensor",
        "line 5": "unit",
        "line 6": "not-finite",
        "line 7": "too-old",
        "line 9": "malformed",
    }
    assert {reject.topic for reject in rejects.values()} == {"file:mixed.csv"}
    assert rejects["line 9"].payload == b"\xff"
    lawful(store)


def test_a_parquet_file_is_taken_like_a_csv_file(store: Store, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="wants the extra `parquet`")
    parquet = pytest.importorskip("pyarrow.parquet")
    load_devices(store, 3)
    instants = [START + timedelta(minutes=step) for step in range(4)]
    table = pyarrow.table(
        {
            "sensor_id": ["D1", "D2", "D9", "D3"],
            "observed_at": pyarrow.array(instants, pyarrow.timestamp("ms", "UTC")),
            "value": [1.5, 2.5, 3.5, None],
        }
    )
    path = tmp_path / "history.parquet"
    parquet.write_table(table, path)
    assert backfill(store, SETTINGS, path) == Written(stored=2, duplicate=0, conflict=0, rejected=2)
    assert backfill(store, SETTINGS, path) == Written(stored=0, duplicate=2, conflict=0, rejected=2)
    assert sorted(stored(store).values()) == [1.5, 2.5]
    assert {reject.detail.split(":")[0] for reject in newest_rejects(store)} == {"line 3", "line 4"}
    lawful(store)
    parquet.write_table(table.drop(["value"]), path)
    with pytest.raises(ReplayError, match="no column value"):
        backfill(store, SETTINGS, path)


def test_a_failed_backfill_goes_on_where_it_stopped(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_devices(store, 5)
    path, expected = history(tmp_path, devices=5, steps=400)
    monkeypatch.setattr(recorded, "CHUNK_BYTES", 10_000)
    seen: list[float] = []

    def fail_at_half(share: float) -> None:
        seen.append(share)
        if share > 0.5:
            raise StoreError("the database does not answer")

    with pytest.raises(StoreError):
        backfill(store, SETTINGS, path, progress=fail_at_half)
    half = count(store, "reading")
    assert 0 < half < len(expected)
    again: list[float] = []
    assert backfill(store, SETTINGS, path, progress=again.append) == Written(len(expected), 0, 0, 0)
    assert again[0] == seen[-1]
    assert stored(store) == expected
    assert lawful(store).received == len(expected)


def _backfill(url: str, path: Path) -> None:
    recorded.CHUNK_BYTES = 50_000
    with Store(url) as store:
        backfill(store, SETTINGS, path)


def test_a_killed_backfill_goes_on_and_nothing_is_there_twice(store: Store, tmp_path: Path) -> None:
    load_devices(store, 20)
    path, expected = history(tmp_path, devices=20, steps=2_000)
    process = multiprocessing.get_context("spawn").Process(target=_backfill, args=(store.url, path))
    process.start()
    wait_for(lambda: count(store, "reading") > 3_000)
    time.sleep(0.01)
    process.kill()
    process.join()
    process.close()
    assert count(store, "reading") < len(expected)
    assert backfill(store, SETTINGS, path).stored == len(expected)
    assert stored(store) == expected
    assert lawful(store).received == len(expected)
