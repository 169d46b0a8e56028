"""A sensor in words: the panel beside the map, rows of the list, its own page. Pure."""

from datetime import datetime
from typing import Any

from console.curves import Curve, of_quantity, options
from console.pages.desk import Desk
from console.sensing import SensorNow, SensorState
from console.words import moment, value

Json = dict[str, Any]


def panel(desk: Desk, now: SensorNow, *curves: Curve, at: datetime) -> Json:
    """The sensor as it stands, with curves of its readings."""
    texts, sensor, latest = desk.texts, now.sensor, now.latest
    timezone = desk.timezone(sensor.city_code)
    quantity = texts(f"quantity.{sensor.quantity.value}")
    facts = [
        (quantity, shown(desk, now)),
        (
            texts("bar.newest"),
            f"{value(sensor.quantity, latest.value)} · {moment(latest.observed_at, timezone, now=at)}"
            if latest
            else "",
        ),
        (texts("list.why"), texts(f"sensor.reason.{now.reason.value}")),
        (texts("detail.where"), f"{sensor.position.lon:.5f}, {sensor.position.lat:.5f}"),
    ]
    return {
        "id": sensor.sensor_id,
        "href": f"/{texts.language.value}/sensors/{sensor.sensor_id}",
        "name": texts.name(sensor.name.zh, sensor.name.en),
        "place": desk.place(sensor.city_code, sensor.zone_id),
        "state": texts(f"sensor.state.{now.state.value}"),
        "good": now.state is SensorState.GOOD,
        "facts": [{"label": label, "text": text} for label, text in facts if text],
        "picture": options(of_quantity(sensor.quantity, *curves), quantity, [], timezone),
    }


def shown(desk: Desk, now: SensorNow) -> str:
    """What the sensor measures now; a silent one measures nothing that is known."""
    if now.latest is None or now.state is SensorState.SILENT:
        return desk.texts("sensor.unknown")
    return value(now.sensor.quantity, now.latest.value)


def row(desk: Desk, now: SensorNow, *, at: datetime) -> Json:
    """A sensor as the list shows it."""
    texts, sensor, latest = desk.texts, now.sensor, now.latest
    return {
        "id": sensor.sensor_id,
        "href": f"/{texts.language.value}/sensors/{sensor.sensor_id}",
        "name": texts.name(sensor.name.zh, sensor.name.en),
        "place": desk.place(sensor.city_code, sensor.zone_id),
        "quantity": texts(f"quantity.{sensor.quantity.value}"),
        "state": now.state.value,
        "why": texts(f"sensor.reason.{now.reason.value}"),
        "value": shown(desk, now),
        "newest": moment(latest.observed_at, desk.timezone(sensor.city_code), now=at) if latest else "–",
        "level": now.level.value if now.level else None,
    }
