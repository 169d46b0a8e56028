"""The drainage of a pack: a SWMM 5 file, checked, and what of it is drawn on the map."""

from collections.abc import Sequence
from typing import Any

from lifeline.asset import Asset, AssetKind, Position, Zone, ZoneKind
from lifeline.city import geometry
from lifeline.city.fault import Faults
from lifeline.city.inp import Element, Elements, Line, Model, parse
from lifeline.city.network import METRES_PER_FOOT, model_place, tags

_NAMES = """TITLE OPTIONS FILES RAINGAGES HYDROGRAPHS TEMPERATURE EVAPORATION EVENTS ADJUSTMENTS SUBCATCHMENTS
SUBAREAS INFILTRATION LID_CONTROLS LID_USAGE AQUIFERS GROUNDWATER GWF SNOWPACKS JUNCTIONS OUTFALLS STORAGE DIVIDERS
CONDUITS PUMPS ORIFICES WEIRS OUTLETS XSECTIONS TRANSECTS LOSSES CONTROLS POLLUTANTS LANDUSES BUILDUP WASHOFF COVERAGES
INFLOWS DWF
PATTERNS RDII LOADINGS TREATMENT CURVES TIMESERIES REPORT MAP COORDINATES VERTICES POLYGONS LABELS SYMBOLS BACKDROP TAGS
PROFILES STREETS INLETS INLET_USAGE"""
_SHORT = {"RAINGAGES": "RAINGAGE", "STORAGE": "STORAGE", "SUBCATCHMENTS": "SUBCATCH", "CURVES": "CURVE"}
STEMS = {_SHORT.get(name, name): name for name in sorted(_NAMES.split(), key=len, reverse=True)}
"""Each section of SWMM 5.2 (its user's manual, appendix D), the longest first because one begins like another."""
KINDS = {
    "JUNCTIONS": AssetKind.MANHOLE,
    "DIVIDERS": AssetKind.MANHOLE,
    "OUTFALLS": AssetKind.OUTFALL,
    "STORAGE": AssetKind.TANK,
    "CONDUITS": AssetKind.CONDUIT,
    "PUMPS": AssetKind.PUMP,
    "ORIFICES": AssetKind.VALVE,
    "WEIRS": AssetKind.VALVE,
    "OUTLETS": AssetKind.VALVE,
}
_SI_FLOW = {"CMS", "LPS", "MLD"}
_US_FLOW = {"CFS", "GPM", "MGD"}


def read(
    text: str,
    file: str,
    faults: Faults,
    *,
    centre: Position | None,
    zones: Sequence[Zone] | None,
    taken: dict[str, Line],
) -> tuple[set[str], list[Asset]]:
    """Names of all elements (nodes, links, rain gauges), and the assets, their city_code left empty.

    Properties of assets, where the model gives them: `length_m`, `diameter_mm` (height where not round),
    `shape`, `invert_m`, `max_depth_m`, `type`, `from`, `to`, and the `key=value` pairs of its tag.
    """
    model = parse(text, file, STEMS, faults)
    elements = _elements(model, faults, taken)
    units, place = model.option("FLOW_UNITS", "CFS")
    if units not in _SI_FLOW | _US_FLOW:
        faults.add(place, f"one of {', '.join(sorted(_SI_FLOW | _US_FLOW))}", units)
    m = METRES_PER_FOOT if units in _US_FLOW else 1.0
    properties = {
        element.name: _properties(element, faults, m)
        for element in [*elements.nodes.values(), *elements.links.values()]
    }
    for more in (_sections(model, elements, faults, m), tags(model, elements, faults, zones)):
        for name, found in more.items():
            properties[name].update(found)
    gauges = _gauges_and_areas(model, elements, faults, taken)
    placed = geometry.Placed(model, elements, faults, centre)
    return {*elements.nodes, *elements.links, *gauges}, geometry.draw(
        placed, elements, KINDS, properties, zones=zones or (), zone_kind=ZoneKind.CATCHMENT
    )


