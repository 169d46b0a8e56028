"""The detector on simulated years of L-Town; minutes long, and skipped where the data are not."""

from pathlib import Path

import pytest

from detect.leak.detector import LeakDetector, Plan
from detect.leak.evaluate import evaluate
from detect.leak.network import read_network
from detect.leak.recording import read_recording

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "ltown"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the L-Town recordings are not at {DATA}"),
]


@pytest.mark.parametrize(("year", "share"), [("2020", 0.60), ("2020-hard", 0.55)])
def test_a_year_earns_more_than_the_competition_s_best(year: str, share: float) -> None:
    result = evaluate(DATA / year, network=DATA / "L-TOWN.inp")
    assert result.score is not None
    assert result.score.share >= share
    assert all(result.score.total_eur > null.total_eur for null in result.nulls.values())


def test_cutting_the_year_leaves_earlier_reports_unchanged() -> None:
    recording = read_recording(DATA / "2020")
    plan = Plan(read_network(DATA / "L-TOWN.inp"), recording.sensors)
    days = 288
    long = LeakDetector(plan).push(recording.times_s[: 90 * days], recording.samples[: 90 * days])
    for cut in (57, 59.3, 78.4):
        n = round(cut * days)
        short = LeakDetector(plan).push(recording.times_s[:n], recording.samples[:n])
        assert short == [r for r in long if r.at.timestamp() <= recording.times_s[n - 1]]
    assert long
    plan.close()
