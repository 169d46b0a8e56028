"""A city pack: loaded whole or refused with every fault it has."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lifeline.asset import Asset, Crew, Name, PopulationCell, Position, Sensor, Shelter, Zone
from lifeline.city import drainage, identity, levels, network, people, roads, sensors, source
from lifeline.city.fault import Fault, Faults
from lifeline.city.inp import Line
from lifeline.city.levels import Levels
from lifeline.city.roads import Road
from lifeline.errors import PackError

_MODELS = (("network.inp", network.read), ("drainage.inp", drainage.read))


@dataclass(frozen=True, slots=True)
class CityPack:
    """One city as data; docs/city-pack.md says what each part means. `settings` is city.toml without its zones."""

    code: str
    name: Name
    version: str
    timezone: str
    centre: Position
    settings: dict[str, Any]
    zones: tuple[Zone, ...]
    sensors: tuple[Sensor, ...]
    shelters: tuple[Shelter, ...]
    population: tuple[PopulationCell, ...]
    crews: tuple[Crew, ...]
    roads: tuple[Road, ...]
    levels: Levels
    assets: tuple[Asset, ...]
    network_inp: str | None = field(repr=False)
    drainage_inp: str | None = field(repr=False)
    sha256: str


def load(path: Path) -> CityPack:
    """The pack in folder `path`. Raises PackError, which lists every fault with file, line and column."""
    pack, faults = _read(path)
    if pack is None:
        listed = "\n".join(f"  {fault}" for fault in faults)
        count = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}"
        raise PackError(f"{path} has {count}:\n{listed}", advice="mend them; docs/city-pack.md describes the format")
    return pack


def check(path: Path) -> list[Fault]:
    """Every fault of the pack in folder `path`, by file, line, column. Raises PackError where `path` is no folder."""
    return _read(path)[1]


def _read(path: Path) -> tuple[CityPack | None, list[Fault]]:
    faults = Faults()
    texts, sha256 = source.read(path, faults)
    who = identity.read(texts["city.toml"], "city.toml", faults) if "city.toml" in texts else identity.NOBODY
    limits = levels.read(texts["levels.toml"], "levels.toml", faults) if "levels.toml" in texts else None
    taken: dict[str, Line] = {}
    zones = None if who.zone_ids is None else who.zones
    elements: set[str] = set()
    assets: list[Asset] = []
    for name, reader in _MODELS:
        if name in texts:
            names, drawn = reader(texts[name], name, faults, centre=who.centre, zones=zones, taken=taken)
            elements |= names
            assets += drawn
    around = sensors.Surroundings(who.code, who.centre, who.zone_ids, elements, limits)
    found, whole = sensors.read(texts.get("sensors.csv", ""), "sensors.csv", faults, around)
    if whole and "sensors.csv" in texts:
        identity.check_meters(who, found)
    where = (who.code, who.centre)
    shelters = people.shelters(texts.get("shelters.csv", ""), "shelters.csv", faults, *where)
    population = people.population(texts.get("population.csv", ""), "population.csv", faults, *where)
    crews = people.crews(texts.get("crews.csv", ""), "crews.csv", faults, *where)
    streets = roads.read(texts.get("roads.csv", ""), "roads.csv", faults, *where)
    if len(faults) or who.centre is None or limits is None:
        return None, faults.sorted()
    pack = CityPack(
        code=who.code,
        name=who.name,
        version=who.version,
        timezone=who.timezone,
        centre=who.centre,
        settings=who.settings,
        zones=who.zones,
        sensors=tuple(sensor for sensor in found.values() if sensor is not None),
        shelters=shelters,
        population=population,
        crews=crews,
        roads=streets,
        levels=limits,
        assets=tuple(replace(asset, city_code=who.code) for asset in assets),
        network_inp=texts.get("network.inp"),
        drainage_inp=texts.get("drainage.inp"),
        sha256=sha256,
    )
    return pack, []
