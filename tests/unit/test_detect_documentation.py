"""docs/detectors.md and docs/flood.md name every detector and every reason that it may give."""

from pathlib import Path

import pytest

from detect import heating, silence
from detect.flood import detector as flood
from detect.flood.levels import FloodReason
from detect.flood.quality import Verdict
from detect.flood.sky import Cause
from detect.leak import telling as leak
from detect.leak.telling import LeakReason
from detect.leak.trust import TrustReason
from detect.leak.upkeep import UpkeepReason
from detect.pressure import report as pressure
from detect.pressure.report import PressureReason
from detect.residual import detector as residual
from detect.residual.event import ResidualReason

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "detectors.md").read_text(encoding="utf-8") + (DOCS / "flood.md").read_text(encoding="utf-8")
REASONS = [
    *FloodReason,
    *Verdict,
    *ResidualReason,
    *LeakReason,
    *TrustReason,
    *UpkeepReason,
    *PressureReason,
    *heating.HeatingReason,
]
REASONS += list(silence.SilenceReason)


@pytest.mark.parametrize(
    "word",
    [
        flood.NAME,
        residual.NAME,
        pressure.NAME,
        leak.NAME,
        heating.NAME,
        silence.NAME,
        *(reason.value for reason in REASONS),
    ],
)
def test_it_is_described(word: str) -> None:
    assert f"`{word}`" in TEXT


@pytest.mark.parametrize("cause", list(Cause))
def test_a_cause_is_described(cause: Cause) -> None:
    assert f"**{cause.value}**" in TEXT
