"""Devices on a real database: the verbs from quarantine to sensor, and clocks that are off."""

from datetime import UTC, datetime, timedelta
from itertools import count as count_from
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from lifeline.city.sensors import COLUMNS
from lifeline.cli import app
from lifeline.clock import SetClock
from lifeline.doctor import Verdict, device_check, quarantine_check
from lifeline.errors import LifelineError
from lifeline.liveness import MEASURED
from lifeline.settings import Settings
from lifeline.store import audit
from lifeline.store.devices import TALLY, add_tallies, device_keys, fold_tallies, lives, off_clocks
from lifeline.store.pool import Store
from lifeline.store.strangers import strangers
from tests.ingesting import CITY, count, lawful, load_devices, stored
from tests.integration.test_quarantine import NOW_S, Stage, offered

NOW = datetime.fromtimestamp(NOW_S, UTC)
ROW = "N1,NEW-1,pressure,pressure,Pa,,,junction,125.01,43.01,200,60,0,1000000,新点,New point"


@pytest.fixture
def city(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("LIFELINE_DATABASE_URL", store.url)
    load_devices(store, 2)
    with store.transaction() as connection:
        connection.execute(
            """UPDATE city SET levels = '{"version": "1", "flood": [], "leak": [{"blue_m3_per_h": 1,
            "yellow_m3_per_h": 2, "orange_m3_per_h": 3, "red_m3_per_h": 4, "source": "test"}]}'"""
        )
    return store


def verb(*words: str) -> Result:
    return CliRunner().invoke(app, ["devices", *words])


def fails(*words: str) -> str:
    result = verb(*words)
    assert isinstance(result.exception, LifelineError), result.output
    return str(result.exception)


def test_from_quarantine_to_a_sensor_and_back(city: Store, tmp_path: Path) -> None:
    Stage(city, bytes_=100_000).take(*offered("NEW-1", 5))
    listed = verb("quarantine")
    assert "NEW-1" in listed.output
    assert "1 of at most 1,000 devices" in listed.output
    assert quarantine_check(city, Settings()).verdict is Verdict.WARNING
    template = verb("quarantine", "NEW-1", "--template").output.splitlines()
    assert template == [",".join(COLUMNS), ",NEW-1,pressure,,,,,,,,,,,,,"]

    file = tmp_path / "new.csv"
    file.write_text("\n".join(template), encoding="utf-8")
    assert "new.csv:2:1: sensor_id" in fails("adopt", str(file), "--city", CITY, "--by", "王工")
    file.write_text(f"{template[0]}\n{ROW}\n", encoding="utf-8")
    assert "no city '220200'" in fails("adopt", str(file), "--city", "220200", "--by", "王工")
    assert count(city, "reading") == 0

    adopted = verb("adopt", str(file), "--city", CITY, "--by", "王工")
    assert (
        "NEW-1: 5 messages again: 5 stored, 0 duplicate, 0 conflict, 0 rejected; 5 rejects resolved" in adopted.output
    )
    again = verb("adopt", str(file), "--city", CITY, "--by", "王工")
    assert "is in use" in str(again.exception)
    assert "0 messages again" in verb("release", "NEW-1", "--city", CITY).output
    assert len(stored(city)) == 5
    lawful(city)
    assert strangers(city) == []
    taken = ROW.replace("N1,", "N2,", 1)
    file.write_text(f"{template[0]}\n{taken}\n", encoding="utf-8")
    assert "belongs to sensor N1" in fails("adopt", str(file), "--city", CITY, "--by", "王工")

    assert "N1" in verb("show", "NEW-1").output
    assert "adopted" in verb("list").output
    assert "retired: N1" in verb("retire", "NEW-1", "--by", "王工").output
    assert "sensors.csv" in fails("retire", "D1", "--by", "王工")
    assert len(stored(city)) == 5
    acts = [(one.action, one.who) for one in audit.entries(city, subject="device:NEW-1")]
    assert acts == [("device.retire", "王工"), ("device.adopt", "王工")]


def test_a_clock_is_judged_by_the_median_of_its_measurements(city: Store) -> None:
    minutes = count_from(-42)

    def measured(*skews_s: float) -> None:
        for skew_s in skews_s:
            seen_at = NOW.replace(tzinfo=None) + timedelta(minutes=next(minutes))
            with city.transaction() as connection:
                key = device_keys(connection, {"D1": CITY})["D1"]
                row = np.zeros(1, TALLY)
                row["device_key"], row["seen_at"], row["observed_at"] = key, np.datetime64(seen_at), "NaT"
                row["clock_skew_s"] = skew_s
                add_tallies(connection, row)
            fold_tallies(city)

    def skew() -> float | None:
        return next(one.clock_skew_s for one in lives(city) if one.device_id == "D1")

    measured(*[-28_800.0] * (MEASURED - 1))
    assert off_clocks(city, behind_s=900) == set()
    measured(-28_800.0)
    assert off_clocks(city, behind_s=900) == {(CITY, "D1")}
    assert "1 clock-behind" in device_check(city, Settings(), SetClock(NOW + timedelta(seconds=1))).seen
    measured(*[-86_400.0 + 600.0 * minute for minute in range(15)])
    assert off_clocks(city, behind_s=900) == set()  # a kept day that is sent
    measured(*[0.0] * 15)
    measured(float("inf"), -1e300, 1e9, -5_000.0, -5_000.0, -5_000.0, -5_000.0)
    assert skew() == 0.0
    measured(float("nan"))
    assert skew() == 0.0
    seen = device_check(city, Settings(), SetClock(NOW + timedelta(seconds=1)))
    assert (seen.verdict, seen.seen) == (Verdict.WARNING, "2 devices: 1 never-seen")
