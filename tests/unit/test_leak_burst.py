"""The fast watch on a made-up zone: a burst is seen within minutes, quiet weeks are quiet, a stop changes nothing."""

import json

import numpy as np
import pytest

from detect.leak.burst import FastWatch, Surge

STEP_S = 300
BURST_AT_S = 20 * 86400 + 10 * 3600


def inflow(days: int, burst_m3_per_h: float) -> np.ndarray:
    """A daily curve around 100 m3/h with noise of 5 m3/h, and a burst on day 20."""
    rng = np.random.default_rng(1)
    t = np.arange(0, days * 86400, STEP_S)
    return np.asarray(
        100
        + 40 * np.sin(2 * np.pi * (t / 86400 - 0.3))
        + 5 * rng.standard_normal(len(t))
        + burst_m3_per_h * (t >= BURST_AT_S)
    )


def surges(watch: FastWatch, flow: np.ndarray, first: int = 0) -> list[Surge]:
    found = []
    for k, q in enumerate(flow[first:].tolist(), start=first):
        t = k * STEP_S
        found += watch.look(t, t, (t // 86400 + 3) % 7 >= 5, np.array([q]))
    return found


@pytest.mark.parametrize("burst_m3_per_h", [12.0, 25.0])
def test_a_burst_is_seen_within_half_an_hour(burst_m3_per_h: float) -> None:
    found = [s for s in surges(FastWatch(1), inflow(21, burst_m3_per_h)) if s.at_s >= BURST_AT_S]
    assert found[0].at_s - BURST_AT_S <= 1800
    assert found[0].excess_m3_per_h == pytest.approx(burst_m3_per_h, rel=0.5)


def test_quiet_weeks_raise_little() -> None:
    assert len(surges(FastWatch(1), inflow(60, 0.0)[: 20 * 288])) <= 1


def test_a_stop_changes_nothing() -> None:
    flow = inflow(21, 20.0)
    first = FastWatch(1)
    before = surges(first, flow[:5000])
    second = FastWatch(1)
    second.restore(json.loads(json.dumps(first.state())))
    assert before + surges(second, flow, first=5000) == surges(FastWatch(1), flow)
