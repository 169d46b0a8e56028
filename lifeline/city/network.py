"""The supply network of a pack: an EPANET 2.2 file, checked, and what of it is drawn on the map."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lifeline.asset import Asset, AssetKind, Position, Zone, ZoneKind
from lifeline.city import geometry, value
from lifeline.city.fault import Faults
from lifeline.city.inp import Element, Elements, Line, Model, parse

STEMS = {
    "TITL": "TITLE", "JUNC": "JUNCTIONS", "RESE": "RESERVOIRS", "TANK": "TANKS", "PIPE": "PIPES", "PUMP": "PUMPS",
    "VALV": "VALVES", "CONT": "CONTROLS", "RULE": "RULES", "DEMA": "DEMANDS", "SOUR": "SOURCES", "EMIT": "EMITTERS",
    "PATT": "PATTERNS", "CURV": "CURVES", "QUAL": "QUALITY", "STAT": "STATUS", "ROUG": "ROUGHNESS", "ENER": "ENERGY",
    "REAC": "REACTIONS", "MIXI": "MIXING", "REPO": "REPORT", "TIME": "TIMES", "OPTI": "OPTIONS",
    "COOR": "COORDINATES", "VERT": "VERTICES", "LABE": "LABELS", "BACK": "BACKDROP", "TAGS": "TAGS", "END": "END",
}  # fmt: skip
"""First letters of each section of EPANET 2.2 (its user manual, appendix C), as EPANET itself compares them."""
KINDS = {
    "JUNCTIONS": AssetKind.JUNCTION,
    "RESERVOIRS": AssetKind.RESERVOIR,
    "TANKS": AssetKind.TANK,
    "PIPES": AssetKind.PIPE,
    "PUMPS": AssetKind.PUMP,
    "VALVES": AssetKind.VALVE,
}
_SI_FLOW = {"LPS", "LPM", "MLD", "CMH", "CMD"}
_US_FLOW = {"CFS", "GPM", "MGD", "IMGD", "AFD"}
_CLAUSES = {"IF", "AND", "OR", "THEN", "ELSE"}
_LINK_WORDS = {"LINK", "PIPE", "PUMP", "VALVE"}
_NODE_WORDS = {"NODE", "JUNC", "JUNCTION", "TANK", "RESERV", "RESERVOIR"}
METRES_PER_FOOT = 0.3048
MILLIMETRES_PER_INCH = 25.4


def read(
    text: str,
    file: str,
    faults: Faults,
    *,
    centre: Position | None,
    zones: Sequence[Zone] | None,
    taken: dict[str, Line],
) -> tuple[set[str], list[Asset]]:
    """Names of all elements, and the assets, their city_code left empty. `zones` is None where they are not known.

    Properties of assets, where the model gives them: `length_m`, `diameter_mm`, `elevation_m`, `roughness`, `type`,
    `from`, `to`, and the `key=value` pairs of its tag.
    """
    model = parse(text, file, STEMS, faults)
    elements = _elements(model, faults, taken)
    units, place = model.option("UNITS", "GPM")
    if units not in _SI_FLOW | _US_FLOW:
        faults.add(place, f"one of {', '.join(sorted(_SI_FLOW | _US_FLOW))}", units)
    m, mm = (METRES_PER_FOOT, MILLIMETRES_PER_INCH) if units in _US_FLOW else (1.0, 1.0)
    properties = {
        element.name: _properties(element, faults, m, mm)
        for element in [*elements.nodes.values(), *elements.links.values()]
    }
    for name, more in tags(model, elements, faults, zones).items():
        properties[name].update(more)
    placed = geometry.Placed(model, elements, faults, centre)
    return {*elements.nodes, *elements.links}, geometry.draw(
        placed, elements, KINDS, properties, zones=zones or (), zone_kind=ZoneKind.DMA
    )


def _elements(model: Model, faults: Faults, taken: dict[str, Line]) -> Elements:
    elements = Elements(model, faults, taken)
    for section, least in (("JUNCTIONS", 1), ("RESERVOIRS", 2), ("TANKS", 6)):
        elements.define(section, least=least)
    for section, least in (("PIPES", 6), ("PUMPS", 5), ("VALVES", 6)):
        elements.define(section, link=True, least=least)
    for link in elements.links.values():
        for index in (1, 2):
            elements.refer_to_node(link.line, index, link.section)
        if link.ends[0] == link.ends[1]:
            faults.add(link.line.place(2, link.section), "two different ends", link.ends[1])
    for section in ("DEMANDS", "EMITTERS", "QUALITY", "SOURCES", "MIXING"):
        elements.refer(section, "node", elements.nodes)
    elements.refer("STATUS", "link", elements.links)
    _controls(model, elements, faults)
    _patterns_and_curves(model, elements, faults)
    if not elements.nodes:
        faults.add(model_place(model), "nodes in [JUNCTIONS], [TANKS] or [RESERVOIRS]", None)
    return elements


def _controls(model: Model, elements: Elements, faults: Faults) -> None:
    """`LINK p1 OPEN IF NODE n1 ABOVE 3`; `IF TANK t1 LEVEL ABOVE 3`, `THEN PUMP p1 STATUS IS OPEN`."""
    named = [(line, at) for line in model.lines("CONTROLS") for at in (0, 4)]
    named += [(line, 1) for line in model.lines("RULES") if line.tokens[0].upper() in _CLAUSES]
    for line, at in named:
        word = line.text(at).upper()
        names = elements.links if word in _LINK_WORDS else elements.nodes if word in _NODE_WORDS else None
        if names is not None and line.text(at + 1) not in names:
            faults.add(line.place(at + 1, word), f"a {word.lower()} of this model", line.text(at + 1))


def model_place(model: Model) -> Any:
    """Where a fault of the whole file is shown."""
    return model.option("", "")[1]


def _patterns_and_curves(model: Model, elements: Elements, faults: Faults) -> None:
    patterns = {line.tokens[0] for line in model.lines("PATTERNS")}
    curves = {line.tokens[0] for line in model.lines("CURVES")}
    for section, first in (("PATTERNS", 1), ("CURVES", 1)):
        for line in model.lines(section):
            if elements.enough(line, first + 1):
                for index in range(first, len(line.tokens)):
                    line.number_at(index, section, faults)
    for section, index in (("JUNCTIONS", 3), ("RESERVOIRS", 2), ("DEMANDS", 2)):
        for line in model.lines(section):
            if line.text(index) and line.text(index) not in patterns:
                faults.add(line.place(index, section), "a pattern of [PATTERNS]", line.text(index))
    for line in model.lines("DEMANDS"):
        line.number_at(1, "demand", faults)
    for line in model.lines("TANKS"):
        if line.text(7) not in {"", "*"} | curves:
            faults.add(line.place(7, "TANKS"), "a curve of [CURVES]", line.text(7))
    for pump in (line for line in model.lines("PUMPS") if len(line.tokens) >= 5):
        for index in range(3, len(pump.tokens) - 1, 2):
            word, given = pump.tokens[index].upper(), pump.tokens[index + 1]
            if word == "HEAD" and given not in curves:
                faults.add(pump.place(index + 1, "HEAD"), "a curve of [CURVES]", given)
            elif word == "PATTERN" and given not in patterns:
                faults.add(pump.place(index + 1, "PATTERN"), "a pattern of [PATTERNS]", given)
            elif word in {"POWER", "SPEED"}:
                pump.number_at(index + 1, word, faults, low=0)
            elif word not in {"HEAD", "PATTERN"}:
                faults.add(pump.place(index), "HEAD, POWER, SPEED or PATTERN", pump.tokens[index])


def _properties(element: Element, faults: Faults, m: float, mm: float) -> dict[str, Any]:
    line, section = element.line, element.section
    if section == "PIPES":
        return {
            "length_m": line.number_at(3, "length", faults, low=1e-6) * m,
            "diameter_mm": line.number_at(4, "diameter", faults, low=1e-6) * mm,
            "roughness": line.number_at(5, "roughness", faults, low=1e-9),
            **_ends(element),
        }
    if section == "VALVES":
        kinds = {"PRV", "PSV", "PBV", "FCV", "TCV", "GPV"}
        if line.text(4).upper() not in kinds:
            faults.add(line.place(4, "type"), f"one of {', '.join(sorted(kinds))}", line.text(4))
        return {
            "diameter_mm": line.number_at(3, "diameter", faults, low=1e-6) * mm,
            "type": line.text(4).upper(),
            **_ends(element),
        }
    if section == "PUMPS":
        return _ends(element)
    if section == "TANKS":
        low = line.number_at(3, "minimum level", faults, low=0)
        high = line.number_at(4, "maximum level", faults, low=0)
        if not low <= line.number_at(2, "initial level", faults, low=0) <= high:
            faults.add(line.place(2, "initial level"), f"a level from {low:g} to {high:g}", line.text(2))
        return {
            "elevation_m": line.number_at(1, "elevation", faults) * m,
            "diameter_m": line.number_at(5, "diameter", faults, low=1e-6) * m,
            "max_level_m": high * m,
        }
    if section == "RESERVOIRS":
        return {"head_m": line.number_at(1, "head", faults) * m}
    if line.text(2):
        line.number_at(2, "demand", faults)
    return {"elevation_m": line.number_at(1, "elevation", faults) * m if line.text(1) else 0.0}


def _ends(element: Element) -> dict[str, Any]:
    return {"from": element.ends[0], "to": element.ends[1]}


def tags(model: Model, elements: Elements, faults: Faults, zones: Sequence[Zone] | None) -> dict[str, dict[str, Any]]:
    """Properties from [TAGS], `NODE n1 TEXT` or `LINK p1 material=DI,year=1998,zone=Z`; text without `=` becomes `tag`.

    `year` becomes a whole number, `zone` must be one of `zones` (None: not known, not checked); other values stay text.
    No blanks inside a pair.
    """
    found: dict[str, dict[str, Any]] = {}
    for line in model.lines("TAGS"):
        names = {"NODE": elements.nodes, "LINK": elements.links}.get(line.tokens[0].upper())
        if names is None:
            if line.tokens[0].upper() not in {"SUBCATCH", "GAGE"}:
                faults.add(line.place(0, "TAGS"), "NODE or LINK", line.tokens[0])
            continue
        if line.text(1) not in names:
            faults.add(line.place(1, "TAGS"), f"a {line.tokens[0].lower()} of this model", line.text(1))
            continue
        for index, token in enumerate(line.tokens[2:], start=2):
            for part in filter(None, token.split(",")):
                key, equals, text = part.partition("=")
                content: Any = text
                place = replace(line.place(index, key), column=line.columns[index] + token.index(part))
                if key == "zone" and zones is not None and text not in {zone.zone_id for zone in zones}:
                    faults.add(place, "a zone of city.toml", text)
                if key == "year":
                    content = int(value.number(text, place, faults, low=1800, high=2200))
                found.setdefault(line.tokens[1], {})[key if equals else "tag"] = content if equals else key
    return found
