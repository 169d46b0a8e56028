"""A tiny valid city pack for tests: one zone, five sensors, a pipe network and a drain of a few elements."""

import csv
import io
from pathlib import Path

SENSOR_COLUMNS = (
    "sensor_id,device_id,channel,quantity,unit,zone_id,element,site,lon,lat,elevation_m,interval_s,range_min,range_max,"
    "name_zh,name_en"
)
LEVELS = """version = "2026-11-01"

[[flood]]
site = "road"
blue_m = 0.05
yellow_m = 0.15
orange_m = 0.27
red_m = 0.40
source = "made for tests"

[[flood]]
site = "underpass"
blue_m = 0.05
yellow_m = 0.15
orange_m = 0.27
red_m = 0.40
source = "made for tests"

[[leak]]
blue_m3_per_h = 2.0
yellow_m3_per_h = 10.0
orange_m3_per_h = 40.0
red_m3_per_h = 150.0
source = "made for tests"
"""


def write_tiny_pack(
    folder: Path,
    code: str = "220100",
    *,
    prefix: str = "CC",
    version: str = "1",
    lon: float = 125.32,
    lat: float = 43.88,
    interval_s: float = 60.0,
) -> Path:
    """Writes a valid pack of city `code` into `folder` (made where missing) and returns it.

    All ids begin with `prefix`. Sensors, each on a device of the same id, the channel named like the quantity:
    `{prefix}-P-01` pressure in Pa, on junction `{prefix}-J2`; `{prefix}-F-01` flow in l/s, enters `{prefix}-DMA-1`;
    `{prefix}-L-01` level in m, the tank; `{prefix}-RG-01` rain_intensity in mm/h; `{prefix}-WD-01` water_depth in cm,
    an underpass.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "city.toml": _city(code, prefix, version, lon, lat),
        "sensors.csv": _sensors(prefix, lon, lat, interval_s),
        "levels.toml": LEVELS,
        "network.inp": _network(prefix, lon, lat),
        "drainage.inp": _drainage(prefix, lon, lat),
        "shelters.csv": "shelter_id,name_zh,name_en,district,lon,lat,grade,area_m2,area_per_person_m2,heated,mode,"
        f"conversion_hours\n{prefix}-SH-1,一中体育馆,No 1 School Hall,{code},{lon},{lat},short,1800,2,yes,平,6\n",
        "population.csv": f"cell_id,district,lon,lat,people,special_needs\n{prefix}-C-1,{code},{lon},{lat},420,31\n",
        "crews.csv": "crew_id,name_zh,name_en,district,lon,lat,skills,people,contact\n"
        f"{prefix}-CR-1,抢修一队,Crew 1,{code},{lon},{lat},leak;valve,4,webhook:{prefix}-CR-1\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def _city(code: str, prefix: str, version: str, lon: float, lat: float) -> str:
    west, east, south, north = lon - 0.01, lon + 0.01, lat - 0.01, lat + 0.01
    ring = f"[[{west}, {south}], [{east}, {south}], [{east}, {north}], [{west}, {north}], [{west}, {south}]]"
    return f"""format = 1
code = "{code}"
name = {{ zh = "小城", en = "Tinytown" }}
version = "{version}"
timezone = "Asia/Shanghai"
centre = {{ lon = {lon}, lat = {lat} }}

[leak]
expected_pressure = "data"

[[zones]]
id = "{prefix}-DMA-1"
kind = "dma"
name = {{ zh = "一区", en = "Zone 1" }}
district = "{code}"
polygon = {ring}
inflow = ["{prefix}-F-01"]

