"""Forecasts: monotone, calibrated enough, from the highest rung that stands, and blind to what comes later."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detect.flood.artefacts import false_floods
from detect.flood.evaluate import evaluate
from detect.flood.features import FEATURES, Memory
from detect.flood.nowcast import Nowcast, Rung, train
from detect.flood.recording import Event, read_events
from detect.flood.replay import examples_of, replay
from lifeline.asset import Position
from lifeline.errors import ReplayError

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "floodnet" / "flood-events.csv"
LEVELS = (0.05, 0.15, 0.27, 0.40)
HEADER = "sensor_id,flood_start_time,flood_profile_depth_inches,flood_profile_time_secs\n"


def floods(count: int, seed: int = 0) -> tuple[Event, ...]:
    """One a day at one of five places, some of which flood deep; the fast ones become deep."""
    rng = np.random.default_rng(seed)
    made = []
    for n in range(count):
        place = int(rng.integers(5))
        peak_m = float(rng.uniform(0.05, 0.20) + 0.05 * place)
        minutes = np.arange(0.0, 90.0)
        depth = peak_m * np.interp(minutes, [0.0, 25.0, 89.0], [0.0, 1.0, 0.0]) + rng.normal(0.0, 0.002, 90)
        begin_s = 1.6e9 + 86_400.0 * n + float(rng.uniform(0.0, 3_600.0))
        made.append(Event(f"P{place}", begin_s + 60.0 * minutes, np.maximum(depth, 0.0)))
    return tuple(made)


def written(path: Path, events: tuple[Event, ...]) -> Path:
    """A file of the layout, inches."""
    lines = [HEADER]
    for event in events:
        start = np.datetime64(int(event.times_s[0] * 1e3), "ms")
        depths = json.dumps(np.round(event.depths_m / 0.0254, 2).tolist())
        seconds = json.dumps(np.round(event.times_s - event.times_s[0]).tolist())
        lines.append(f'{event.sensor_id},{start},"{depths}","{seconds}"\n')
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress("".join(lines).encode()))
    else:
        path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def learned() -> tuple[tuple[Event, ...], Nowcast]:
    events = floods(150)
    rows, _ = replay(events, {})
    return events, train(examples_of(rows, events, known_s=np.inf))


def test_forecasts_are_monotone_and_name_their_rung(learned: tuple[tuple[Event, ...], Nowcast]) -> None:
    _, nowcast = learned
    rows, _ = replay(floods(20, seed=1), {})
    found = nowcast.forecast(rows.features, [LEVELS] * len(rows.at_s))
    assert {f.rung for f in found if f.data_age_s <= 1_800.0} == {Rung.NO_RAIN_FORECAST}
    assert {f.rung for f in found if f.data_age_s > 1_800.0} <= {Rung.THRESHOLDS}
    for forecast in found:
        assert (np.diff(forecast.probability, axis=0) <= 1e-9).all()
        assert (np.diff(forecast.probability, axis=1) >= -1e-9).all()
        assert (np.diff(forecast.quantiles_m, axis=1) >= -1e-9).all()
        assert (forecast.quantiles_m >= forecast.depth_m).all()
        assert forecast.reasons and forecast.data_age_s >= 0.0
        reached = np.array(LEVELS) <= forecast.depth_m
        assert (forecast.probability[reached] == 1.0).all() and (forecast.crossing_min[reached] == 0.0).all()


def test_the_ladder_goes_down_by_what_is_known() -> None:
    row = np.zeros(len(FEATURES))
    bare = Nowcast()
    row[FEATURES.index("wet_s")] = 300.0
    row[0] = 0.08
    row[FEATURES.index("rise_5min_m")] = row[FEATURES.index("rise_10min_m")] = 0.06
    (linear,) = bare.forecast(row[None, :], [LEVELS])
    assert linear.rung is Rung.LINEAR
    assert linear.warns(1) and not linear.warns(3)
    assert 0.0 < linear.crossing_min[1] < 30.0
    row[FEATURES.index("age_s")] = 7_200.0
    (old,) = bare.forecast(row[None, :], [LEVELS])
    assert old.rung is Rung.THRESHOLDS
    assert old.probability[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_nothing_later_than_now_reaches_a_forecast() -> None:
    events = floods(30)
    whole, _ = replay(events, {})
    last = events[-1]
    other = (*events[:-1], replace(last, depths_m=np.concatenate([last.depths_m[:10], last.depths_m[10:] * 3.0])))
    changed, _ = replay(other, {})
    until_s = float(last.times_s[9])
    before, after = whole.part(whole.at_s <= until_s), changed.part(changed.at_s <= until_s)
    assert (before.part(before.event == 29).at_s > last.times_s[0]).any()
    np.testing.assert_array_equal(before.features, after.features)
    examples = examples_of(whole, events, known_s=float(last.times_s[0]))
    assert examples.flood.max() == 28


def test_the_record_of_a_place_counts_only_floods_that_are_over() -> None:
    memory = Memory((Position(125.3, 43.8), Position(125.31, 43.8)))
    past = FEATURES.index("past_n")
    for minute in range(60):
        memory.hear(0, 60.0 * minute + 60.0, 0.2 if 10 <= minute < 30 else 0.0)
        assert memory.rows([0], 60.0 * minute + 60.0)[0, past] == (1.0 if minute >= 40 else 0.0)
    assert not memory.wet(0)


def test_an_evaluation_prints_what_forecasts_are_worth(tmp_path: Path) -> None:
    path = written(tmp_path / "events.csv.gz", floods(160))
    found = evaluate(path, json=tmp_path / "f.json", forecasts=tmp_path / "f.csv", sensor_months=0)
    nowcast = found.reach.rules["nowcast"]
    assert nowcast.csi > 0.7 and found.reach.brier < found.reach.climate_brier
    assert "CSI" in found.table and found.recall.told == found.recall.floods
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["reach_15cm"]["nowcast"]["cases"] == nowcast.cases
    with (tmp_path / "f.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {r["horizon_min"] for r in rows} == {"30", "60"} and {r["level_cm"] for r in rows} == {"5", "15", "27", "40"}
    assert min(r["time"] for r in rows) >= found.reach.split[:19]
    assert all((float(r["probability"]) >= 0.4) == (r["warn"] == "1") for r in rows)


def test_a_file_of_another_kind_is_refused_and_a_bad_row_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "events.csv", floods(3))
    path.write_text(path.read_text() + 'P1,2024-01-01T00:00:00,"[1, 2]","[0]"\nP1,soon,"[1, 2]","[0, 60]"\n')
    recording = read_events(path)
    assert len(recording.events) == 3
    assert [f.split(":")[1] for f in recording.faults] == ["5", "6"]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name in ("other.csv", "missing.csv"):
        with pytest.raises(ReplayError):
            read_events(tmp_path / name)


def test_artefacts_are_no_floods() -> None:
    found = false_floods(2, seed=3)
    assert found.artefacts == 96 and found.per_100_months == 0.0


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_file(), reason=f"needs the FloodNet events of {DATA}")
def test_real_street_floods() -> None:
    found = evaluate(DATA, sensor_months=0)
    nowcast = found.reach.rules["nowcast"]
    assert nowcast.csi >= 0.45 and nowcast.far <= 0.45
    assert found.recall.told / found.recall.floods >= 0.99
