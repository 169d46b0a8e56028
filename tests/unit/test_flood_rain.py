"""Rain at places: sums of windows, a silent gauge, forecasts blended and stale; a record looked up; a file of rain."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detect.flood.basins import CAPACITY_MM_PER_H, TIME_MIN, followed
from detect.flood.likeness import Likeness, learned
from detect.flood.rain_file import read_rain
from detect.flood.rainfield import RainField, RainForecast
from detect.flood.record import GRID_MM, Record
from lifeline.asset import Position, Site
from lifeline.errors import ReplayError
from lifeline.units import Quantity
from tests.detect_scene import depth_sensor

GAUGE = replace(depth_sensor("G1"), quantity=Quantity.RAIN_INTENSITY, site=Site.GAUGE, unit="m/s", interval_s=60.0)
FAR = replace(GAUGE, sensor_id="G2", position=Position(GAUGE.position.lon + 0.1, GAUGE.position.lat))
PLACES = (GAUGE.position, FAR.position)
MM_PER_H = 1.0 / 3.6e6


def field(minutes: int, *, first: float, second: float, silent_after: int = 999) -> RainField:
    rain = RainField((GAUGE, FAR), PLACES)
    for minute in range(1, minutes + 1):
        if minute <= silent_after:
            rain.hear(0, 60.0 * minute, first * MM_PER_H)
        rain.hear(1, 60.0 * minute, second * MM_PER_H)
    return rain


def test_each_place_has_the_rain_of_its_gauge() -> None:
    past, ahead = field(120, first=60.0, second=6.0).at_places(7_200.0, None)
    np.testing.assert_allclose(past[0], [5.0, 10.0, 15.0, 30.0, 60.0, 120.0], rtol=0.02)
    np.testing.assert_allclose(past[1], past[0] / 10.0, rtol=1e-9)
    assert np.isnan(ahead).all()


def test_a_silent_gauge_hands_its_places_to_the_next_and_no_gauge_is_unknown() -> None:
    rain = field(120, first=60.0, second=6.0, silent_after=60)
    past, _ = rain.at_places(7_200.0, None)
    np.testing.assert_allclose(past[0], past[1])
    past, _ = rain.at_places(7_200.0 + 3_600.0, None)
    assert np.isnan(past).all()
    again = RainField((GAUGE, FAR), PLACES)
    again.restore(rain.state())
    np.testing.assert_array_equal(again.past(7_200.0), rain.past(7_200.0))


def test_forecasts_are_blended_and_one_that_is_old_is_not_looked_at() -> None:
    rain = field(60, first=1.0, second=1.0)
    for at_s, mm in ((3_600.0, 1.0), (3_900.0, 3.0)):
        _, ahead = rain.at_places(at_s, RainForecast(at_s, 300.0, np.full((1, 12), mm)))
    # both cover the next quarter of an hour: 3 steps of the geometric mean
    assert ahead[0, 0] == pytest.approx(3.0 * 3.0**0.5, rel=1e-3)
    assert 22.0 < ahead[0, 2] < 36.0
    _, ahead = rain.at_places(7_200.0, RainForecast(3_900.0, 300.0, np.full((1, 12), 3.0)))
    assert np.isnan(ahead).all()
    members = RainForecast(7_200.0, 300.0, np.array([[1.0] * 12, [2.0] * 12, [4.0] * 12]))
    _, ahead = rain.at_places(7_200.0, members)
    assert ahead[0, 2] == pytest.approx(24.0) and ahead[0, 4] == pytest.approx(36.0)


def test_a_forecast_is_set_right_by_what_has_fallen_since() -> None:
    rain = field(60, first=24.0, second=24.0)
    for issued_min in range(35, 65, 5):
        _, ahead = rain.at_places(60.0 * issued_min, RainForecast(60.0 * issued_min, 300.0, np.full((1, 12), 6.0)))
    assert ahead[0, 0] == pytest.approx(6.0, rel=0.15)  # 18 mm were said, and three times too much until now
    unheard = RainField((), PLACES)
    for issued_min in range(35, 65, 5):
        _, ahead = unheard.at_places(60.0 * issued_min, RainForecast(60.0 * issued_min, 300.0, np.full((1, 12), 6.0)))
    assert ahead[0, 0] == pytest.approx(18.0, rel=1e-3)


def test_water_stands_behind_the_basin_whose_pipe_takes_less_than_the_rain() -> None:
    rain = field(60, first=60.0, second=0.0)
    basins = rain.basins(3_600.0, None)
    assert basins is not None
    little, much = (int(np.argmin(np.abs(CAPACITY_MM_PER_H - c) + TIME_MIN)) for c in (30.0, 120.0))
    assert basins.pond_mm[0, little] == pytest.approx(30.0, rel=0.3) and basins.pond_mm[0, much] == 0.0
    now_mm = np.array([basins.pond_mm[0, little], 0.0])
    ends, goes_on, forecast = basins.highest_mm(np.array([little, little]), now_mm)[0, :, -1]
    assert goes_on == pytest.approx(2.0 * now_mm[0], rel=0.2) and ends < 1.2 * now_mm[0] and np.isnan(forecast)


def test_the_basin_of_a_place_is_found_from_its_depths() -> None:
    rng = np.random.default_rng(0)
    storms = rng.gamma(0.5, 0.8, (600, 1)) * (np.arange(600)[:, None] % 60 < 25)
    ponds = np.array([followed(storms[max(n - 300, 0) : n + 1], None)[0][0] for n in range(0, 600, 3)])
    truth = 20
    depth_m = ponds[:, truth] / 100.0
    like = learned(1, np.zeros(len(ponds), dtype=np.intp), depth_m, np.arange(len(ponds)), ponds)
    assert np.corrcoef(ponds[:, like.basin[0]], depth_m)[0, 1] > 0.97
    at = Likeness(np.repeat(like.basin, 2), np.repeat(like.curve_m, 2, axis=0))
    np.testing.assert_allclose(at.depth_m(at.pond_mm(np.array([0.02, 0.04]))), [0.02, 0.04], atol=0.01)


def test_a_record_says_how_deep_so_much_rain_stood() -> None:
    record = Record({"A": np.tile(GRID_MM / 100.0, (4, 1))})
    found = record.depths(["A", "B"], np.full((2, 4), 50.0))
    np.testing.assert_allclose(found[0], 0.5)
    assert np.isnan(found[1]).all()


def test_a_file_of_rain_is_read_and_a_fault_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rain.csv"
    path.write_text("member,minute,mm\n" + "".join(f"{m},{5 * k},{m}\n" for m in (1, 2) for k in range(1, 13)))
    step_s, members = read_rain(path)
    assert step_s == 300.0 and [sum(m) for m in members] == [12.0, 24.0]
    for text, told in (
        ("1,5,x", "rain.csv:2: minute, mm"),
        ("1,5,-1", "rain.csv:2: expected"),
        ("1,5,1\n1,7,1", "even"),
    ):
        path.write_text(f"member,minute,mm\n{text}\n")
        with pytest.raises(ReplayError, match=told):
            read_rain(path)