def _elements(model: Model, faults: Faults, taken: dict[str, Line]) -> Elements:
    elements = Elements(model, faults, taken)
    for section, least in (("JUNCTIONS", 2), ("OUTFALLS", 3), ("STORAGE", 5), ("DIVIDERS", 3)):
        elements.define(section, least=least)
    for section, least in (("CONDUITS", 5), ("PUMPS", 4), ("ORIFICES", 6), ("WEIRS", 6), ("OUTLETS", 5)):
        elements.define(section, link=True, least=least)
    for link in elements.links.values():
        for index in (1, 2):
            elements.refer_to_node(link.line, index, link.section)
        if link.ends[0] == link.ends[1]:
            faults.add(link.line.place(2, link.section), "two different ends", link.ends[1])
    for section in ("INFLOWS", "DWF"):
        elements.refer(section, "node", elements.nodes)
    elements.refer("LOSSES", "link", elements.links)
    _series_and_curves(model, faults)
    if not elements.nodes:
        faults.add(model_place(model), "nodes in [JUNCTIONS], [OUTFALLS] or [STORAGE]", None)
    return elements


def _series_and_curves(model: Model, faults: Faults) -> None:
    series = {line.tokens[0] for line in model.lines("TIMESERIES")}
    curves = {line.tokens[0] for line in model.lines("CURVES")}
    for section, kind_at, kind, names, what in (
        ("RAINGAGES", 4, "TIMESERIES", series, "a series of [TIMESERIES]"),
        ("OUTFALLS", 2, "TIMESERIES", series, "a series of [TIMESERIES]"),
        ("OUTFALLS", 2, "TIDAL", curves, "a curve of [CURVES]"),
        ("STORAGE", 4, "TABULAR", curves, "a curve of [CURVES]"),
    ):
        for line in model.lines(section):
            if line.text(kind_at).upper() == kind and line.text(kind_at + 1) not in names:
                faults.add(line.place(kind_at + 1, section), what, line.text(kind_at + 1))
    for line in model.lines("PUMPS"):
        if line.text(3) not in curves | {"*", ""}:
            faults.add(line.place(3, "PUMPS"), "a curve of [CURVES], or *", line.text(3))


def _gauges_and_areas(model: Model, elements: Elements, faults: Faults, taken: dict[str, Line]) -> set[str]:
    named = Elements(model, faults, taken)
    named.define("RAINGAGES", least=5)
    gauges = set(named.nodes)
    drained = Elements(model, faults, {})  # often named like their outlet: no sensor sits on one, nothing confuses them
    drained.define("SUBCATCHMENTS", least=7)
    areas = set(drained.nodes)
    for line in model.lines("SUBCATCHMENTS"):
        if line.text(1) not in gauges | {"*"}:
            faults.add(line.place(1, "SUBCATCHMENTS"), "a rain gauge of this model", line.text(1))
        if line.text(2) not in elements.nodes and line.text(2) not in areas:
            faults.add(line.place(2, "SUBCATCHMENTS"), "a node or subcatchment of this model", line.text(2))
        line.number_at(3, "area", faults, low=0)
    for section in ("SUBAREAS", "INFILTRATION", "POLYGONS"):
        elements.refer(section, "subcatchment", areas)
    elements.refer("SYMBOLS", "rain gauge", gauges)
    return gauges


def _sections(model: Model, elements: Elements, faults: Faults, m: float) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    elements.refer("XSECTIONS", "link", elements.links)
    for line in model.lines("XSECTIONS"):
        shape = line.text(1).upper()
        if line.tokens[0] not in elements.links:
            continue
        found[line.tokens[0]] = {"shape": shape.lower()}
        if shape not in {"IRREGULAR", "STREET", "DUMMY"}:
            found[line.tokens[0]]["diameter_mm"] = line.number_at(2, "height", faults, low=0) * m * 1000
    for name, link in elements.links.items():
        if link.section == "CONDUITS" and name not in found:
            faults.add(link.line.place(0, "CONDUITS"), "a line in [XSECTIONS] for this conduit", name)
    return found


def _properties(element: Element, faults: Faults, m: float) -> dict[str, Any]:
    line, section = element.line, element.section
    if section == "CONDUITS":
        line.number_at(4, "roughness", faults, low=1e-6)
        return {"length_m": line.number_at(3, "length", faults, low=1e-6) * m, **_ends(element)}
    if element.ends:
        return {**_ends(element), "type": section[:-1].lower()}
    properties = {"invert_m": line.number_at(1, "invert elevation", faults) * m}
    if section in {"JUNCTIONS", "STORAGE"} and line.text(2):
        properties["max_depth_m"] = line.number_at(2, "maximum depth", faults, low=0) * m
    return properties


def _ends(element: Element) -> dict[str, Any]:
    return {"from": element.ends[0], "to": element.ends[1]}
