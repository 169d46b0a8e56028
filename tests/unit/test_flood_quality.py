"""Depth readings: what is water is trusted soon, what is not has a name and no depth."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.flood.datum import Weather
from detect.flood.quality import DepthFilter, Judged, Verdict

FROST = Weather(temperature_c=-8.0, rain_1h_mm=0.0)
WET = Weather(temperature_c=18.0, rain_1h_mm=12.0)
DRY = Weather(temperature_c=18.0, rain_1h_mm=0.0)


def run(depths: list[float], weather: Weather = DRY, *, every_s: float = 60.0, begin_s: float = 1e6) -> list[Judged]:
    """The last verdict on each reading, in order of time."""
    sensor = DepthFilter(0.0, 3.0)
    last: dict[float, Judged] = {}
    for number, depth in enumerate(depths):
        for judged in sensor.push(begin_s + every_s * number, depth, weather):
            last[judged.at_s] = judged
    return list(last.values())


def named(depths: list[float], weather: Weather = DRY, *, every_s: float = 60.0) -> list[str]:
    return [j.verdict.value for j in run(depths, weather, every_s=every_s)]


@pytest.mark.parametrize("rise", [[0.01, 0.03, 0.05, 0.08], [0.13, 0.22, 0.31], [0.08, 0.28, 0.41, 0.52]])
def test_a_rising_flood_is_trusted_whole(rise: list[float]) -> None:
    judged = run([0.0, 0.0, *rise])
    assert {j.verdict for j in judged} == {Verdict.OK}
    assert [j.depth_m for j in judged] == pytest.approx([0.0, 0.0, *rise], abs=1e-4)


def test_every_false_flood_has_its_name_and_no_depth() -> None:
    assert named([0.0, 4.0, 0.0])[1] == "range"
    assert named([0.0, 0.4, 0.4, 0.0])[1:3] == ["blip", "blip"]
    box = run([0.0, *[0.45, 0.452, 0.449] * 10, 0.0, 0.0])
    assert {j.verdict for j in box[1:31]} == {Verdict.UNCONFIRMED, Verdict.BOX}
    assert box[1].verdict is box[30].verdict is Verdict.BOX
    assert all(j.depth_m is None for j in box[1:31])
    chain = named([0.0, 0.2, 0.0, 0.0, 0.25, 0.0, 0.3, 0.31, 0.33, 0.0])
    assert chain[1] == "blip" and chain[4] == chain[6] == chain[7] == "pulse-chain"
    assert named([0.30, 0.30, 0.0, 0.31, 0.32])[2] == "gradient"
    assert named([0.30] * 200)[-1] == "stuck"
    assert named([0.0] * 90, FROST)[-1] == "frozen"


def test_rain_vouches_for_a_jump_that_stands_still() -> None:
    assert named([0.0, *[0.12] * 6], DRY)[-1] == "unconfirmed"
    assert named([0.0, *[0.12] * 6], WET)[-1] == "ok"


def test_water_that_drains_at_once_is_believed_when_it_stays_away() -> None:
    judged = run([0.2, 0.2, 0.0, 0.0, 0.0, 0.0])
    assert [j.verdict for j in judged] == [Verdict.OK] * 6


def test_snow_is_ground_and_a_burst_on_it_is_water() -> None:
    rng = np.random.default_rng(1)
    snowfall = np.linspace(0.0, 0.20, 8 * 60) + rng.normal(0.0, 0.001, 480)
    judged = run([*snowfall.tolist(), *[0.20 + 0.03 * n for n in range(1, 7)], *[0.38] * 120], FROST)
    falling, burst = judged[60:480], judged[481:]
    assert {j.verdict for j in falling} == {Verdict.SNOW}
    assert all(j.depth_m is None for j in falling)
    assert {j.verdict for j in burst[1:40]} == {Verdict.OK}
    depth_m = burst[39].depth_m
    assert depth_m is not None and 0.15 < depth_m < 0.23


def test_the_dry_datum_is_followed_slowly_and_a_wandering_one_is_told() -> None:
    hours = np.arange(0, 24 * 90, 0.25)
    rng = np.random.default_rng(2)
    drifting = (0.08 * hours / hours[-1] + rng.normal(0.0, 0.002, len(hours))).tolist()
    judged = run(drifting, every_s=900.0)
    depths = [j.depth_m for j in judged]
    assert max(d for d in depths if d is not None) < 0.02
    assert judged[-1].verdict is Verdict.DRIFT
    tide = run((0.2 * np.sin(np.linspace(0.0, np.pi, 360))).tolist())
    highest = max(j.depth_m or 0.0 for j in tide)
    assert highest == pytest.approx(0.2, abs=0.002)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60), st.integers(0, 60))
def test_a_restart_changes_nothing(depths: list[float], cut: int) -> None:
    whole, parts = DepthFilter(0.0, 3.0), DepthFilter(0.0, 3.0)
    for number, depth in enumerate(depths):
        if number == cut:
            state = json.loads(json.dumps(parts.state(), allow_nan=False))
            parts = DepthFilter(0.0, 3.0)
            parts.restore(state)
        at_s = 60.0 * (number + 1)
        assert parts.push(at_s, depth, FROST) == whole.push(at_s, depth, FROST)
