"""Water on the street: levels by two of three trusted readings, left slowly; silent or in doubt is unknown; causes."""

import json
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.flood.detector import FloodDetector, make
from detect.instant import instant
from detect.port import Batch, Scope
from lifeline.asset import Site
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import Quantity
from tests.detect_scene import LEVELS, START_S, TIMEZONE, depth_sensor

GAUGE = replace(depth_sensor("RG"), quantity=Quantity.RAIN_INTENSITY, site=Site.GAUGE, unit="m/s")
AIR = replace(depth_sensor("AT"), quantity=Quantity.TEMPERATURE, site=Site.GAUGE, unit="Cel", range_min=-50.0)
DRAIN = replace(depth_sensor("ML"), quantity=Quantity.LEVEL, site=Site.MANHOLE, range_max=4.0)
PLACES = (depth_sensor("WD-1"), depth_sensor("WD-2", site=Site.UNDERPASS))
SCOPE = Scope("220100", TIMEZONE, (*PLACES, GAUGE, AIR, DRAIN), levels=LEVELS)
RISE = [0.02, 0.06, 0.10, 0.16, 0.22, 0.28, 0.34, 0.41, 0.42]


def batch(*values: float | None, sensor: int = 0, every_s: float = 30.0, begin_s: float = START_S) -> Batch:
    """One reading per step; None: nothing came."""
    known = [(begin_s + n * every_s, v) for n, v in enumerate(values) if v is not None]
    return Batch(
        np.full(len(known), sensor, dtype=np.intp), np.array([t for t, _ in known]), np.array([v for _, v in known])
    )


def judged(*depths: float | None, sensor: int = 0, then_s: float = 0.0) -> list[Finding]:
    now_s = START_S + 30.0 * (len(depths) - 1) + then_s
    found = FloodDetector(SCOPE).step(batch(*depths, sensor=sensor), instant(now_s))
    return of_kind(found, FindingKind.FLOOD)


def of_kind(findings: list[Finding], kind: FindingKind) -> list[Finding]:
    return [f for f in findings if f.kind is kind]


def said(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.phase.value, f.reason, f.explanation["level"]) for f in findings]


def test_a_rising_flood_passes_every_level_and_a_blip_none() -> None:
    assert judged(0.0, 0.0, 0.9, 0.0, 0.0, 0.9, 0.9, 0.0, 0.0) == []
    found = judged(0.0, *RISE)
    assert said(found) == [
        ("onset", "rising-fast", "blue"),
        ("update", "level-reached", "yellow"),
        ("update", "level-reached", "orange"),
        ("update", "level-reached", "red"),
    ]
    first = found[0]
    assert first.subject == "flood:WD-1" and first.depth_m == 0.06
    assert first.began_at == first.detected_at == instant(START_S + 60.0)
    assert found[-1].explanation["curve"]["observed"] == RISE


def test_a_fast_rise_is_told_before_blue() -> None:
    found = judged(0.0, 0.01, 0.024, 0.036)
    assert said(found) == [("onset", "rising-fast", "blue")]
    assert found[0].probability < 0.9


def test_a_flash_flood_that_jumps_is_told_one_reading_later() -> None:
    found = judged(0.0, 0.12, 0.22, 0.30)
    assert said(found)[0] == ("onset", "level-reached", "blue")
    assert found[0].detected_at == instant(START_S + 60.0)
    assert found[0].began_at == instant(START_S + 30.0)


def test_a_flood_after_a_pulse_is_told_after_three_steps_up() -> None:
    found = judged(0.0, 0.06, 0.0, 0.07, 0.16, 0.17, 0.28, 0.36, 0.41, 0.42)
    assert said(found)[0][:2] == ("onset", "level-reached") and said(found)[-1][2] == "red"
    assert found[0].began_at == instant(START_S + 90.0)
    assert found[0].detected_at == instant(START_S + 180.0)


def test_levels_are_those_of_the_site() -> None:
    assert said(judged(0.11, 0.11, sensor=0)) == [("onset", "level-reached", "blue")]
    assert said(judged(0.11, 0.11, sensor=1)) == [("onset", "level-reached", "yellow")]
    assert make(replace(SCOPE, levels=None)) is None
    assert make(replace(SCOPE, sensors=(GAUGE, AIR))) is None


