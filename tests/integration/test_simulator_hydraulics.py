"""The supply networks are physically sound, a burst shows, and the live city goes on where its history ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lifeline.asset import AssetKind
from lifeline.city import CityPack, load
from lifeline.errors import SimulationError
from lifeline.units import Quantity, head_m, m3_per_h
from simulators.epanet import Epanet
from simulators.history import write_history
from simulators.hydraulics import Hydraulics, simulate
from simulators.packs import CHANGCHUN, PACKS
from simulators.scenario import OpenHole, load_scenario

MONDAY = datetime(2026, 11, 15, 16, tzinfo=UTC)
"""00:00 in Changchun."""
FRIDAY = MONDAY + timedelta(days=4)
DAYS = 3
STEP = timedelta(minutes=5)
PER_DAY = 288
SEED = 20261123


@pytest.fixture(scope="module")
def changchun() -> CityPack:
    return load(CHANGCHUN)


@pytest.fixture
def evening(changchun: CityPack) -> Iterator[Hydraulics]:
    city = Hydraulics(changchun, seed=SEED, start=MONDAY + timedelta(hours=12))
    yield city
    city.close()


@pytest.mark.parametrize("folder", PACKS, ids=lambda folder: folder.name)
def test_a_long_weekend_is_physically_sound(folder: Path) -> None:
    pack = load(folder)
    times = [FRIDAY + k * STEP for k in range(DAYS * PER_DAY)]
    ids, values = simulate(pack, times, seed=SEED)
    column = {sensor_id: values[:, k] for k, sensor_id in enumerate(ids)}
    for sensor in pack.sensors:
        if sensor.quantity is Quantity.PRESSURE:
            pressures_m = head_m(1.0) * column[sensor.sensor_id]
            assert pressures_m.min() > 20.0 and pressures_m.max() < 60.0, sensor.sensor_id
    for zone in (zone for zone in pack.zones if zone.kind.value == "dma"):
        inflow = np.sum([column[name] for name in zone.inflow], axis=0)
        inflow = inflow - np.sum([column[name] for name in zone.outflow], axis=0)
        days = inflow.reshape(DAYS, PER_DAY)
        night = days[:, 24:48].reshape(DAYS, 2, 12).mean(axis=2).min(axis=1)
        share = night / days.mean(axis=1)
        assert share.min() > 0.25 and share.max() < 0.40, zone.zone_id
        assert inflow.min() > 0.0
    if "CC-TL-01" in column:
        level = column["CC-TL-01"]
        assert 2.0 < level.min() < 2.6 and 4.4 < level.max() < 4.8
        assert sum(np.diff((column["CC-F-05"] > 0.001).astype(int)) == 1) >= DAYS - 1


def test_no_junction_falls_below_twenty_metres_at_the_peak(changchun: CityPack) -> None:
    for hour in (7, 8, 18, 19):
        city = Hydraulics(changchun, seed=SEED, start=MONDAY + timedelta(hours=hour), spin_up=timedelta(hours=12))
        assert city.lowest_pressure_m() > 20.0
        city.close()


def test_what_enters_is_used_or_stored(changchun: CityPack) -> None:
    assert changchun.network_inp is not None
    model = Epanet(changchun.network_inp)
    demand = model.demands.base_l_per_s.sum(axis=1)
    model.set_demands(demand.tolist())
    model.solve()
    pump, booster, outlet, tank = (model.link(name) for name in ("CC-PU-1", "CC-PU-2", "CC-P-0011", "CC-T-1"))
    assert pump and booster and outlet and tank is None
    entered = model.flow_l_per_s(pump)
    stored = model.flow_l_per_s(booster) - model.flow_l_per_s(outlet)
    assert entered == pytest.approx(demand.sum() + stored, rel=1e-3)
    level = model.node("CC-T-1")
    assert level
    before = model.pressure_m(level)
    assert model.move_on(600) == 600
    model.solve()
    area_m2 = np.pi / 4 * 12.0**2
    assert (model.pressure_m(level) - before) * area_m2 == pytest.approx(stored * 0.6, rel=1e-3, abs=1e-6)
    model.close()


def test_the_demo_burst_shows_in_pressure_and_inflow_and_ends_with_the_repair(evening: Hydraulics) -> None:
    burst = load_scenario("demo").in_order[0]
    assert isinstance(burst, OpenHole)
    before = evening.read()
    assert 30.0 < m3_per_h(evening.open_hole(burst.pipe, diameter_m=burst.diameter_mm / 1000.0)) < 60.0
    during = evening.advance(evening.now + timedelta(seconds=60))
    falls = [head_m(before[k] - during[k]) for k in before if k.startswith("CC-L-1")]
    assert max(falls) >= 2.0 and sum(fall > 0.5 for fall in falls) >= 3
    assert 30.0 < m3_per_h(during["CC-F-01"] - before["CC-F-01"]) < 60.0
    assert abs(m3_per_h(during["CC-F-02"] - before["CC-F-02"])) < 6.0
    assert evening.lowest_pressure_m() > 15.0
    assert evening.repair(burst.pipe) and not evening.repair(burst.pipe)
    after = evening.advance(evening.now + timedelta(seconds=60))
    assert abs(m3_per_h(after["CC-F-01"] - before["CC-F-01"])) < 10.0


def test_a_hole_follows_the_pressure_and_a_shut_valve_ends_the_flow(evening: Hydraulics) -> None:
    flow = evening.open_hole("CC-P-2012", diameter_m=0.02)
    assert evening.hole_flow_m3_per_s("CC-P-2012") == flow
    bigger = evening.open_hole("CC-P-2012", diameter_m=0.04)
    assert 2.0 * flow < bigger < 4.0 * flow, "four times the hole, at a lower pressure"
    evening.repair("CC-P-2012")
    before = evening.read()
    evening.set_open("CC-V-2", False)
    assert evening.read()["CC-F-02"] == pytest.approx(0.0, abs=1e-5)
    evening.set_open("CC-V-2", True)
    assert evening.read() == pytest.approx(before, rel=1e-3), "the reducing valve regulates again"


def test_unknown_pipes_and_missing_models_are_named(evening: Hydraulics) -> None:
    with pytest.raises(SimulationError, match="no pipe 'CC-P-9999'"):
        evening.open_hole("CC-P-9999", diameter_m=0.01)
    with pytest.raises(SimulationError, match="EPANET error 224"):
        Epanet("[JUNCTIONS]\nA x\n")


def test_live_goes_on_where_history_ends(changchun: CityPack) -> None:
    end = MONDAY + timedelta(days=3, hours=5)
    times = [end - timedelta(days=1) + k * STEP for k in range(PER_DAY + 1)]
    ids, values = simulate(changchun, times, seed=SEED)
    live = Hydraulics(changchun, seed=SEED, start=end)
    for sensor_id, then in zip(ids, values[-1], strict=True):
        assert live.read()[sensor_id] == pytest.approx(then, rel=0.01, abs=1e-4), sensor_id
    live.close()


def test_days_of_the_week_and_seeds_differ(changchun: CityPack) -> None:
    workday, sunday = MONDAY + timedelta(hours=7), MONDAY + timedelta(days=6, hours=7)
    flows = []
    for start, seed in ((workday, SEED), (sunday, SEED), (workday, SEED + 1)):
        city = Hydraulics(changchun, seed=seed, start=start, spin_up=timedelta(0))
        flows.append(m3_per_h(city.read()["CC-F-02"]))
        city.close()
    assert flows[0] > 1.2 * flows[1] and flows[0] != flows[2]


def test_history_is_a_file_of_readings_of_every_sensor_in_time_order(changchun: CityPack, tmp_path: Path) -> None:
    start, file, told = MONDAY + timedelta(minutes=3), tmp_path / "history.csv", [0.0]
    rows = write_history(CHANGCHUN, file, start=start, end=start + timedelta(hours=2), seed=SEED, progress=told.append)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "sensor_id,observed_at,value" and len(lines) == rows + 1
    assert rows == 24 * len(changchun.sensors)
    assert lines[1].split(",")[1] == "2026-11-15T16:05:00Z" and lines[-1].split(",")[1] == "2026-11-15T18:00:00Z"
    assert told[-1] == 1.0 and told == sorted(told)
    limits = {s.sensor_id: (s.range_min, s.range_max) for s in changchun.sensors}
    for line in lines[1:]:
        sensor_id, _, value = line.split(",")
        low, high = limits[sensor_id]
        assert low <= float(value) <= high, line
    assert any(asset.kind is AssetKind.TANK for asset in changchun.assets)
