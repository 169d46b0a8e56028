"""The competition's rules, each on the smallest case that shows it."""

import numpy as np
import pytest

from detect.leak.score import TrueLeak, night_flow_reports, random_reports, score, water_eur

PIPES = ("a", "b", "c")
DISTANCE = np.array([[0.0, 150.0, np.inf], [150.0, 0.0, 400.0], [np.inf, 400.0, 0.0]])


def leak(pipe: str, start: int, end: int, flow: float = 12.0, n: int = 100) -> TrueLeak:
    column = np.zeros(n)
    column[start : end + 1] = flow
    return TrueLeak(pipe, start, end, column)


def test_the_perfect_report_saves_all_the_water() -> None:
    one = leak("a", 10, 33)
    result = score([(10, "a")], [one], DISTANCE, PIPES)
    assert result.total_eur == pytest.approx(24 * 12 / 12 * 0.8)
    assert result.share == pytest.approx(1.0)
    assert (result.found, result.false) == (1, 0)


def test_distance_costs_and_delay_costs() -> None:
    one = leak("a", 10, 33)
    result = score([(22, "b")], [one], DISTANCE, PIPES)
    assert result.total_eur == pytest.approx(12 * 12 / 12 * 0.8 - 150 / 300 * 500)
    assert water_eur(one, 22, step_h=1 / 12) == pytest.approx(9.6)


@pytest.mark.parametrize(
    ("report", "why"),
    [((9, "a"), "before the leak"), ((34, "a"), "after it"), ((20, "c"), "too far"), ((50, "b"), "nothing runs")],
)
def test_a_false_report_costs_a_crew(report: tuple[int, str], why: str) -> None:
    result = score([report], [leak("a", 10, 33)], DISTANCE, PIPES)
    assert (result.total_eur, result.false, result.found) == (-500.0, 1, 0), why


def test_a_repetition_is_worth_nothing_and_is_not_false() -> None:
    result = score([(10, "a"), (20, "b")], [leak("a", 10, 33)], DISTANCE, PIPES)
    assert (result.found, result.false) == (1, 0)
    assert result.verdicts[1].value_eur == 0.0


def test_the_nearest_leak_not_yet_found_counts() -> None:
    leaks = [leak("a", 0, 90), leak("b", 0, 90)]
    result = score([(5, "a"), (6, "a")], leaks, DISTANCE, PIPES)
    assert [v.leak for v in result.verdicts] == [0, 1]
    assert result.verdicts[1].distance_m == 150.0


def test_reports_are_taken_in_order_of_time_and_those_before_the_year_are_ignored() -> None:
    result = score([(30, "a"), (-4, "c"), (10, "b")], [leak("a", 10, 33)], DISTANCE, PIPES)
    assert [v.step for v in result.verdicts] == [10, 30]
    assert result.false == 0


def test_nulls() -> None:
    assert score([], [leak("a", 10, 33)], DISTANCE, PIPES).total_eur == 0.0
    chance = random_reports(20, 100, PIPES, seed=1)
    assert chance == random_reports(20, 100, PIPES, seed=1)
    assert {pipe for _, pipe in chance} <= set(PIPES)
    inflow = np.full(60 * 24, 50.0)
    assert night_flow_reports(inflow, "a", steps_per_day=24) == []
    inflow[40 * 24 :] += 10
    called = night_flow_reports(inflow, "a", steps_per_day=24)
    assert called[0] == (40 * 24 + 5, "a")
    assert len(called) <= 3