[[zones]]
id = "{prefix}-CA-1"
kind = "catchment"
name = {{ zh = "汇水一区", en = "Catchment 1" }}
district = "{code}"
polygon = {ring}
"""


def _sensors(prefix: str, lon: float, lat: float, interval_s: float) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SENSOR_COLUMNS.split(","))
    for sensor, quantity, unit, zone, element, site, low, high in (
        ("P-01", "pressure", "Pa", "DMA-1", "J2", "junction", 0, 1_000_000),
        ("F-01", "flow", "l/s", "DMA-1", "P1", "pipe", -0.1, 0.2),
        ("L-01", "level", "m", "", "T1", "tank", 0, 5),
        ("RG-01", "rain_intensity", "mm/h", "CA-1", "RG1", "gauge", 0, 1e-4),
        ("WD-01", "water_depth", "cm", "CA-1", "M1", "underpass", 0, 3),
    ):
        name = f"{prefix}-{sensor}"
        zone_id, element_id = zone and f"{prefix}-{zone}", f"{prefix}-{element}"
        row = [name, name, quantity, quantity, unit, zone_id, element_id, site, lon, lat, 210.5, interval_s, low, high]
        writer.writerow([*row, f"{sensor} 号", f"Sensor {sensor}"])
    return out.getvalue()


def _network(prefix: str, lon: float, lat: float) -> str:
    p = prefix
    return f"""[TITLE]
a network of three pipes

[JUNCTIONS]
;id elevation demand pattern
{p}-J1 210 1.0 {p}-DAY
{p}-J2 208 0.5 {p}-DAY

[RESERVOIRS]
{p}-R1 260

[TANKS]
;id elevation initial minimum maximum diameter minimum-volume
{p}-T1 240 3 0 5 12 0

[PIPES]
{p}-P1 {p}-R1 {p}-J1 300 200 110 0 Open
{p}-P2 {p}-J1 {p}-J2 250 150 95 0 Open
{p}-P3 {p}-J2 {p}-T1 120 150 95 0 Open

[TAGS]
LINK {p}-P2 material=CI,year=1986,zone={p}-DMA-1

[PATTERNS]
{p}-DAY 0.6 0.8 1.2 1.4

[TIMES]
Duration 24:00

[OPTIONS]
Units LPS
Headloss H-W

[COORDINATES]
{p}-R1 {lon - 0.004} {lat}
{p}-J1 {lon} {lat}
{p}-J2 {lon + 0.003} {lat}
{p}-T1 {lon + 0.004} {lat + 0.001}

[VERTICES]
{p}-P2 {lon + 0.001} {lat + 0.0005}

[END]
"""


def _drainage(prefix: str, lon: float, lat: float) -> str:
    p = prefix
    return f"""[TITLE]
two manholes and an outfall

[OPTIONS]
FLOW_UNITS CMS
INFILTRATION HORTON
FLOW_ROUTING DYNWAVE
START_DATE 07/01/2026
END_DATE 07/01/2026
END_TIME 02:00:00
ROUTING_STEP 5
ALLOW_PONDING YES

[RAINGAGES]
{p}-RG1 INTENSITY 0:05 1.0 TIMESERIES {p}-TS1

[SUBCATCHMENTS]
{p}-S1 {p}-RG1 {p}-M1 2.5 60 120 0.5 0

[SUBAREAS]
{p}-S1 0.013 0.2 1 4 25 OUTLET

[INFILTRATION]
{p}-S1 75 10 4 7 0

[JUNCTIONS]
{p}-M1 204 3 0 0 500
{p}-M2 203 3 0 0 500

[OUTFALLS]
{p}-O1 201 FREE NO

[CONDUITS]
{p}-D1 {p}-M1 {p}-M2 90 0.013 0 0
{p}-D2 {p}-M2 {p}-O1 140 0.013 0 0

[XSECTIONS]
{p}-D1 CIRCULAR 0.6 0 0 0 1
{p}-D2 CIRCULAR 0.8 0 0 0 1

[TIMESERIES]
{p}-TS1 0:00 0

[COORDINATES]
{p}-M1 {lon} {lat + 0.001}
{p}-M2 {lon + 0.001} {lat + 0.001}
{p}-O1 {lon + 0.002} {lat + 0.001}
"""
