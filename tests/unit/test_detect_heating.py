"""Make-up water of a heating loop: a leak is told within hours, filling noise is not, and a restart changes nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from detect.heating import HeatingDetector, make
from detect.instant import instant
from detect.port import Batch, Scope
from lifeline.asset import Name, Zone, ZoneKind
from lifeline.finding import Finding, Phase
from tests.detect_scene import START_S, Scene

RING = ((125.3, 43.86), (125.31, 43.86), (125.31, 43.87), (125.3, 43.86))
HOUR_S = 3600.0
DAYS, LEAK_DAY, MENDED_DAY = 30, 20, 23


def scope() -> Scope:
    meter = replace(
        next(s for s in Scene(1).scope.sensors if s.sensor_id == "T-F-0"), sensor_id="T-MU", zone_id="T-H-1"
    )
    zone = Zone("T-H-1", "220100", ZoneKind.HEATING, Name("供热一区", "Heat 1"), "220104", RING, ("T-MU",))
    return Scope("220100", "Asia/Shanghai", (meter,), (zone,))


def readings(leak_m3_per_h: float) -> Batch:
    at_s = (START_S + np.arange(DAYS * 24 * 12) * 300.0).astype(np.float64)
    rng = np.random.default_rng(4)
    flow = 1.0 + 0.1 * rng.standard_normal(len(at_s))
    day = (at_s - START_S) / 86_400.0
    flow = flow + np.where((day >= LEAK_DAY) & (day < MENDED_DAY), leak_m3_per_h, 0.0)
    return Batch(np.zeros(len(at_s), dtype=np.intp), at_s, flow / HOUR_S)


def run(batch: Batch, cuts: int) -> list[Finding]:
    detector = make(scope())
    assert detector is not None
    found: list[Finding] = []
    for part in np.array_split(np.arange(len(batch)), cuts):
        again = HeatingDetector(scope())
        again.restore(None, json.loads(json.dumps(detector.state(), allow_nan=False)))
        detector = again
        own = Batch(batch.sensor[part], batch.at_s[part], batch.value[part])
        found += detector.step(own, instant(float(own.at_s[-1]) + 300.0))
    return found


@pytest.mark.parametrize("cuts", [3, 40])
def test_a_leak_of_half_a_cubic_metre_an_hour_is_told_and_ends(cuts: int) -> None:
    found = run(readings(0.5), cuts)
    assert [f.phase for f in found] == [Phase.ONSET, Phase.END]
    onset, end = found
    assert onset.subject == "leak:T-H-1"
    late_h = (onset.detected_at.timestamp() - START_S) / HOUR_S - LEAK_DAY * 24
    assert 0 < late_h <= 24
    assert onset.flow_m3_per_h == pytest.approx(0.5, abs=0.25)
    assert onset.explanation["provisions"] == ["P6.1", "P11.2"]
    assert 0 < (end.detected_at.timestamp() - START_S) / HOUR_S - MENDED_DAY * 24 <= 24


def test_a_quiet_loop_says_nothing_and_a_city_without_one_has_no_detector() -> None:
    assert run(readings(0.0), 5) == []
    assert make(Scene(1).scope) is None
