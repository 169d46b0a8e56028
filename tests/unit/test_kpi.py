"""The figures of EEMUA 191: mean, worst, time in flood, chatter and stale, on what an operator was told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.kpi import Annunciation, Limits, Standing, measure

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits()


def at(seconds: float, subject: str = "a") -> Annunciation:
    return Annunciation(BEGIN + timedelta(seconds=seconds), subject)


def test_a_flood_is_more_than_ten_in_a_window_of_one_operator() -> None:
    day = BEGIN + timedelta(days=1)
    burst = [at(3600 + n, f"s{n}") for n in range(11)]
    one = measure(burst, [], begin=BEGIN, end=day, limits=LIMITS)
    assert (one.told, one.worst, one.flood_share) == (11, 11, 1 / 144)
    assert one.mean == pytest.approx(11 / 144)
    assert one.meets(LIMITS)
    assert measure(burst[:10], [], begin=BEGIN, end=day, limits=LIMITS).flood_share == 0
    assert measure(burst, [], begin=BEGIN, end=day, operators=2, limits=LIMITS).flood_share == 0
    with pytest.raises(ValueError, match="span"):
        measure([], [], begin=BEGIN, end=BEGIN, limits=LIMITS)


def test_chatter_top_and_stale() -> None:
    told = [at(0), at(1800), at(3600), *(at(n * 3601, "slow") for n in range(9)), at(5, "once")]
    standing = [
        Standing(1, "old", BEGIN),
        Standing(2, "new", BEGIN + timedelta(hours=20)),
    ]
    one = measure(told, standing, begin=BEGIN, end=BEGIN + timedelta(days=1), limits=LIMITS)
    assert one.chattering == ("a",)
    assert one.top[0] == ("slow", 9, 9 / 13)
    assert [s.alarm_id for s in one.stale] == [1]


@given(st.lists(st.floats(0, 86_399), max_size=200), st.integers(1, 5))
def test_the_windows_hold_all_there_is(seconds: list[float], operators: int) -> None:
    told = [at(s) for s in seconds]
    one = measure(told, [], begin=BEGIN, end=BEGIN + timedelta(days=1), operators=operators, limits=LIMITS)
    assert one.mean * 144 * operators == pytest.approx(len(seconds))
    assert 0 <= one.flood_share <= 1
    assert (one.worst > 10 * operators) == (one.flood_share > 0)
