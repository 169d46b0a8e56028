"""The roads of a demo city: the streets of each area, and roads that join the areas."""

import math
from collections.abc import Iterator
from random import Random

from simulators.demo_city.areas import build_areas
from simulators.demo_city.plan import CityPlan
from simulators.demo_city.supply import Supply

COLUMNS = (*("road_id", "from_id", "from_lon", "from_lat", "to_id", "to_lon", "to_lat", "length_m", "speed_km_per_h"),)
MAIN_KM_PER_H = 40.0
SIDE_KM_PER_H = 25.0
WINDING = 1.04
"""Length of a street over the straight line between its crossings."""
JOINS = 4
"""Roads between two areas that lie side by side."""


def roads(plan: CityPlan) -> Iterator[tuple[object, ...]]:
    """Rows of roads.csv."""
    areas = build_areas(Supply(plan), Random(plan.seed))
    places: dict[str, tuple[float, float]] = {}
    stretches: list[tuple[str, str, bool]] = []
    for area in areas:
        names = [f"{plan.prefix}-X-{area.zone * 1000 + k + 1:04d}" for k in range(len(area.streets.points))]
        places |= dict(zip(names, area.streets.points, strict=True))
        stretches += [(names[a], names[b], (a, b) in area.streets.main) for a, b in area.streets.edges]
    zones = sorted({name.split("-")[2][0] for name in places})
    for number, zone in enumerate(zones):
        for other in zones[number + 1 :]:
            stretches += [
                (a, b, True) for a, b in _joins(places, f"{plan.prefix}-X-{zone}", f"{plan.prefix}-X-{other}")
            ]
    for number, (a, b, main) in enumerate(stretches, start=1):
        length_m = WINDING * math.dist(places[a], places[b])
        speed = MAIN_KM_PER_H if main else SIDE_KM_PER_H
        ends = (a, *plan.ground.lon_lat(*places[a]), b, *plan.ground.lon_lat(*places[b]))
        yield (f"{plan.prefix}-RD-{number:04d}", *ends, f"{length_m:.1f}", f"{speed:.0f}")


def _joins(places: dict[str, tuple[float, float]], one: str, other: str) -> list[tuple[str, str]]:
    """The shortest pairs of crossings of two areas, no crossing twice."""
    near = [name for name in places if name.startswith(one)]
    far = [name for name in places if name.startswith(other)]
    pairs = sorted((math.dist(places[a], places[b]), a, b) for a in near for b in far)
    taken: set[str] = set()
    found: list[tuple[str, str]] = []
    for _, a, b in pairs:
        if not {a, b} & taken and len(found) < JOINS:
            taken |= {a, b}
            found.append((a, b))
    return found
