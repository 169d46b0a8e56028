"""Sensors that need a person are named with the reason, once; sound ones and a common cause are not."""

import json

import numpy as np
import pytest

from detect.leak.area import PipeMap, Precision
from detect.leak.frost import Frost, FrostTerms
from detect.leak.handover import own_subject, told_before
from detect.leak.telling import existence
from detect.leak.upkeep import Upkeep, UpkeepReason

N, DAY = 12, 288
NONE = {name: np.zeros(N, dtype=int) for name in ("missing", "range", "flat", "unit")}
SCATTER = np.full(N, 0.003)


def masked(reason: str, *sensors: int, samples: int = DAY) -> dict[str, np.ndarray]:
    counts = {name: count.copy() for name, count in NONE.items()}
    counts[reason][list(sensors)] = samples
    return counts


def a_day(upkeep: Upkeep, values: np.ndarray | None = None) -> None:
    rng = np.random.default_rng(1)
    for row in 40.0 + 0.05 * rng.standard_normal((DAY, N)) if values is None else values:
        upkeep.sample(row)


def close(upkeep: Upkeep, counts: dict[str, np.ndarray], *, air: float | None = None) -> list[tuple[int, str]]:
    said = upkeep.day(counts, SCATTER, air)
    saved = json.loads(json.dumps(upkeep.to_json(), allow_nan=False))
    upkeep.restore(saved)
    return [(one.sensor, one.reason.value) for one in said]


@pytest.mark.parametrize(
    ("check", "air", "reason"),
    [
        ("missing", None, "sensor-gap"),
        ("range", None, "sensor-range"),
        ("unit", None, "sensor-unit"),
        ("flat", 5.0, "sensor-flat"),
        ("flat", -22.0, "sensor-frozen"),
    ],
)
def test_what_the_checks_mask_names_the_sensor_once_and_lets_it_go(check: str, air: float | None, reason: str) -> None:
    upkeep = Upkeep(N, N)
    a_day(upkeep)
    counts = masked(check, 4)
    assert close(upkeep, counts, air=air) == [(4, reason)]
    a_day(upkeep)
    counts = {name: count * 2 for name, count in counts.items()}
    assert close(upkeep, counts, air=air) == []
    a_day(upkeep)
    assert close(upkeep, counts, air=air) == [(4, "sensor-sound")]


def test_a_fault_of_many_at_once_has_one_cause_and_is_not_told_of_each() -> None:
    upkeep = Upkeep(N, N)
    a_day(upkeep)
    counts = masked("missing", *range(6))
    assert close(upkeep, counts) == []
    assert len(upkeep.memory.doubted) == 6
    a_day(upkeep)
    assert close(upkeep, counts) == []
    assert upkeep.memory.doubted == {}


def test_there_and_back_is_a_spike_and_a_step_is_not() -> None:
    rng = np.random.default_rng(2)
    values = 40.0 + 0.05 * rng.standard_normal((DAY, N))
    values[50::40, 7] += 8.0
    values[100:, 3] -= 8.0
    upkeep = Upkeep(N, N)
    a_day(upkeep, values)
    assert close(upkeep, NONE) == [(7, "sensor-spike")]


def test_a_centimetre_a_week_alone_is_drift_and_a_growing_leak_is_not() -> None:
    rng = np.random.default_rng(3)
    day = np.arange(24)[:, None]
    days = 0.001 * rng.standard_normal((24, N))
    drifting = days.copy()
    drifting[:, 5] += 0.02 * day[:, 0] / 7.0
    leaking = days - np.linspace(0.2, 1.0, N) * 0.02 * day / 7.0
    upkeep, other = Upkeep(N, N), Upkeep(N, N)
    upkeep.memory.days, other.memory.days = drifting.tolist(), leaking.tolist()
    (one,) = upkeep.day(NONE, SCATTER, None)
    assert (one.sensor, one.reason) == (5, UpkeepReason.DRIFT)
    assert one.why["drift_m_per_week"] == pytest.approx(0.02, rel=0.2)
    assert other.day(NONE, SCATTER, None) == []
    assert upkeep.not_used.tolist() == [5]
    a_day(upkeep)
    assert upkeep.day(NONE, SCATTER, None) == []
    upkeep.memory.days[-10:] = days[-10:].tolist()
    a_day(upkeep)
    assert [one.reason for one in upkeep.day(NONE, SCATTER, None)] == [UpkeepReason.SOUND]
    assert upkeep.not_used.tolist() == []


def test_a_clock_two_hours_late_is_named() -> None:
    rng = np.random.default_rng(4)
    upkeep = Upkeep(N, N)
    course = np.sin(np.arange(60) / 24 * 2 * np.pi) + 0.4 * np.sin(np.arange(60) / 6 * 2 * np.pi)
    for hour in range(48):
        expected = np.full(N, 40.0 + course[hour + 4])
        measured = expected + 0.02 * rng.standard_normal(N)
        measured[2] = 40.0 + course[hour + 2]
        upkeep.hour(measured, measured - expected)
    assert upkeep.day(NONE, SCATTER, None) == upkeep.day(NONE, SCATTER, None) == []
    (one,) = upkeep.day(NONE, SCATTER, None)
    assert (one.sensor, one.reason, one.why["clock_late_by_h"]) == (2, UpkeepReason.CLOCK, 2)


def test_frost_is_felt_late_and_makes_a_burst_likelier() -> None:
    frost, terms = Frost(), FrostTerms.of({"leak": {"frost": {"lag_days": 3, "per_100_degree_days": True}}})
    assert (terms.lag_days, terms.per_100_degree_days) == (3, 1.0)
    for day in range(12):
        for cel in (-14.0, -26.0):
            frost.add(day, cel)
        frost.close(day, terms)
        felt = frost.explained(terms)
        assert (felt is None) == (day < 3)
    assert frost.air_cel == -20.0
    assert felt is not None
    assert felt["times_as_likely"] > 1.5
    assert existence(0.5, times_as_likely=felt["times_as_likely"]) > existence(0.5)


def test_an_area_is_as_wide_as_what_is_not_known() -> None:
    side = 12
    nodes = np.array([(125.3 + 0.002 * c, 43.8 + 0.0015 * r) for r in range(side) for c in range(side)])
    ends = np.array([(r * side + c, r * side + c + 1) for r in range(side) for c in range(side - 1)])
    pipes = PipeMap([f"P{n}" for n in range(len(ends))], ends, nodes)
    sure = np.zeros(len(ends))
    sure[[60, 61]] = 0.6, 0.4
    near, far = pipes.place(sure, 60), pipes.place(np.full(len(ends), 1 / len(ends)), 60)
    assert near.precision is Precision.STREET
    assert far.precision is Precision.WIDE
    assert near.area["type"] == "Polygon"
    assert far.area["type"] == "MultiPolygon"
    assert near.area_km2 < 0.05 < far.area_km2
    assert [c.asset_id for c in near.candidates] == ["P60", "P61"]
    ring = near.area["coordinates"][0]
    assert ring[0] == ring[-1]
    inside = pipes.middle(60)
    assert min(p[0] for p in ring) < inside.lon < max(p[0] for p in ring)


def test_a_leak_without_a_zone_has_a_subject_of_its_own() -> None:
    assert own_subject("leak", "Z", "220100", 3, set()) == "leak:Z"
    assert own_subject("leak", "Z", "220100", 3, {"leak:Z"}) == "leak:Z:3"
    assert own_subject("burst", None, "220100", 3, set()) == "burst:220100:3"
    assert told_before([], None, None, set()) is None  # type: ignore[arg-type]
