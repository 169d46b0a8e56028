"""Depth on the street: levels by two of three, left slowly, unknown when silent."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.flood_depth import FloodDepthDetector, make
from detect.instant import instant
from detect.port import Batch, Scope
from lifeline.asset import Site
from lifeline.finding import Finding, Phase
from tests.detect_scene import LEVELS, START_S, TIMEZONE, depth_sensor

SCOPE = Scope("220100", TIMEZONE, (depth_sensor("WD-1"), depth_sensor("WD-2", site=Site.UNDERPASS)), levels=LEVELS)


def batch(*depths: float | None, sensor: int = 0, every_s: float = 30.0, begin_s: float = START_S) -> Batch:
    """One reading per step; None: nothing came."""
    known = [(begin_s + n * every_s, d) for n, d in enumerate(depths) if d is not None]
    return Batch(
        np.full(len(known), sensor, dtype=np.intp), np.array([t for t, _ in known]), np.array([d for _, d in known])
    )


def judged(*depths: float | None, sensor: int = 0, then_s: float = 0.0) -> list[Finding]:
    detector = FloodDepthDetector(SCOPE)
    now_s = START_S + 30.0 * (len(depths) - 1) + then_s
    return detector.step(batch(*depths, sensor=sensor), instant(now_s))


def said(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.phase.value, f.reason, f.explanation["level"]) for f in findings]


def test_two_of_three_readings_reach_a_level_and_one_does_not() -> None:
    assert judged(0.0, 0.0, 0.9, 0.0, 0.0, 0.9, 0.0, 0.0) == []
    found = judged(0.0, 0.06, 0.0, 0.07, 0.16, 0.17, 0.30, 0.45, 0.46)
    assert said(found) == [
        ("onset", "level-reached", "blue"),
        ("update", "level-reached", "yellow"),
        ("update", "level-reached", "orange"),
        ("update", "level-reached", "red"),
    ]
    first = found[0]
    assert first.subject == "flood:WD-1"
    assert first.depth_m == 0.06
    assert first.began_at == instant(START_S + 30.0)
    assert first.detected_at == instant(START_S + 90.0)
    curve = first.explanation["curve"]
    assert curve["observed"] == [0.06, 0.0, 0.07] and curve["threshold"] == [0.05] * 3


def test_levels_are_those_of_the_site() -> None:
    assert said(judged(0.11, 0.11, sensor=0)) == [("onset", "level-reached", "blue")]
    assert said(judged(0.11, 0.11, sensor=1)) == [("onset", "level-reached", "yellow")]
    assert make(replace(SCOPE, levels=None)) is None


def test_a_level_is_left_slowly_and_waves_say_nothing() -> None:
    waves = [0.16, 0.14, 0.16, 0.13] * 8
    assert said(judged(0.16, 0.16, *waves)) == [("onset", "level-reached", "yellow")]
    fallen = judged(0.16, 0.16, *[0.08] * 10, *[0.01] * 10)
    assert said(fallen) == [
        ("onset", "level-reached", "yellow"),
        ("update", "level-left", "blue"),
        ("end", "drained", "none"),
    ]
    times = [f.detected_at.timestamp() for f in fallen]
    assert times[1] - (START_S + 60.0) >= 120.0 and times[2] - times[1] >= 120.0


def test_a_silent_sensor_is_unknown_and_its_flood_does_not_end() -> None:
    silent = judged(0.20, 0.20, then_s=3_600.0)
    assert said(silent) == [("onset", "level-reached", "yellow"), ("update", "silent-while-wet", "yellow")]
    assert silent[1].depth_m == 0.20
    assert silent[1].detected_at == instant(START_S + 30.0 + 180.0)
    assert silent[1].explanation["unknown_since"] is not None
    again = judged(0.20, 0.20, *[None] * 20, *[0.0] * 8)
    assert said(again)[1:] == [
        ("update", "silent-while-wet", "yellow"),
        ("update", "heard-again", "yellow"),
        ("end", "drained", "none"),
    ]


def test_a_reading_of_before_the_gap_confirms_nothing_after_it() -> None:
    assert judged(0.0, 0.20, *[None] * 20, 0.20) == []


@pytest.mark.parametrize("twice", [False, True])
def test_a_reading_is_judged_once(twice: bool) -> None:
    detector = FloodDepthDetector(SCOPE)
    part = batch(0.0, 0.20)
    found = detector.step(part, instant(START_S + 30.0))
    if twice:
        found += detector.step(part, instant(START_S + 30.0))
    assert found == []


@settings(max_examples=60, deadline=None)
@given(
    depths=st.lists(st.one_of(st.none(), st.floats(0.0, 0.6)), min_size=2, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_steps_and_restarts_anywhere_change_nothing(depths: list[float | None], cuts: list[int]) -> None:
    whole = FloodDepthDetector(SCOPE).step(batch(*depths), instant(START_S + 30.0 * len(depths)))
    found: list[Finding] = []
    detector = FloodDepthDetector(SCOPE)
    edges = [0, *sorted(min(c, len(depths)) for c in cuts), len(depths)]
    for begin, end in pairwise(edges):
        part = batch(*depths[begin:end], begin_s=START_S + 30.0 * begin)
        found += detector.step(part, instant(START_S + 30.0 * end))
        state = json.loads(json.dumps(detector.state(), allow_nan=False))
        detector = FloodDepthDetector(SCOPE)
        detector.restore(None, state)
    assert found == whole
    open_now = [f for f in whole if f.phase is Phase.ONSET]
    assert len(open_now) - len([f for f in whole if f.phase is Phase.END]) in {0, 1}
