"""Writes the folder of a demo city: the files of docs/city-pack.md, the same bytes every time."""

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from simulators.demo_city.drains import build_drains
from simulators.demo_city.epanet_inp import epanet_inp
from simulators.demo_city.feeds import build
from simulators.demo_city.instruments import Row, instruments
from simulators.demo_city.people import crews, population, shelters
from simulators.demo_city.plan import CityPlan, DmaPlan, catchment_id, dma_id
from simulators.demo_city.roads import COLUMNS as ROAD_COLUMNS
from simulators.demo_city.roads import roads
from simulators.demo_city.supply import Supply
from simulators.demo_city.swmm_inp import swmm_inp

VERSION = "2026.11"

LEVELS_TOML = """\
version = "2026-11-01"

# Water on the street, depth in m. A city sets its own figures; these are a start.
[[flood]]
site = "road"
blue_m = 0.05
yellow_m = 0.15
orange_m = 0.27
red_m = 0.40
source = "yellow: GB 50014-2021, 15 cm on a lane of a road; the other steps are working values of this project"

[[flood]]
site = "underpass"
blue_m = 0.03
yellow_m = 0.10
orange_m = 0.20
red_m = 0.25
source = "red: underpasses close at 25 cm in Shenyang and Shanghai; the steps below give time to close, working values"

# Leaks and bursts, flow in m3/h.
[[leak]]
blue_m3_per_h = 2.0
yellow_m3_per_h = 10.0
orange_m3_per_h = 40.0
red_m3_per_h = 150.0
source = "working values of this project: about what a service pipe, a fitting, a branch main and a trunk main lose"

# How fast a value may change, SI unit per minute; what is faster is stored as doubtful.
[[rate]]
quantity = "water_depth"
per_minute = 1.0
source = "working value of this project: eight times the fastest tenth of 551 floods of FloodNet NYC (13 cm in 1.1 min)"

[[rate]]
quantity = "temperature"
per_minute = 5.0
source = "working value of this project: air changes by a degree a minute behind a squall line at most"
"""


def write_pack(plan: CityPlan, folder: Path) -> None:
    """Writes all files of `plan` into `folder`, which is made if need be."""
    supply, drains = build(plan), build_drains(plan)
    rows = instruments(supply, drains)
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "city.toml": city_toml(supply),
        "sensors.csv": _csv(tuple(f.name for f in fields(Row)), (row.values() for row in rows)),
        "network.inp": epanet_inp(supply),
        "drainage.inp": swmm_inp(drains),
        "shelters.csv": _csv(_SHELTER_COLUMNS, shelters(plan)),
        "population.csv": _csv(_POPULATION_COLUMNS, population(plan)),
        "crews.csv": _csv(_CREW_COLUMNS, crews(plan)),
        "roads.csv": _csv(ROAD_COLUMNS, roads(plan)),
        "levels.toml": LEVELS_TOML,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


_SHELTER_COLUMNS = (
    *("shelter_id", "name_zh", "name_en", "district", "lon", "lat", "grade", "area_m2", "area_per_person_m2"),
    *("heated", "mode", "conversion_hours"),
)
_POPULATION_COLUMNS = ("cell_id", "district", "lon", "lat", "people", "special_needs")
_CREW_COLUMNS = ("crew_id", "name_zh", "name_en", "district", "lon", "lat", "skills", "people", "contact")


def city_toml(supply: Supply) -> str:
    """The text of city.toml: district metered areas first, then catchments."""
    plan = supply.plan
    dmas, rules = plan.dmas, plan.drains
    width_m = max(dma.x0 + (dma.columns - 1) * plan.spacing_m for dma in dmas)
    height_m = max(dma.y0 + (dma.rows - 1) * plan.spacing_m for dma in dmas)
    lon, lat = plan.ground.lon_lat(width_m / 2, height_m / 2)
    text = [
        "# A demo city: district, pipes, drains, names and figures are invented for this project; only its place on\n"
        "# Earth and the division codes are real. Written by simulators.demo_city; change it there.\n"
        "format = 1\n"
        f'code = "{plan.code}"\n'
        f'name = {{ zh = "{plan.name.zh}", en = "{plan.name.en}" }}\n'
        f'version = "{VERSION}"\n'
        'timezone = "Asia/Shanghai"\n'
        f"centre = {{ lon = {lon}, lat = {lat} }}\n\n"
        "[leak]\n"
        'expected_pressure = "data"\n'
    ]
    text += [_dma_toml(supply, zone, dma) for zone, dma in enumerate(dmas, start=1)]
    for half in range(1, rules.halves + 1):
        share = 1.0 / rules.halves
        margin = 0.5 * rules.spacing_m
        span_m = (rules.columns - 1) * rules.spacing_m + 2 * margin
        x0 = rules.x0 - margin + (half - 1) * share * span_m
        y1 = rules.y0 + (rules.rows - 1) * rules.spacing_m + margin
        box = (x0, rules.y0 - margin, x0 + share * span_m, y1)
        west_east = {(1, 1): ("", ""), (2, 1): ("西", " west"), (2, 2): ("东", " east")}[rules.halves, half]
        name = f'{{ zh = "{plan.name.zh}{west_east[0]}汇水区", en = "{plan.name.en}{west_east[1]} catchment" }}'
        district = dmas[min(half, len(dmas)) - 1].district
        text.append(
            _zone_toml(plan, catchment_id(plan.prefix, half), kind="catchment", name=name, district=district, box=box)
        )
    return "\n".join(text)


def _dma_toml(supply: Supply, zone: int, dma: DmaPlan) -> str:
    plan = supply.plan
    inflow = tuple(f"{plan.prefix}-F-{m.number:02d}" for m in supply.meters if m.into == zone)
    outflow = tuple(f"{plan.prefix}-F-{m.number:02d}" for m in supply.meters if m.out_of == zone)
    name = f'{{ zh = "{dma.name.zh}", en = "{dma.name.en}" }}'
    box = supply.corners[zone - 1]
    zone_id = dma_id(plan.prefix, zone)
    return _zone_toml(
        plan, zone_id, kind="dma", name=name, district=dma.district, box=box, inflow=inflow, outflow=outflow
    )


def _zone_toml(
    plan: CityPlan,
    zone_id: str,
    *,
    kind: str,
    name: str,
    district: str,
    box: tuple[float, float, float, float],
    inflow: tuple[str, ...] = (),
    outflow: tuple[str, ...] = (),
) -> str:
    x0, y0, x1, y1 = box
    ring = [plan.ground.lon_lat(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))]
    corners = ", ".join(f"[{lon}, {lat}]" for lon, lat in ring)
    return (
        f'[[zones]]\nid = "{zone_id}"\nkind = "{kind}"\nname = {name}\ndistrict = "{district}"\n'
        f"polygon = [{corners}]\ninflow = {_strings(inflow)}\noutflow = {_strings(outflow)}\n"
    )


def _strings(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _csv(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
