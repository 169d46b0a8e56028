"""What a city has seen corrects its forecasts; few floods correct nothing."""

from collections.abc import Iterator

import numpy as np

from detect.flood.nowcast import Nowcast
from detect.flood.observed import corrected
from detect.port import Batch, Scope
from tests.detect_scene import DAY_S, LEVELS, START_S, TIMEZONE, depth_sensor

SCOPE = Scope("220100", TIMEZONE, (depth_sensor("WD-1"),), levels=LEVELS)


def days(count: int) -> Iterator[Batch]:
    """A flood a day that rises to 8 to 13 cm as if it went on, and stops."""
    rng = np.random.default_rng(0)
    for day in range(count):
        peak_m = float(rng.uniform(0.08, 0.13))
        minutes = np.arange(0.0, 300.0)
        depths = peak_m * np.interp(minutes, [0.0, 30.0, 50.0, 90.0, 150.0], [0.0, 0.0, 1.0, 1.0, 0.0])
        times = START_S + DAY_S * day + 60.0 * minutes
        yield Batch(np.zeros(len(times), dtype=np.intp), times, np.round(depths, 3))


def test_forecasts_that_were_too_high_are_taken_down() -> None:
    nowcast = Nowcast()
    _, found = corrected(nowcast, SCOPE, days(20))
    assert found.floods == 20 and found.cases > 100
    assert found.shift < 0.0 and found.brier_after < found.brier_before
    assert "20 floods" in found.line()


def test_few_floods_correct_nothing() -> None:
    nowcast = Nowcast()
    same, found = corrected(nowcast, SCOPE, days(3))
    assert same is nowcast and (found.shift, found.slope) == (0.0, 1.0)
    assert "nothing is corrected" in found.line()
