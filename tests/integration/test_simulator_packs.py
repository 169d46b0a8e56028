"""The demo packs are what the generator writes, byte for byte, and what the loader accepts without a fault."""

from pathlib import Path

import pytest

from lifeline.asset import AssetKind, Site
from lifeline.city import check, load
from lifeline.units import Quantity
from simulators.demo_city.plan import CITIES, CityPlan
from simulators.demo_city.write import write_pack
from simulators.packs import CHANGCHUN, FOLDER, PACKS


@pytest.mark.parametrize("plan", CITIES, ids=lambda plan: plan.folder)
def test_the_generator_writes_the_same_bytes_again(plan: CityPlan, tmp_path: Path) -> None:
    write_pack(plan, tmp_path)
    shipped = sorted((FOLDER / plan.folder).iterdir())
    assert [file.name for file in shipped] == sorted(file.name for file in tmp_path.iterdir())
    for file in shipped:
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), f"{file}: run python -m simulators.demo_city"


@pytest.mark.parametrize("folder", PACKS, ids=lambda folder: folder.name)
def test_packs_load_without_a_fault_and_keep_to_their_prefix(folder: Path) -> None:
    assert check(folder) == []
    pack = load(folder)
    (plan,) = [plan for plan in CITIES if plan.code == pack.code]
    ids = [s.sensor_id for s in pack.sensors] + [a.asset_id for a in pack.assets] + [z.zone_id for z in pack.zones]
    ids += [c.crew_id for c in pack.crews] + [s.shelter_id for s in pack.shelters]
    assert all(name.startswith(f"{plan.prefix}-") for name in ids)
    sites = {sensor.site for sensor in pack.sensors}
    assert {Site.JUNCTION, Site.PIPE, Site.GAUGE, Site.UNDERPASS, Site.ROAD, Site.MANHOLE} <= sites
    assert pack.shelters and pack.population and pack.crews
    meters = {sensor.sensor_id for sensor in pack.sensors if sensor.quantity is Quantity.FLOW}
    dmas = [zone for zone in pack.zones if zone.kind.value == "dma"]
    assert len(dmas) == len(plan.dmas) and all(zone.inflow and {*zone.inflow, *zone.outflow} <= meters for zone in dmas)


def test_changchun_has_the_size_of_a_district() -> None:
    pack = load(CHANGCHUN)
    count = {kind: [a for a in pack.assets if a.kind is kind] for kind in AssetKind}
    assert 280 <= len(count[AssetKind.JUNCTION]) <= 330
    assert 30.0 <= sum(pipe.properties["length_m"] for pipe in count[AssetKind.PIPE]) / 1000.0 <= 41.0
    assert all(
        {"material", "year", "diameter_mm", "roughness"} <= pipe.properties.keys() for pipe in count[AssetKind.PIPE]
    )
    assert len(count[AssetKind.MANHOLE]) >= 55 and len(count[AssetKind.OUTFALL]) == 2
    assert 20_000 <= sum(cell.people for cell in pack.population) <= 30_000
    pressures = [s.zone_id for s in pack.sensors if s.quantity is Quantity.PRESSURE and s.sensor_id[5] != "0"]
    for zone in (zone for zone in pack.zones if zone.kind.value == "dma"):
        assert 6 <= pressures.count(zone.zone_id) <= 8
    assert sum(s.site is Site.UNDERPASS for s in pack.sensors) == 4
    assert sum(s.site is Site.ROAD for s in pack.sensors) == 6
