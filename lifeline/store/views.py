"""What the console reads: cheap views over the other stages' tables; nothing here writes."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lifeline.alarm import Alarm, AlarmState, Level
from lifeline.asset import Name, Position, Sensor, Site
from lifeline.finding import FindingKind
from lifeline.reading import Quality, QualityReason
from lifeline.store.alarms import alarm_of
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.store.rollups import Width
from lifeline.units import Quantity

_SQL = queries("views")
_LONGER = 1.25
"""How much longer than asked for the steps of a series may be."""
_NEWEST = 2**62
"""Above every id: a page from the start."""
Cities = str | Collection[str] | None
"""One city, some, or all."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest reading of a sensor, SI."""

    sensor_key: int
    observed_at: datetime
    value: float
    quality: Quality
    reason: QualityReason


@dataclass(frozen=True, slots=True)
class LiveAlarm:
    """An alarm on the list, with what the map needs of its finding; `candidates` as stored, most probable first."""

    alarm_id: int
    version: int
    subject: str
    city_code: str
    zone_id: str | None
    kind: FindingKind
    level: Level
    state: AlarmState
    title: Name
    began_at: datetime
    opened_at: datetime
    cleared_at: datetime | None
    probability: float
    provisions: tuple[str, ...]
    position: Position | None
    finding_id: int
    sensor_ids: tuple[str, ...]
    area: dict[str, Any] | None
    candidates: tuple[dict[str, Any], ...]
    flow_m3_per_h: float | None
    depth_m: float | None


class Layer(StrEnum):
    """Map layers that come from the city packs alone."""

    PIPES = "pipes"
    DRAINS = "drains"
    ZONES = "zones"
    SHELTERS = "shelters"
    CREWS = "crews"


_ASSET_KINDS = {
    Layer.PIPES: ["pipe", "valve", "pump", "tank", "reservoir"],
    Layer.DRAINS: ["conduit", "outfall"],
}


def sensors(store: Store) -> list[Sensor]:
    """Every sensor in use by id. Raises StoreError."""
    with store.transaction() as connection:
        return [
            Sensor(
                sensor_key=r.sensor_key,
                sensor_id=r.sensor_id,
                city_code=r.city_code,
                device_id=r.device_id,
                channel=r.channel,
                quantity=Quantity(r.quantity),
                unit=r.unit,
                site=Site(r.site),
                zone_id=r.zone_id,
                element=r.element,
                position=Position(r.lon, r.lat),
                elevation_m=r.elevation_m,
                interval_s=r.interval_s,
                range_min=r.range_min,
                range_max=r.range_max,
                name=Name(r.name_zh, r.name_en),
            )
            for r in connection.execute(_SQL["sensors"])
        ]


