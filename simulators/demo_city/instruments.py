"""Where the sensors of a demo city sit and what they send: rows of sensors.csv."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import TypedDict

from simulators.demo_city.drains import Drains
from simulators.demo_city.names import LOW_ROAD, ROADS, UNDERPASS
from simulators.demo_city.plan import CityPlan, catchment_id, dma_id
from simulators.demo_city.supply import Node, Supply

PRESSURES_PER_AREA = 7
FAST_S = 60
SLOW_S = 300
MAX_PRESSURE_PA = 1.0e6
MAX_DEPTH_M = 3.0
MAX_RAIN_M_PER_S = 1.0e-4
"""360 mm/h."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of sensors.csv; fields in the order of its columns."""

    sensor_id: str
    device_id: str
    channel: str
    quantity: str
    unit: str
    zone_id: str
    element: str
    site: str
    lon: float
    lat: float
    elevation_m: float
    interval_s: int
    range_min: float
    range_max: float
    name_zh: str
    name_en: str

    def values(self) -> tuple[object, ...]:
        """The fields as they are written."""
        return astuple(self)


def instruments(supply: Supply, drains: Drains) -> list[Row]:
    """All sensors of the city, supply first."""
    return [*_meters(supply), *_pressures(supply), *_tank(supply), *_gauges(drains), *_drains(drains)]


def spread(points: Sequence[tuple[float, float]], count: int) -> list[int]:
    """Indices of `count` points far from each other, the one nearest to the middle first.

    >>> spread([(0, 0), (1, 0), (2, 0), (10, 0), (5, 0)], 3)
    [4, 0, 3]
    """
    middle = (math.fsum(x for x, _ in points) / len(points), math.fsum(y for _, y in points) / len(points))
    chosen = [min(range(len(points)), key=lambda k: math.dist(points[k], middle))]
    while len(chosen) < min(count, len(points)):
        chosen.append(max(range(len(points)), key=lambda k: min(math.dist(points[k], points[c]) for c in chosen)))
    return chosen


def _meters(supply: Supply) -> Iterator[Row]:
    """One chamber per meter: flow, and the pressure behind it."""
    prefix = supply.plan.prefix
    for meter in supply.meters:
        node, device = supply.nodes[meter.node_id], f"{prefix}-IN-{meter.number:02d}"
        zone_id = dma_id(prefix, meter.into) if meter.into else ""
        yield Row(
            sensor_id=f"{prefix}-F-{meter.number:02d}",
            device_id=device,
            channel="flow",
            quantity="flow",
            unit="m3/s",
            zone_id=zone_id,
            element=meter.pipe_id,
            site="pipe",
            **_place(supply.plan, node.x, node.y, node.z),
            interval_s=FAST_S,
            range_min=-0.01,
            range_max=round(meter.peak_l_per_s / 1000.0, 3),
            name_zh=f"{meter.name.zh}流量",
            name_en=f"{meter.name.en} flow",
        )
        yield Row(
            sensor_id=f"{prefix}-L-{meter.number:03d}",
            device_id=device,
            channel="pressure",
            **_pressure(supply.plan, node, zone_id),
            name_zh=f"{meter.name.zh}压力",
            name_en=f"{meter.name.en} pressure",
        )


def _pressures(supply: Supply) -> Iterator[Row]:
    """Pressure loggers far from each other in each area."""
    prefix = supply.plan.prefix
    for zone, dma in enumerate(supply.plan.dmas, start=1):
        nodes = [node for node in supply.zone_nodes(zone) if node.use_l_per_s > 0.0]
        for number, index in enumerate(spread([(n.x, n.y) for n in nodes], PRESSURES_PER_AREA), start=1):
            sensor_id = f"{prefix}-L-{zone * 100 + number:03d}"
            yield Row(
                sensor_id=sensor_id,
                device_id=sensor_id,
                channel="pressure",
                **_pressure(supply.plan, nodes[index], dma_id(prefix, zone)),
                name_zh=f"{dma.name.zh}测压点{number:02d}",
                name_en=f"{dma.name.en} pressure point {number:02d}",
            )


def _tank(supply: Supply) -> Iterator[Row]:
    tank = supply.tank
    if tank is not None:
        sensor_id = f"{supply.plan.prefix}-TL-01"
        yield Row(
            sensor_id=sensor_id,
            device_id=sensor_id,
            channel="level",
            quantity="level",
            unit="m",
            zone_id="",
            element=tank.tank_id,
            site="tank",
            **_place(supply.plan, tank.x, tank.y, tank.bottom_m),
            interval_s=FAST_S,
            range_min=0.0,
            range_max=tank.depth_m + 0.5,
            name_zh="高位水池水位",
            name_en="High tank level",
        )


