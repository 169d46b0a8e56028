"""docs/detectors.md names every detector and every reason that it may give."""

from pathlib import Path

import pytest

from detect import flood_depth, silence
from detect.residual import detector as residual
from detect.residual.event import ResidualReason

TEXT = (Path(__file__).parents[2] / "docs" / "detectors.md").read_text(encoding="utf-8")
REASONS = [*flood_depth.FloodReason, *ResidualReason, *silence.SilenceReason]


@pytest.mark.parametrize("word", [flood_depth.NAME, residual.NAME, silence.NAME, *(reason.value for reason in REASONS)])
def test_it_is_described(word: str) -> None:
    assert f"`{word}`" in TEXT
