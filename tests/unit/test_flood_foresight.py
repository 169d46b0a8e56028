"""Forecasts while the city lives: told before the water comes, ended when it is there, with advice and a stretch."""

import json
from dataclasses import replace

import numpy as np
import pytest

from detect.flood.closure import Streets, advices
from detect.flood.detector import FloodDetector
from detect.flood.sky import Cause
from detect.flood.street_burst import StreetBursts
from detect.instant import instant
from detect.port import Batch, Floats, Scope
from lifeline.asset import Asset, AssetKind, Name, Zone, ZoneKind
from lifeline.finding import Finding, FindingKind, Phase
from tests.detect_scene import LEVELS, START_S, TIMEZONE, depth_sensor

PLACE = replace(depth_sensor("WD-1"), element="M1")
AT = PLACE.position
MANHOLES = tuple(
    Asset(
        f"M{n}", "220100", AssetKind.MANHOLE, {"type": "Point", "coordinates": [AT.lon + 0.001 * n, AT.lat]}, None,
        {"invert_m": 200.0 + rise, "max_depth_m": 2.0},
    )
    for n, rise in ((1, 0.0), (2, 0.1), (3, 1.0))
)  # fmt: skip
DRAINS = tuple(
    Asset(
        f"C{n}", "220100", AssetKind.CONDUIT,
        {"type": "LineString", "coordinates": [[AT.lon + 0.001 * n, AT.lat], [AT.lon + 0.001 * (n + 1), AT.lat]]}, None,
        {"length_m": 80.0, "from": f"M{n}", "to": f"M{n + 1}"},
    )
    for n in (1, 2)
)  # fmt: skip
RING = tuple((AT.lon + x, AT.lat + y) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)))
ZONE = Zone("Z1", "220100", ZoneKind.DMA, Name("一区", "One"), "220104", RING, (), ())
SCOPE = Scope("220100", TIMEZONE, (PLACE,), (ZONE,), levels=LEVELS, drains=(*MANHOLES, *DRAINS))


def rising(minutes: int, cm_per_min: float = 1.0, then: int = 0) -> Batch:
    rise = np.arange(minutes, dtype=np.float64) * cm_per_min / 100.0
    depths: Floats = np.concatenate([np.zeros(5), rise, np.full(then, rise[-1])])
    times = START_S + 60.0 * np.arange(len(depths), dtype=np.float64)
    return Batch(np.zeros(len(depths), dtype=np.intp), times, depths)


def part(batch: Batch, of: slice) -> Batch:
    return Batch(batch.sensor[of], batch.at_s[of], batch.value[of])


def expected(found: list[Finding]) -> list[Finding]:
    return [f for f in found if f.kind is FindingKind.FLOOD_EXPECTED]


def test_a_flood_is_told_before_it_is_there_and_ends_when_it_is() -> None:
    detector = FloodDetector(SCOPE)
    batch = rising(44, then=20)
    found = detector.step(batch, instant(float(batch.at_s[-1])))
    told = expected(found)
    assert told[0].phase is Phase.ONSET and told[0].reason == "flood-foreseen"
    assert told[0].subject == "flood-expected:WD-1" and told[0].explanation["rung"] == "linear"
    yellow = next(f for f in found if f.kind is FindingKind.FLOOD and f.explanation["level"] == "yellow")
    assert told[0].detected_at < yellow.detected_at
    assert told[0].explanation["crossing_min"] > 0.0 and told[0].explanation["reasons"]
    assert {f.reason for f in told if f.phase is Phase.END} == {"flood-came"} and told[-1].phase is Phase.END


def test_a_rise_that_stops_is_no_longer_foreseen() -> None:
    detector = FloodDetector(SCOPE)
    batch = rising(8, then=40)
    found = expected(detector.step(batch, instant(float(batch.at_s[-1]))))
    assert [f.phase for f in found if f.phase is not Phase.UPDATE] == [Phase.ONSET, Phase.END]
    assert found[-1].reason == "no-longer-foreseen"


def test_a_detector_restored_goes_on_foreseeing() -> None:
    batch = rising(30)
    whole = FloodDetector(SCOPE).step(batch, instant(float(batch.at_s[-1])))
    cut = 16
    first, second = FloodDetector(SCOPE), FloodDetector(SCOPE)
    found = first.step(part(batch, slice(0, cut)), instant(float(batch.at_s[cut - 1])))
    second.restore(None, json.loads(json.dumps(first.state(), allow_nan=False)))
    found += second.step(part(batch, slice(cut, None)), instant(float(batch.at_s[-1])))
    assert found == whole and expected(whole)


def test_a_clock_that_runs_ahead_uses_up_no_forecasts() -> None:
    ahead = replace(PLACE, sensor_id="WD-2")
    detector = FloodDetector(replace(SCOPE, sensors=(PLACE, ahead)))
    wrong = Batch(np.array([1]), np.array([START_S + 86_400.0]), np.array([0.0]))
    assert detector.step(wrong, instant(START_S)) == []
    batch = rising(44)
    assert expected(detector.step(batch, instant(float(batch.at_s[-1]))))


def test_closing_is_advised_with_its_source_and_the_stretch_that_the_water_takes() -> None:
    assert [(a.do, a.depth_m) for a in advices()] == [("restrict", 0.15), ("close", 0.25)]
    assert all(a.source for a in advices())
    streets = Streets(SCOPE.drains)
    found = streets.stretch(PLACE, 0.25)
    assert found is not None and found["assets"] == ["C1", "C2"]
    # all of the first pipe, and of the second as far as 15 cm of the metre that the ground rises
    assert found["length_m"] == pytest.approx(80.0 + 80.0 * 0.15 / 0.9, abs=1.0)
    assert streets.stretch(replace(PLACE, element=None), 0.25) is None


def test_water_without_rain_opens_a_burst_case_with_the_evidence_of_its_zone() -> None:
    detector = FloodDetector(SCOPE)
    batch = rising(20, cm_per_min=2.0)
    floods = [f for f in detector.step(batch, instant(float(batch.at_s[-1]))) if f.kind is FindingKind.FLOOD]
    reached = next(f for f in floods if f.reason == "level-reached")
    bursts = StreetBursts(SCOPE)
    assert bursts.follow(PLACE, reached, Cause.RAIN) == []
    (alone,) = bursts.follow(PLACE, reached, Cause.BURST)
    assert alone.subject == "burst:street:WD-1" and alone.kind is FindingKind.BURST and alone.zone_id == "Z1"
    (over,) = bursts.follow(PLACE, reached, Cause.RAIN)
    assert over.phase is Phase.END and over.reason == "water-explained"
    bursts.evidence["Z1"] = [{"subject": "burst:Z1", "phase": "onset"}]
    (sure,) = bursts.follow(PLACE, reached, Cause.BURST)
    assert sure.probability > alone.probability and sure.explanation["evidence"]