def latest(store: Store, *, since: datetime | None = None) -> list[Latest]:
    """The newest reading of each sensor that has one (observed after `since`). Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["latest_since" if since else "latest"], {"since": since})
        return [Latest(r[0], r[1], r[2], Quality(r[3]), QualityReason(r[4])) for r in rows]


def intake(store: Store) -> dict[str, int]:
    """Readings stored so far, by city code. Raises StoreError."""
    with store.transaction() as connection:
        return {r.city_code: r.stored for r in connection.execute(_SQL["intake"])}


def live_alarms(store: Store) -> list[LiveAlarm]:
    """Alarms that have not ended, the gravest and newest first. Raises StoreError."""
    with store.transaction() as connection:
        return [
            LiveAlarm(
                alarm_id=r.alarm_id,
                version=r.version,
                subject=r.subject,
                city_code=r.city_code,
                zone_id=r.zone_id,
                kind=FindingKind(r.kind),
                level=Level(r.level),
                state=AlarmState(r.state),
                title=Name(r.title_zh, r.title_en),
                began_at=r.began_at,
                opened_at=r.opened_at,
                cleared_at=r.cleared_at,
                probability=r.probability,
                provisions=tuple(r.provisions),
                position=None if r.lon is None else Position(r.lon, r.lat),
                finding_id=r.finding_id,
                sensor_ids=tuple(r.sensor_ids),
                area=r.area,
                candidates=tuple(r.candidates),
                flow_m3_per_h=r.flow_m3_per_h,
                depth_m=r.depth_m,
            )
            for r in connection.execute(_SQL["live_alarms"])
        ]


def notice_marks(store: Store) -> dict[int, tuple[int, int, int]]:
    """By live alarm: notices, attempts, deliveries; differs whenever one of its notices changed. Raises StoreError."""
    with store.transaction() as connection:
        return {r[0]: (r[1], r[2], r[3]) for r in connection.execute(_SQL["notice_marks"])}


def newest_finding(store: Store) -> int:
    """Number of the newest finding, 0 where there is none. Raises StoreError."""
    return int(_one(store, "newest_finding", {})[0])


def findings_after(store: Store, finding_id: int) -> list[dict[str, Any]]:
    """What detectors have said since finding `finding_id`, 500 at the most, oldest first. Raises StoreError."""
    return _rows(store, "findings_after", {"finding_id": finding_id})


def findings(store: Store, *, city: Cities, kind: str | None, before: int | None, limit: int) -> list[dict[str, Any]]:
    """A page of findings older than number `before`, newest first. Raises StoreError."""
    return _rows(
        store,
        "findings",
        {"cities": _cities(city), "kind": kind, "before": _NEWEST if before is None else before, "limit": limit},
    )


def finding(store: Store, finding_id: int) -> dict[str, Any] | None:
    """One finding with its area and explanation, None where it is not there. Raises StoreError."""
    return next(iter(_rows(store, "finding", {"finding_id": finding_id})), None)


def alarms(
    store: Store,
    *,
    states: Sequence[AlarmState],
    city: Cities,
    kind: str | None,
    level: int | None = None,
    words: str | None = None,
    before: int | None,
    limit: int,
) -> list[Alarm]:
    """A page of alarms in `states` older than number `before`, `words` in a title, newest first. Raises StoreError."""
    values = {
        "states": [state.value for state in states],
        "cities": _cities(city),
        "kind": kind,
        "level": level,
        "words": words,
        "before": _NEWEST if before is None else before,
        "limit": limit,
    }
    with store.transaction() as connection:
        return [alarm_of(row) for row in connection.execute(_SQL["alarms"], values)]


def people_near(store: Store, *, city: str, position: Position, radius_m: float) -> tuple[int, int]:
    """People, and those with special needs, within `radius_m` of `position`. Raises StoreError."""
    row = _one(store, "people_near", {"city": city, "lon": position.lon, "lat": position.lat, "radius_m": radius_m})
    return int(row.people), int(row.special_needs)


def readings(
    store: Store, sensor_key: int, *, start: datetime, end: datetime, limit: int
) -> list[tuple[datetime, datetime, float, int, int]]:
    """Readings observed in [start, end), newest first: observed, received, value (SI), quality, reason.

    Raises StoreError.
    """
    with store.transaction() as connection:
        return connection.execute(
            _SQL["readings"], {"sensor_key": sensor_key, "start": start, "end": end, "limit": limit}
        ).fetchall()


def series(
    store: Store, sensor_key: int, *, start: datetime, end: datetime, step_s: float
) -> list[tuple[datetime, float, float, float, int]]:
    """Steps of [start, end) that have readings: step, mean, least, greatest (SI), count. Bad ones stay out.

    Steps are `step_s` long, or up to a quarter longer, so that long spans are read from the widest roll-ups that give
    them; the numbers are those of the readings themselves, the newest included. Raises StoreError.
    """
    query = {"sensor_key": sensor_key, "start": start, "end": end, "step_s": step_s}
    statement = _SQL["series"]
    for width in reversed(Width):
        span_s = width.span.total_seconds()
        rounded_s = math.ceil(step_s / span_s) * span_s
        if rounded_s <= _LONGER * step_s:
            statement = _SQL["series_rolled"].replace(b"$rollup", width.table.encode())
            query |= {"step_s": rounded_s, "width": width.value, "span": width.span}
            break
    with store.transaction() as connection:
        return connection.execute(statement, query).fetchall()


def layer(store: Store, kind: Layer, *, city: Cities) -> str:
    """A layer as the text of a GeoJSON FeatureCollection. Raises StoreError."""
    if kinds := _ASSET_KINDS.get(kind):
        return str(_one(store, "layer_assets", {"kinds": kinds, "cities": _cities(city)})[0])
    return str(_one(store, f"layer_{kind.value}", {"cities": _cities(city)})[0])


def _cities(city: Cities) -> list[str] | None:
    return city if city is None else [city] if isinstance(city, str) else list(city)


def _one(store: Store, name: str, values: dict[str, Any]) -> Any:
    with store.transaction() as connection:
        row = connection.execute(_SQL[name], values).fetchone()
    if row is None:
        raise AssertionError(f"{name} always has a row")
    return row


def _rows(store: Store, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with store.transaction() as connection:
        return [row._asdict() for row in connection.execute(_SQL[name], values)]
