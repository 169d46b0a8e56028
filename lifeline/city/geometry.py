"""Where the elements of a model lie: coordinates, courses of links, and the zone that holds a point."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lifeline.asset import Position, Zone, ZoneKind
from lifeline.city import value
from lifeline.city.fault import Faults
from lifeline.city.inp import Elements, Line, Model

Point = tuple[float, float]


def coordinates(model: Model, elements: Elements, faults: Faults, centre: Position | None) -> dict[str, Point]:
    """lon, lat of each node, degrees. Faults: a node without, an unknown node, a place that is not near `centre`."""
    found: dict[str, Point] = {}
    named = set()
    for line in model.lines("COORDINATES"):
        named.add(line.tokens[0])
        point = _point(line, faults, centre)
        elements.refer_to_node(line, 0, "COORDINATES")
        if point is not None:
            found[line.tokens[0]] = point
    for name, node in elements.nodes.items():
        if name not in named:
            faults.add(node.line.place(0, node.section), "a line in [COORDINATES] for this node", name)
    return found


def courses(
    model: Model, elements: Elements, nodes: dict[str, Point], faults: Faults, centre: Position | None
) -> dict[str, list[Point]]:
    """lon, lat along each link whose two ends are placed, degrees, vertices included."""
    between: dict[str, list[Point]] = {}
    for line in model.lines("VERTICES"):
        if line.tokens[0] not in elements.links:
            faults.add(line.place(0, "VERTICES"), "a link of this model", line.tokens[0])
        point = _point(line, faults, centre)
        if point is not None:
            between.setdefault(line.tokens[0], []).append(point)
    return {
        name: [nodes[link.ends[0]], *between.get(name, []), nodes[link.ends[1]]]
        for name, link in elements.links.items()
        if all(end in nodes for end in link.ends)
    }


def _point(line: Line, faults: Faults, centre: Position | None) -> Point | None:
    before = len(faults)
    lon, lat = line.number_at(1, "lon", faults), line.number_at(2, "lat", faults)
    if len(faults) == before:
        value.check_near(centre, lon, line.place(1, "lon"), faults, "lon")
        value.check_near(centre, lat, line.place(2, "lat"), faults, "lat")
    return (lon, lat) if len(faults) == before else None


def point(lon_lat: Point) -> dict[str, Any]:
    """GeoJSON Point."""
    return {"type": "Point", "coordinates": [*lon_lat]}


def polyline(course: Sequence[Point]) -> dict[str, Any]:
    """GeoJSON LineString."""
    return {"type": "LineString", "coordinates": [[*vertex] for vertex in course]}


def zone_of(lon_lat: Point, zones: Sequence[Zone], kind: ZoneKind) -> str | None:
    """The first zone of `kind` whose ring holds the point (even-odd rule); None where none does."""
    for zone in zones:
        if zone.kind is kind and _inside(lon_lat, zone.polygon):
            return zone.zone_id
    return None


def middle(course: Sequence[Point]) -> Point:
    """Half way between the two vertices in the middle of a course."""
    a, b = course[(len(course) - 1) // 2], course[len(course) // 2]
    return ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)


def _inside(lon_lat: Point, ring: Sequence[Point]) -> bool:
    x, y = lon_lat
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
