"""What the store holds as SensorThings entities: a device is a Thing, a sensor a Datastream, a reading an Observation.

Pure: entities are made from sensors as they stand; only observations are read from the store (observations.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from lifeline.asset import Position, Sensor
from lifeline.reading import Quality, QualityReason
from lifeline.store.cities import City
from lifeline.units import SI_UNIT, Quantity

_MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
_QUANTITY_KIND = "http://qudt.org/vocab/quantitykind/"
_KINDS = {
    Quantity.PRESSURE: "GaugePressure",
    Quantity.FLOW: "VolumeFlowRate",
    Quantity.LEVEL: "Height",
    Quantity.WATER_DEPTH: "Depth",
    Quantity.RAIN_INTENSITY: "Speed",
    Quantity.TEMPERATURE: "CelsiusTemperature",
}
"""QUDT 2.1 quantity kinds; others are named by ourselves."""
_UNIT_NAMES = {"Pa": "pascal", "m3/s": "cubic metre per second", "m": "metre", "m/s": "metre per second",
               "Cel": "degree Celsius"}  # fmt: skip
GEO_JSON = "application/geo+json"


class EntitySet(StrEnum):
    """The entity sets of OGC 18-088 clause 8, by the name they have in addresses."""

    THINGS = "Things"
    LOCATIONS = "Locations"
    HISTORICAL_LOCATIONS = "HistoricalLocations"
    DATASTREAMS = "Datastreams"
    SENSORS = "Sensors"
    OBSERVED_PROPERTIES = "ObservedProperties"
    OBSERVATIONS = "Observations"
    FEATURES_OF_INTEREST = "FeaturesOfInterest"


_S = EntitySet
ONE = {
    "Thing": _S.THINGS,
    "Sensor": _S.SENSORS,
    "ObservedProperty": _S.OBSERVED_PROPERTIES,
    "Datastream": _S.DATASTREAMS,
    "FeatureOfInterest": _S.FEATURES_OF_INTEREST,
}
"""Links to a single entity, by name."""
LINKS: dict[EntitySet, tuple[str, ...]] = {
    _S.THINGS: ("Datastreams", "Locations", "HistoricalLocations"),
    _S.LOCATIONS: ("Things", "HistoricalLocations"),
    _S.HISTORICAL_LOCATIONS: ("Thing", "Locations"),
    _S.DATASTREAMS: ("Thing", "Sensor", "ObservedProperty", "Observations"),
    _S.SENSORS: ("Datastreams",),
    _S.OBSERVED_PROPERTIES: ("Datastreams",),
    _S.OBSERVATIONS: ("Datastream", "FeatureOfInterest"),
    _S.FEATURES_OF_INTEREST: ("Observations",),
}


def target(link: str) -> EntitySet:
    """The set that a link leads into."""
    return ONE.get(link) or EntitySet(link)


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity; `sensors` are those behind it, which say what it is linked to."""

    kind: EntitySet
    entity_id: str
    properties: dict[str, Any]
    sensors: tuple[Sensor, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """A reading with the sensor it is of."""

    sensor: Sensor
    observed_at: datetime
    received_at: datetime
    value: float
    quality: Quality
    reason: QualityReason


class Catalogue:
    """All entities but observations, of the sensors in use."""

    def __init__(self, sensors: Iterable[Sensor], cities: Iterable[City]) -> None:
        self._sensors = {one.sensor_id: one for one in sensors}
        self._loaded_at = {city.code: city.loaded_at for city in cities}

    @cached_property
    def _devices(self) -> dict[str, tuple[Sensor, ...]]:
        found: dict[str, list[Sensor]] = {}
        for sensor in self._sensors.values():
            found.setdefault(sensor.device_id, []).append(sensor)
        return {device: tuple(sensors) for device, sensors in sorted(found.items())}

    def ids(self, kind: EntitySet) -> list[str]:
        """Ids of a set, sorted."""
        match kind:
            case EntitySet.THINGS | EntitySet.LOCATIONS | EntitySet.HISTORICAL_LOCATIONS:
                return list(self._devices)
            case EntitySet.OBSERVED_PROPERTIES:
                return sorted({sensor.quantity.value for sensor in self._sensors.values()})
            case _:
                return sorted(self._sensors)

    def entity(self, kind: EntitySet, entity_id: str) -> Entity | None:
        """One entity, None where there is no such."""
        if kind is EntitySet.OBSERVED_PROPERTIES:
            behind = tuple(sensor for sensor in self._sensors.values() if sensor.quantity.value == entity_id)
        elif kind in {EntitySet.DATASTREAMS, EntitySet.SENSORS, EntitySet.FEATURES_OF_INTEREST}:
            one = self._sensors.get(entity_id)
            behind = (one,) if one else ()
        else:
            behind = self._devices.get(entity_id, ())
        return Entity(kind, entity_id, self._properties(kind, behind), behind) if behind else None

    def linked(self, entity: Entity, link: str) -> list[str]:
        """Ids of what `link` of `entity` leads to; not for observations."""
        kind = target(link)
        if kind in {EntitySet.THINGS, EntitySet.LOCATIONS, EntitySet.HISTORICAL_LOCATIONS}:
            return sorted({sensor.device_id for sensor in entity.sensors})
        if kind is EntitySet.OBSERVED_PROPERTIES:
            return sorted({sensor.quantity.value for sensor in entity.sensors})
        return sorted(sensor.sensor_id for sensor in entity.sensors)

    def sensor(self, sensor_id: str) -> Sensor | None:
        """The sensor behind a datastream."""
        return self._sensors.get(sensor_id)

    @property
    def sensors(self) -> tuple[Sensor, ...]:
        """All of them."""
        return tuple(self._sensors.values())

    def _properties(self, kind: EntitySet, behind: tuple[Sensor, ...]) -> dict[str, Any]:
        if not behind:
            return {}
        first = behind[0]
        match kind:
            case EntitySet.THINGS:
                return {
                    "name": first.device_id,
                    "description": _both(first),
                    "properties": {
                        "city": first.city_code,
                        "zones": sorted({sensor.zone_id for sensor in behind if sensor.zone_id}),
                    },
                }
            case EntitySet.LOCATIONS:
                return {
                    "name": first.device_id,
                    "description": _both(first),
                    "encodingType": GEO_JSON,
                    "location": _point(first.position),
                }
            case EntitySet.HISTORICAL_LOCATIONS:
                return {"time": self._loaded_at.get(first.city_code)}
            case EntitySet.DATASTREAMS:
                unit = SI_UNIT[first.quantity]
                return {
                    "name": first.name.zh,
                    "description": _both(first),
                    "observationType": _MEASUREMENT,
                    "unitOfMeasurement": {
                        "name": _UNIT_NAMES.get(unit, unit),
                        "symbol": unit,
                        "definition": "https://www.iana.org/assignments/senml",
                    },
                    "observedArea": _point(first.position),
                    "properties": {
                        "city": first.city_code,
                        "zone": first.zone_id,
                        "site": first.site.value,
                        "element": first.element,
                        "interval_s": first.interval_s,
                        "elevation_m": first.elevation_m,
                    },
                }
            case EntitySet.SENSORS:
                return {
                    "name": first.sensor_id,
                    "description": f"channel {first.channel} of device {first.device_id}",
                    "encodingType": "application/json",
                    "metadata": {
                        "device": first.device_id,
                        "channel": first.channel,
                        "unit_sent": first.unit,
                        "range": [first.range_min, first.range_max],
                    },
                }
            case EntitySet.OBSERVED_PROPERTIES:
                name = first.quantity.value
                known = _KINDS.get(first.quantity)
                return {
                    "name": name,
                    "definition": _QUANTITY_KIND + known if known else f"urn:lifeline:quantity:{name}",
                    "description": f"{name.replace('_', ' ')}, {SI_UNIT[first.quantity]}",
                }
            case _:
                return {
                    "name": first.name.zh,
                    "description": _both(first),
                    "encodingType": GEO_JSON,
                    "feature": _point(first.position),
                }


def observation(observed: Observed) -> Entity:
    """A reading as an Observation: its quality and named reason stand in `resultQuality`, our time in `parameters`."""
    sensor = observed.sensor
    return Entity(
        EntitySet.OBSERVATIONS,
        f"{sensor.sensor_id}@{round(observed.observed_at.timestamp() * 1_000_000)}",
        {
            "phenomenonTime": observed.observed_at,
            "resultTime": observed.observed_at,
            "result": observed.value,
            "resultQuality": {"quality": observed.quality.name.lower(), "reason": observed.reason.name.lower()},
            "parameters": {"received_at": observed.received_at},
        },
        (sensor,),
    )


def _both(sensor: Sensor) -> str:
    return f"{sensor.name.zh} / {sensor.name.en}"


def _point(position: Position) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [position.lon, position.lat]}
