"""Puts a city pack into the store: all of it in one transaction, or nothing; the same pack twice changes nothing."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.asset import Name, Position
from lifeline.city.pack import CityPack
from lifeline.errors import PackError
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("cities")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading a pack did. `changed` is False where this very pack was loaded already."""

    city_code: str
    changed: bool
    sensors: int
    """active after the load"""
    added: tuple[str, ...] = ()
    """sensor ids that were not active before"""
    retired: tuple[str, ...] = ()
    """sensor ids that the pack no longer names; their readings stay"""


def load_pack(store: Store, pack: CityPack, *, now: datetime) -> LoadReport:
    """Makes the store say what `pack` says.

    A sensor keeps its key (and so its readings) as long as its sensor_id stays. Raises PackError where another
    city has one of the pack's ids, StoreError where the database does not take it; nothing is changed then.
    """
    with store.transaction() as connection:
        connection.execute(_SQL["lock"])
        row = connection.execute(_SQL["loaded_sha256"], {"city_code": pack.code}).fetchone()
        if row is not None and row.sha256 == pack.sha256:
            return LoadReport(pack.code, changed=False, sensors=len(pack.sensors))
        _refuse_foreign(connection, pack)
        _put_city(connection, pack, now)
        _put_all(connection, "put_zone", pack.zones)
        named = {sensor.sensor_id for sensor in pack.sensors}
        own = {
            "city_code": pack.code,
            "now": now,
            "ids": list(named),
            "channels": [f"{sensor.device_id}:{sensor.channel}" for sensor in pack.sensors],
        }
        before = {row.sensor_id for row in connection.execute(_SQL["retire_sensors"], own)}
        _put_all(connection, "put_sensor", pack.sensors)
        kept = {"city_code": pack.code, "ids": [zone.zone_id for zone in pack.zones]}
        connection.execute(_SQL["leave_zones"], kept)
        connection.execute(_SQL["drop_zones"], kept)
        for table, one, things in (
            ("assets", "asset", pack.assets),
            ("shelters", "shelter", pack.shelters),
            ("population", "population", pack.population),
            ("crews", "crew", pack.crews),
        ):
            connection.execute(_SQL[f"drop_{table}"], {"city_code": pack.code})
            _put_all(connection, f"put_{one}", things)
        _put_roads(connection, pack)
        _put_documents(connection, pack)
    return LoadReport(
        pack.code,
        changed=True,
        sensors=len(named),
        added=tuple(sorted(named - before)),
        retired=tuple(sorted(before - named)),
    )


def _refuse_foreign(connection: Connection, pack: CityPack) -> None:
    faults = []
    for query, file, column, ids in (
        ("foreign_sensors", "sensors.csv", "sensor_id", [s.sensor_id for s in pack.sensors]),
        ("foreign_channels", "sensors.csv", "device_id:channel", [f"{s.device_id}:{s.channel}" for s in pack.sensors]),
        ("foreign_zones", "city.toml", "zones.id", [zone.zone_id for zone in pack.zones]),
        ("foreign_shelters", "shelters.csv", "shelter_id", [s.shelter_id for s in pack.shelters]),
        ("foreign_cells", "population.csv", "cell_id", [cell.cell_id for cell in pack.population]),
        ("foreign_crews", "crews.csv", "crew_id", [crew.crew_id for crew in pack.crews]),
        ("foreign_roads", "roads.csv", "road_id", [road.road_id for road in pack.roads]),
    ):
        for row in connection.execute(_SQL[query], {"ids": ids, "city_code": pack.code}):
            faults.append(
                f"  {file}: {column}: expected an id of this city only, city {row.city_code} has {row.id!r} too"
            )
    if faults:
        listed = "\n".join(faults)
        raise PackError(f"the pack of city {pack.code} has ids of other cities:\n{listed}", advice="rename them")


def _put_city(connection: Connection, pack: CityPack, now: datetime) -> None:
    connection.execute(
        _SQL["put_city"],
        {
            "city_code": pack.code,
            "name_zh": pack.name.zh,
            "name_en": pack.name.en,
            "version": pack.version,
            "timezone": pack.timezone,
            "lon": pack.centre.lon,
            "lat": pack.centre.lat,
            "settings": Jsonb(pack.settings),
            "levels": Jsonb(pack.levels.raw),
            "sha256": pack.sha256,
            "now": now,
        },
    )


def _put_documents(connection: Connection, pack: CityPack) -> None:
    connection.execute(_SQL["drop_documents"], {"city_code": pack.code})
    for name, content in (("network.inp", pack.network_inp), ("drainage.inp", pack.drainage_inp)):
        if content is not None:
            connection.execute(_SQL["put_document"], {"city_code": pack.code, "name": name, "content": content})


def _put_roads(connection: Connection, pack: CityPack) -> None:
    connection.execute(_SQL["drop_roads"], {"city_code": pack.code})
    with connection.cursor() as cursor:
        cursor.executemany(
            _SQL["put_road"],
            [
                {
                    "road_id": road.road_id,
                    "city_code": road.city_code,
                    "from_id": road.from_id,
                    "from_lon": road.start.lon,
                    "from_lat": road.start.lat,
                    "to_id": road.to_id,
                    "to_lon": road.end.lon,
                    "to_lat": road.end.lat,
                    "length_m": road.length_m,
                    "speed_km_per_h": road.speed_km_per_h,
                }
                for road in pack.roads
            ],
        )


def _put_all(connection: Connection, query: str, things: tuple[Any, ...]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_SQL[query], [_flat(thing) for thing in things])


def _flat(thing: Any) -> dict[str, Any]:
    """The fields of a domain object as columns: names and positions in two each, tables as JSON, tuples as arrays."""
    columns: dict[str, Any] = {}
    for name in thing.__slots__:
        content = getattr(thing, name)
        if isinstance(content, Name):
            columns |= {"name_zh": content.zh, "name_en": content.en}
        elif isinstance(content, Position):
            columns |= asdict(content)
        elif isinstance(content, dict) or name == "polygon":
            columns[name] = Jsonb(content)
        else:
            columns[name] = list(content) if isinstance(content, tuple) else content
    return columns
