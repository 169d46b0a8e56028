"""A pack is loaded whole or refused with every fault named: file, line, column, what was expected, what stood there."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from lifeline import city
from lifeline.alarm import Level
from lifeline.asset import AssetKind, Site
from lifeline.city.fault import Fault
from lifeline.city.people import CREW_COLUMNS, POPULATION_COLUMNS, SHELTER_COLUMNS
from lifeline.city.sensors import COLUMNS as SENSOR_COLUMNS
from lifeline.errors import PackError
from lifeline.verbs.city import check_command
from tests.packs import write_tiny_pack

FILES = (
    "city.toml",
    "sensors.csv",
    "levels.toml",
    "network.inp",
    "drainage.inp",
    "shelters.csv",
    "population.csv",
    "crews.csv",
)
DEMO_PACKS = Path(__file__).parents[2] / "simulators" / "packs"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_pack(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def pack(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "pack")


def _replace(folder: Path, name: str, old: str, new: str) -> None:
    content = (folder / name).read_bytes()
    assert content.count(old.encode()) >= 1, f"{old!r} is not in {name}"
    (folder / name).write_bytes(content.replace(old.encode(), new.encode(errors="surrogateescape"), 1))


def _only(folder: Path) -> Fault:
    faults = city.check(folder)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]


def test_a_sound_pack_is_loaded_with_all_that_it_says(pack: Path) -> None:
    assert city.check(pack) == []
    loaded = city.load(pack)
    assert (loaded.code, loaded.name.zh, loaded.centre.lon) == ("220100", "小城", 125.32)
    assert loaded.settings["leak"] == {"expected_pressure": "data"}
    assert "zones" not in loaded.settings
    assert [zone.inflow for zone in loaded.zones] == [("CC-F-01",), ()]
    assert {sensor.sensor_id: sensor.unit for sensor in loaded.sensors}["CC-RG-01"] == "mm/h"
    assert loaded.levels.flood[Site.ROAD].level(0.3) is Level.ORANGE
    assert loaded.levels.leak.level(1.9) is None
    assert loaded.network_inp == (pack / "network.inp").read_text(encoding="utf-8")
    assert loaded == city.load(pack)


def test_assets_are_drawn_from_the_models(pack: Path) -> None:
    assets = {asset.asset_id: asset for asset in city.load(pack).assets}
    pipe = assets["CC-P2"]
    assert (pipe.kind, pipe.zone_id, len(pipe.geometry["coordinates"])) == (AssetKind.PIPE, "CC-DMA-1", 3)
    assert pipe.properties == {
        "length_m": 250.0, "diameter_mm": 150.0, "roughness": 95.0, "from": "CC-J1", "to": "CC-J2", "material": "CI",
        "year": 1986,
    }  # fmt: skip
    assert assets["CC-D1"].properties["diameter_mm"] == 600.0
    assert (assets["CC-M1"].kind, assets["CC-M1"].zone_id) == (AssetKind.MANHOLE, "CC-CA-1")


def test_american_units_of_a_model_become_metres(pack: Path) -> None:
    _replace(pack, "network.inp", "Units LPS", "Units GPM")
    _replace(pack, "drainage.inp", "FLOW_UNITS CMS", "FLOW_UNITS CFS")
    assets = {asset.asset_id: asset for asset in city.load(pack).assets}
    assert assets["CC-P1"].properties["length_m"] == pytest.approx(300 * 0.3048)
    assert assets["CC-P1"].properties["diameter_mm"] == pytest.approx(200 * 25.4)
    assert assets["CC-D1"].properties["diameter_mm"] == pytest.approx(600 * 0.3048)


def test_the_digest_follows_every_file(pack: Path) -> None:
    before = city.load(pack).sha256
    (pack / "README.md").write_text("not part of the pack", encoding="utf-8")
    assert city.load(pack).sha256 == before
    _replace(pack, "crews.csv", "抢修一队", "抢修二队")
    assert city.load(pack).sha256 != before


FAULTS = [
    # file, what stands there, what is put there, how the fault begins
    (
        "city.toml", 'code = "220100"', 'code = "2201"',
        "city.toml:2:1: code: expected six digits of GB/T 2260, got '2201'",
    ),
    (
        "city.toml", "format = 1", "format = 2",
        "city.toml:1:1: format: expected 1, the format of docs/city-pack.md, got 2",
    ),
    ("city.toml", 'zh = "小城", ', "", "city.toml:3:1: zh: expected text in quotes, got nothing"),
    ("city.toml", 'en = "Tinytown"', 'en = ""', "city.toml:3:21: en: expected text in quotes, got nothing"),
    (
        "city.toml", "Asia/Shanghai", "Asia/Changchun",
        "city.toml:5:1: timezone: expected a time zone of the IANA database, such as Asia/Shanghai, got",
    ),
    ("city.toml", '"data"', '"guess"', "city.toml:9:1: expected_pressure: expected one of model, data, got 'guess'"),
    (
        "city.toml", 'kind = "dma"', 'kind = "dmz"',
        "city.toml:13:1: kind: expected one of dma, catchment, heating, got 'dmz'",
    ),
    (
        "city.toml", '"CC-F-01"', '"CC-F-09"',
        "city.toml:17:11: inflow.0: expected a sensor_id of sensors.csv, got 'CC-F-09'",
    ),
    (
        "city.toml", '"CC-F-01"', '"CC-P-01"',
        "city.toml:17:11: inflow.0: expected a sensor that measures flow, got 'pressure'",
    ),
    (
        "city.toml", '"CC-F-01"', '"CC-F-01", "CC-F-01"',
        "city.toml:17:22: inflow.1: expected each sensor once in zone CC-DMA-1, got 'CC-F-01'",
    ),
    (
        "city.toml", 'id = "CC-CA-1"', 'id = "CC-DMA-1"',
        "city.toml:20:1: id: expected each zone id once, got 'CC-DMA-1'",
    ),
    ("city.toml", 'version = "1"', "version = 1", "city.toml:4:1: version: expected text in quotes, got 1"),
    (
        "city.toml", 'version = "1"', 'version = "1',
        "city.toml:4:13: expected valid TOML (Illegal character '\\n'), got 'version = \"1'",
    ),
    (
        "city.toml", 'version = "1"', 'version = "1"\nversoin = "1"',
        "city.toml:5:1: versoin: expected one of the keys format, code, name, version, timezone, centre,",
    ),
    (
        "levels.toml", "red_m = 0.40", "red_m = 0.20",
        "levels.toml:8:1: red_m: expected more than orange_m = 0.27, got 0.2",
    ),
    ("levels.toml", "red_m = 0.40", "red_m = inf", "levels.toml:8:1: red_m: expected a number > 0, got inf"),
    ("levels.toml", 'source = "made for tests"', "", "levels.toml:3:1: source: expected text in quotes, got nothing"),
    (
        "levels.toml", 'site = "road"', 'site = "pipe"',
        "levels.toml:4:1: site: expected one of road, underpass, manhole, got 'pipe'",
    ),
    (
        "sensors.csv", "CC-P-01,CC-P-01,pressure", "CC P 01,CC-P-01,pressure",
        "sensors.csv:2:1: sensor_id: expected an identifier: letters, digits, `_`, `.`, `-`, at most 64, got",
    ),
    (
        "sensors.csv", "CC-L-01,CC-L-01,level", "CC-F-01,CC-L-01,level",
        "sensors.csv:4:1: sensor_id: expected each sensor_id once (it stands on line 3 too), got 'CC-F-01'",
    ),
    (
        "sensors.csv", "CC-L-01,CC-L-01,level", "CC-L-01,CC-F-01,flow",
        "sensors.csv:4:3: channel: expected each channel once (it stands on line 3 too), got 'flow'",
    ),
    (
        "sensors.csv", ",pressure,pressure,", ",pressure,presure,",
        "sensors.csv:2:4: quantity: expected one of pressure, flow, level, water_depth, rain_intensity,",
    ),
    ("sensors.csv", ",cm,", ",psi,", "sensors.csv:6:5: unit: expected a unit of water_depth: m, mm, cm, km, got 'psi'"),
    ("sensors.csv", ",cm,", ",Pa,", "sensors.csv:6:5: unit: expected a unit of water_depth: m, mm, cm, km, got 'Pa'"),
    (
        "sensors.csv", ",CC-DMA-1,", ",CC-DMA-9,",
        "sensors.csv:2:6: zone_id: expected a zone of city.toml, or nothing, got 'CC-DMA-9'",
    ),
    (
        "sensors.csv", ",CC-J2,", ",CC-J9,",
        "sensors.csv:2:7: element: expected an element of network.inp or drainage.inp, or nothing, got 'CC-J9'",
    ),
    (
        "sensors.csv", ",junction,", ",juntion,",
        "sensors.csv:2:8: site: expected one of junction, pipe, tank, road, underpass, manhole, gauge,",
    ),
    (
        "sensors.csv", ",underpass,", ",gauge,",
        "sensors.csv:6:8: site: expected one of road, underpass, manhole for a water_depth sensor, got 'gauge'",
    ),
    (
        "sensors.csv", ",underpass,", ",manhole,",
        "sensors.csv:6:8: site: expected a site with a [[flood]] in levels.toml, got 'manhole'",
    ),
    (
        "sensors.csv", "125.32,43.88", "43.88,43.88",
        "sensors.csv:2:9: lon: expected a longitude from 122.32 to 128.32 degrees (near the centre of",
    ),
    (
        "sensors.csv", "125.32,43.88", "125.32,4388",
        "sensors.csv:2:10: lat: expected a latitude from 40.88 to 46.88 degrees (near the centre of",
    ),
    (
        "sensors.csv", "210.5,60.0", "210.5,0",
        "sensors.csv:2:12: interval_s: expected a number from 0.1 to 86400, got '0'",
    ),
    ("sensors.csv", "0,1000000", "0,nan", "sensors.csv:2:14: range_max: expected a number, got 'nan'"),
    ("sensors.csv", "0,1000000", "5,5", "sensors.csv:2:14: range_max: expected more than range_min = 5, got '5'"),
    ("sensors.csv", "P-01 号", "", "sensors.csv:2:15: name_zh: expected some text, no blanks around it, got nothing"),
    ("sensors.csv", ",name_en", ",name_zh", "sensors.csv:1:16: name_zh: expected each column once, got 'name_zh'"),
    ("sensors.csv", ",name_en", "", "sensors.csv:1:16: name_en: expected the column name_en, got nothing"),
    ("sensors.csv", "CC-P-01,CC-P-01", "CC-P-01,CC-P-01,x", "sensors.csv:2:17: expected 16 cells, got 17"),
    (
        "sensors.csv", "CC-P-01,CC-P-01", 'CC-P-01,"CC-P-01',
        "sensors.csv:2:2: expected cells separated by `,`, quotes in pairs, each row on one line, got",
    ),
    (
        "shelters.csv", ",short,", ",kurz,",
        "shelters.csv:2:7: grade: expected one of emergency, short, long, got 'kurz'",
    ),
    ("shelters.csv", ",yes,", ",ja,", "shelters.csv:2:10: heated: expected yes or no, got 'ja'"),
    ("shelters.csv", ",平,", ",战,", "shelters.csv:2:11: mode: expected one of 平, 急, got '战'"),
    (
        "shelters.csv", ",220100,", ",2201O0,",
        "shelters.csv:2:4: district: expected six digits of GB/T 2260, got '2201O0'",
    ),
    (
        "population.csv", ",420,31", ",420,421",
        "population.csv:2:6: special_needs: expected at most people = 420, got '421'",
    ),
    ("population.csv", ",420,31", ",4.2,31", "population.csv:2:5: people: expected a whole number >= 0, got '4.2'"),
    (
        "crews.csv", "leak;valve", "leak;leak",
        "crews.csv:2:7: skills: expected each once, separated by `;`: leak, flood, valve, pump, gas,",
    ),
    (
        "crews.csv", "leak;valve", "magic",
        "crews.csv:2:7: skills: expected each once, separated by `;`: leak, flood, valve, pump, gas,",
    ),
    (
        "network.inp", "CC-P2 CC-J1 CC-J2 250", "CC-P2 CC-J1 CC-J7 250",
        "network.inp:18:13: PIPES: expected a node of this model, got 'CC-J7'",
    ),
    ("network.inp", "CC-J2 250 150", "CC-J2 250 15o", "network.inp:18:23: diameter: expected a number > 0, got '15o'"),
    ("network.inp", "CC-J2 250 150", "CC-J2 -250 150", "network.inp:18:19: length: expected a number > 0, got '-250'"),
    (
        "network.inp", "CC-P3 CC-J2", "CC-P2 CC-J2",
        "network.inp:19:1: PIPES: expected a name of its own (network.inp line 18 has it too), got 'CC-P2'",
    ),
    (
        "network.inp", "208 0.5 CC-DAY", "208 0.5 CC-NIGHT",
        "network.inp:7:15: JUNCTIONS: expected a pattern of [PATTERNS], got 'CC-NIGHT'",
    ),
    (
        "network.inp", "CC-J1 125.32 43.88\n", "",
        "network.inp:6:1: JUNCTIONS: expected a line in [COORDINATES] for this node, got 'CC-J1'",
    ),
    (
        "network.inp", "[TIMES]", "[CONTROLS]\nLINK CC-P2 CLOSED IF NODE CC-T2 ABOVE 4\n[TIMES]",
        "network.inp:28:27: NODE: expected a node of this model, got 'CC-T2'",
    ),
    (
        "network.inp", "[TIMES]", "[RULES]\nRULE 1\nIF TANK CC-T1 LEVEL > 4\nTHEN PIPE CC-P9 STATUS = CLOSED\n[TIMES]",
        "network.inp:30:11: PIPE: expected a pipe of this model, got 'CC-P9'",
    ),
    (
        "drainage.inp", "TIMESERIES CC-TS1", "TIMESERIES CC-TS2",
        "drainage.inp:15:38: RAINGAGES: expected a series of [TIMESERIES], got 'CC-TS2'",
    ),
    (
        "network.inp", "[TIMES]", "[TYMES]",
        "network.inp:27:2: expected one of the sections BACKDROP, CONTROLS, COORDINATES, CURVES, DEMANDS,",
    ),
    ("network.inp", "LINK CC-P2", "LINK CC-P9", "network.inp:22:6: TAGS: expected a link of this model, got 'CC-P9'"),
    ("network.inp", "year=1986", "year=old", "network.inp:22:24: year: expected a number from 1800 to 2200, got 'old'"),
    (
        "network.inp", "zone=CC-DMA-1", "zone=CC-DMA-9",
        "network.inp:22:34: zone: expected a zone of city.toml, got 'CC-DMA-9'",
    ),
    (
        "network.inp", "Units LPS", "Units ELL",
        "network.inp:31:7: UNITS: expected one of AFD, CFS, CMD, CMH, GPM, IMGD, LPM, LPS, MGD, MLD, got 'ELL'",
    ),
    (
        "drainage.inp", "CC-D2 CIRCULAR 0.8 0 0 0 1", "",
        "drainage.inp:35:1: CONDUITS: expected a line in [XSECTIONS] for this conduit, got 'CC-D2'",
    ),
    (
        "drainage.inp", "CC-S1 CC-RG1 CC-M1", "CC-S1 CC-RG2 CC-M1",
        "drainage.inp:18:7: SUBCATCHMENTS: expected a rain gauge of this model, got 'CC-RG2'",
    ),
    (
        "drainage.inp", "CC-M2 203", "CC-J2 203",
        "drainage.inp:28:1: JUNCTIONS: expected a name of its own (network.inp line 7 has it too), got 'CC-J2'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "message"), FAULTS, ids=[f"{case[0]}:{case[2]}" for case in FAULTS])
def test_a_fault_is_named_with_its_place(pack: Path, file: str, old: str, new: str, message: str) -> None:
    _replace(pack, file, old, new)
    faults = [str(fault) for fault in city.check(pack)]
    assert any(fault.startswith(message) for fault in faults), faults
    with pytest.raises(PackError) as caught:
        city.load(pack)
    assert all(fault in str(caught.value) for fault in faults)


def test_every_fault_is_told_not_only_the_first(pack: Path) -> None:
    for file, old, new in (
        ("city.toml", 'district = "220100"', 'district = "changchun"'),
        ("levels.toml", "blue_m = 0.05", 'blue_m = "low"'),
        ("sensors.csv", ",Pa,", ",bar,"),
        ("sensors.csv", ",mm/h,", ",l/s,"),
        ("sensors.csv", "L-01 号", " "),
        ("shelters.csv", "1800", "big"),
        ("crews.csv", ",4,", ",0,"),
        ("network.inp", "[VERTICES]", "[VERTICES]\nCC-P9 125.3 43.8"),
        ("drainage.inp", "204 3", "x 3"),
    ):
        _replace(pack, file, old, new)
    faults = city.check(pack)
    assert [(fault.file, fault.line) for fault in faults] == [
        ("city.toml", 15), ("crews.csv", 2), ("drainage.inp", 27), ("levels.toml", 5), ("network.inp", 41),
        ("sensors.csv", 2), ("sensors.csv", 4), ("sensors.csv", 5), ("shelters.csv", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["city.toml", "sensors.csv", "levels.toml"])
def test_a_missing_or_empty_file_is_one_fault(pack: Path, name: str) -> None:
    (pack / name).write_bytes(b"")
    assert str(_only_of(pack, name)) == f"{name}:1:1: expected content, got 'an empty file'"
    (pack / name).unlink()
    assert str(_only_of(pack, name)) == f"{name}:1:1: expected the file to be there, got nothing"


def _only_of(folder: Path, name: str) -> Fault:
    mine = [fault for fault in city.check(folder) if fault.file == name]
    assert len(mine) == 1, [str(fault) for fault in mine]
    return mine[0]


def test_encodings_are_told_apart(pack: Path) -> None:
    content = (pack / "crews.csv").read_text(encoding="utf-8")
    (pack / "crews.csv").write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert "byte order mark" in _only(pack).expected
    (pack / "crews.csv").write_bytes(content.encode("gbk"))
    fault = city.check(pack)[0]
    assert (fault.file, fault.line, fault.column) == ("crews.csv", 2, 9)
    assert "GBK" in fault.expected
    (pack / "crews.csv").write_bytes(content.encode("utf-16"))
    assert city.check(pack)[0].got == "'UTF-16'"


def test_a_misnamed_file_is_not_passed_over_in_silence(pack: Path) -> None:
    (pack / "shelters.csv").rename(pack / "shelter.csv")
    assert _only(pack).file == "shelter.csv"


def test_a_ring_that_does_not_close_is_named(pack: Path) -> None:
    text = (pack / "city.toml").read_text(encoding="utf-8")
    first = text.index("polygon = [[") + len("polygon = [")
    ring_end = text.index("]]", first)
    (pack / "city.toml").write_text(text[: ring_end - 1] + "9" + text[ring_end:], encoding="utf-8")
    fault = _only(pack)
    assert (fault.line, fault.field) == (16, "polygon.4")
    assert "close" in fault.expected


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="not a folder"):
        city.check(tmp_path / "nowhere")


def test_the_verb_prints_each_fault_on_a_line_and_exits_1(pack: Path) -> None:
    out = Console(record=True, width=200, soft_wrap=True)
    assert check_command(pack, out) == 0
    _replace(pack, "sensors.csv", ",Pa,", ",bar,")
    assert check_command(pack, out) == 1
    assert f"{pack}/sensors.csv:2:5: unit: expected a unit of pressure: Pa, hPa, got 'bar'" in out.export_text()


@pytest.mark.parametrize("name", ["changchun", "jilin", "siping", "liaoyuan"])
def test_the_demo_packs_are_sound(name: str) -> None:
    assert city.check(DEMO_PACKS / name) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(FILES),
    damage=st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 40),
        st.binary(max_size=12)
        | st.sampled_from([b'"', b"\n", b"[", b"]]", b"=", b",", b";", b"'''", b"1e999", b"nan", b"\0"]),
    ),
)
def test_random_damage_is_a_fault_or_a_sound_pack_never_another_error(
    sound: Path, tmp_path: Path, name: str, damage: tuple[float, int, bytes]
) -> None:
    position, length, junk = damage
    folder = shutil.copytree(sound, tmp_path / "damaged", dirs_exist_ok=True)
    content = (folder / name).read_bytes()
    start = int(position * len(content))
    (folder / name).write_bytes(content[:start] + junk + content[start + length :])
    faults = city.check(folder)
    if faults:
        with pytest.raises(PackError):
            city.load(folder)
        lines = (content[:start] + junk + content[start + length :]).count(b"\n") + 2
        assert all(f.line >= 1 and f.column >= 1 for f in faults)
        assert all(f.line <= lines for f in faults if f.file == name)
    else:
        city.load(folder)


REQUIRED_CELLS = [
    *(("sensors.csv", column) for column in SENSOR_COLUMNS if column not in {"zone_id", "element"}),
    *(("shelters.csv", column) for column in SHELTER_COLUMNS),
    *(("population.csv", column) for column in POPULATION_COLUMNS),
    *(("crews.csv", column) for column in CREW_COLUMNS),
]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.sampled_from(REQUIRED_CELLS), broken=st.sampled_from(["", " ", "?", "nan", "1e999", "\ufffd", "-"]))
def test_a_broken_required_cell_never_passes(sound: Path, tmp_path: Path, where: tuple[str, str], broken: str) -> None:
    file, column = where
    if column.startswith(("name_", "contact")) or (column.endswith(("_id", "channel")) and broken.isalnum()):
        broken = broken.strip() and ""  # there, nearly any text is a good one
    folder = shutil.copytree(sound, tmp_path / "broken", dirs_exist_ok=True)
    head, row, *rest = (sound / file).read_text(encoding="utf-8").splitlines()
    index = head.split(",").index(column)
    cells = row.split(",")
    cells[index] = broken
    (folder / file).write_text("\n".join([head, ",".join(cells), *rest]) + "\n", encoding="utf-8")
    places = {(fault.file, fault.line, fault.column) for fault in city.check(folder)}
    assert (file, 2, index + 1) in places
