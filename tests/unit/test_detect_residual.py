"""The residual detector on made-up supplies: it finds what is there, soon, and says nothing else."""

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detect.instant import instant
from detect.port import Batch
from detect.residual.detector import ResidualDetector, make
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.verdict import Said, Verdict
from tests.detect_scene import DAY_S, START_S, Burst, Floats, Scene, every

LIVE_STEP_S = 5.0


def taught(scene: Scene, *, days: float = 14.0) -> ResidualDetector:
    """A detector that has learned from the days before START_S."""
    detector = make(scene.scope)
    assert detector is not None
    assert detector.learn(scene.history(days), instant(START_S))
    return detector


def live(minutes: float, *, begin_s: float = START_S, step_s: float = LIVE_STEP_S) -> Floats:
    return every(step_s, minutes * 60.0, begin_s=begin_s)


def day_of(number: int) -> Floats:
    return every(300.0, DAY_S, begin_s=START_S + number * DAY_S)


def end_of(batch: Batch) -> datetime:
    return instant(float(batch.at_s[-1]) + 60.0)


def summary(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.subject, f.phase.value, f.reason) for f in findings]


@pytest.mark.parametrize("seed", range(3))
def test_two_quiet_weeks_raise_nothing(seed: int) -> None:
    scene = Scene(seed)
    detector = taught(scene)
    found = []
    for day in range(14):
        batch = scene.batch(day_of(day))
        found += detector.step(batch, instant(START_S + (day + 1) * DAY_S))
    assert summary(found) == []


@pytest.mark.parametrize("hour", [0.0, 11.0, 23.5])
@pytest.mark.parametrize("seed", range(3))
def test_a_burst_of_40_m3_per_h_is_found_within_30_seconds(seed: int, hour: float) -> None:
    scene = Scene(seed)
    detector = taught(scene)
    begin_s = START_S + hour * 3600.0
    opened_s = begin_s + 900.0
    burst = Burst(zone=1, sensor=4, begin_s=opened_s, end_s=opened_s + 900.0, flow_m3_per_h=40.0)
    batch = scene.batch(live(45.0, begin_s=begin_s), (burst,), spread_s=LIVE_STEP_S)
    found = detector.step(batch, end_of(batch))

    assert {f.subject for f in found} == {"burst:T-DMA-1"}, summary(found)
    assert [f.phase for f in found if f.phase is not Phase.UPDATE] == [Phase.ONSET, Phase.END]
    first, last = found[0], found[-1]
    assert first.kind is FindingKind.BURST
    assert first.reason == "inflow-up-and-pressure-down"
    assert 0.0 <= first.detected_at.timestamp() - opened_s <= 30.0
    assert abs(first.began_at.timestamp() - opened_s) <= 10.0
    assert first.flow_m3_per_h == pytest.approx(40.0, rel=0.2)
    assert first.probability > 0.9
    assert first.sensor_ids[:2] == ("T-F-1", "T-F-2")
    assert "T-P-1-4" in first.sensor_ids[2:4]
    assert "T-PIPE-1-4" in [c.asset_id for c in first.candidates[:3]]
    assert first.area is not None
    assert 0.0 < last.detected_at.timestamp() - burst.end_s <= 300.0
    curve = first.explanation["curve"]
    assert len({len(curve[column]) for column in ("times", "observed", "expected", "threshold")}) == 1
    assert curve["observed"][-1] > curve["threshold"][-1] > curve["expected"][-1]


@pytest.mark.parametrize("seed", range(3))
def test_the_zone_that_loses_the_water_is_named_and_not_the_one_that_feeds_it(seed: int) -> None:
    scene = Scene(seed)
    detector = taught(scene)
    burst = Burst(zone=2, sensor=1, begin_s=START_S + 600.0, end_s=START_S + 4_200.0, flow_m3_per_h=60.0)
    batch = scene.batch(live(90.0), (burst,), spread_s=LIVE_STEP_S)
    assert {f.subject for f in detector.step(batch, end_of(batch))} == {"burst:T-DMA-2"}


