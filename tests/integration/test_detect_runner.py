"""The detect stage on a real TimescaleDB: what it finds in the tables, once each, whatever happens to it meanwhile."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from detect.flood import detector as flood
from detect.instant import instant
from detect.port import Batch, Factory, Json, Scope
from detect.residual import detector as residual
from detect.runner import FACTORIES, Runner
from lifeline.city import CityPack, load
from lifeline.clock import SetClock
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.settings import Settings
from lifeline.store import cities, detector_states, findings, flood_forecasts, readings, sensors, stages
from lifeline.store.pool import Store, Topic, notify
from simulators.hydraulics import Hydraulics
from simulators.packs import FOLDER
from tests.detect_scene import DAY_S, START_S, Floats, every

CODE, ZONE, PIPE, GAUGE = "220200", "JL-DMA-1", "JL-P-1030", "JL-WD-01"
BEGIN_S = START_S + 3 * 3600.0
"""11:00 in Jilin"""
OPENED_S, REPAIRED_S = BEGIN_S + 120.0, BEGIN_S + 420.0
HISTORY_DAYS, LIVE_S, STEP_S = 6.0, 900.0, 5.0
RUN = """
import threading
from detect.runner import run
from lifeline.clock import SystemClock
from lifeline.settings import load
run(load(), stop=threading.Event(), clock=SystemClock())
"""


@dataclass(frozen=True)
class Recording:
    """What the sensors of the city measured, SI: instants (n_times,), values (n_times, n_sensors)."""

    sensor_ids: tuple[str, ...]
    history_s: Floats
    history: Floats
    live_s: Floats
    live: Floats
    flow_m3_per_h: float


@pytest.fixture(scope="module")
def pack() -> CityPack:
    return load(FOLDER / "jilin")


@pytest.fixture(scope="module")
def recording(pack: CityPack) -> Recording:
    """Six quiet days, then a burst and a flooded underpass, all within a quarter of an hour."""
    history_s = every(300.0, HISTORY_DAYS * DAY_S, begin_s=BEGIN_S - HISTORY_DAYS * DAY_S)
    live_s = every(STEP_S, LIVE_S, begin_s=BEGIN_S)
    city = Hydraulics(pack, seed=5, start=instant(float(history_s[0])))
    wanted = {s.sensor_id for s in pack.sensors if s.quantity.value in {"pressure", "flow"}}
    ids = tuple(i for i in city.sensor_ids if i in wanted)
    rows, lost = [], 0.0
    try:
        for at_s in [*history_s, *live_s]:
            if at_s == OPENED_S:
                lost = city.open_hole(PIPE, diameter_m=0.032) * 3600.0
            if at_s == REPAIRED_S:
                city.repair(PIPE)
            truth = city.advance(instant(float(at_s)))
            rows.append([truth[i] for i in ids])
    finally:
        city.close()
    values = np.array(rows)
    noise = np.random.default_rng(5).standard_normal(values.shape)
    flow = np.array(["-F-" in i for i in ids])
    values = values + noise * np.where(flow, 0.004 * np.abs(values), 200.0)
    depth = np.interp(live_s - BEGIN_S, [60.0, 180.0, 400.0, 600.0], [0.0, 0.3, 0.3, 0.0])
    values = np.column_stack([values, np.concatenate([np.zeros(len(history_s)), depth])])
    split = len(history_s)
    return Recording((*ids, GAUGE), history_s, values[:split], live_s, values[split:], lost)


@pytest.fixture
def city(store: Store, pack: CityPack, recording: Recording) -> Callable[[Floats, Floats], None]:
    """The loaded city with its history; gives what puts more readings into the tables."""
    cities.load_pack(store, pack, now=instant(BEGIN_S))
    keys = {s.sensor_id: s.sensor_key for s in sensors.sensors(store, city_code=CODE)}
    own = np.array([keys[i] for i in recording.sensor_ids])

    def put(at_s: Floats, values: Floats) -> None:
        rows = np.zeros(values.size, readings.READING)
        rows["sensor_key"] = np.tile(own, len(at_s))
        rows["observed_at"] = np.repeat((at_s * 1e6).astype("i8").astype("M8[us]"), len(own))
        rows["received_at"] = rows["observed_at"] + np.timedelta64(1, "s")
        rows["value"] = values.ravel()
        with store.transaction() as connection:
            readings.add(connection, rows)
            notify(connection, Topic.READING)

    put(recording.history_s, recording.history)
    return put


def settings_of(store: Store) -> Settings:
    return Settings(database_url=store.url)


def stage_detail(store: Store) -> Json:
    return next(beat.detail for beat in stages.stages(store) if beat.stage == "detect")


def summary(found: list[Finding]) -> list[tuple[str, str, str, datetime]]:
    return sorted((f.subject, f.phase.value, f.reason, f.detected_at) for f in found)


def test_a_burst_and_a_flood_go_from_the_tables_to_findings(
    store: Store, city: Callable[[Floats, Floats], None], recording: Recording
) -> None:
    clock = SetClock(instant(BEGIN_S))
    runner = Runner(store, settings_of(store), clock)
    for at_s, values in zip(recording.live_s, recording.live, strict=True):
        city(np.array([at_s]), values[None, :])
        clock.set(instant(float(at_s) + 1.0))
        runner.round()
        if at_s == BEGIN_S + 300.0:
            foreseen = flood_forecasts.of_city(store, CODE)
    found = findings.findings_after(store, 0)
    assert [f.finding_id for f in found] == sorted(f.finding_id for f in found)
    assert {f.subject for f in found} == {f"burst:{ZONE}", f"flood:{GAUGE}"}

    bursts = [f for f in found if f.kind is FindingKind.BURST]
    assert [f.phase for f in bursts if f.phase is not Phase.UPDATE] == [Phase.ONSET, Phase.END]
    onset = bursts[0]
    assert 0.0 <= onset.detected_at.timestamp() - OPENED_S <= 30.0
    assert onset.flow_m3_per_h == pytest.approx(recording.flow_m3_per_h, rel=0.25)
    assert onset.zone_id == ZONE and onset.position is not None and onset.area is not None
    assert PIPE in [c.asset_id for c in onset.candidates]
    floods = [f for f in found if f.kind is FindingKind.FLOOD]
    assert [f.explanation["level"] for f in floods] == ["blue", "yellow", "orange", "red", "blue", "none"]
    assert findings.latest_of_subject(store, f"flood:{GAUGE}") == floods[-1]
    assert findings.recent(store, kind=FindingKind.BURST, limit=1) == bursts[-1:]

    detail = stage_detail(store)["cities"][CODE]
    assert {name: d["mode"] for name, d in detail["detectors"].items()} == {
        "flood": "watching", "residual": "watching", "pressure": "learning", "silence": "watching",
    }  # fmt: skip
    assert detail["late"] == 0

    city(np.array([BEGIN_S + 31.5]), recording.live[:1])
    clock.advance(3.0)
    runner.round()
    assert stage_detail(store)["cities"][CODE]["late"] == len(recording.sensor_ids)
    assert findings.findings_after(store, found[-1].finding_id) == []

    (shown,) = foreseen
    assert shown.sensor_id == GAUGE and shown.rung == "linear" and len(shown.probability_60) == 4


def test_killed_again_and_again_it_finds_each_thing_once(
    store: Store, city: Callable[[Floats, Floats], None], recording: Recording
) -> None:
    clock = SetClock(instant(BEGIN_S))
    first = Runner(store, settings_of(store), clock)
    for _ in range(4):
        first.round()
        clock.advance(3.0)
    expected = summary(uninterrupted(store, recording))
    assert {phase for subject, phase, *_ in expected if subject == f"burst:{ZONE}"} >= {"onset", "end"}

    env = os.environ | {"LIFELINE_DATABASE_URL": store.url, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", RUN], env=env)
    dice = random.Random(3)
    kills, next_kill = 0, time.monotonic() + 4.0
    try:
        for at_s, values in zip(recording.live_s, recording.live, strict=True):
            city(np.array([at_s]), values[None, :])
            time.sleep(0.08)
            if kills < 4 and time.monotonic() > next_kill:
                process.send_signal(signal.SIGKILL)
                process.wait()
                process = subprocess.Popen([sys.executable, "-c", RUN], env=env)
                kills += 1
                next_kill = time.monotonic() + dice.uniform(2.0, 4.0)
        deadline = time.monotonic() + 120.0
        while not _all_there(store, expected) and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    assert kills >= 2
    assert summary(findings.findings_after(store, 0)) == expected


def _all_there(store: Store, expected: list[tuple[str, str, str, datetime]]) -> bool:
    return len(findings.findings_after(store, 0)) >= len(expected)


def uninterrupted(store: Store, recording: Recording) -> list[Finding]:
    """What the detectors say of the whole recording, going on from the stored checkpoints, without a stage."""
    scope = Scope(
        CODE,
        "Asia/Shanghai",
        tuple(sensors.sensors(store, city_code=CODE)),
        tuple(cities.zones(store, CODE)),
        tuple(cities.assets(store, CODE)),
        cities.levels(store, CODE),
    )
    found: list[Finding] = []
    for make in (flood.make, residual.make):
        detector = make(scope)
        assert detector is not None
        saved = detector_states.load(store, detector=detector.name, scope=CODE)
        model = detector_states.load(store, detector=detector.name, scope=f"{CODE}/model")
        assert saved is not None
        detector.restore(model.state["model"] if model else None, saved.state["state"])
        number = {s.sensor_id: n for n, s in enumerate(detector.sensors)}
        at_s = np.concatenate([recording.history_s, recording.live_s])
        values = np.concatenate([recording.history, recording.live])
        due = at_s >= saved.watermark.timestamp()
        columns = [c for c, i in enumerate(recording.sensor_ids) if i in number]
        own = np.array([number[recording.sensor_ids[c]] for c in columns])
        batch = Batch(np.tile(own, int(due.sum())), np.repeat(at_s[due], len(own)), values[due][:, columns].ravel())
        found += detector.step(batch, instant(float(at_s[-1]) - 15.0))
    return found


class Brittle(flood.FloodDetector):
    """Fails at the readings of one minute as long as it is told to."""

    name = "brittle"
    failures_left = 2

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        if len(batch) and batch.value.max() > 0.2 and Brittle.failures_left > 0:
            Brittle.failures_left -= 1
            raise ZeroDivisionError("made for the test")
        return [_renamed(f) for f in super().step(batch, now)]


def _renamed(finding: Finding) -> Finding:
    import dataclasses

    return dataclasses.replace(finding, subject=f"brittle-{finding.subject}", detector="brittle")


def test_a_detector_that_fails_stops_no_other_and_says_it_all_later(
    store: Store, city: Callable[[Floats, Floats], None], recording: Recording
) -> None:
    brittle: Factory = Brittle
    Brittle.failures_left = 2
    clock = SetClock(instant(BEGIN_S))
    runner = Runner(store, settings_of(store), clock, (brittle, *FACTORIES[:1]))
    modes = set()
    for at_s, values in zip(recording.live_s, recording.live, strict=True):
        city(np.array([at_s]), values[None, :])
        clock.set(instant(float(at_s) + 1.0))
        runner.round()
        modes.add(stage_detail(store)["cities"][CODE]["detectors"]["brittle"]["mode"])
    assert modes == {"watching", "failed"}
    by_detector = {
        name: [
            (f.subject.removeprefix("brittle-"), f.phase, f.detected_at)
            for f in findings.findings_after(store, 0)
            if f.detector == name and f.kind is FindingKind.FLOOD
        ]
        for name in ("brittle", "flood")
    }
    assert len(by_detector["flood"]) == 6
    assert by_detector["brittle"] == by_detector["flood"]


def test_two_runners_by_mistake_do_no_harm(
    store: Store, city: Callable[[Floats, Floats], None], recording: Recording
) -> None:
    clock = SetClock(instant(BEGIN_S))
    runners = [Runner(store, settings_of(store), clock, FACTORIES[:1]) for _ in range(2)]
    for number, (at_s, values) in enumerate(zip(recording.live_s, recording.live, strict=True)):
        city(np.array([at_s]), values[None, :])
        clock.set(instant(float(at_s) + 1.0))
        runners[number % 2].round()
        if number % 5 == 0:
            runners[1 - number % 2].round()
    for runner in runners:
        for _ in range(3):
            clock.advance(61.0)
            runner.round()
    found = findings.findings_after(store, 0)
    levels = [f.explanation["level"] for f in found if f.kind is FindingKind.FLOOD]
    assert levels == ["blue", "yellow", "orange", "red", "blue", "none"]


def test_without_history_it_says_that_it_learns(store: Store, pack: CityPack) -> None:
    cities.load_pack(store, pack, now=datetime.now(UTC))
    runner = Runner(store, settings_of(store), SetClock(instant(BEGIN_S)))
    runner.round()
    detail = stage_detail(store)["cities"][CODE]["detectors"]
    assert detail["residual"]["mode"] == "learning"
    assert detail["flood"]["mode"] == "watching"
