"""The pressure detector on made-up supplies: a leak shows where a pressure stays below what the others suggest."""

import json
from dataclasses import replace

import numpy as np
import pytest

from detect.instant import instant
from detect.leak.telling import MODEL
from detect.port import Json
from detect.pressure.detector import PressureDetector, make
from detect.pressure.expect import learn
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.verdict import Said, Verdict
from tests.detect_scene import DAY_S, START_S, Burst, Scene, every

STEP_S = 900.0
LEAK = Burst(zone=1, sensor=4, begin_s=START_S + 2.2 * DAY_S, end_s=START_S + 8.3 * DAY_S, flow_m3_per_h=12.0)


def taught(scene: Scene, settings: Json | None = None) -> PressureDetector:
    scope = scene.scope if settings is None else replace(scene.scope, settings=settings, network_inp="[TITLE]")
    detector = make(scope)
    assert detector is not None
    assert detector.learn(scene.history(28.0, step_s=STEP_S), instant(START_S))
    return detector


def lived(detector: PressureDetector, scene: Scene, days: range, bursts: tuple[Burst, ...] = ()) -> list[Finding]:
    found = []
    for day in days:
        batch = scene.batch(every(STEP_S, DAY_S, begin_s=START_S + day * DAY_S), bursts)
        found += detector.step(batch, instant(START_S + (day + 1) * DAY_S))
    return found


def scene_of(seed: int) -> Scene:
    return Scene(seed, interval_s=STEP_S)


@pytest.mark.parametrize("seed", range(2))
def test_ten_quiet_days_raise_nothing(seed: int) -> None:
    scene = scene_of(seed)
    assert lived(taught(scene), scene, range(10)) == []


def test_a_leak_is_told_where_it_is_with_its_reason_and_ends() -> None:
    scene = scene_of(1)
    found = lived(taught(scene), scene, range(11), (LEAK,))

    assert {f.subject for f in found} == {"leak:T-DMA-1"}
    first, last = found[0], found[-1]
    assert (first.kind, first.phase, first.reason) == (FindingKind.LEAK, Phase.ONSET, "pressure-below-expected")
    assert 0.0 < first.detected_at.timestamp() - LEAK.begin_s <= 2.0 * DAY_S
    assert first.explanation["expected_pressure"] == "low-rank"
    assert first.explanation["precision"] == "wide"
    assert first.explanation["false_alarms_per_year"] == pytest.approx(1 / 30, abs=1e-3)
    assert first.explanation["pressures"][0]["sensor_id"] == "T-P-1-4"
    assert first.candidates[0].asset_id == "T-PIPE-1-4"
    assert first.flow_m3_per_h == pytest.approx(LEAK.flow_m3_per_h, rel=0.5)
    assert (last.phase, last.reason) == (Phase.END, "pressure-returned")
    assert 0.0 < last.detected_at.timestamp() - LEAK.end_s <= 2.0 * DAY_S


def test_killed_and_restored_it_says_the_same() -> None:
    scene, again = scene_of(3), scene_of(3)
    whole = taught(scene)
    expected = lived(whole, scene, range(11), (LEAK,))
    detector = taught(again)
    found = []
    for day in range(11):
        found += lived(detector, again, range(day, day + 1), (LEAK,))
        model, state = json.loads(json.dumps([detector.model(), detector.state()], allow_nan=False))
        detector = PressureDetector(again.scope)
        detector.restore(model, state)
    assert found == expected
    assert found


def test_a_pressure_that_falls_alone_is_no_leak() -> None:
    scene = scene_of(4)
    detector = taught(scene)
    number = [s.sensor_id for s in scene.scope.sensors].index("T-P-1-2")
    found = []
    for day in range(6):
        batch = scene.batch(every(STEP_S, DAY_S, begin_s=START_S + day * DAY_S))
        batch.value[(batch.sensor == number) & (batch.at_s > START_S + 2 * DAY_S)] -= 5_000.0
        found += detector.step(batch, instant(START_S + (day + 1) * DAY_S))
    assert found == []
    assert detector.state()["zones"]["T-DMA-1"]["watch"]["taken_for"]["alone"] == 1


def test_what_another_detector_told_goes_on_under_its_subject_and_a_verdict_ends_one_s_own() -> None:
    scene = scene_of(1)
    own = lived(taught(scene), scene, range(6), (LEAK,))[0]
    other = replace(own, subject="burst:T-DMA-1", kind=FindingKind.BURST, detector="residual")
    again = scene_of(1)
    detector = taught(again)
    detector.hear([other], [])
    assert lived(detector, again, range(6), (LEAK,))[0].subject == "burst:T-DMA-1"

    third = scene_of(1)
    detector = taught(third)
    lived(detector, third, range(6), (LEAK,))
    said = Verdict(
        own.subject, 1, "220100", Said.FALSE, own.began_at, own.detected_at, "a test", verdict_id=7,
    )  # fmt: skip
    detector.hear([], [said])
    ended = detector.step(third.batch(np.zeros(0)), instant(START_S + 6 * DAY_S))
    assert [(f.subject, f.phase, f.reason) for f in ended] == [(own.subject, Phase.END, "told-false")]
    assert detector.heard() == 7


def test_where_the_pack_trusts_its_model_it_speaks_only_when_that_cannot_judge() -> None:
    trusting = {"leak": {"expected_pressure": "model"}}
    scene = scene_of(1)
    assert lived(taught(scene, trusting), scene, range(6), (LEAK,)) == []
    again = scene_of(1)
    detector = taught(again, trusting)
    told = lived(taught(scene_of(1)), scene_of(1), range(6), (LEAK,))[0]
    detector.hear([replace(told, subject=f"{MODEL}220100", kind=FindingKind.SENSOR_FAULT, zone_id=None)], [])
    assert lived(detector, again, range(6), (LEAK,))[0].subject == "leak:T-DMA-1"


def test_the_rank_is_what_days_held_back_like() -> None:
    rng = np.random.default_rng(2)
    hours = 500
    local_s = np.arange(hours, dtype=np.float64) * 3600.0
    drivers = 100.0 + 10.0 * rng.standard_normal((hours, 1))
    hidden = rng.standard_normal((hours, 2)) @ rng.standard_normal((2, 8))
    pressure = 40.0 - 0.02 * drivers + 0.1 * hidden + 0.01 * rng.standard_normal((hours, 8))
    found = learn(pressure, drivers, local_s)
    assert found is not None
    assert found.rank in (2, 3)
    left = found.common(pressure[0] - np.eye(8)[3], drivers[0], 0.0)
    assert found.alone(left)[3] == pytest.approx(-1.0, abs=0.1)
    single = learn(pressure[:, :1], drivers, local_s)
    assert single is not None
    assert single.rank == 0
    assert single.alone(np.array([0.3])) == pytest.approx([0.3])
    assert learn(pressure[:50], drivers[:50], local_s[:50]) is None
