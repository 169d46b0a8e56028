"""A SWMM 5 drainage model as storms need it: places with their physical measures, and the text that the engine runs.

Measures are scaled physically (mm of rain, mm/h, minutes), never by catchment, so that what is learned of one
catchment says something of another. Streets pond: a junction without a ponded area is given five percent of the area
that drains into it, and the model's gauges are split so that cells can pass over one part after the other.
"""

import re
from dataclasses import dataclass
from math import pi

import numpy as np

from detect.port import Floats, Ints
from lifeline.city.drainage import STEMS
from lifeline.city.fault import Faults
from lifeline.city.inp import Line, Model, parse
from lifeline.errors import ReplayError

PHYSICAL = (
    "area_log_ha", "own_share", "capacity_mm_per_h", "own_capacity_mm_per_h", "bottleneck_mm_per_h",
    "concentration_min", "pond_mm", "manhole_m", "low_m", "pipe_mm",
)  # fmt: skip
"""What is known of a place before any storm; docs/flood.md says what each is."""
_FOOT, _ACRE_HA = 0.3048, 0.404686
_FLOW_M3_PER_S = {"CFS": 0.0283168, "GPM": 6.309e-5, "MGD": 0.0438126, "CMS": 1.0, "LPS": 1e-3, "MLD": 0.0115741}
_US = ("CFS", "GPM", "MGD")
_POND_SHARE, _POND_LEAST_M2 = 0.05, 300.0
_INLET_MIN = 5.0
"""from roof and street into the manhole"""
_REACH = 8
"""so many pipes downstream may hold the water back"""
_MOST_GAUGES, _GAUGE_HA = 4, 15.0
_YELLOW_M = 0.15
_OURS = ("ALLOW_PONDING", "WET_STEP", "DRY_STEP", "REPORT_START_DATE", "REPORT_START_TIME")
"""options that storms set"""


@dataclass(frozen=True)
class Drains:
    """Places are the nodes with a street above them. Arrays: `physical` (n_places, len(PHYSICAL)), `place_gauge`.

    `place_km` (n_places, 2), `gauge_km` (n_gauges, 2): where they are, in a plane; `upstream`: of each place the places
    whose water passes it, nearest first. `text` is what the engine reads; `full_m3_per_s` by conduit.
    """

    name: str
    text: str
    places: tuple[str, ...]
    place_km: Floats
    gauges: tuple[str, ...]
    gauge_km: Floats
    place_gauge: Ints
    manhole_m: Floats
    pond_m2: dict[str, float]
    physical: Floats
    upstream: tuple[tuple[int, ...], ...]
    full_m3_per_s: dict[str, float]
    flow_m3_per_s: float
    """one flow unit of the model"""


@dataclass(frozen=True, slots=True)
class _Pipe:
    name: str
    above: str
    below: str
    length_m: float
    full_m3_per_s: float
    section_m2: float

    @property
    def minutes(self) -> float:
        """Time of passage when it runs full."""
        speed = self.full_m3_per_s / self.section_m2 if self.section_m2 > 0.0 else 1.0
        return self.length_m / min(max(speed, 0.3), 3.0) / 60.0


def read_drains(text: str, name: str) -> Drains:
    """Read a model. Raises `ReplayError` where it has no gauge, no drained area or no junction that can flood."""
    model = parse(text, name, STEMS, Faults())
    units = model.option("FLOW_UNITS", "CFS")[0]
    metre, hectare = (_FOOT, _ACRE_HA) if units in _US else (1.0, 1.0)
    depth = {line.tokens[0]: _number(line, 2) * metre for line in model.lines("JUNCTIONS", "STORAGE")}
    invert = {line.tokens[0]: _number(line, 1) * metre for line in model.lines("JUNCTIONS", "STORAGE", "OUTFALLS")}
    places = tuple(node for node, full in depth.items() if full > 0.1)
    areas = {line.tokens[0]: _number(line, 3) * hectare for line in model.lines("SUBCATCHMENTS")}
    paved = {line.tokens[0]: _number(line, 4) / 100.0 for line in model.lines("SUBCATCHMENTS")}
    drained = _drained(model, set(invert))
    gauges = [line.tokens[0] for line in model.lines("RAINGAGES")]
    if not places or not areas or not gauges:
        raise ReplayError(
            f"{name}: expected junctions with a depth, subcatchments and a rain gauge", advice="see docs/flood.md"
        )
    own_ha, effective_ha = dict.fromkeys(invert, 0.0), dict.fromkeys(invert, 0.0)
    for area, node in drained.items():
        own_ha[node] += areas[area]
        effective_ha[node] += areas[area] * (paved[area] + 0.2 * (1.0 - paved[area]))
    pipes = _pipes(model, metre, _FLOW_M3_PER_S.get(units, 1.0))
    given = {line.tokens[0]: _number(line, 5) * metre**2 for line in model.lines("JUNCTIONS")}
    pond = {
        node: given[node] if given.get(node, 0.0) > 0.0 else max(_POND_SHARE * 1e4 * own_ha[node], _POND_LEAST_M2)
        for node in places
    }
    km = _plane(model, list(invert), sum(areas.values()))
    physical, upstream = _measures(places, pipes, invert, depth, pond, effective_ha)
    text, names, where = _split(text, model, drained, km, sum(areas.values()))
    place_km = np.array([km[node] for node in places])
    nearest = np.argmin(np.linalg.norm(place_km[:, None, :] - where[None, :, :], axis=2), axis=1)
    return Drains(
        name, text, places, place_km, names, where, nearest, np.array([depth[node] for node in places]), pond, physical,
        upstream, {pipe.name: pipe.full_m3_per_s for pipe in pipes}, _FLOW_M3_PER_S.get(units, 1.0),
    )  # fmt: skip


