"""Devices: when each was heard last, how far its clock is off, and the conservation law of its readings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("devices")


@dataclass(slots=True)
class Tally:
    """What one transaction adds to a device. `seen_at` is None for readings that came from a file.

    received = stored + duplicate + conflict + rejected, or the database refuses the transaction.
    """

    device_id: str
    city_code: str | None = None
    seen_at: datetime | None = None
    observed_at: datetime | None = None
    clock_skew_s: float | None = None
    online: bool | None = None
    state_at: datetime | None = None
    stored: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0

    @property
    def received(self) -> int:
        return self.stored + self.duplicate + self.conflict + self.rejected


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the table has it."""

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


def add_tallies(connection: Connection, tallies: Sequence[Tally]) -> None:
    """Adds each tally to its device, one tally a device; a device not heard of before is recorded."""
    if not tallies:
        return
    connection.execute(
        _SQL["add_tallies"],
        {
            "device_ids": [t.device_id for t in tallies],
            "city_codes": [t.city_code for t in tallies],
            "seen_ats": [t.seen_at for t in tallies],
            "observed_ats": [t.observed_at for t in tallies],
            "clock_skews_s": [t.clock_skew_s for t in tallies],
            "onlines": [t.online for t in tallies],
            "state_ats": [t.state_at for t in tallies],
            "receiveds": [t.received for t in tallies],
            "storeds": [t.stored for t in tallies],
            "duplicates": [t.duplicate for t in tallies],
            "conflicts": [t.conflict for t in tallies],
            "rejecteds": [t.rejected for t in tallies],
        },
    )


def devices(store: Store) -> list[Device]:
    """All devices that ever spoke, by id. Raises StoreError."""
    with store.transaction() as connection:
        return [Device(*row) for row in connection.execute(_SQL["devices"])]
