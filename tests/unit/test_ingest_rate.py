"""Rates of change: a spike is doubtful alone, a step once; order, lateness and repeats confuse nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.gate import Limits, SensorTable, judge
from ingest.rate import Rates
from lifeline.asset import Site
from lifeline.city.levels import Levels, RateLimit, Thresholds
from lifeline.reading import Quality, QualityReason
from lifeline.settings import IngestSettings
from lifeline.store.readings import READING
from lifeline.units import Quantity
from tests.unit.test_ingest_gate import NOW_S, sensor

PER_S = 1 / 60
"""limit: 1 a minute"""
Point = tuple[int, float]
"""minute, value"""


def doubtful(rates: Rates, *points: Point, key: int = 1) -> list[Point]:
    rows = np.zeros(len(points), READING)
    rows["sensor_key"] = key
    rows["observed_at"] = [np.datetime64((NOW_S + 60 * minute) * 1_000_000, "us") for minute, _ in points]
    rows["value"] = [value for _, value in points]
    found = rates.doubtful(rows, np.full(len(rows), PER_S))
    return [point for point, is_doubtful in zip(points, found, strict=True) if is_doubtful]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0, 0), (1, 1), (2, 2)], []),
        ([(0, 0), (1, 1.01)], [(1, 1.01)]),
        ([(0, 0), (1, 9), (2, 0.5), (3, 0)], [(1, 9)]),
        ([(0, 0), (1, 9), (2, 9.5), (3, 9)], [(1, 9)]),
        ([(0, 0), (1, 9), (2, -9), (3, 0)], [(1, 9), (2, -9)]),
        ([(0, 0), (10, 9)], []),
    ],
)
def test_a_spike_is_doubtful_alone_and_a_step_once(points: list[Point], expected: list[Point]) -> None:
    at_once, one_by_one = Rates(), Rates()
    assert doubtful(at_once, *points) == expected
    assert [point for point in points if doubtful(one_by_one, point)] == expected
    assert sorted(doubtful(Rates(), *reversed(points))) == sorted(expected)
    # again, and of another sensor: nothing changes
    doubtful(one_by_one, *points, key=2)
    last, value = points[-1]
    assert doubtful(one_by_one, (last + 1, value)) == doubtful(at_once, (last + 1, value))


def test_late_ones_and_repeats_do_not_move_what_is_remembered() -> None:
    rates = Rates()
    assert doubtful(rates, (0, 0), (10, 1)) == []
    assert doubtful(rates, (5, 100), (10, 1), (3, -100)) == []
    assert doubtful(rates, (11, 1.5)) == []
    assert doubtful(rates, (12, 50)) == [(12, 50)]
    assert doubtful(rates, (12, 50)) == [(12, 50)]


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(-5, 5)), unique_by=lambda point: point[0]), st.integers(1, 7))
def test_what_comes_in_order_is_judged_the_same_in_whatever_batches(points: list[Point], size: int) -> None:
    points = sorted(points)
    batched = Rates()
    found = [one for start in range(0, len(points), size) for one in doubtful(batched, *points[start : start + size])]
    assert found == doubtful(Rates(), *points)


def test_the_gate_marks_them_and_does_not_learn_from_what_cannot_be() -> None:
    own = sensor("P", Quantity.PRESSURE, "Pa", 0, 100, 7)
    table = SensorTable([own], rate_max=lambda _: PER_S)
    route = table.route("220100", "D1", "pressure", "Pa")
    values = [10.0, 500.0, 10.5, 50.0, 11.0]
    judged = judge(
        table,
        Limits.of(IngestSettings()),
        routes=[route] * len(values),
        times_s=[NOW_S + 60 * i for i in range(-4, 1)],
        values=values,
        received_us=np.full(len(values), NOW_S * 1_000_000, np.int64),
        rates=Rates(),
    )
    ok, bad = (Quality.GOOD, QualityReason.OK), (Quality.BAD, QualityReason.OUT_OF_RANGE)
    fast = (Quality.DOUBTFUL, QualityReason.RATE_OF_CHANGE)
    assert judged.rows[["quality", "reason"]].tolist() == [ok, bad, ok, fast, ok]


def test_the_closest_rule_of_the_pack_holds() -> None:
    own = sensor("P", Quantity.PRESSURE, "Pa", 0, 100, 7)
    rules = (
        RateLimit(Quantity.PRESSURE, 60.0, "s"),
        RateLimit(Quantity.PRESSURE, 120.0, "s", Site.JUNCTION),
        RateLimit(Quantity.PRESSURE, 180.0, "s", None, ("P",)),
        RateLimit(Quantity.FLOW, 240.0, "s"),
    )
    levels = Levels("1", {}, Thresholds(1, 2, 3, 4, "s"), {}, rules)
    assert levels.rate_max(own) == 3.0
    assert levels.rate_max(replace(own, sensor_id="Q")) == 2.0
    assert levels.rate_max(replace(own, sensor_id="Q", site=Site.PIPE)) == 1.0
    assert levels.rate_max(replace(own, quantity=Quantity.LEVEL)) is None