def _number(line: Line, index: int) -> float:
    try:
        return float(line.text(index) or 0.0)
    except ValueError:
        return 0.0


def _drained(model: Model, nodes: set[str]) -> dict[str, str]:
    """The node that each subcatchment drains into, through others where it does so."""
    outlet = {line.tokens[0]: line.text(2) for line in model.lines("SUBCATCHMENTS")}
    found = {}
    for area in outlet:
        at, seen = area, set[str]()
        while at not in seen and (at == area or at not in nodes):
            seen.add(at)
            at = outlet.get(at, at)
        if at in nodes:
            found[area] = at
    return found


def _pipes(model: Model, metre: float, flow: float) -> list[_Pipe]:
    shapes = {line.tokens[0]: line for line in model.lines("XSECTIONS")}
    invert = {line.tokens[0]: _number(line, 1) * metre for line in model.lines("JUNCTIONS", "STORAGE", "OUTFALLS")}
    offsets_are_levels = model.option("LINK_OFFSETS", "DEPTH")[0] == "ELEVATION"
    found = []
    for line in model.lines("CONDUITS"):
        name, above, below = line.tokens[0], line.text(1), line.text(2)
        if name not in shapes or above not in invert or below not in invert:
            continue
        length_m = max(_number(line, 3) * metre, 1.0)
        ends = [
            _number(line, n) * metre + (0.0 if offsets_are_levels else invert[node])
            for n, node in ((5, above), (6, below))
        ]
        slope = max(abs(ends[0] - ends[1]) / length_m, 5e-4)
        section_m2, radius_m = _section(shapes[name], metre)
        barrels = max(_number(shapes[name], 6), 1.0)
        full = barrels * section_m2 * radius_m ** (2 / 3) * slope**0.5 / max(_number(line, 4), 0.008)
        found.append(_Pipe(name, above, below, length_m, full, barrels * section_m2))
        if ends[0] < ends[1]:
            found[-1] = _Pipe(name, below, above, length_m, full, barrels * section_m2)
    # what lifts or throttles passes as much as it is given
    for line in model.lines("PUMPS", "ORIFICES", "WEIRS", "OUTLETS"):
        if line.text(1) in invert and line.text(2) in invert:
            found.append(_Pipe(line.tokens[0], line.text(1), line.text(2), 1.0, 10.0 * flow, 1.0))
    return found


def _section(line: Line, metre: float) -> tuple[float, float]:
    """Area m2 and hydraulic radius m when full; what is neither round nor a box counts as a little less than a box."""
    height, width = _number(line, 2) * metre, _number(line, 3) * metre
    if line.text(1).upper() in ("CIRCULAR", "FORCE_MAIN", "FILLED_CIRCULAR") or width <= 0.0:
        area = pi * height**2 / 4.0
        if line.text(1).upper() in ("EGG", "HORSESHOE", "GOTHIC", "CATENARY", "SEMIELLIPTICAL", "BASKETHANDLE"):
            area *= 0.7
        return max(area, 1e-4), max(height / 4.0, 0.01)
    return max(0.9 * height * width, 1e-4), max(height * width / (2.0 * (height + width)), 0.01)


def _measures(
    places: tuple[str, ...],
    pipes: list[_Pipe],
    invert: dict[str, float],
    depth: dict[str, float],
    pond: dict[str, float],
    effective_ha: dict[str, float],
) -> tuple[Floats, tuple[tuple[int, ...], ...]]:
    """`PHYSICAL` of each place, and the places upstream of it, nearest first."""
    above: dict[str, list[_Pipe]] = {node: [] for node in invert}
    below: dict[str, list[_Pipe]] = {node: [] for node in invert}
    for pipe in pipes:
        above[pipe.below].append(pipe)
        below[pipe.above].append(pipe)
    area, minutes, volume, order = {}, {}, {}, {}
    for node in invert:
        area[node], minutes[node], volume[node], order[node] = _upstream(node, above, effective_ha)
    out = {node: sum(p.full_m3_per_s for p in below[node]) or 1.0 for node in invert}
    mm_per_h = {node: _mm_per_h(out[node], area[node]) for node in invert}
    number = {node: n for n, node in enumerate(places)}
    rows = []
    for node in places:
        at, least = node, mm_per_h[node]
        for _ in range(_REACH):
            if not below[at]:
                break
            at = max(below[at], key=lambda p: p.full_m3_per_s).below
            least = min(least, mm_per_h[at] if below[at] else least)
        rim = invert[node] + depth[node]
        around = [p.below for p in below[node]] + [p.above for p in above[node]]
        rims = [invert[other] + depth[other] for other in around if other in depth]
        rows.append([
            np.log10(area[node] + 0.1), effective_ha[node] / (area[node] + 0.01), min(mm_per_h[node], 500.0),
            min(_mm_per_h(out[node], effective_ha[node]), 500.0), min(least, 500.0), _INLET_MIN + minutes[node],
            min(_YELLOW_M * pond[node] / (10.0 * (area[node] + 0.01)), 300.0), depth[node],
            (sum(rims) / len(rims) - rim) if rims else 0.0, min(volume[node] / (10.0 * (area[node] + 0.01)), 300.0),
        ])  # fmt: skip
    return np.array(rows), tuple(tuple(number[n] for n in order[node] if n in number) for node in places)