def _gauges(drains: Drains) -> Iterator[Row]:
    """One station per gauge: rain and air temperature."""
    plan = drains.plan
    for number, (gauge_id, x, y) in enumerate(drains.gauges, start=1):
        device = f"{plan.prefix}-RG-{number}"
        place = _place(plan, x, y, plan.ground.height_m(x, y))
        zh, en = f"{plan.name.zh}雨量站{number}", f"{plan.name.en} rain station {number}"
        yield Row(
            sensor_id=device,
            device_id=device,
            channel="rain",
            quantity="rain_intensity",
            unit="m/s",
            zone_id="",
            element=gauge_id,
            site="gauge",
            **place,
            interval_s=FAST_S,
            range_min=0.0,
            range_max=MAX_RAIN_M_PER_S,
            name_zh=f"{zh}雨强",
            name_en=f"{en} rain",
        )
        yield Row(
            sensor_id=f"{plan.prefix}-AT-{number}",
            device_id=device,
            channel="air",
            quantity="temperature",
            unit="Cel",
            zone_id="",
            element="",
            site="gauge",
            **place,
            interval_s=SLOW_S,
            range_min=-45.0,
            range_max=50.0,
            name_zh=f"{zh}气温",
            name_en=f"{en} air temperature",
        )


def _drains(drains: Drains) -> Iterator[Row]:
    """Levels in manholes (depth above the bottom), depths on roads and in underpasses (above the street)."""
    plan, manholes = drains.plan, list(drains.manholes.values())
    plain = [m for m in manholes if m.kind == "manhole"]
    for number, index in enumerate(spread([(m.x, m.y) for m in plain], plan.drains.level_sensors), start=1):
        road, manhole = ROADS[number % len(ROADS)], plain[index]
        sensor_id = f"{plan.prefix}-ML-{number:02d}"
        yield Row(
            sensor_id=sensor_id,
            device_id=sensor_id,
            channel="level",
            quantity="level",
            unit="m",
            zone_id=catchment_id(plan.prefix, manhole.catchment),
            element=manhole.node_id,
            site="manhole",
            **_place(plan, manhole.x, manhole.y, manhole.invert_m),
            interval_s=FAST_S,
            range_min=0.0,
            range_max=round(manhole.depth_m + 2.0, 1),
            name_zh=f"{road.zh}检查井水位",
            name_en=f"{road.en} manhole level",
        )
    low = sorted((m for m in manholes if m.kind != "manhole"), key=lambda m: m.kind, reverse=True)
    for number, manhole in enumerate(low):
        road = ROADS[number % len(ROADS)]
        what, site = (UNDERPASS, "underpass") if manhole.kind == "underpass" else (LOW_ROAD, "road")
        sensor_id = f"{plan.prefix}-WD-{number + 1:02d}"
        yield Row(
            sensor_id=sensor_id,
            device_id=sensor_id,
            channel="depth",
            quantity="water_depth",
            unit="m",
            zone_id=catchment_id(plan.prefix, manhole.catchment),
            element=manhole.node_id,
            site=site,
            **_place(plan, manhole.x, manhole.y, manhole.rim_m),
            interval_s=FAST_S,
            range_min=0.0,
            range_max=MAX_DEPTH_M,
            name_zh=f"{road.zh}{what.zh}积水",
            name_en=f"{road.en} {what.en} water depth",
        )


class _Place(TypedDict):
    lon: float
    lat: float
    elevation_m: float


def _place(plan: CityPlan, x: float, y: float, z: float) -> _Place:
    lon, lat = plan.ground.lon_lat(x, y)
    return {"lon": lon, "lat": lat, "elevation_m": round(z, 2)}


class _Pressure(_Place):
    quantity: str
    unit: str
    zone_id: str
    element: str
    site: str
    interval_s: int
    range_min: float
    range_max: float


def _pressure(plan: CityPlan, node: Node, zone_id: str) -> _Pressure:
    return {
        "quantity": "pressure",
        "unit": "Pa",
        "zone_id": zone_id,
        "element": node.node_id,
        "site": "junction",
        **_place(plan, node.x, node.y, node.z),
        "interval_s": FAST_S,
        "range_min": 0.0,
        "range_max": MAX_PRESSURE_PA,
    }
