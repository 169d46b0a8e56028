"""Loading packs: idempotent, keys stay, what is no longer named retires, other cities are never touched."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from lifeline import city
from lifeline.asset import AssetKind, Site
from lifeline.errors import PackError
from lifeline.store import cities
from lifeline.store.cities import load_pack
from lifeline.store.pool import Store
from lifeline.store.sensors import sensors
from lifeline.verbs.city import load_command, show_command
from tests.packs import write_tiny_pack

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def _edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


def _everything(store: Store) -> dict[str, list[object]]:
    with store.transaction() as connection:
        return {
            table: list(connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2".encode()))
            for table in ("city", "city_document", "zone", "sensor", "asset", "shelter", "population_cell", "crew")
        }


def test_what_is_loaded_comes_back_as_the_pack_said_it(store: Store, tmp_path: Path) -> None:
    pack = city.load(write_tiny_pack(tmp_path))
    report = load_pack(store, pack, now=NOW)
    assert (report.changed, report.sensors, len(report.added), report.retired) == (True, 5, 5, ())

    loaded = cities.city(store, "220100")
    assert loaded is not None
    assert (loaded.name, loaded.centre, loaded.settings, loaded.sha256) == (
        pack.name,
        pack.centre,
        pack.settings,
        pack.sha256,
    )
    assert loaded.loaded_at == NOW
    assert cities.levels(store, "220100") == pack.levels
    assert cities.document(store, "220100", "network.inp") == pack.network_inp
    assert cities.document(store, "220100", "nothing.inp") is None
    assert sorted(cities.zones(store), key=str) == sorted(pack.zones, key=str)
    assert sorted(cities.assets(store, "220100"), key=str) == sorted(pack.assets, key=str)
    assert {asset.asset_id for asset in cities.assets(store, kinds=[AssetKind.PUMP, AssetKind.TANK])} == {"CC-T1"}
    assert cities.shelters(store) == list(pack.shelters)
    assert cities.population(store, "220100") == list(pack.population)
    assert cities.crews(store, "220100") == list(pack.crews)
    back = {sensor.sensor_id: sensor for sensor in sensors(store, city_code="220100")}
    assert {key: (s.unit, s.site, s.element, s.position) for key, s in back.items()} == {
        s.sensor_id: (s.unit, s.site, s.element, s.position) for s in pack.sensors
    }
    assert all(sensor.sensor_key > 0 for sensor in back.values())
    assert cities.city(store, "220200") is None
    assert cities.levels(store, "220200") is None


def test_the_same_pack_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    pack = city.load(write_tiny_pack(tmp_path))
    load_pack(store, pack, now=NOW)
    before = _everything(store)
    assert load_pack(store, pack, now=LATER).changed is False
    assert _everything(store) == before


def test_a_changed_pack_keeps_keys_and_retires_what_it_no_longer_names(store: Store, tmp_path: Path) -> None:
    folder = write_tiny_pack(tmp_path)
    load_pack(store, city.load(folder), now=NOW)
    keys = {sensor.sensor_id: sensor.sensor_key for sensor in sensors(store)}
    _edit(folder, "sensors.csv", "CC-WD-01,CC-WD-01,", "CC-WD-02,CC-WD-01,")  # renamed: its channel goes to the new one
    _edit(folder, "sensors.csv", ",underpass,", ",road,")
    _edit(folder, "city.toml", "CC-CA-1", "CC-CA-2")
    _edit(folder, "sensors.csv", "CC-CA-1", "CC-CA-2")
    report = load_pack(store, city.load(folder), now=LATER)
    assert (report.added, report.retired) == (("CC-WD-02",), ("CC-WD-01",))

    now = {sensor.sensor_id: sensor for sensor in sensors(store)}
    assert {key: now[key].sensor_key for key in keys if key in now} == {
        k: v for k, v in keys.items() if k != "CC-WD-01"
    }
    assert (now["CC-WD-02"].site, now["CC-WD-02"].zone_id) == (Site.ROAD, "CC-CA-2")
    everyone = {sensor.sensor_id: sensor for sensor in sensors(store, include_retired=True)}
    assert everyone["CC-WD-01"].sensor_key == keys["CC-WD-01"]
    assert everyone["CC-WD-01"].zone_id is None
    assert {zone.zone_id for zone in cities.zones(store)} == {"CC-DMA-1", "CC-CA-2"}

    back = load_pack(store, city.load(write_tiny_pack(tmp_path)), now=LATER)
    assert (back.added, back.retired) == (("CC-WD-01",), ("CC-WD-02",))
    assert {sensor.sensor_id: sensor.sensor_key for sensor in sensors(store)} == keys


def test_two_sensors_may_swap_their_devices(store: Store, tmp_path: Path) -> None:
    folder = write_tiny_pack(tmp_path)
    load_pack(store, city.load(folder), now=NOW)
    _edit(folder, "sensors.csv", "CC-P-01,CC-P-01,pressure", "CC-P-01,CC-L-01,level")
    _edit(folder, "sensors.csv", "CC-L-01,CC-L-01,level", "CC-L-01,CC-P-01,pressure")
    load_pack(store, city.load(folder), now=LATER)
    assert {s.sensor_id: s.device_id for s in sensors(store)}["CC-P-01"] == "CC-L-01"


def test_cities_live_side_by_side_and_do_not_take_each_others_ids(store: Store, tmp_path: Path) -> None:
    load_pack(store, city.load(write_tiny_pack(tmp_path / "a")), now=NOW)
    load_pack(store, city.load(write_tiny_pack(tmp_path / "b", "220200", prefix="JL", lon=126.5, lat=43.8)), now=NOW)
    assert [one.code for one in cities.cities(store)] == ["220100", "220200"]
    before = _everything(store)
    thief = write_tiny_pack(tmp_path / "c", "220300", prefix="SP", lon=124.4, lat=43.2)
    _edit(thief, "crews.csv", "SP-CR-1,", "CC-CR-1,")
    _edit(thief, "sensors.csv", "SP-P-01,SP-P-01", "JL-P-01,SP-P-01")
    with pytest.raises(
        PackError, match=r"(?s)sensors.csv: sensor_id.*220200 has 'JL-P-01'.*crews.csv.*220100 has 'CC-CR-1'"
    ):
        load_pack(store, city.load(thief), now=NOW)
    assert _everything(store) == before


def test_two_cities_may_name_their_pipes_alike(store: Store, tmp_path: Path) -> None:
    for code, prefix, name in (("220100", "CC", "a"), ("220200", "JL", "b")):
        folder = write_tiny_pack(tmp_path / name, code, prefix=prefix)
        for file in ("network.inp", "sensors.csv"):
            text = (folder / file).read_text(encoding="utf-8")
            (folder / file).write_text(text.replace(f"{prefix}-P1", "P1"), encoding="utf-8")
        load_pack(store, city.load(folder), now=NOW)
    assert [asset.city_code for asset in cities.assets(store) if asset.asset_id == "P1"] == ["220100", "220200"]


def test_the_verbs_say_what_changed_and_what_is_loaded(store: Store, tmp_path: Path) -> None:
    folder = write_tiny_pack(tmp_path)
    out = Console(record=True, width=300, soft_wrap=True)
    assert show_command(store, out) == 0
    assert "no city is loaded" in out.export_text()
    assert load_command(folder, store, out, now=NOW) == 0
    assert "小城 Tinytown 220100, version 1: loaded, 5 sensors new, 0 retired" in out.export_text()
    assert load_command(folder, store, out, now=NOW) == 0
    assert "nothing changed" in out.export_text()
    assert show_command(store, out, "220100") == 0
    shown = out.export_text()
    assert all(words in shown for words in ("CC-DMA-1", "CC-RG-01", "mm/h", "made for tests", "2026-11-23 08:00:00"))
    assert show_command(store, out, "110000") == 1
    assert "city 110000 is not loaded (loaded: 220100)" in out.export_text()
