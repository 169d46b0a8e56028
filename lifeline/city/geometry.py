"""Where the elements of a model lie, and the assets that are drawn from them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lifeline.asset import Asset, AssetKind, Position, Zone, ZoneKind
from lifeline.city import value
from lifeline.city.fault import Faults
from lifeline.city.inp import Elements, Line, Model

Point = tuple[float, float]


class Placed:
    """lon, lat in degrees: `nodes` by name, `courses` along each link whose two ends are placed, vertices included.

    Faults: a node without coordinates, an unknown node or link, a place that is not near `centre`.
    """

    def __init__(self, model: Model, elements: Elements, faults: Faults, centre: Position | None) -> None:
        self._faults = faults
        self._centre = centre
        self.nodes = self._nodes(model, elements)
        between = self._vertices(model, elements)
        self.courses = {
            name: [self.nodes[link.ends[0]], *between.get(name, []), self.nodes[link.ends[1]]]
            for name, link in elements.links.items()
            if all(end in self.nodes for end in link.ends)
        }

    def _nodes(self, model: Model, elements: Elements) -> dict[str, Point]:
        found: dict[str, Point] = {}
        named: set[str] = set()
        for line in model.lines("COORDINATES"):
            if line.tokens[0] in named:
                self._faults.add(line.place(0, "COORDINATES"), "each node once", line.tokens[0])
            named.add(line.tokens[0])
            point = self._point(line)
            elements.refer_to_node(line, 0, "COORDINATES")
            if point is not None and line.tokens[0] in elements.nodes:
                found[line.tokens[0]] = point
        for name, node in elements.nodes.items():
            if name not in named:
                self._faults.add(node.line.place(0, node.section), "a line in [COORDINATES] for this node", name)
        return found

    def _vertices(self, model: Model, elements: Elements) -> dict[str, list[Point]]:
        found: dict[str, list[Point]] = {}
        elements.refer("VERTICES", "link", elements.links)
        for line in model.lines("VERTICES"):
            point = self._point(line)
            if point is not None:
                found.setdefault(line.tokens[0], []).append(point)
        return found

    def _point(self, line: Line) -> Point | None:
        faults = Faults(self._faults)
        lon, lat = line.number_at(1, "lon", faults), line.number_at(2, "lat", faults)
        if not len(faults):
            value.check_near(self._centre, lon, line.place(1, "lon"), faults, "lon")
            value.check_near(self._centre, lat, line.place(2, "lat"), faults, "lat")
        return None if len(faults) else (lon, lat)


def draw(
    placed: Placed,
    elements: Elements,
    kinds: Mapping[str, AssetKind],
    properties: Mapping[str, dict[str, Any]],
    *,
    zones: Sequence[Zone],
    zone_kind: ZoneKind,
) -> list[Asset]:
    """An asset for each element that is placed, its city_code left empty.

    Its zone is the one that its property `zone` names (which goes), else that of `zone_kind` which holds it, a link by
    its middle.
    """
    assets = []
    for name, node in elements.nodes.items():
        if name in placed.nodes:
            at = placed.nodes[name]
            geometry = {"type": "Point", "coordinates": [*at]}
            zone = properties[name].pop("zone", None) or zone_of(at, zones, zone_kind)
            assets.append(Asset(name, "", kinds[node.section], geometry, zone, properties[name]))
    for name, course in placed.courses.items():
        geometry = {"type": "LineString", "coordinates": [[*vertex] for vertex in course]}
        zone = properties[name].pop("zone", None) or zone_of(middle(course), zones, zone_kind)
        assets.append(Asset(name, "", kinds[elements.links[name].section], geometry, zone, properties[name]))
    return assets


def zone_of(lon_lat: Point, zones: Sequence[Zone], kind: ZoneKind) -> str | None:
    """The first zone of `kind` whose ring holds the point (even-odd rule); None where none does."""
    for zone in zones:
        if zone.kind is kind and _inside(lon_lat, zone.polygon):
            return zone.zone_id
    return None


def middle(course: Sequence[Point]) -> Point:
    """Half way between the two vertices in the middle of a course.

    >>> middle([(0.0, 0.0), (1.0, 2.0)])
    (0.5, 1.0)
    """
    a, b = course[(len(course) - 1) // 2], course[len(course) // 2]
    return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)


def _inside(lon_lat: Point, ring: Sequence[Point]) -> bool:
    x, y = lon_lat
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
