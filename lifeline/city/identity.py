"""city.toml: who the city is, its zones, and the settings of its detectors."""

import re
import zoneinfo
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lifeline.asset import Name, Position, Sensor, Zone, ZoneKind
from lifeline.city.document import Table, parse
from lifeline.city.fault import Faults
from lifeline.units import Quantity

FORMAT = 1
_OWN_KEYS = ("format", "code", "name", "version", "timezone", "centre", "zones")
_PRESSURE_BY = ("model", "data")


@dataclass(frozen=True, slots=True)
class Identity:
    """What city.toml says. Values with a fault are stand-ins; `centre` is None then."""

    code: str
    name: Name
    version: str
    timezone: str
    centre: Position | None
    settings: dict[str, Any]
    zones: tuple[Zone, ...]
    zone_ids: Collection[str] | None
    """None where the file could not be read at all: then nobody can say that a zone is missing"""
    zone_tables: tuple[Table, ...]


NOBODY = Identity("", Name("", ""), "", "", None, {}, (), None, ())


def read(text: str, file: str, faults: Faults) -> Identity:
    """What city.toml says."""
    table = parse(text, file, faults)
    if table is None:
        return NOBODY
    if table.content.get("format") != FORMAT or isinstance(table.content.get("format"), bool):
        table.fault("format", expected=f"{FORMAT}, the format of docs/city-pack.md", got=table.content.get("format"))
    for key, content in table.content.items():
        if key not in _OWN_KEYS and not isinstance(content, dict):
            table.fault(key, expected=f"one of the keys {', '.join(_OWN_KEYS)}, or a table of settings", got=key)
    code = table.division("code")
    centre = table.position("centre")
    timezone = table.text("timezone")
    if timezone and not _known_timezone(timezone):
        table.fault("timezone", expected="a time zone of the IANA database, such as Asia/Shanghai", got=timezone)
    _check_leak(table)
    tables = tuple(table.tables("zones"))
    zones = tuple(_zone(entry, code, centre) for entry in tables)
    seen: set[str] = set()
    for zone, entry in zip(zones, tables, strict=True):
        if zone.zone_id and zone.zone_id in seen:
            entry.fault("id", expected="each zone id once", got=zone.zone_id)
        seen.add(zone.zone_id)
    return Identity(
        code=code,
        name=table.name("name"),
        version=table.text("version"),
        timezone=timezone,
        centre=centre,
        settings={key: content for key, content in table.content.items() if key != "zones"},
        zones=zones,
        zone_ids=seen,
        zone_tables=tables,
    )


def check_meters(identity: Identity, sensors: dict[str, Sensor | None]) -> None:
    """Every inflow and outflow is a flow sensor of the pack, and stands in one of the two lists only.

    `sensors` has None for a sensor that is named but has faults of its own.
    """
    for zone, table in zip(identity.zones, identity.zone_tables, strict=True):
        seen: set[str] = set()
        for key in ("inflow", "outflow"):
            for index, sensor_id in enumerate(table.texts_at(key)):
                if sensor_id is None:
                    continue
                sensor = sensors.get(sensor_id)
                if sensor_id not in sensors:
                    table.fault(key, index, expected="a sensor_id of sensors.csv", got=sensor_id)
                elif sensor is not None and sensor.quantity is not Quantity.FLOW:
                    table.fault(key, index, expected="a sensor that measures flow", got=f"{sensor.quantity.value}")
                if sensor_id in seen:
                    table.fault(key, index, expected=f"each sensor once in zone {zone.zone_id}", got=sensor_id)
                seen.add(sensor_id)


def _zone(table: Table, code: str, centre: Position | None) -> Zone:
    table.only("id", "kind", "name", "district", "polygon", "inflow", "outflow")
    return Zone(
        zone_id=table.identifier("id"),
        city_code=code,
        kind=table.choice("kind", ZoneKind),
        name=table.name("name"),
        district=table.division("district"),
        polygon=table.polygon("polygon", centre),
        inflow=table.texts("inflow"),
        outflow=table.texts("outflow"),
    )


def _check_leak(table: Table) -> None:
    if "leak" not in table.content:
        return
    leak = table.table("leak", example='[leak] expected_pressure = "data"')
    if leak is not None and leak.content.get("expected_pressure", "data") not in _PRESSURE_BY:
        got = leak.content["expected_pressure"]
        leak.fault("expected_pressure", expected=f"one of {', '.join(_PRESSURE_BY)}", got=got)


def _known_timezone(name: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
