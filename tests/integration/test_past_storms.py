"""Past storms on the real database: alarms of water that belong together are one storm, with their figures."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifeline.alarm import Level
from lifeline.asset import Name
from lifeline.store.pool import Store
from lifeline.store.storms import storms
from tests.alert_parts import FLOOD, START, load_city
from tests.console_stage import raise_alarm

WATER = Name("积水", "Water")


@pytest.mark.parametrize("of", ["220100", None])
def test_water_with_little_between_is_one_storm(store: Store, of: str | None) -> None:
    load_city(store)
    for number, (hours, depth_m, level, exercise) in enumerate(
        (
            (0, 0.2, Level.YELLOW, False),
            (1, 0.5, Level.RED, False),
            (3, 0.3, Level.ORANGE, True),
            (30, 0.1, Level.BLUE, False),
        )
    ):
        at = START + timedelta(hours=hours)
        finding = replace(FLOOD, subject=f"flood:{number}", began_at=at, detected_at=at, depth_m=depth_m)
        alarm_id = raise_alarm(store, finding, level=level, title=WATER, now=at)
        with store.transaction() as connection:
            connection.execute(
                "UPDATE alarm SET cleared_at = %s, level = 4, exercise = %s WHERE alarm_id = %s",
                (at + timedelta(hours=2), exercise, alarm_id),
            )
    later = START + timedelta(days=3)
    found = storms(store, cities=of and [of], since=START - timedelta(days=1), now=later)
    assert [(one.alarms, one.places, one.level, one.depth_m) for one in found] == [
        (1, 1, Level.BLUE, 0.1),
        (2, 2, Level.RED, 0.5),
    ]
    assert (found[1].began_at, found[1].over_at, found[1].lasts) == (START, START + timedelta(hours=3), False)
    assert found[1].fallen_m is None, "no rain gauge, which is not no rain"
    assert storms(store, cities=["220200"], since=START - timedelta(days=1), now=later) == []
