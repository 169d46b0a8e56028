"""What stands differently every minute as GeoJSON (RFC 7946)."""

from datetime import datetime
from typing import Any

import orjson

from console.sensing import SensorNow
from lifeline.shelter import Standing
from lifeline.store.crews import CrewStanding
from lifeline.store.flood_forecasts import FloodForecast
from lifeline.store.views import LiveAlarm

MEDIA_TYPE = "application/geo+json"


def sensors(standing: list[SensorNow]) -> str:
    """Sensors as points with what their drawing depends on."""
    return _collection(
        [
            _feature(
                {"type": "Point", "coordinates": [now.sensor.position.lon, now.sensor.position.lat]},
                {
                    "id": now.sensor.sensor_id,
                    "city": now.sensor.city_code,
                    "zone": now.sensor.zone_id,
                    "quantity": now.sensor.quantity.value,
                    "site": now.sensor.site.value,
                    "zh": now.sensor.name.zh,
                    "en": now.sensor.name.en,
                    "state": now.state.value,
                    "reason": now.reason.value,
                    "level": now.level.value if now.level else None,
                },
            )
            for now in standing
        ]
    )


def findings(alarms: list[LiveAlarm]) -> str:
    """What lies behind live alarms: the likely area where there is one, else the point."""
    return _collection(
        [
            _feature(
                _where(alarm),
                {
                    "id": alarm.finding_id,
                    "alarm": alarm.alarm_id,
                    "kind": alarm.kind.value,
                    "level": alarm.level.value,
                    "state": alarm.state.value,
                    "city": alarm.city_code,
                    "zone": alarm.zone_id,
                    "zh": alarm.title.zh,
                    "en": alarm.title.en,
                    "probability": alarm.probability,
                    "candidates": list(alarm.candidates),
                },
            )
            for alarm in alarms
        ]
    )


def shelters(standings: list[Standing], *, now: datetime) -> str:
    """Shelters as points: mode, state, people inside, places, water near."""
    return _collection(
        [
            _feature(
                {"type": "Point", "coordinates": [one.shelter.position.lon, one.shelter.position.lat]},
                {
                    "id": one.shelter.shelter_id,
                    "city": one.shelter.city_code,
                    "zh": one.shelter.name.zh,
                    "en": one.shelter.name.en,
                    "grade": one.shelter.grade,
                    "heated": one.shelter.heated,
                    "places": one.takes(now),
                    "season": one.season,
                    "mode": one.mode.value,
                    "state": one.state.value,
                    "people": one.people,
                    "counted_at": one.counted_at,
                    "exposure": one.exposure,
                },
            )
            for one in standings
        ]
    )


def crews(standings: list[CrewStanding], *, now: datetime) -> str:
    """Crews where they were last; the contact is not for everybody and stays out."""
    return _collection(
        [
            _feature(
                {"type": "Point", "coordinates": [one.crew.position.lon, one.crew.position.lat]},
                {
                    "id": one.crew.crew_id,
                    "city": one.crew.city_code,
                    "zh": one.crew.name.zh,
                    "en": one.crew.name.en,
                    "skills": list(one.crew.skills),
                    "people": one.crew.people,
                    "on_duty": one.on_duty_at(now),
                    "orders": one.orders,
                },
            )
            for one in standings
        ]
    )


def water(forecasts: list[FloodForecast]) -> str:
    """Stretches of road that water takes or is foreseen to take, with the advice about them."""
    return _collection(
        [
            _feature(
                geometry,
                {
                    "id": one.sensor_id,
                    "city": one.city_code,
                    "advice": {key: value for key, value in (one.closure or {}).items() if key != "stretch"},
                    "depth_m": one.depth_m,
                    "expected_60_m": list(one.quantiles_60_m),
                    "warned": one.warned,
                },
            )
            for one in forecasts
            if (geometry := ((one.closure or {}).get("stretch") or {}).get("geometry"))
        ]
    )


def _where(alarm: LiveAlarm) -> dict[str, Any] | None:
    if alarm.area is None and alarm.position is not None:
        return {"type": "Point", "coordinates": [alarm.position.lon, alarm.position.lat]}
    return alarm.area


def _feature(geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _collection(features: list[dict[str, Any]]) -> str:
    return orjson.dumps({"type": "FeatureCollection", "features": features}).decode()