def test_a_small_burst_is_found_within_the_hour_and_at_five_minutes_too() -> None:
    scene = Scene(5)
    opened_s = START_S + 1_800.0
    burst = Burst(zone=0, sensor=2, begin_s=opened_s, end_s=opened_s + 7_200.0, flow_m3_per_h=12.0)
    for step_s in (LIVE_STEP_S, 300.0):
        detector = taught(scene)
        batch = scene.batch(live(150.0, step_s=step_s), (burst,))
        found = detector.step(batch, end_of(batch))
        assert found[0].subject == "burst:T-DMA-0"
        assert 0.0 <= found[0].detected_at.timestamp() - opened_s <= 3_600.0


def test_nights_tell_of_a_leak_that_no_single_reading_shows() -> None:
    scene = Scene(6)
    detector = taught(scene)
    leak = Burst(zone=0, sensor=0, begin_s=START_S + DAY_S, end_s=START_S + 30 * DAY_S, flow_m3_per_h=2.6)
    found = []
    for day in range(10):
        batch = scene.batch(day_of(day), (leak,))
        found += detector.step(batch, instant(START_S + (day + 1) * DAY_S))
    assert summary(found)[0] == ("leak:T-DMA-0", "onset", "night-flow-up")
    assert found[0].kind is FindingKind.LEAK
    assert found[0].flow_m3_per_h == pytest.approx(2.6, rel=0.5)


def test_without_its_meter_a_zone_is_watched_by_its_pressures() -> None:
    scene = Scene(7)
    detector = taught(scene)
    opened_s = START_S + 1_200.0
    burst = Burst(zone=0, sensor=3, begin_s=opened_s, end_s=opened_s + 1_800.0, flow_m3_per_h=80.0)
    batch = scene.batch(live(40.0), (burst,), spread_s=LIVE_STEP_S)
    heard = batch.sensor != [s.sensor_id for s in detector.sensors].index("T-F-0")
    batch = Batch(batch.sensor[heard], batch.at_s[heard], batch.value[heard])
    found = detector.step(batch, end_of(batch))
    assert summary(found)[0] == ("burst:T-DMA-0", "onset", "pressure-down-inflow-unknown")
    assert found[0].flow_m3_per_h is None
    assert found[0].probability < 0.7


@pytest.mark.parametrize("said", [Said.FALSE, Said.UNUSUAL_USE])
def test_a_verdict_ends_a_burst_and_what_is_there_goes_on_untold(said: Said) -> None:
    scene = Scene(1)
    opened_s, end_s = START_S + 900.0, START_S + 4.0 * 3600.0
    use = Burst(zone=1, sensor=4, begin_s=opened_s, end_s=end_s, flow_m3_per_h=40.0)
    cut_s = opened_s + 1200.0
    batch = scene.batch(live(360.0, step_s=30.0), (use,))
    first, later = (
        Batch(batch.sensor[part], batch.at_s[part], batch.value[part])
        for part in (batch.at_s < cut_s, batch.at_s >= cut_s)
    )
    detector = taught(scene)
    told = detector.step(first, instant(cut_s))
    assert told[-1].phase is not Phase.END
    verdict = Verdict("burst:T-DMA-1", 1, "220100", said, told[0].began_at, instant(cut_s), "班长", "T-DMA-1")
    detector.hear((), [replace(verdict, verdict_id=3)])
    again = make(scene.scope)
    assert again is not None
    again.restore(detector.model(), json.loads(json.dumps(detector.state())))
    assert again.heard() == 3
    found = again.step(later, end_of(later))
    assert summary(found) == [("burst:T-DMA-1", "end", f"told-{'use' if said is Said.UNUSUAL_USE else 'false'}")]
    disturbed = [zone["past"] for zone in again.state()["zones"].values() if zone["past"]]
    assert len(disturbed) == (1 if said is Said.UNUSUAL_USE else 0)


