"""The schema is brought up to date once, in order, or not at all; the doctor sees a sound deployment as sound."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from lifeline.clock import SystemClock
from lifeline.doctor import Verdict, examine
from lifeline.errors import MigrationError
from lifeline.settings import load
from lifeline.store.migrate import FOLDER, available, migrate, pending


@pytest.fixture
def empty_url(database_server: LocalDatabase, tmp_path: Path) -> str:
    return database_server.create(f"migrate_{tmp_path.name}".lower().replace("-", "_")[:60])


def test_each_file_once_by_one_process_at_a_time(empty_url: str) -> None:
    names = [migration.name for migration in available()]
    assert pending(empty_url) == names
    with ThreadPoolExecutor(3) as pool:
        applied = list(pool.map(migrate, [empty_url] * 3))
    assert sorted(map(len, applied)) == [0, 0, len(names)]
    assert pending(empty_url) == []


def test_a_changed_file_is_refused(empty_url: str, tmp_path: Path) -> None:
    migrate(empty_url)
    folder = Path(shutil.copytree(FOLDER, tmp_path / "changed"))
    first = folder / available()[0].name
    first.write_text(first.read_text(encoding="utf-8") + "-- changed\n", encoding="utf-8")
    with pytest.raises(MigrationError, match=r"0001_city\.sql was changed"):
        migrate(empty_url, folder=folder)


def test_a_failing_file_leaves_nothing_of_itself(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "0001_wrong.sql").write_text("CREATE TABLE half (n int); SELECT no_such_thing;", encoding="utf-8")
    with pytest.raises(MigrationError, match=r"0001_wrong\.sql"):
        migrate(empty_url, folder=tmp_path / "m")
    assert pending(empty_url, folder=tmp_path / "m") == ["0001_wrong.sql"]
    (tmp_path / "m" / "0001_wrong.sql").write_text("CREATE TABLE half (n int);", encoding="utf-8")
    assert migrate(empty_url, folder=tmp_path / "m") == ["0001_wrong.sql"]


def test_numbers_have_no_gap(tmp_path: Path) -> None:
    (tmp_path / "0002_late.sql").write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(MigrationError, match="numbers"):
        available(tmp_path)


def test_the_doctor_names_what_is_missing_and_finds_no_fault(database_url: str, broker: LocalBroker) -> None:
    checks = {
        check.part: check
        for check in examine(load(database_url=database_url, mqtt_url=broker.url), clock=SystemClock())
    }
    assert [part for part, check in checks.items() if check.verdict is Verdict.FAULT] == []
    assert checks["conservation"].verdict is Verdict.OK
    assert "lifeline city load" in checks["cities"].advice
    assert checks["ingest"].verdict is Verdict.WARNING
