"""Sensors and findings as GeoJSON (RFC 7946)."""

from typing import Any

import orjson

from console.sensing import SensorNow
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


def _where(alarm: LiveAlarm) -> dict[str, Any] | None:
    if alarm.area is None and alarm.position is not None:
        return {"type": "Point", "coordinates": [alarm.position.lon, alarm.position.lat]}
    return alarm.area


def _feature(geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _collection(features: list[dict[str, Any]]) -> str:
    return orjson.dumps({"type": "FeatureCollection", "features": features}).decode()
