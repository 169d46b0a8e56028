"""Storms over a drainage model: physical measures, storms by chance and given, what sensors tell, what is learned."""

import io
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detect.flood import model_file
from detect.flood.campaign import Told, instruments, told
from detect.flood.drains import PHYSICAL, Drains, read_drains
from detect.flood.engine import run
from detect.flood.exceedance import Size
from detect.flood.features import FEATURES, FORECAST, RECORD_AHEAD
from detect.flood.judged import WAYS, foreseen, worth
from detect.flood.nowcast import Rung
from detect.flood.storms import Storm, given, made_up
from detect.flood.training import Catchment, For, learn
from lifeline.errors import ReplayError
from simulators.packs import FOLDER

SMALL = Size(trees=25, leaves=8, leaf_rows=20, rate=0.2, folds=(0.7, 1.0), most=20_000)


@pytest.fixture(scope="module")
def drains() -> Drains:
    return read_drains((FOLDER / "jilin" / "drainage.inp").read_text(encoding="utf-8"), "jilin")


@pytest.fixture(scope="module")
def storms(drains: Drains) -> list[Told]:
    tools = instruments(drains)
    return [told(drains, tools, strong(drains, n), seed=1, thin=True) for n in range(32)]


def strong(drains: Drains, seed: int) -> Storm:
    """A made-up storm with twice the rain: these drains are large."""
    storm = made_up(drains, seed)
    return replace(storm, mm_per_h=2.0 * storm.mm_per_h)


def steady(drains: Drains, mm_per_h: float, minutes: int = 90) -> Storm:
    rain = np.zeros((minutes + 60, len(drains.gauges)))
    rain[10 : 10 + minutes] = mm_per_h
    return Storm("steady", rain, np.zeros(rain.shape, dtype=bool), {}, None)


def test_a_drainage_model_is_measured_physically(drains: Drains) -> None:
    of = dict(zip(PHYSICAL, drains.physical.T, strict=True))
    assert np.isfinite(drains.physical).all()
    assert (of["bottleneck_mm_per_h"] <= of["capacity_mm_per_h"] + 1e-9).all()
    top = [n for n, above in enumerate(drains.upstream) if not above]
    bottom = max(range(len(drains.places)), key=lambda n: len(drains.upstream[n]))
    assert top and of["area_log_ha"][bottom] > of["area_log_ha"][top].max()
    assert "ALLOW_PONDING YES" in drains.text
    with pytest.raises(ReplayError, match=r"nothing\.inp"):
        read_drains("[JUNCTIONS]\nA 1 2\n", "nothing.inp")


def test_more_rain_floods_deeper_and_a_blocked_pipe_more_so(drains: Drains) -> None:
    light, heavy = (run(drains, steady(drains, mm)).street_m.max() for mm in (2.0, 90.0))
    assert light == 0.0 and heavy > 0.15
    jam = replace(steady(drains, 45.0), blocked=dict.fromkeys(drains.full_m3_per_s, 0.2))
    assert run(drains, jam).street_m.sum() > run(drains, steady(drains, 45.0)).street_m.sum()


def test_a_storm_is_made_up_by_its_seed(drains: Drains) -> None:
    one, same, other = (made_up(drains, n) for n in (7, 7, 8))
    np.testing.assert_array_equal(one.mm_per_h, same.mm_per_h)
    assert one.mm_per_h.shape != other.mm_per_h.shape or not np.allclose(one.mm_per_h, other.mm_per_h)


def test_storms_are_read_from_a_file(drains: Drains, tmp_path: Path) -> None:
    path = tmp_path / "storms.csv"
    path.write_text("storm,minute,mm_per_h\na,0,10\na,30,50\na,40,0\nb,0,5\nb,5,0\n")
    first, second = given(path, drains)
    assert (first.name, second.name) == ("a", "b")
    assert first.mm_per_h.sum() / 60.0 == pytest.approx(len(drains.gauges) * (5.0 + 50.0 / 6.0))
    path.write_text("storm,minute,mm_per_h\na,0,ten\n")
    with pytest.raises(ReplayError, match=r"storms\.csv:2: minute, mm_per_h"):
        given(path, drains)


def test_what_is_told_knows_nothing_of_later_rain(drains: Drains) -> None:
    tools = instruments(drains)
    storm = steady(drains, 60.0)
    rain = storm.mm_per_h.copy()
    rain[60:] = 0.0
    one, other = (told(drains, tools, s, seed=1, thin=False) for s in (storm, replace(storm, mm_per_h=rain)))
    ahead = {FEATURES.index(name) for name in (*FORECAST, *RECORD_AHEAD)}
    past = [n for n in range(len(FEATURES)) if n not in ahead]
    early_one, early_other = one.features[one.minute < 60], other.features[other.minute < 60]
    assert len(early_one) > 100
    np.testing.assert_array_equal(early_one[:, past], early_other[:, past])


def test_forecasts_learned_from_storms_beat_extrapolation_on_unseen_ones(drains: Drains, storms: list[Told]) -> None:
    tools = instruments(drains)
    nowcast = learn([Catchment(drains, tools, tuple(storms))], places=For.RECORDED, size=SMALL)
    unseen = [told(drains, tools, strong(drains, n), seed=2, thin=False) for n in range(1_000_000, 1_000_008)]
    worths = {way: worth([foreseen(nowcast, tools, one, way) for one in unseen]) for way in WAYS}
    full, _, linear, rule = (worths[way] for way in WAYS)
    assert full.floods.happened > 10
    assert full.standing.csi > max(linear.standing.csi, rule.standing.csi)
    assert full.lead_median_min > linear.lead_median_min
    assert full.brier < full.climate_brier

    content = model_file.to_bytes(nowcast)
    again = model_file.from_bytes(content, sha256=model_file.digest(content), written_with=model_file.made_with())
    ids = [tools.place_ids[p] for p in unseen[0].place]
    rows = unseen[0].features.astype(np.float64)
    np.testing.assert_array_equal(again.chances(rows, (0.15,), ids), nowcast.chances(rows, (0.15,), ids))
    assert {nowcast.rung(row) for row in nowcast.known.completed(rows, ids)} <= {Rung.FULL, Rung.THRESHOLDS}
    for wrong in ({"sha256": "0"}, {"written_with": "scikit-learn 0.1"}):
        right = {"sha256": model_file.digest(content), "written_with": model_file.made_with()}
        with pytest.raises(ReplayError):
            model_file.from_bytes(content, **(right | wrong))


def test_a_model_file_runs_no_code() -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (__import__, ("os",))

    content = io.BytesIO()
    pickle.dump(Evil(), content)
    with pytest.raises(ReplayError, match="no part of a flood model"):
        model_file.from_bytes(
            content.getvalue(), sha256=model_file.digest(content.getvalue()), written_with=model_file.made_with()
        )
