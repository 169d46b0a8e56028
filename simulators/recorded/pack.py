"""A minimal city pack for a recording, so that the gate knows its sensors."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull

from lifeline import city
from lifeline.asset import Asset, AssetKind, Name, Position
from lifeline.city import network as epanet
from lifeline.city.fault import Faults
from lifeline.city.inp import parse
from lifeline.city.sensors import COLUMNS
from lifeline.errors import PackError, ReplayError
from lifeline.units import Quantity
from simulators.recorded.record import Instrument

METRES_PER_DEGREE = 111_320.0
"""Of latitude; of longitude at the equator."""
LEVELS = """version = "1"

[[flood]]
site = "road"
blue_m = 0.05
yellow_m = 0.15
orange_m = 0.27
red_m = 0.40
source = "yellow: GB 50014-2021, 15 cm on a lane of a road; the other steps are working values of this project"

[[leak]]
blue_m3_per_h = 2.0
yellow_m3_per_h = 10.0
orange_m3_per_h = 40.0
red_m3_per_h = 150.0
source = "working values of this project"
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose recording it is. `code` lies outside the codes that GB/T 2260 gives to places."""

    code: str
    name: Name
    centre: Position
    """where a network in metres is put on the map"""
    timezone: str
    prefix: str


BATTLEDIM = Origin("999901", Name("L-Town 回放", "L-Town replay"), Position(33.03, 34.68), "UTC", "LT")
FLOODNET = Origin(
    "999902", Name("纽约 FloodNet 回放", "FloodNet replay"), Position(-73.94, 40.70), "America/New_York", "FN"
)


def write_pack(folder: Path, instruments: list[Instrument], origin: Origin, *, network: Path | None = None) -> Path:
    """Writes the pack into `folder` (made where missing) and returns it; it has been loaded once, so it is valid.

    With `network` (an EPANET file, coordinates in metres or degrees) instruments stand where their elements are, and
    what metered links bound becomes a zone. Raises ReplayError where an instrument has no place, PackError where the
    network has faults.
    """
    text = None if network is None else _on_the_map(network, origin.centre)
    assets = {} if text is None else _assets(text, network, origin.centre)
    zones = _zones(assets, instruments, origin)
    folder.mkdir(parents=True, exist_ok=True)
    if text is not None:
        (folder / "network.inp").write_text(_tagged(text, zones, assets), encoding="utf-8")
    (folder / "levels.toml").write_text(LEVELS, encoding="utf-8")
    (folder / "city.toml").write_text(_city(origin, zones), encoding="utf-8")
    with (folder / "sensors.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in instruments:
            position, elevation_m = _place(one, assets)
            zone = next(
                (zone.zone_id for zone in zones if one.element in zone.elements or one.sensor_id in zone.inflow), ""
            )
            element = one.element if one.element in assets else ""
            what = (one.sensor_id, one.device_id, one.channel, one.quantity, one.unit, zone, element, one.site)
            where = (f"{position.lon:.6f}", f"{position.lat:.6f}", f"{elevation_m:g}")
            limits = (f"{one.interval_s:g}", one.range_min, one.range_max)
            writer.writerow((*what, *where, *limits, one.name.zh, one.name.en))
    city.load(folder)
    return folder


@dataclass(frozen=True, slots=True)
class _Zone:
    zone_id: str
    elements: frozenset[str]
    ring: list[list[float]]
    inflow: list[str]
    outflow: list[str]


def _on_the_map(path: Path, centre: Position) -> str:
    """The file's text, its coordinates in degrees; coordinates that are no degrees are metres around `centre`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path} cannot be read: {error}", advice="name an EPANET 2.2 file in UTF-8") from error
    faults = Faults()
    placed = list(parse(text, path.name, epanet.STEMS, faults).lines("COORDINATES", "VERTICES"))
    points = np.array([[line.number_at(1, "x", faults), line.number_at(2, "y", faults)] for line in placed]).reshape(
        -1, 2
    )
    _raise(path, faults)
    if not len(points) or (np.abs(points) <= [180, 90]).all():
        return text
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    scale = np.array([METRES_PER_DEGREE * np.cos(np.radians(centre.lat)), METRES_PER_DEGREE])
    degrees = np.array([centre.lon, centre.lat]) + (points - middle) / scale
    lines = text.splitlines()
    for line, (lon, lat) in zip(placed, degrees, strict=True):
        lines[line.number - 1] = f" {line.tokens[0]:<16} {lon:.7f} {lat:.7f}"
    return "\n".join(lines) + "\n"