def test_a_level_is_left_slowly_and_waves_say_nothing() -> None:
    waves = [0.16, 0.14, 0.16, 0.13] * 8
    assert said(judged(0.16, 0.16, *waves)) == [("onset", "level-reached", "yellow")]
    fallen = judged(0.16, 0.16, *[0.08] * 10, *[0.01] * 10)
    assert said(fallen)[1:] == [("update", "level-left", "blue"), ("end", "drained", "none")]
    times = [f.detected_at.timestamp() for f in fallen]
    assert times[1] - (START_S + 60.0) >= 120.0 and times[2] - times[1] >= 120.0


def test_a_silent_or_doubtful_sensor_is_unknown_and_its_flood_does_not_end() -> None:
    silent = judged(0.20, 0.20, then_s=3_600.0)
    assert said(silent)[1:] == [("update", "silent-while-wet", "yellow")]
    assert silent[1].depth_m == 0.20 and silent[1].explanation["unknown_since"] is not None
    assert silent[1].detected_at == instant(START_S + 30.0 + 180.0)
    again = judged(0.20, 0.20, *[None] * 20, *[0.0] * 8)
    assert said(again)[2:] == [("update", "heard-again", "yellow"), ("end", "drained", "none")]
    doubtful = judged(0.20, 0.20, *[5.0] * 20)
    assert said(doubtful)[1:] == [("update", "doubtful-while-wet", "yellow")]
    assert judged(0.0, 0.20, *[None] * 20, 0.20) == []


