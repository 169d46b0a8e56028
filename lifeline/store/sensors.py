"""Sensors as the loaded city packs name them, each with the store's key for its readings."""

from lifeline.asset import Name, Position, Sensor, Site
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.units import Quantity

_SQL = queries("sensors")


def sensors(store: Store, *, city_code: str | None = None, include_retired: bool = False) -> list[Sensor]:
    """Sensors by sensor_id, of one city or of all. Raises StoreError.

    A retired sensor (no loaded pack names it any more) keeps its key and its readings; its channel may be another's.
    """
    with store.transaction() as connection:
        rows = connection.execute(_SQL["sensors"], {"city_code": city_code, "include_retired": include_retired})
        return [
            Sensor(
                sensor_id=row.sensor_id,
                device_id=row.device_id,
                channel=row.channel,
                quantity=Quantity(row.quantity),
                unit=row.unit,
                site=Site(row.site),
                position=Position(row.lon, row.lat),
                name=Name(row.name_zh, row.name_en),
                interval_s=row.interval_s,
                range_min=row.range_min,
                range_max=row.range_max,
                city_code=row.city_code,
                zone_id=row.zone_id,
                element=row.element,
                elevation_m=row.elevation_m,
                sensor_key=row.sensor_key,
            )
            for row in rows
        ]


def version(store: Store) -> tuple[int, int]:
    """Another one after every change of any sensor; costs a hundredth of reading them all. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["version"]).fetchone()
        return (0, 0) if row is None else (int(row.sensors), int(row.version))
