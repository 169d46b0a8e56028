"""Event time: what is complete when, one clock that runs ahead, readings that come late or twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.cusum import Cusum, run_length, shewhart_threshold, threshold_for
from detect.window import SETTLE_S, Rows, Window

LATENESS_S = 15.0


def rows(*readings: tuple[int, float]) -> Rows:
    """Readings (sensor, at_s); the value is the instant."""
    sensor = np.array([s for s, _ in readings], dtype=np.intp)
    at_s = np.array([t for _, t in readings])
    return Rows(sensor, at_s, at_s.copy())


def window(devices: int = 4, *, interval_s: float = 5.0, watermark_s: float = 0.0, now_s: float = 0.0) -> Window:
    return Window(
        np.arange(devices),
        np.full(devices, interval_s),
        lateness_s=LATENESS_S,
        watermark_s=watermark_s,
        now_s=now_s,
    )


def settle(it: Window, now_s: float) -> list[tuple[int, float]]:
    """What is complete a moment later."""
    first = it.advance(now_s)
    second = it.advance(now_s + SETTLE_S)
    return [
        (int(s), float(t)) for b in (first, second) for s, t in zip(b.sensor.tolist(), b.at_s.tolist(), strict=True)
    ]


def test_readings_wait_for_late_ones_and_come_out_in_order() -> None:
    it = window(now_s=1_000.0)
    it.add(rows((0, 960.0), (1, 980.0), (0, 980.0)), 1_000.0)
    assert settle(it, 1_000.0) == [(0, 960.0)]
    assert it.watermark_s == 965.0
    it.add(rows((2, 970.0), (3, 990.0), (2, 985.0)), 1_005.0)
    assert settle(it, 1_005.0) == [(2, 970.0)]
    it.add(rows((3, 1_020.0)), 1_020.0)
    assert settle(it, 1_020.0) == [(0, 980.0), (1, 980.0), (2, 985.0), (3, 990.0)]
    assert it.late == 0


def test_what_is_late_is_counted_and_not_handed_out_and_twice_is_not_late() -> None:
    it = window(now_s=1_000.0)
    it.add(rows((0, 950.0), (1, 1_000.0)), 1_000.0)
    assert settle(it, 1_000.0) == [(0, 950.0)]
    taken = it.add(rows((0, 950.0), (2, 940.0), (3, 1_000.0)), 1_001.0)
    assert taken.sensor.tolist() == [3]
    assert it.late == 1
    it.add(rows((1, 1_000.0), (3, 1_000.0)), 1_002.0)
    it.add(rows((0, 1_030.0)), 1_030.0)
    assert settle(it, 1_030.0) == [(1, 1_000.0), (3, 1_000.0)]


def test_a_clock_that_runs_ahead_does_not_move_the_watermark_beyond_ours() -> None:
    it = window(now_s=1_000.0)
    it.add(rows((0, 4_000.0), (1, 998.0)), 1_000.0)
    settle(it, 1_000.0)
    assert it.watermark_s <= 1_000.0 - LATENESS_S


def test_in_a_replay_of_old_data_one_device_of_many_does_not_lead() -> None:
    it = window(devices=40)
    it.add(rows(*[(n, 5_000.0) for n in range(40)], (7, 9_000.0)), 1e9)
    settle(it, 1e9)
    assert it.watermark_s == 5_000.0 - LATENESS_S


def test_while_nobody_reports_time_goes_on_after_a_while() -> None:
    it = window(now_s=1_000.0)
    it.add(rows((0, 1_000.0)), 1_000.0)
    settle(it, 1_000.0)
    settle(it, 1_100.0)
    assert it.watermark_s == 985.0
    settle(it, 1_300.0)
    assert 1_150.0 < it.watermark_s < 1_300.0


@given(
    times=st.lists(st.floats(0.0, 600.0), min_size=1, max_size=60, unique=True),
    delays=st.lists(st.floats(0.0, 60.0), min_size=60, max_size=60),
)
def test_no_reading_comes_out_twice_or_out_of_order_and_none_vanishes(times: list[float], delays: list[float]) -> None:
    it = window(devices=3, now_s=0.0)
    arrivals = sorted((t + d, n % 3, t) for n, (t, d) in enumerate(zip(times, delays[: len(times)], strict=True)))
    out: list[tuple[int, float]] = []
    for now_s, sensor, at_s in arrivals:
        it.add(rows((sensor, at_s)), now_s)
        out += settle(it, now_s)
    out += settle(it, 5_000.0)
    assert [t for _, t in out] == sorted(t for _, t in out)
    assert len(set(out)) == len(out)
    assert len(out) + it.late == len(arrivals)


@pytest.mark.parametrize("reference", [0.5, 0.75])
def test_the_stated_false_alarm_rate_is_the_real_one(reference: float) -> None:
    threshold = threshold_for(400.0, reference)
    rng = np.random.default_rng(1)
    lengths = []
    for _ in range(300):
        cusum, steps = Cusum(reference), 0
        for z in rng.standard_normal(8_000).tolist():
            steps += 1
            if cusum.add(z, float(steps)) >= threshold:
                break
        lengths.append(steps)
    assert np.mean(lengths) == pytest.approx(400.0, rel=0.2)
    assert run_length(threshold, reference) == pytest.approx(400.0, rel=1e-6)
    assert shewhart_threshold(1e6) == pytest.approx(4.753, abs=1e-3)
