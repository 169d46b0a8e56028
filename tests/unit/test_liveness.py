"""Every trouble of a device has its name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.liveness import MEASURED, Allowance, Life, Trouble, troubles
from lifeline.settings import Settings

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ALLOWANCE = Allowance.of(Settings())
LIVELY = Life(
    device_id="D1", city_code="220100", online=None, state_at=None, first_seen_at=NOW, last_seen_at=NOW,
    last_observed_at=NOW, clock_skew_s=-1.5, measured=15, clock_spread_s=2, interval_s=60, sensors=1, adopted=False,
    received=1, stored=1, rejected=0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, ()),
        ({"last_seen_at": None, "clock_skew_s": None}, (Trouble.NEVER_SEEN,)),
        ({"last_seen_at": NOW - timedelta(seconds=180)}, ()),
        ({"last_seen_at": NOW - timedelta(seconds=181)}, (Trouble.SILENT,)),
        ({"online": False, "state_at": NOW}, (Trouble.OFFLINE,)),
        ({"online": False, "state_at": NOW - timedelta(seconds=1)}, ()),
        ({"online": True, "state_at": NOW}, ()),
        ({"clock_skew_s": 28_800.0}, (Trouble.CLOCK_AHEAD,)),
        ({"clock_skew_s": -28_800.0}, (Trouble.CLOCK_BEHIND,)),
        ({"clock_skew_s": -28_800.0, "clock_spread_s": 600.0}, ()),
        ({"clock_skew_s": 28_800.0, "measured": MEASURED - 1}, ()),
        ({"clock_skew_s": 120.0}, ()),
        ({"clock_skew_s": -900.0}, ()),
    ],
)
def test_troubles(change: dict[str, Any], found: tuple[Trouble, ...]) -> None:
    assert troubles(replace(LIVELY, **change), ALLOWANCE, now=NOW) == found
