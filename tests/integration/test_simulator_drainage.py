"""The drains keep a storm of two years off the streets; a cloudburst fills the underpasses first."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.asset import Position, Site
from lifeline.city import CityPack, load
from lifeline.errors import SimulationError
from simulators.drainage_run import Drainage
from simulators.packs import CHANGCHUN, PACKS
from simulators.swmm_merge import merge
from simulators.weather import CHANGCHUN_STORM, Cloudburst, DesignStorm, Rain

START = datetime(2026, 7, 1, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLOSED_M = 0.25


@pytest.fixture(scope="module")
def changchun() -> CityPack:
    return load(CHANGCHUN)


def flood(pack: CityPack, rain: Rain, minutes: int) -> tuple[dict[str, list[float]], tuple[float, float]]:
    """Readings of every minute, and the continuity errors in percent."""
    drains = Drainage([pack], start=START, rain=rain.mm_per_h)
    readings = [drains.advance(START + k * MINUTE) for k in range(1, minutes + 1)]
    return {name: [one[name] for one in readings] for name in drains.sensor_ids}, drains.close()


def sites(pack: CityPack, site: Site) -> list[str]:
    return [sensor.sensor_id for sensor in pack.sensors if sensor.site is site]


def test_two_years_keep_most_streets_dry(changchun: CityPack) -> None:
    storm = DesignStorm(begins=START, over=changchun.centre, formula=CHANGCHUN_STORM, years=2.0)
    depths, errors = flood(changchun, storm, 120)
    roads, underpasses = sites(changchun, Site.ROAD), sites(changchun, Site.UNDERPASS)
    assert sum(max(depths[name]) > 0.05 for name in roads) <= 1
    assert all(max(depths[name]) < 0.15 for name in roads + underpasses)
    assert all(abs(error) < 2.0 for error in errors)
    levels = sites(changchun, Site.MANHOLE)
    assert all(0.2 < max(depths[name]) < 2.6 and depths[name][-1] < 0.4 for name in levels), "drains fill and empty"


def test_a_cloudburst_fills_underpasses_first_then_some_roads(changchun: CityPack) -> None:
    rain = Cloudburst(begins=START, over=changchun.centre, peak_mm_per_h=90.0, minutes=40.0)
    depths, errors = flood(changchun, rain, 180)
    closed = {
        name: next((k for k, depth in enumerate(depths[name]) if depth > CLOSED_M), None)
        for name in sites(changchun, Site.UNDERPASS) + sites(changchun, Site.ROAD)
    }
    underpasses = [closed[name] for name in sites(changchun, Site.UNDERPASS)]
    roads = [closed[name] for name in sites(changchun, Site.ROAD)]
    flooded_roads = [minute for minute in roads if minute is not None]
    assert sum(minute is not None for minute in underpasses) >= 3
    assert 1 <= len(flooded_roads) <= 4
    assert min(minute for minute in underpasses if minute is not None) < min(flooded_roads)
    assert max(max(values) for values in depths.values()) < 4.0
    assert all(abs(error) < 2.0 for error in errors)
    assert all(depths[name][-1] < 0.15 for name in closed), "three hours later the water has gone"


def test_cities_run_as_one_model_and_rain_falls_where_it_falls() -> None:
    packs = [load(folder) for folder in PACKS]
    rain = Cloudburst(begins=START, over=packs[1].centre, peak_mm_per_h=120.0, minutes=40.0)
    drains = Drainage(packs, start=START, rain=rain.mm_per_h)
    drains.advance(START + 40 * MINUTE)
    depths = drains.read()
    drains.close()
    assert depths["JL-WD-01"] > CLOSED_M
    assert all(depth == 0.0 for name, depth in depths.items() if not name.startswith("JL-"))
    assert {name[:2] for name in depths} == {"CC", "JL", "SP", "LY"}


def test_the_engine_holds_one_model_and_is_free_again_after_it(changchun: CityPack) -> None:
    def dry(_when: datetime, _where: Position) -> float:
        return 0.0

    drains = Drainage([changchun], start=START, rain=dry)
    with pytest.raises(SimulationError, match="already runs"):
        Drainage([changchun], start=START, rain=dry)
    with pytest.raises(SimulationError, match="no node 'X'"):
        drains.node("X")
    drains.close()
    Drainage([changchun], start=START, rain=dry).close()


def test_files_that_cannot_be_run_are_refused_with_the_reason() -> None:
    pack = load(PACKS[1])
    assert pack.drainage_inp is not None
    with pytest.raises(SimulationError, match="JL-C-001"):
        merge([pack.drainage_inp, pack.drainage_inp])
