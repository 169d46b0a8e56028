"""Settings come from the file, the environment wins, and a wrong one is named."""

from pathlib import Path

import pytest

from lifeline import settings
from lifeline.errors import SettingsError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "lifeline.toml"
    monkeypatch.setenv("LIFELINE_CONFIG", str(path))
    return path


def test_the_environment_wins_over_the_file_value_by_value(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('mqtt_url = "mqtt://a:1"\n[ingest]\nbatch_readings = 7\nclient_id = "x"\n', encoding="utf-8")
    monkeypatch.setenv("LIFELINE_INGEST__BATCH_READINGS", "8")
    loaded = settings.load()
    assert (loaded.mqtt_url, loaded.ingest.batch_readings, loaded.ingest.client_id) == ("mqtt://a:1", 8, "x")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[ingest]\nbatch_readings = -1", "ingest.batch_readings"),
        ("[ingest]\nbatch = 1", "ingest.batch"),
        ("[console]\nlanguage = 'fr'", "console.language"),
        ("x = [", "lifeline.toml"),
    ],
)
def test_a_wrong_value_is_named(file: Path, text: str, named: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=named):
        settings.load()


def test_a_named_file_must_be_there(file: Path) -> None:
    with pytest.raises(SettingsError, match=file.name):
        settings.load()


def test_what_is_needed_and_missing_says_how_to_set_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LIFELINE_CONFIG", "LIFELINE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="LIFELINE_DATABASE_URL"):
        settings.load().require_database()
