"""sensors.csv: one row a sensor."""

from collections.abc import Collection
from dataclasses import dataclass

from lifeline.asset import Position, Sensor, Site
from lifeline.city.fault import Faults
from lifeline.city.levels import FLOOD_SITES, Levels
from lifeline.city.table import Row, rows, unique
from lifeline.units import PRIMARY, SECONDARY, SI_UNIT, Quantity

COLUMNS = (
    "sensor_id", "device_id", "channel", "quantity", "unit", "zone_id", "element", "site", "lon", "lat", "elevation_m",
    "interval_s", "range_min", "range_max", "name_zh", "name_en",
)  # fmt: skip
_WIRE_UNITS = PRIMARY | SECONDARY
_LONGEST_INTERVAL_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rest of the pack says; None where it could not be read, and is not compared then."""

    city_code: str
    centre: Position | None
    zone_ids: Collection[str] | None
    elements: Collection[str] | None
    levels: Levels | None


def read(text: str, file: str, faults: Faults, around: Surroundings) -> tuple[dict[str, Sensor | None], bool]:
    """The sensors by sensor_id, None for one with faults; and whether every line could be read as a row."""
    found: dict[str, Sensor | None] = {}
    ids: dict[str, int] = {}
    channels: dict[tuple[str, str], int] = {}
    unread = sum(1 for line in text.splitlines()[1:] if line.strip())
    for row in rows(text, file, COLUMNS, faults):
        unread -= 1
        sensor = _sensor(row, around)
        if row.raw("sensor_id"):
            unique(row, "sensor_id", row.raw("sensor_id"), ids)
        if row.raw("device_id") and row.raw("channel"):
            unique(row, "channel", (row.raw("device_id"), row.raw("channel")), channels)
        found.setdefault(row.raw("sensor_id"), sensor if row.sound else None)
    return found, not unread


def _sensor(row: Row, around: Surroundings) -> Sensor:
    low, high = row.number("range_min"), row.number("range_max")
    if row.sound and low >= high:
        row.fault("range_max", f"more than range_min = {low:g}")
    sensor = Sensor(
        sensor_id=row.identifier("sensor_id"),
        device_id=row.identifier("device_id"),
        channel=row.identifier("channel"),
        quantity=row.choice("quantity", Quantity),
        unit=row.words("unit"),
        site=row.choice("site", Site),
        position=row.position(around.centre),
        name=row.name(),
        interval_s=row.number("interval_s", low=0.1, high=_LONGEST_INTERVAL_S),
        range_min=low,
        range_max=high,
        city_code=around.city_code,
        zone_id=row.raw("zone_id") or None,
        element=row.raw("element") or None,
        elevation_m=row.number("elevation_m", low=-500, high=9000),
    )
    if row.raw("unit") and row.raw("quantity") in list(Quantity):
        si = SI_UNIT[sensor.quantity]
        fitting = [name for name, scale in _WIRE_UNITS.items() if scale.si == si] or [si]
        if sensor.unit not in fitting:
            row.fault("unit", f"a unit of {sensor.quantity.value}: {', '.join(fitting)}")
    if sensor.zone_id and around.zone_ids is not None and sensor.zone_id not in around.zone_ids:
        row.fault("zone_id", "a zone of city.toml, or nothing")
    if sensor.element and around.elements is not None and sensor.element not in around.elements:
        row.fault("element", "an element of network.inp or drainage.inp, or nothing")
    if row.raw("quantity") == Quantity.WATER_DEPTH and row.raw("site") in list(Site):
        _check_depth_site(row, sensor, around.levels)
    return sensor


def _check_depth_site(row: Row, sensor: Sensor, levels: Levels | None) -> None:
    if sensor.site not in FLOOD_SITES:
        row.fault("site", f"one of {', '.join(FLOOD_SITES)} for a water_depth sensor")
    elif levels is not None and sensor.site not in levels.flood:
        row.fault("site", "a site with a [[flood]] in levels.toml")
