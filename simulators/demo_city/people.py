"""Who lives and works in a demo city: population cells, shelters, crews."""

import math
from collections.abc import Iterator
from random import Random

from simulators.demo_city.names import CREWS, SHELTERS
from simulators.demo_city.plan import CityPlan


def population(plan: CityPlan) -> Iterator[tuple[object, ...]]:
    """Rows of population.csv: the people of the areas, spread unevenly over a grid of cells."""
    rng = Random(plan.seed + 2)
    cells = [(dma, k) for dma in plan.dmas for k in range(plan.cells // len(plan.dmas))]
    weights = [rng.uniform(0.4, 1.6) for _ in cells]
    for number, (dma, k) in enumerate(cells):
        of_area = [w for (other, _), w in zip(cells, weights, strict=True) if other is dma]
        people = round(dma.people * weights[number] / math.fsum(of_area))
        across = max(2, round(len(of_area) ** 0.5))
        down = -(-len(of_area) // across)
        x = dma.x0 + (k % across + 0.5) / across * (dma.columns - 1) * plan.spacing_m
        y = dma.y0 + (k // across + 0.5) / down * (dma.rows - 1) * plan.spacing_m
        special = round(people * rng.uniform(0.05, 0.13))
        yield f"{plan.prefix}-PC-{number + 1:02d}", dma.district, *plan.ground.lon_lat(x, y), people, special


def shelters(plan: CityPlan) -> Iterator[tuple[object, ...]]:
    """Rows of shelters.csv, over the areas in turn."""
    rng = Random(plan.seed + 3)
    for number, (name, grade, area_m2, per_person_m2, heated) in enumerate(SHELTERS[: plan.shelters], start=1):
        dma, (lon, lat) = _somewhere(plan, number, rng)
        dual = grade == "long"
        hours = {"emergency": 1, "short": 4, "long": 24}[grade]
        yield (
            f"{plan.prefix}-SH-{number:02d}",
            name.zh,
            name.en,
            dma,
            lon,
            lat,
            grade,
            f"{area_m2:.0f}",
            per_person_m2,
            "yes" if heated else "no",
            "急" if dual and not heated else "平",
            hours,
        )


def crews(plan: CityPlan) -> Iterator[tuple[object, ...]]:
    """Rows of crews.csv; contacts are reserved example addresses."""
    rng = Random(plan.seed + 4)
    for number, (name, skills) in enumerate(CREWS[: plan.crews], start=1):
        district, (lon, lat) = _somewhere(plan, number, rng)
        crew_id = f"{plan.prefix}-CR-{number}"
        yield (
            crew_id,
            name.zh,
            name.en,
            district,
            lon,
            lat,
            ";".join(skills),
            rng.randint(4, 8),
            f"mailto:{crew_id.lower()}@example.org",
        )


def _somewhere(plan: CityPlan, number: int, rng: Random) -> tuple[str, tuple[float, float]]:
    dma = plan.dmas[number % len(plan.dmas)]
    x = dma.x0 + rng.random() * (dma.columns - 1) * plan.spacing_m
    y = dma.y0 + rng.random() * (dma.rows - 1) * plan.spacing_m
    return dma.district, plan.ground.lon_lat(x, y)
