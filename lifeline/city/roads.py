"""roads.csv: stretches of road between crossings, open both ways."""

import math
from dataclasses import dataclass

from lifeline.asset import Position
from lifeline.city import value
from lifeline.city.fault import Faults
from lifeline.city.table import Row, rows, unique

COLUMNS = (
    "road_id", "from_id", "from_lon", "from_lat", "to_id", "to_lon", "to_lat", "length_m", "speed_km_per_h",
)  # fmt: skip
_METRES_PER_DEGREE = 111_195.0
_SLACK = 0.97
"""A length may be this much shorter than the straight line: coordinates are rounded."""
_SAME_PLACE_M = 5.0


@dataclass(frozen=True, slots=True)
class Road:
    """A stretch between two crossings; crossings of one id are one crossing, also across the border of a city."""

    road_id: str
    city_code: str
    from_id: str
    start: Position
    to_id: str
    end: Position
    length_m: float
    speed_km_per_h: float


def distance_m(a: Position, b: Position) -> float:
    """The straight line, good to 0.5 % within a city.

    >>> round(distance_m(Position(125.0, 43.0), Position(125.0, 43.01)))
    1112
    """
    east = (b.lon - a.lon) * math.cos(math.radians((a.lat + b.lat) / 2))
    return _METRES_PER_DEGREE * math.hypot(east, b.lat - a.lat)


def read(text: str, file: str, faults: Faults, code: str, centre: Position | None) -> tuple[Road, ...]:
    """The stretches without faults."""
    found, seen, placed = [], dict[str, int](), dict[str, tuple[Position, int]]()
    for row in rows(text, file, COLUMNS, faults):
        road = Road(
            road_id=row.identifier("road_id"),
            city_code=code,
            from_id=row.identifier("from_id"),
            start=_place(row, "from", centre, faults),
            to_id=row.identifier("to_id"),
            end=_place(row, "to", centre, faults),
            length_m=row.number("length_m", low=0.1, high=200_000),
            speed_km_per_h=row.number("speed_km_per_h", low=1, high=150),
        )
        unique(row, "road_id", road.road_id, seen)
        if row.sound:
            _check(row, road, placed)
        if row.sound:
            found.append(road)
    return tuple(found)


def _place(row: Row, which: str, centre: Position | None, faults: Faults) -> Position:
    before = len(faults)
    lon, lat = row.number(f"{which}_lon"), row.number(f"{which}_lat")
    if len(faults) == before:
        value.check_near(centre, lon, row.place(f"{which}_lon"), faults, "lon")
        value.check_near(centre, lat, row.place(f"{which}_lat"), faults, "lat")
    return Position(lon, lat)


def _check(row: Row, road: Road, placed: dict[str, tuple[Position, int]]) -> None:
    if road.from_id == road.to_id:
        row.fault("to_id", "another crossing than from_id")
    straight = distance_m(road.start, road.end)
    if road.length_m < _SLACK * straight - 1.0:
        row.fault("length_m", f"at least the straight line, {straight:.0f} m")
    for column, crossing, place in (("from_id", road.from_id, road.start), ("to_id", road.to_id, road.end)):
        known, line = placed.setdefault(crossing, (place, row.line))
        if distance_m(known, place) > _SAME_PLACE_M:
            row.fault(column, f"the place that {crossing} has on line {line}")