def _tagged(text: str, zones: list[_Zone], assets: dict[str, Asset]) -> str:
    """The network with the zone of each element as its tag: rings of neighbours overlap, tags do not."""
    tags = "".join(
        f" {'LINK' if 'from' in assets[name].properties else 'NODE'} {name} zone={zone.zone_id}\n"
        for zone in zones
        for name in sorted(zone.elements)
        if assets[name].zone_id is None
    )
    body, end, rest = text.partition("[END]")
    return f"{body}[TAGS]\n{tags}\n{end}{rest}"


def _assets(text: str, path: Path | None, centre: Position) -> dict[str, Asset]:
    faults = Faults()
    _, assets = epanet.read(text, str(path), faults, centre=centre, zones=None, taken={})
    _raise(path, faults)
    return {asset.asset_id: asset for asset in assets}


def _raise(path: Path | None, faults: Faults) -> None:
    if len(faults):
        listed = "\n".join(f"  {fault}" for fault in faults.sorted())
        raise PackError(f"{path} has faults:\n{listed}", advice="mend the network file")


def _place(one: Instrument, assets: dict[str, Asset]) -> tuple[Position, float]:
    asset = assets.get(one.element or "")
    if asset is not None:
        course = asset.geometry["coordinates"]
        lon, lat = course if asset.geometry["type"] == "Point" else np.mean([course[0], course[-1]], axis=0)
        return Position(float(lon), float(lat)), float(asset.properties.get("elevation_m", 0.0))
    if one.position is not None:
        return one.position, 0.0
    raise ReplayError(f"nothing says where {one.sensor_id} is", advice="name the network file that has its element")


def _zones(assets: dict[str, Asset], instruments: Iterable[Instrument], origin: Origin) -> list[_Zone]:
    """The parts into which metered links divide the network, a part without junctions left out."""
    meters = {
        one.element: one.sensor_id for one in instruments if one.quantity is Quantity.FLOW and one.channel == "flow"
    }
    links = {name: asset for name, asset in assets.items() if "from" in asset.properties}
    neighbours: dict[str, set[str]] = {name: set() for name in assets if name not in links}
    for name, link in links.items():
        if name not in meters:
            neighbours[link.properties["from"]].add(link.properties["to"])
            neighbours[link.properties["to"]].add(link.properties["from"])
    zones: list[_Zone] = []
    left = set(neighbours)
    for start in neighbours:
        if start not in left:
            continue
        part, edge = {start}, {start}
        while edge:
            edge = {node for here in edge for node in neighbours[here]} - part
            part |= edge
        left -= part
        junctions = [node for node in part if assets[node].kind is AssetKind.JUNCTION]
        if len(junctions) < 3:
            continue
        points = np.array([assets[node].geometry["coordinates"] for node in sorted(part)])
        hull = points[ConvexHull(points).vertices]
        inside = {name for name, link in links.items() if name not in meters and link.properties["from"] in part}
        zones.append(
            _Zone(
                zone_id=f"{origin.prefix}-DMA-{len(zones) + 1}",
                elements=frozenset(part | inside),
                ring=[[round(float(lon), 7), round(float(lat), 7)] for lon, lat in [*hull, hull[0]]],
                inflow=sorted(
                    sensor for name, sensor in meters.items() if name in links and links[name].properties["to"] in part
                ),
                outflow=sorted(
                    sensor
                    for name, sensor in meters.items()
                    if name in links and links[name].properties["from"] in part
                ),
            )
        )
    return zones


def _city(origin: Origin, zones: list[_Zone]) -> str:
    quoted = {
        key: json.dumps(text, ensure_ascii=False) for key, text in (("zh", origin.name.zh), ("en", origin.name.en))
    }
    head = f"""# Written for a recording; docs/replay.md.
format = 1
code = "{origin.code}"
name = {{ zh = {quoted["zh"]}, en = {quoted["en"]} }}
version = "1"
timezone = "{origin.timezone}"
centre = {{ lon = {origin.centre.lon}, lat = {origin.centre.lat} }}

[leak]
expected_pressure = "data"
"""
    for number, zone in enumerate(zones, start=1):
        head += f"""
[[zones]]
id = "{zone.zone_id}"
kind = "dma"
name = {{ zh = "{number}区", en = "Zone {number}" }}
district = "{origin.code}"
polygon = {json.dumps(zone.ring)}
inflow = {json.dumps(zone.inflow)}
outflow = {json.dumps(zone.outflow)}
"""
    return head
