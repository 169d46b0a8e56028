"""Devices: when each was heard last, how far its clock is off, what became of its readings; adopting and retiring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from lifeline.asset import Sensor
from lifeline.errors import NotFoundError, PackError
from lifeline.liveness import MEASURED, STEADY_S, Life
from lifeline.store import audit
from lifeline.store.binary import BinaryRows, Rows
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("devices")

TALLY = np.dtype(
    [
        ("device_key", "i4"),
        ("seen_at", "M8[us]"),
        ("observed_at", "M8[us]"),
        ("clock_skew_s", "f8"),
        ("received", "i4"),
        ("stored", "i4"),
        ("duplicate", "i4"),
        ("conflict", "i4"),
        ("rejected", "i4"),
    ]
)
"""What one transaction adds to a device. NaT: not seen, nothing observed; NaN: skew not measured.

received = stored + duplicate + conflict + rejected, or the database refuses the transaction.
"""
_TALLY_ROWS = BinaryRows(TALLY)


@dataclass(frozen=True, slots=True)
class State:
    """What a device said of itself: born or gone."""

    online: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A device as it stands now."""

    device_id: str
    city_code: str | None
    online: bool | None
    state_at: datetime | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    last_observed_at: datetime | None
    clock_skew_s: float | None
    received: int
    stored: int
    duplicate: int
    conflict: int
    rejected: int


def device_keys(connection: Connection, city_of: Mapping[str, str | None]) -> dict[str, int]:
    """The store's number for each device id of `city_of`; a device not heard of before is recorded.

    A city that is not None becomes the device's. The numbers of new devices hold when the transaction commits.
    """
    if not city_of:
        return {}
    values = {"device_ids": list(city_of), "city_codes": list(city_of.values())}
    return {row.device_id: row.device_key for row in connection.execute(_SQL["device_keys"], values)}


def add_tallies(connection: Connection, rows: Rows) -> None:
    """Adds `rows` (dtype TALLY; a device may have several) to their devices."""
    if len(rows):
        with connection.cursor() as cursor, cursor.copy(_SQL["copy_tallies"]) as copy:
            copy.write(_TALLY_ROWS.pack(rows))


def note_states(connection: Connection, states: Sequence[tuple[int, State]]) -> None:
    """Takes over what devices (by key, each once) said of themselves, unless something newer is known."""
    if states:
        values = {
            "device_keys": [key for key, _ in states],
            "onlines": [state.online for _, state in states],
            "ats": [state.at for _, state in states],
        }
        connection.execute(_SQL["note_states"], values)


def fold_tallies(store: Store) -> None:
    """Brings the tallies into the totals; changes nothing that `devices` says. Raises StoreError."""
    with store.transaction() as connection:
        alone = connection.execute(_SQL["fold_alone"]).fetchone()
        if alone is not None and alone.got:
            connection.execute(_SQL["fold_tallies"])


def devices(store: Store) -> list[Device]:
    """All devices that ever spoke, by id. Raises StoreError."""
    with store.transaction() as connection:
        return [Device(*row) for row in connection.execute(_SQL["devices"])]


@dataclass(frozen=True, slots=True)
class NewestReading:
    """A sensor of a device and its newest reading."""

    sensor_id: str
    channel: str
    quantity: str
    interval_s: float
    observed_at: datetime | None
    received_at: datetime | None


def lives(store: Store, *, city_code: str | None = None) -> list[Life]:
    """Every device that a pack or an operator names, by id. Raises StoreError."""
    with store.transaction() as connection:
        return [Life(**row._asdict()) for row in connection.execute(_SQL["standings"], {"city_code": city_code})]


def newest_readings(store: Store, device_id: str) -> list[NewestReading]:
    """The sensors of a device by id. Raises StoreError."""
    with store.transaction() as connection:
        return [NewestReading(*row) for row in connection.execute(_SQL["newest_readings"], {"device_id": device_id})]


def off_clocks(store: Store, *, behind_s: float) -> set[tuple[str, str]]:
    """City and id of devices whose clocks are measured to be behind by more than `behind_s`. Raises StoreError."""
    query = {"behind_s": -behind_s, "measured": MEASURED, "steady_s": STEADY_S}
    with store.transaction() as connection:
        return {(row.city_code, row.device_id) for row in connection.execute(_SQL["off_clocks"], query)}


def adopt(store: Store, sensors: Sequence[Sensor], *, who: str, now: datetime) -> None:
    """Adds sensors that no pack names, all or none; from then on their devices are known.

    They stay when a pack is loaded, until one names their channel or id. Raises PackError where a channel or an id is
    another's, StoreError.
    """
    with store.transaction() as connection:
        for sensor in sensors:
            where = {"device_id": sensor.device_id, "channel": sensor.channel}
            owner = connection.execute(_SQL["channel_owner"], where).fetchone()
            if owner is not None and owner.sensor_id != sensor.sensor_id:
                raise PackError(
                    f"channel {sensor.channel!r} of device {sensor.device_id!r} belongs to sensor {owner.sensor_id}"
                    f" of city {owner.city_code}",
                    advice="retire that one first, or adopt another channel",
                )
            if connection.execute(_SQL["adopt"], _columns(sensor) | {"now": now}).fetchone() is None:
                raise PackError(
                    f"sensor id {sensor.sensor_id!r} is in use",
                    advice="choose another id; `lifeline city show` lists them",
                )
        for city_code in sorted({sensor.city_code for sensor in sensors}):
            own = [sensor for sensor in sensors if sensor.city_code == city_code]
            what = " ".join(sensor.sensor_id for sensor in own)
            connection.execute(_SQL["city_changed"], {"city_code": city_code, "what": what})
            for device_id in sorted({sensor.device_id for sensor in own}):
                ids = [sensor.sensor_id for sensor in own if sensor.device_id == device_id]
                audit.record(
                    connection, who=who, action="device.adopt", subject=f"device:{device_id}",
                    detail={"city": city_code, "sensors": ids}, at=now,
                )  # fmt: skip


def retire(store: Store, device_id: str, *, who: str, now: datetime) -> list[str]:
    """Takes out the sensors of a device that operators adopted; their readings stay. Returns the sensors' ids.

    Raises NotFoundError where it has none, StoreError.
    """
    with store.transaction() as connection:
        rows = connection.execute(_SQL["retire"], {"device_id": device_id, "now": now}).fetchall()
        if not rows:
            raise NotFoundError(
                f"device {device_id!r} has no adopted sensors",
                advice="a device of a city pack is taken out of its sensors.csv; then load the pack",
            )
        ids = sorted(row.sensor_id for row in rows)
        for city_code in sorted({row.city_code for row in rows}):
            connection.execute(_SQL["city_changed"], {"city_code": city_code, "what": "-" + " ".join(ids)})
        audit.record(
            connection, who=who, action="device.retire", subject=f"device:{device_id}", detail={"sensors": ids}, at=now
        )
        return ids


def _columns(sensor: Sensor) -> dict[str, Any]:
    plain = {name: getattr(sensor, name) for name in sensor.__slots__ if name not in ("position", "name", "sensor_key")}
    return plain | {
        "lon": sensor.position.lon,
        "lat": sensor.position.lat,
        "name_zh": sensor.name.zh,
        "name_en": sensor.name.en,
    }