def _upstream(
    node: str, above: dict[str, list[_Pipe]], effective_ha: dict[str, float]
) -> tuple[float, float, float, list[str]]:
    """Paved area ha that drains through a node, longest way to it in minutes, pipe volume m3, nodes nearest first."""
    seen, order, queue = {node}, [], [(0.0, node)]
    area, longest, volume = effective_ha[node], 0.0, 0.0
    while queue:
        queue.sort()
        minutes, at = queue.pop(0)
        longest = max(longest, minutes)
        for pipe in above[at]:
            volume += pipe.length_m * pipe.section_m2
            if pipe.above not in seen:
                seen.add(pipe.above)
                order.append(pipe.above)
                area += effective_ha[pipe.above]
                queue.append((minutes + pipe.minutes, pipe.above))
    return area, longest, volume, order


def _mm_per_h(full_m3_per_s: float, area_ha: float) -> float:
    return 360.0 * full_m3_per_s / (area_ha + 0.01)


def _plane(model: Model, nodes: list[str], area_ha: float) -> dict[str, tuple[float, float]]:
    """Nodes in km: the map as drawn, its size that of the drained area (map units are not known to be metres)."""
    drawn = {line.tokens[0]: (_number(line, 1), _number(line, 2)) for line in model.lines("COORDINATES")}
    points = np.array([drawn.get(node, (np.nan, np.nan)) for node in nodes])
    middle = np.nanmean(points, axis=0) if np.isfinite(points).any() else np.zeros(2)
    points = np.where(np.isfinite(points), points, middle) - middle
    spread = float(np.hypot(*points.std(axis=0)))
    scale = (area_ha / 100.0) ** 0.5 / (2.5 * spread) if spread > 0.0 else 0.0
    return {node: (float(x), float(y)) for node, (x, y) in zip(nodes, points * scale, strict=True)}


def _split(
    text: str, model: Model, drained: dict[str, str], km: dict[str, tuple[float, float]], area_ha: float
) -> tuple[str, tuple[str, ...], Floats]:
    """The model's text with gauges of our own, each over the subcatchments nearest to it, and ponding allowed."""
    areas = list(drained)
    points = np.array([km[drained[area]] for area in areas])
    count = int(np.clip(round(area_ha / _GAUGE_HA), 1, min(_MOST_GAUGES, len(areas))))
    centres = points[np.linspace(0, len(points) - 1, count).astype(int)]
    for _ in range(20):
        of = np.argmin(np.linalg.norm(points[:, None, :] - centres[None, :, :], axis=2), axis=1)
        centres = np.array([points[of == n].mean(axis=0) if (of == n).any() else centres[n] for n in range(count)])
    names = tuple(f"LIFELINE-G{n + 1}" for n in range(count))
    gauge_of = {area: names[n] for area, n in zip(areas, of.tolist(), strict=True)}
    lines = text.splitlines()
    for line in model.lines("SUBCATCHMENTS"):
        tokens = list(line.tokens)
        tokens[1] = gauge_of.get(tokens[0], names[0])
        lines[line.number - 1] = " ".join(tokens)
    for line in (*model.lines("RAINGAGES"), *model.lines("OPTIONS")):
        drop = line.tokens[0].upper() in (
            "ALLOW_PONDING",
            "WET_STEP",
            "DRY_STEP",
            "REPORT_START_DATE",
            "REPORT_START_TIME",
        )
        if drop or line in model.sections.get("RAINGAGES", []):
            lines[line.number - 1] = ""
    kept = "\n".join(lines)
    kept = re.sub(r"(?im)^\s*\[REPORT[^\]]*\][^\[]*", "", kept)
    # rain is set while the model runs: a long dry step would sleep through it
    made = ["[OPTIONS]", "ALLOW_PONDING YES", "WET_STEP 00:01:00", "DRY_STEP 00:01:00", "[RAINGAGES]"]
    made += [f"{name} INTENSITY 0:01 1.0 TIMESERIES LIFELINE-DRY" for name in names]
    made += ["[TIMESERIES]", "LIFELINE-DRY 0:00 0.0"]
    return kept + "\n" + "\n".join(made) + "\n", names, centres