def test_a_single_wild_reading_is_no_burst() -> None:
    scene = Scene(8)
    detector = taught(scene)
    batch = scene.batch(live(30.0))
    value = batch.value.copy()
    value[np.flatnonzero(batch.sensor == 0)[[100, 200]]] = 1.0
    value[np.flatnonzero(batch.sensor == 1)[[150, 151, 152]]] = 0.0
    assert detector.step(Batch(batch.sensor, batch.at_s, value), end_of(batch)) == []


def test_what_a_burst_did_is_not_learned_as_normal() -> None:
    scene = Scene(9)
    detector = taught(scene)
    burst = Burst(zone=0, sensor=0, begin_s=START_S + 3_600.0, end_s=START_S + 30 * DAY_S, flow_m3_per_h=40.0)
    for day in range(4):
        batch = scene.batch(day_of(day), (burst,))
        detector.step(batch, instant(START_S + (day + 1) * DAY_S))
    before = detector.model()
    history = scene.history(14.0, start_s=START_S + 4 * DAY_S)
    spoilt = scene.batch(every(300.0, 4 * DAY_S), (burst,))
    history.value[history.at_s >= START_S] = spoilt.value
    assert detector.learn(history, instant(START_S + 4 * DAY_S))
    after = detector.model()
    assert before is not None and after is not None
    means = [np.mean(np.array(m["zones"]["T-DMA-0"]["mean"])[..., 0]) * 3600.0 for m in (before, after)]
    assert means[1] == pytest.approx(means[0], rel=0.05)


@pytest.fixture(scope="module")
def story() -> tuple[ResidualDetector, Scene, Batch, list[Finding]]:
    scene = Scene(10, zones=2, pressures=4)
    detector = taught(scene, days=7.0)
    bursts = (
        Burst(zone=0, sensor=1, begin_s=START_S + 300.0, end_s=START_S + 900.0, flow_m3_per_h=50.0),
        Burst(zone=1, sensor=2, begin_s=START_S + 2_400.0, end_s=START_S + 3_000.0, flow_m3_per_h=30.0),
    )
    batch = scene.batch(live(60.0, step_s=10.0), bursts, spread_s=10.0)
    whole = restored(detector, scene)
    found = whole.step(batch, end_of(batch))
    assert len(found) >= 4
    return detector, scene, batch, found


def restored(detector: ResidualDetector, scene: Scene) -> ResidualDetector:
    """A new detector from what the old one saved, through JSON."""
    model, state = json.loads(json.dumps([detector.model(), detector.state()], allow_nan=False))
    fresh = make(scene.scope)
    assert fresh is not None
    fresh.restore(model, state)
    return fresh


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.floats(0.0, 3_660.0), max_size=6), restarts=st.booleans())
def test_steps_and_restarts_anywhere_change_nothing(
    story: tuple[ResidualDetector, Scene, Batch, list[Finding]], cuts: list[float], restarts: bool
) -> None:
    learned, scene, batch, expected = story
    detector = restored(learned, scene)
    found: list[Finding] = []
    for begin_s, end_s in zip([-1e9, *sorted(cuts)], [*sorted(cuts), 3_700.0], strict=True):
        due = (batch.at_s >= START_S + begin_s) & (batch.at_s < START_S + end_s)
        part = Batch(batch.sensor[due], batch.at_s[due], batch.value[due])
        found += detector.step(part, instant(START_S + end_s))
        if restarts:
            detector = restored(detector, scene)
    assert found == expected


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0.0, 3_660.0))
def test_what_comes_later_changes_no_earlier_finding(
    story: tuple[ResidualDetector, Scene, Batch, list[Finding]], cut: float
) -> None:
    learned, scene, batch, expected = story
    detector = restored(learned, scene)
    known = batch.at_s < START_S + cut
    part = Batch(batch.sensor[known], batch.at_s[known], batch.value[known])
    found = detector.step(part, instant(START_S + cut))
    assert found == expected[: len(found)]
    missing = expected[len(found) :]
    assert all(f.detected_at.timestamp() >= START_S + cut - 10.0 for f in missing)
