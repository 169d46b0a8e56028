"""Recorded data: readings in time order in SI; what is wrong is named with file and line, and the rest goes on."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lifeline import city
from lifeline.errors import PackError, ReplayError
from lifeline.units import PASCAL_PER_METRE_OF_WATER
from simulators.recorded.battledim import BattLeDim
from simulators.recorded.floodnet import FloodNet
from simulators.recorded.layouts import Layout, layout_named, open_recording, time_zone
from simulators.recorded.long import Long
from simulators.recorded.pack import BATTLEDIM, FLOODNET, write_pack
from simulators.recorded.record import ALWAYS, Period, Record, Recording, RowFault, instant
from tests.packs import write_tiny_pack

NEW_YORK = ZoneInfo("America/New_York")
DATA = Path(__file__).parents[3] / "shared" / "data"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _all(recording: Recording, faults: list[RowFault], period: Period = ALWAYS) -> list[Record]:
    return [replace(record, value=round(record.value, 6)) for record in recording.records(faults.append, period)]


def _write(path: Path, *lines: str) -> Path:
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture
def battledim(tmp_path: Path) -> Path:
    _write(
        tmp_path / "2018_SCADA_Pressures.csv.gz",
        "Timestamp;n1;n2",
        "2018-01-01 00:00:00;28,5;30,0",
        "2018-01-01 00:05:00;28,25;x",
        "yesterday;28,25;30",
        "2018-01-01 00:10:00;28,25",
        "2018-01-01 00:15:00;;nan",
    )
    _write(tmp_path / "2018_SCADA_Flows.csv", "Timestamp;p1;pump", "2018-01-01 00:05:00;36,0;7,2")
    _write(tmp_path / "2018_SCADA_Demands.csv", "Timestamp;n1", "2018-01-01 00:00:00;1800")
    _write(tmp_path / "2018_SCADA_Levels.csv", "Timestamp;T1", "2018-01-01 00:05:00;3,25")
    _write(tmp_path / "2018_Leakages.csv", "Timestamp;p1", "2018-01-01 00:05:00;1,0")
    return tmp_path


def test_battledim_becomes_si_in_time_order_and_bad_cells_are_named(battledim: Path) -> None:
    faults: list[RowFault] = []
    records = _all(BattLeDim(battledim), faults)
    t0, t1 = _at("2018-01-01T00:00"), _at("2018-01-01T00:05")
    assert sorted(records, key=lambda r: (r.observed_at, r.device_id, r.channel)) == [
        Record("LT-n1", "demand", "m3/s", t0, 0.0005),
        Record("LT-n1", "pressure", "Pa", t0, round(28.5 * PASCAL_PER_METRE_OF_WATER, 6)),
        Record("LT-n2", "pressure", "Pa", t0, round(30.0 * PASCAL_PER_METRE_OF_WATER, 6)),
        Record("LT-T1", "level", "m", t1, 3.25),
        Record("LT-n1", "pressure", "Pa", t1, round(28.25 * PASCAL_PER_METRE_OF_WATER, 6)),
        Record("LT-p1", "flow", "m3/s", t1, 0.01),
        Record("LT-pump", "flow", "m3/s", t1, 0.002),
    ]
    assert [record.observed_at for record in records] == sorted(record.observed_at for record in records)
    assert [(Path(fault.file).name, fault.line, fault.column, fault.lost) for fault in faults] == [
        ("2018_SCADA_Pressures.csv.gz", 3, "n2", 1),
        ("2018_SCADA_Pressures.csv.gz", 4, "Timestamp", 2),
        ("2018_SCADA_Pressures.csv.gz", 5, "", 2),
        ("2018_SCADA_Pressures.csv.gz", 6, "n1", 1),
        ("2018_SCADA_Pressures.csv.gz", 6, "n2", 1),
    ]
    assert str(faults[0]).endswith("gz:3: n2: expected a number with a decimal comma, got 'x' (1 not sent)")


def test_a_period_is_half_open_and_the_span_is_told(battledim: Path) -> None:
    recording = BattLeDim(battledim)
    assert recording.span() == (_at("2018-01-01T00:00"), _at("2018-01-01T00:15"))
    period = Period(_at("2018-01-01T00:00"), _at("2018-01-01T00:05"))
    assert {record.observed_at for record in recording.records(lambda _: None, period)} == {period.begin}


def test_a_file_of_another_layout_or_cut_short_is_refused_with_its_place(battledim: Path) -> None:
    with pytest.raises(ReplayError, match="holds no file of the BattLeDIM layout"):
        BattLeDim(battledim / "2018_Leakages.csv")
    flows = _write(battledim / "2018_SCADA_Flows.csv", "time,p1", "2018-01-01 00:05:00,36")
    with pytest.raises(ReplayError, match=r"Flows\.csv:1: expected the header"):
        BattLeDim(flows).devices()
    pressures = battledim / "2018_SCADA_Pressures.csv.gz"
    pressures.write_bytes(pressures.read_bytes()[:-20])
    with pytest.raises(ReplayError, match=r"Pressures\.csv\.gz:\d+: the file breaks off"):
        list(BattLeDim(pressures).records(lambda _: None))


def _event(
    sensor: str, start: str, depths: object, seconds: object, onset: object = 1.0, duration: object = 5.0
) -> str:
    cells = (sensor, start, json.dumps(depths), json.dumps(seconds), onset, duration)
    return ",".join('"{}"'.format(str(cell).replace('"', '""')) for cell in cells)


FLOODNET_HEADER = (
    "sensor_id,flood_start_time,flood_profile_depth_inches,flood_profile_time_secs,onset_time_mins,duration_mins"
)


def test_floodnet_profiles_become_metres_and_a_broken_event_stops_no_other(tmp_path: Path) -> None:
    events = _write(
        tmp_path / "flood-events.csv",
        FLOODNET_HEADER,
        _event("B-2", "2024-03-10T06:00:00.000", [0.0, 10.0], [0, 60]),
        _event("A-1", "2024-03-10T05:00:00.000", [0.0, 1.0], [0, 7200], onset=1379016.5),
        _event("A-1", "2024-03-10T08:00:00.000", [0.0, 1.0, 2.0], [0, 60]),
        _event("A-1", "soon", [0.0, 1.0], [0, 60]),
        _event("A-1", "2024-03-10T09:00:00.000", "deep", [0, 60]),
        'A-1,"2024-03-10T10:00:00.000,1,1,1,1',
        _event("a b", "2024-03-10T09:00:00.000", [1.0], [0]),
        _event("B-niñé", "2024-03-10T11:00:00.000", [2.0], [0]),
    )
    faults: list[RowFault] = []
    records = list(FloodNet(events).records(faults.append))
    assert [(r.device_id, f"{r.observed_at:%H:%M}", round(r.value, 4), r.unit) for r in records] == [
        ("FN-A-1", "05:00", 0.0, "m"),
        ("FN-B-2", "06:00", 0.0, "m"),
        ("FN-B-2", "06:01", 0.254, "m"),
        ("FN-A-1", "07:00", 0.0254, "m"),
        ("FN-B-nine", "11:00", 0.0508, "m"),
    ]
    assert [(fault.line, fault.column, fault.lost) for fault in faults] == [
        (3, "onset_time_mins", 0),
        (4, "flood_profile_time_secs", 3),
        (5, "flood_start_time", 2),
        (6, "flood_profile_depth_inches", 2),
        (7, "", 0),
        (8, "sensor_id", 1),
    ]
    with pytest.raises(ReplayError, match="expected the columns sensor_id"):
        FloodNet(_write(tmp_path / "other.csv", "a,b", "1,2")).devices()


def test_local_times_follow_the_clock_of_their_zone() -> None:
    assert instant("2024-07-01T12:00", NEW_YORK) == _at("2024-07-01T16:00")
    assert instant("2024-01-01T12:00", NEW_YORK) == _at("2024-01-01T17:00")
    assert instant("2024-11-03T01:30", NEW_YORK) == _at("2024-11-03T05:30"), "the first of two"
    assert instant("2024-01-01T12:00+08:00", NEW_YORK) == _at("2024-01-01T04:00")
    for impossible in ("2024-03-10T02:30", "1977-01-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "noon"):
        with pytest.raises(ValueError, match=r"out of reach|not exist|isoformat"):
            instant(impossible, NEW_YORK)


def test_a_long_table_takes_channel_and_unit_from_the_pack(tmp_path: Path) -> None:
    pack = write_tiny_pack(tmp_path / "pack")
    table = _write(
        tmp_path / "readings.csv",
        "sensor_id,observed_at,value,unit",
        "CC-F-01,2026-01-01T08:00:00+08:00,12.5,",
        "CC-P-01,2026-01-01T00:01:00,3.1,bar",
        "CC-X-01,2026-01-01T00:01:00,3.1,",
        'CC-F-01,2026-01-01T00:01:00,"3,1",',
        "CC-F-01,01/02/2026,3.1,",
        "CC-F-01,2026-01-01T00:02:00,3.1,Pa",
        "CC-F-01,2026-01-01T00:02:00,3.1",
    )
    faults: list[RowFault] = []
    records = _all(open_recording(Layout.LONG, table, pack=pack), faults)
    assert records == [
        Record("CC-F-01", "flow", "m3/s", _at("2026-01-01T00:00"), 0.0125),
        Record("CC-P-01", "pressure", "Pa", _at("2026-01-01T00:01"), 310_000.0),
    ]
    assert [(fault.line, fault.column) for fault in faults] == [
        (4, "sensor_id"), (5, "value"), (6, "observed_at"), (7, "unit"), (8, ""),
    ]  # fmt: skip
    with pytest.raises(ReplayError, match="--pack"):
        open_recording(Layout.LONG, table)
    with pytest.raises(ReplayError, match="expected sensor_id,observed_at,value"):
        Long(_write(tmp_path / "wide.csv", "time,a,b", "1,2,3"), sensors=()).span()


def test_what_is_asked_for_by_a_wrong_name_is_said_so() -> None:
    with pytest.raises(ReplayError, match="battledim, floodnet, long"):
        layout_named("excel")
    with pytest.raises(ReplayError, match="no time zone"):
        time_zone("Mars/Olympus")


def test_a_pack_is_made_from_headers_and_network(battledim: Path, tmp_path: Path) -> None:
    network = _write(
        tmp_path / "net.inp",
        "[JUNCTIONS]", "n1 10", "n2 11", "n3 12", "n4 13", "n5 14", "n6 15",
        "[RESERVOIRS]", "R1 60",
        "[TANKS]", "T1 40 3 0 5 10 0",
        "[PIPES]", "p1 R1 n1 10 200 100", "p2 n1 n2 10 200 100", "p3 n2 n3 10 200 100", "p4 T1 n4 10 200 100",
        "p5 n4 n5 10 200 100", "p6 n5 n6 10 200 100",
        "[PUMPS]", "pump n3 T1 POWER 5",
        "[OPTIONS]", "Units CMH",
        "[COORDINATES]", "R1 0 0", "n1 500 0", "n2 1000 500", "n3 1000 0", "T1 2000 0", "n4 2500 0",
        "n5 3000 500", "n6 3000 0",
        "[END]",
    )  # fmt: skip
    folder = write_pack(tmp_path / "pack", BattLeDim(battledim).instruments(), BATTLEDIM, network=network)
    pack = city.load(folder)
    assert pack.code == "999901"
    assert [(zone.inflow, zone.outflow) for zone in pack.zones] == [
        (("LT-p1-flow",), ("LT-pump-flow",)),
        (("LT-pump-flow",), ()),
    ]
    zones = {sensor.sensor_id: sensor.zone_id for sensor in pack.sensors}
    assert zones["LT-n1-pressure"] == zones["LT-p1-flow"] == "LT-DMA-1"
    assert zones["LT-T1-level"] == zones["LT-pump-flow"] == "LT-DMA-2"
    assets = {asset.asset_id: asset for asset in pack.assets}
    west, east = assets["n1"].geometry["coordinates"], assets["n6"].geometry["coordinates"]
    assert east[0] - west[0] == pytest.approx(2500 / 111_320 / 0.8223, rel=1e-3), (
        "metres became degrees at that latitude"
    )
    assert (assets["p2"].zone_id, assets["p6"].zone_id) == ("LT-DMA-1", "LT-DMA-2")
    with pytest.raises(ReplayError, match="nothing says where LT-n1-demand is"):
        write_pack(tmp_path / "nowhere", BattLeDim(battledim).instruments(), BATTLEDIM)
    _write(network, "[JUNCTIONS]", "n1 10", "[COORDINATES]", "n1 east 0")
    with pytest.raises(PackError, match=r"net\.inp:4:4: x: expected a number, got 'east'"):
        write_pack(tmp_path / "broken", BattLeDim(battledim).instruments(), BATTLEDIM, network=network)


def _data(part: str) -> Path:
    if not (DATA / part).exists():
        pytest.skip(f"the recorded data {DATA / part} is not on this machine")
    return DATA / part


def test_a_day_of_the_ltown_year_is_whole(tmp_path: Path) -> None:
    recording = BattLeDim(_data("ltown/2018"))
    day = Period(_at("2018-03-25T00:00"), _at("2018-03-26T00:00"))
    faults: list[RowFault] = []
    records = list(recording.records(faults.append, day))
    assert (len(records), faults) == (288 * (33 + 3 + 1 + 82), [])
    pack = city.load(write_pack(tmp_path, recording.instruments(), BATTLEDIM, network=_data("ltown/L-TOWN.inp")))
    known = {(sensor.device_id, sensor.channel) for sensor in pack.sensors}
    assert {(record.device_id, record.channel) for record in records} == known
    ranges = {(s.device_id, s.channel): (s.range_min, s.range_max) for s in pack.sensors}
    assert all(ranges[r.device_id, r.channel][0] <= r.value <= ranges[r.device_id, r.channel][1] for r in records)


def test_every_floodnet_profile_is_read_and_the_absurd_onset_is_told(tmp_path: Path) -> None:
    source = _data("floodnet")
    recording = FloodNet(source)
    faults: list[RowFault] = []
    records = list(recording.records(faults.append))
    assert len(records) == 193_984
    assert [(fault.column, fault.lost) for fault in faults] == [("onset_time_mins", 0)]
    assert max(record.value for record in records) == pytest.approx(40.87 * 0.0254)
    pack = city.load(write_pack(tmp_path, recording.instruments(), FLOODNET))
    assert {record.device_id for record in records} <= {sensor.device_id for sensor in pack.sensors}


def test_floodnet_times_are_utc_as_the_data_themselves_show() -> None:
    source = _data("floodnet")
    faults: list[RowFault] = []
    list(FloodNet(source, zone=NEW_YORK).records(faults.append))
    passed_over = [fault for fault in faults if fault.column == "flood_start_time"]
    assert len(passed_over) == 4, "starts in hours that no clock in New York has ever shown"
    # the record hour of Ida's rain in Central Park: 00:51 to 01:51 UTC on 2 September 2021
    ida = Period(_at("2021-09-01T12:00"), _at("2021-09-02T03:00"))
    deep = [r.observed_at for r in FloodNet(source).records(lambda _: None, ida) if r.value > 0.3]
    assert abs(min(deep) - _at("2021-09-02T01:00")) < timedelta(hours=1)
