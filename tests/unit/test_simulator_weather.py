"""Storms hold the formula they come from, cells move, seasons turn; noise is a function of time."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lifeline.asset import Position
from simulators.noise import SeededNoise
from simulators.weather import (
    CHANGCHUN_STORM,
    Cloudburst,
    DesignStorm,
    air_temperature_c,
    chicago_mm_per_h,
    mean_intensity_mm_per_h,
)

START = datetime(2026, 7, 1, 6, tzinfo=UTC)
HERE = Position(125.31, 43.86)


@pytest.mark.parametrize("years", [2.0, 50.0])
@pytest.mark.parametrize("span_minutes", [10.0, 30.0, 60.0])
def test_a_chicago_storm_has_the_mean_of_its_formula_over_every_span_around_its_peak(
    years: float, span_minutes: float
) -> None:
    step, peak = 0.01, 0.4 * 60.0
    at = np.arange(peak - 0.4 * span_minutes, peak + 0.6 * span_minutes, step) + step / 2
    rain = [chicago_mm_per_h(CHANGCHUN_STORM, years, minutes=60.0, peak_share=0.4, at=t) for t in at]
    assert np.mean(rain) == pytest.approx(mean_intensity_mm_per_h(CHANGCHUN_STORM, years, span_minutes), rel=0.01)


def test_rain_begins_ends_and_stays_near_its_place() -> None:
    storm = DesignStorm(begins=START, over=HERE, formula=CHANGCHUN_STORM, years=2.0)
    assert storm.mm_per_h(START - timedelta(seconds=1), HERE) == 0.0
    assert storm.mm_per_h(START + timedelta(minutes=24), HERE) > 150.0
    assert storm.mm_per_h(START + timedelta(minutes=60), HERE) == 0.0
    assert storm.mm_per_h(START + timedelta(minutes=24), Position(126.55, 43.84)) == 0.0


def test_a_cell_comes_from_behind_and_leaves_ahead() -> None:
    cell = Cloudburst(begins=START, over=HERE, peak_mm_per_h=90.0, minutes=40.0, radius_km=2.0, heading_deg=90.0)
    middle, west, east = START + timedelta(minutes=20), Position(125.29, 43.86), Position(125.33, 43.86)
    assert cell.mm_per_h(middle, HERE) == pytest.approx(90.0)
    early, late = START + timedelta(minutes=8), START + timedelta(minutes=32)
    assert cell.mm_per_h(early, west) > 2 * cell.mm_per_h(early, east)
    assert cell.mm_per_h(late, east) > 2 * cell.mm_per_h(late, west)
    assert cell.mm_per_h(START + timedelta(minutes=41), HERE) == 0.0


def test_winter_is_cold_and_afternoons_are_warm() -> None:
    january, july = datetime(2026, 1, 15, 18, tzinfo=UTC), datetime(2026, 7, 15, 7, tzinfo=UTC)
    assert air_temperature_c(january, "Asia/Shanghai") < -15.0 < 20.0 < air_temperature_c(july, "Asia/Shanghai")


def test_noise_is_the_same_whatever_was_asked_before_and_has_its_deviation() -> None:
    octaves = ((60.0, 0.3), (3600.0, 0.4))
    one, other = (SeededNoise(7, "areas", streams=2, octaves=octaves) for _ in range(2))
    times = np.arange(0.0, 40 * 3600.0, 97.0)
    ascending = np.array([one.at(t) for t in times])
    assert np.array_equal(ascending[::-1], np.array([other.at(t) for t in times[::-1]]))
    assert np.std(ascending) == pytest.approx(0.5, rel=0.2)
    assert abs(np.corrcoef(ascending.T)[0, 1]) < 0.5
    assert not np.array_equal(SeededNoise(8, "areas", streams=2, octaves=octaves).at(5.0), one.at(5.0))
