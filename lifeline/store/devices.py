"""Devices: when each was heard last, how far its clock is off, and the conservation law of its readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

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