def weathered(rain_mm_per_h: float, temperature_c: list[float], fill_m: float = 0.5) -> FloodDetector:
    """A detector that has heard two hours of weather."""
    detector = FloodDetector(SCOPE)
    heard: list[tuple[int, list[float | None]]] = [
        (2, [rain_mm_per_h / 3.6e6]), (3, [*temperature_c]), (4, [fill_m])
    ]  # fmt: skip
    for number, values in heard:
        filled = [values[n * len(values) // 120] for n in range(120)]
        detector.step(batch(*filled, sensor=number, every_s=60.0, begin_s=START_S - 7_200.0), instant(START_S - 60.0))
    return detector


@pytest.mark.parametrize(
    ("rain_mm_per_h", "temperature_c", "fill_m", "cause"),
    [
        (20.0, [18.0], 3.9, "rain"),
        (0.0, [-6.0, 4.0], 0.5, "melt"),
        (0.0, [-12.0], 0.5, "burst"),
        (0.0, [18.0], 0.5, "burst"),
        (0.0, [18.0], 3.9, "backwater"),
    ],
)
def test_water_has_a_cause(rain_mm_per_h: float, temperature_c: list[float], fill_m: float, cause: str) -> None:
    detector = weathered(rain_mm_per_h, temperature_c, fill_m)
    found = of_kind(detector.step(batch(0.0, *RISE), instant(START_S + 300.0)), FindingKind.FLOOD)
    assert found and {f.explanation["cause"] for f in found} == {cause}
    assert {f.explanation["cause"] for f in judged(0.0, *RISE)} == {"unknown"}


def test_a_sensor_in_doubt_during_a_storm_calls_for_a_person() -> None:
    detector = weathered(30.0, [18.0])
    found = detector.step(batch(*[9.0] * 30, *[0.01] * 4), instant(START_S + 1020.0))
    assert [(f.kind, f.phase, f.reason) for f in found] == [
        (FindingKind.SENSOR_FAULT, Phase.ONSET, "unknown-in-storm"),
        (FindingKind.SENSOR_FAULT, Phase.END, "trusted-again"),
    ]
    assert weathered(0.0, [18.0]).step(batch(*[9.0] * 30), instant(START_S + 900.0)) == []


def seldom(*depths: float, every_s: float = 600.0) -> Batch:
    """Of a device that reports every ten minutes, dry for half an hour before."""
    return batch(0.0, 0.0, 0.0, *depths, every_s=every_s)


def test_what_jumps_to_a_level_and_stands_is_looked_at() -> None:
    jump = seldom(*[0.45] * 5, 0.451, 0.30, 0.22, 0.15, *[0.0] * 5)
    found = FloodDetector(SCOPE).step(jump, instant(START_S + 12_000.0))
    (order, *later) = [f for f in found if f.subject.startswith("sensor:")]
    assert (order.kind, order.reason) == (FindingKind.SENSOR_FAULT, "jump-stands")
    assert order.detected_at == instant(START_S + 4 * 600.0) and order.began_at == instant(START_S + 3 * 600.0)
    assert order.explanation["would_be"] == "red" and order.explanation["stands_m"] == 0.45
    assert [f.reason for f in later] == ["trusted-again"]
    assert of_kind(found, FindingKind.FLOOD)[0].reason == "level-reached"
    splash = FloodDetector(SCOPE).step(seldom(*[0.04] * 30), instant(START_S + 20_000.0))
    assert splash == []


def test_where_gauges_say_it_is_dry_a_parked_car_has_a_day() -> None:
    detector = weathered(0.0, [18.0])
    parked = seldom(*[0.45, 0.452] * 80, *[0.0] * 3)
    dry = batch(*[0.0] * 166, sensor=2, every_s=600.0)
    order = np.argsort(np.concatenate([dry.at_s, parked.at_s]), kind="stable")
    both = Batch(*(np.concatenate([getattr(b, k) for b in (dry, parked)])[order] for k in ("sensor", "at_s", "value")))
    found = detector.step(both, instant(START_S + 100_000.0))
    assert [(f.reason, f.detected_at) for f in found] == [
        ("jump-stands", instant(START_S + 147 * 600.0)),
        ("trusted-again", instant(START_S + 163 * 600.0)),
    ]


def test_a_place_where_cars_park_is_not_looked_at_again_and_again() -> None:
    cars = [0.45, 0.45, 0.45, 0.0, 0.0, 0.0, 0.0, 0.0] * 4
    detector = FloodDetector(SCOPE)
    found = detector.step(seldom(*cars), instant(START_S + 30_000.0))
    assert [f.reason for f in found] == ["jump-stands", "trusted-again"] * 2
    rain = batch(*[30.0 / 3.6e6] * 20, sensor=2, every_s=60.0, begin_s=START_S + 31_000.0)
    detector.step(rain, instant(START_S + 32_200.0))
    again = detector.step(batch(0.0, 0.45, every_s=600.0, begin_s=START_S + 32_200.0), instant(START_S + 33_000.0))
    assert again == []
    raining = detector.step(batch(0.45, every_s=600.0, begin_s=START_S + 33_400.0), instant(START_S + 33_400.0))
    assert [f.reason for f in raining] == ["unknown-in-storm"]


def test_water_beside_it_vouches_for_a_jump_that_stands() -> None:
    detector = FloodDetector(SCOPE)
    detector.step(batch(0.0, *RISE, sensor=1), instant(START_S + 300.0))
    found = detector.step(batch(0.0, *[0.45] * 12, begin_s=START_S + 300.0), instant(START_S + 690.0))
    flood = [f for f in found if f.subject == "flood:WD-1"]
    assert [f.explanation["level"] for f in flood] == ["red"]
    assert flood[0].detected_at == instant(START_S + 330.0 + 300.0)


def test_hours_of_standing_still_do_not_make_a_car_water() -> None:
    parked = [0.0, *[0.45] * 400, *[0.452] * 20, *[0.0] * 4]
    assert judged(*parked) == []


def _said_at(finding: Finding) -> tuple[datetime, str]:
    return finding.detected_at, finding.subject


@settings(max_examples=25, deadline=None)
@given(
    depths=st.lists(st.one_of(st.none(), st.floats(0.0, 0.6)), min_size=2, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_steps_and_restarts_anywhere_change_nothing(depths: list[float | None], cuts: list[int]) -> None:
    whole = FloodDetector(SCOPE).step(batch(*depths), instant(START_S + 30.0 * len(depths)))
    found: list[Finding] = []
    detector = FloodDetector(SCOPE)
    edges = [0, *sorted(min(c, len(depths)) for c in cuts), len(depths)]
    for begin, end in pairwise(edges):
        part = batch(*depths[begin:end], begin_s=START_S + 30.0 * begin)
        found += detector.step(part, instant(START_S + 30.0 * end))
        found += detector.step(part, instant(START_S + 30.0 * end))
        state = json.loads(json.dumps(detector.state(), allow_nan=False))
        detector = FloodDetector(SCOPE)
        detector.restore(None, state)
    # what is told of one instant may come in another order
    assert sorted(found, key=_said_at) == sorted(whole, key=_said_at)
    floods = of_kind(whole, FindingKind.FLOOD)
    onsets, ends = ([f for f in floods if f.phase is p] for p in (Phase.ONSET, Phase.END))
    assert len(onsets) - len(ends) in {0, 1}
