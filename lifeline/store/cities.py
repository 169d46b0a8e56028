"""Cities as their loaded packs describe them. Loading is in store/packs.py."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.asset import Asset, AssetKind, Crew, Name, PopulationCell, Position, Shelter, Zone, ZoneKind
from lifeline.city.levels import Levels, from_raw
from lifeline.city.roads import Road
from lifeline.store.packs import LoadReport, load_pack
from lifeline.store.pool import Store
from lifeline.store.queries import queries

__all__ = [
    "City", "LoadReport", "assets", "cities", "city", "crew_of", "crews", "document", "levels", "load_pack",
    "population", "roads", "shelter_of", "shelters", "zones",
]  # fmt: skip

_SQL = queries("cities")


@dataclass(frozen=True, slots=True)
class City:
    """A loaded city. `settings` is city.toml without its zones; `sha256` names the pack."""

    code: str
    name: Name
    version: str
    timezone: str
    centre: Position
    settings: dict[str, Any]
    sha256: str
    loaded_at: datetime


def cities(store: Store) -> list[City]:
    """All loaded cities, by code. Raises StoreError."""
    return [_city(row) for row in _rows(store, "cities", city_code=None)]


def city(store: Store, city_code: str) -> City | None:
    """One city; None where it is not loaded. Raises StoreError."""
    return next((_city(row) for row in _rows(store, "cities", city_code=city_code)), None)


def levels(store: Store, city_code: str) -> Levels | None:
    """The thresholds of a city; None where it is not loaded. Raises StoreError."""
    return next((from_raw(row.levels) for row in _rows(store, "levels", city_code=city_code)), None)


def document(store: Store, city_code: str, name: str) -> str | None:
    """`network.inp` or `drainage.inp` of a city as text; None where it has none. Raises StoreError."""
    return next((str(row.content) for row in _rows(store, "document", city_code=city_code, name=name)), None)


def zones(store: Store, city_code: str | None = None) -> list[Zone]:
    """Zones by id, of one city or of all. Raises StoreError."""
    return [
        Zone(
            row.zone_id,
            row.city_code,
            ZoneKind(row.kind),
            Name(row.name_zh, row.name_en),
            row.district,
            tuple((lon, lat) for lon, lat in row.polygon),
            tuple(row.inflow),
            tuple(row.outflow),
        )
        for row in _rows(store, "zones", city_code=city_code)
    ]


def assets(store: Store, city_code: str | None = None, kinds: Collection[AssetKind] | None = None) -> list[Asset]:
    """What is drawn on the map, by city and id; of one city or of all, of some kinds or of all. Raises StoreError."""
    wanted = None if kinds is None else [kind.value for kind in kinds]
    return [
        Asset(row.asset_id, row.city_code, AssetKind(row.kind), row.geometry, row.zone_id, row.properties)
        for row in _rows(store, "assets", city_code=city_code, kinds=wanted)
    ]


def shelters(store: Store, city_code: str | None = None) -> list[Shelter]:
    """Shelters by id, of one city or of all. Raises StoreError."""
    return [shelter_of(row, row.mode) for row in _rows(store, "shelters", city_code=city_code)]


def population(store: Store, city_code: str | None = None) -> list[PopulationCell]:
    """Population cells by id, of one city or of all. Raises StoreError."""
    return [
        PopulationCell(
            row.cell_id, row.city_code, row.district, Position(row.lon, row.lat), row.people, row.special_needs
        )
        for row in _rows(store, "population", city_code=city_code)
    ]


def crews(store: Store, city_code: str | None = None) -> list[Crew]:
    """Crews by id, of one city or of all. Raises StoreError."""
    return [crew_of(row) for row in _rows(store, "crews", city_code=city_code)]


def roads(store: Store, city_code: str | None = None) -> list[Road]:
    """Stretches of road by id, of one city or of all. Raises StoreError."""
    return [
        Road(
            row.road_id,
            row.city_code,
            row.from_id,
            Position(row.from_lon, row.from_lat),
            row.to_id,
            Position(row.to_lon, row.to_lat),
            row.length_m,
            row.speed_km_per_h,
        )
        for row in _rows(store, "roads", city_code=city_code)
    ]


def shelter_of(row: Any, mode: str) -> Shelter:
    """The shelter in a row; `mode` as its pack says."""
    return Shelter(
        shelter_id=row.shelter_id,
        city_code=row.city_code,
        name=Name(row.name_zh, row.name_en),
        district=row.district,
        position=Position(row.lon, row.lat),
        grade=row.grade,
        area_m2=row.area_m2,
        area_per_person_m2=row.area_per_person_m2,
        heated=row.heated,
        mode=mode,
        conversion_hours=row.conversion_hours,
    )


def crew_of(row: Any) -> Crew:
    """The crew in a row, at its base."""
    return Crew(
        crew_id=row.crew_id,
        city_code=row.city_code,
        name=Name(row.name_zh, row.name_en),
        district=row.district,
        position=Position(row.lon, row.lat),
        skills=tuple(row.skills),
        people=row.people,
        contact=row.contact,
    )


def _rows(store: Store, query: str, **values: Any) -> Iterator[Any]:
    with store.transaction() as connection:
        return iter(connection.execute(_SQL[query], values).fetchall())


def _city(row: Any) -> City:
    return City(
        code=row.city_code,
        name=Name(row.name_zh, row.name_en),
        version=row.version,
        timezone=row.timezone,
        centre=Position(row.lon, row.lat),
        settings=row.settings,
        sha256=row.sha256,
        loaded_at=row.loaded_at,
    )
