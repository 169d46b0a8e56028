"""Where findings and alarms are, as far as the store knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lifeline.alarm import Alarm
from lifeline.asset import Name, Position, Site, ZoneKind
from lifeline.city.levels import Levels, from_raw
from lifeline.errors import PackError
from lifeline.finding import Finding
from lifeline.store.pool import Connection
from lifeline.store.queries import queries

_SQL = queries("places")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is, as far as the store knows: names, local time, thresholds, what the sensor sits on."""

    city: Name
    timezone: str
    levels: Levels | None
    zone: Name | None
    sensor: Name | None
    site: Site | None
    zone_kind: ZoneKind | None = None
    district: str = ""
    """GB/T 2260, of the zone"""
    centre: Position | None = None
    """of the city"""


class Places:
    """Where things are, read for many at once and kept while one transaction is open."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cities: dict[str, Any] = {}
        self._zones: dict[str, Any] = {}
        self._sensors: dict[str, Any] = {}
        self._levels: dict[str, Levels | None] = {}

    def read(self, about: Sequence[Finding | Alarm]) -> None:
        """Reads what is not known yet."""
        cities = {one.city_code for one in about} - self._cities.keys()
        zones = {one.zone_id for one in about if one.zone_id} - self._zones.keys()
        sensors = {s for one in about if isinstance(one, Finding) for s in one.sensor_ids} - self._sensors.keys()
        for query, keys, into in (
            ("cities", cities, self._cities),
            ("zones", zones, self._zones),
            ("sensors", sensors, self._sensors),
        ):
            if keys:
                into.update(dict.fromkeys(keys))
                rows = self._connection.execute(_SQL[query], {"keys": list(keys)})
                into.update((row.key, row) for row in rows)

    def place(self, about: Finding | Alarm) -> Place:
        self.read([about])
        city = self._cities[about.city_code]
        zone = self._zones.get(about.zone_id or "")
        whole_zone = isinstance(about, Finding) and about.is_about_zone
        sensor_ids = about.sensor_ids if isinstance(about, Finding) else ()
        sensor = next((self._sensors[one] for one in sensor_ids if self._sensors[one] is not None), None)
        return Place(
            city=Name(city.zh, city.en) if city else Name(about.city_code, about.city_code),
            timezone=city.timezone if city else "Asia/Shanghai",
            levels=self._levels_of(city) if city else None,
            zone=Name(zone.zh, zone.en) if zone else None,
            sensor=Name(sensor.zh, sensor.en) if sensor and not whole_zone else None,
            site=Site(sensor.site) if sensor else None,
            zone_kind=ZoneKind(zone.kind) if zone else None,
            district=zone.district if zone else "",
            centre=Position(city.lon, city.lat) if city else None,
        )

    def _levels_of(self, city: Any) -> Levels | None:
        if city.key not in self._levels:
            try:
                self._levels[city.key] = from_raw(city.levels) if city.levels else None
            except PackError:
                self._levels[city.key] = None  # the policy has a rule for places without thresholds
        return self._levels[city.key]
