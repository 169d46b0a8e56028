"""What a city consists of: zones, sensors, shelters, crews, and things drawn on the map."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lifeline.units import Quantity


class ZoneKind(StrEnum):
    """What bounds a zone."""

    DMA = "dma"
    CATCHMENT = "catchment"
    HEATING = "heating"


class Site(StrEnum):
    """What a sensor sits on; thresholds differ by it."""

    JUNCTION = "junction"
    PIPE = "pipe"
    TANK = "tank"
    ROAD = "road"
    UNDERPASS = "underpass"
    MANHOLE = "manhole"
    GAUGE = "gauge"
    OUTFALL = "outfall"


class AssetKind(StrEnum):
    """What is drawn on the map."""

    PIPE = "pipe"
    JUNCTION = "junction"
    VALVE = "valve"
    PUMP = "pump"
    TANK = "tank"
    RESERVOIR = "reservoir"
    CONDUIT = "conduit"
    MANHOLE = "manhole"
    OUTFALL = "outfall"


@dataclass(frozen=True, slots=True)
class Name:
    """What people read; Chinese first."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Position:
    """WGS 84, degrees."""

    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Sensor:
    """One measured quantity at one place; `sensor_key` is the store's number for it, 0 before it is loaded."""

    sensor_id: str
    device_id: str
    channel: str
    quantity: Quantity
    unit: str
    site: Site
    position: Position
    name: Name
    interval_s: float
    range_min: float
    range_max: float
    city_code: str
    zone_id: str | None = None
    element: str | None = None
    elevation_m: float = 0.0
    sensor_key: int = 0


@dataclass(frozen=True, slots=True)
class Zone:
    """A district metered area, a drainage catchment or a heating district."""

    zone_id: str
    city_code: str
    kind: ZoneKind
    name: Name
    district: str
    polygon: tuple[tuple[float, float], ...]
    """lon, lat; first = last"""
    inflow: tuple[str, ...] = ()
    outflow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """A pipe, a node, a drain: drawn on the map, named by findings. `geometry` is GeoJSON."""

    asset_id: str
    city_code: str
    kind: AssetKind
    geometry: dict[str, Any]
    zone_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shelter:
    """An emergency shelter, dual-use (平急两用)."""

    shelter_id: str
    city_code: str
    name: Name
    district: str
    position: Position
    grade: str
    area_m2: float
    area_per_person_m2: float
    heated: bool
    mode: str
    conversion_hours: float


@dataclass(frozen=True, slots=True)
class PopulationCell:
    """Where people live."""

    cell_id: str
    city_code: str
    district: str
    position: Position
    people: int
    special_needs: int


@dataclass(frozen=True, slots=True)
class Crew:
    """A field crew and what it can do."""

    crew_id: str
    city_code: str
    name: Name
    district: str
    position: Position
    skills: tuple[str, ...]
    people: int
    contact: str
