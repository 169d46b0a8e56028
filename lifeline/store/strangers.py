"""The quarantine: who speaks and is in no city pack, what was seen of it, and its rejects until it is adopted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from lifeline.errors import NotFoundError
from lifeline.reading import RejectReason
from lifeline.store import audit
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries
from lifeline.store.rejects import Reject, add_rejects

_SQL = queries("strangers")

MOST_CHANNELS = 64
"""Channels of a sender that are told of."""
SAMPLE_BYTES = 4096
Sender = tuple[str, str]
"""City code and device id of the topic; both empty: what names no device."""
NOBODY: Sender = ("", "")


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a transaction adds to a sender."""

    sender: Sender
    seen_at: datetime
    topic: str
    messages: int
    readings: int
    """rejected"""
    kept_bytes: int
    not_kept: int
    """readings rejected without their payload"""
    channels: Collection[str]
    sample: bytes


@dataclass(frozen=True, slots=True)
class Stranger:
    """A sender in quarantine."""

    city_code: str
    device_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    topic: str
    messages: int
    readings: int
    kept_bytes: int
    not_kept: int
    channels: tuple[str, ...]
    sample: bytes


@dataclass(frozen=True, slots=True)
class Figures:
    """How full the quarantine is."""

    devices: int
    kept_bytes: int
    not_kept: int


class OpenReject(NamedTuple):
    """A reject of which the message may go through the gate again."""

    reject_id: int
    received_at: datetime
    topic: str
    payload: bytes
    digest: bytes


def room(connection: Connection, senders: Sequence[Sender]) -> tuple[dict[Sender, int], int]:
    """Bytes that are kept of those of `senders` that are in quarantine, and how many senders are in it in all.

    Until the transaction ends nobody else adds to it.
    """
    connection.execute(_SQL["take_turns"])
    values = {"city_codes": [city for city, _ in senders], "device_ids": [device for _, device in senders]}
    kept = {(row.city_code, row.device_id): int(row.kept_bytes) for row in connection.execute(_SQL["room"], values)}
    number: Any = connection.execute(_SQL["number"]).fetchone()
    return kept, int(number.number)


def note(connection: Connection, sightings: Sequence[Sighting]) -> None:
    """Adds to the quarantine, each sender once."""
    if sightings:
        connection.execute(
            _SQL["note"],
            {
                "city_codes": [one.sender[0] for one in sightings],
                "device_ids": [one.sender[1] for one in sightings],
                "seen_ats": [one.seen_at for one in sightings],
                "topics": [one.topic for one in sightings],
                "messages": [one.messages for one in sightings],
                "readings": [one.readings for one in sightings],
                "kept_bytes": [one.kept_bytes for one in sightings],
                "not_kept": [one.not_kept for one in sightings],
                "channels": [Jsonb(sorted(one.channels)[:MOST_CHANNELS]) for one in sightings],
                "samples": [one.sample[:SAMPLE_BYTES] for one in sightings],
                "most_channels": MOST_CHANNELS,
            },
        )


def strangers(store: Store, *, device_id: str | None = None, limit: int = 100) -> list[Stranger]:
    """The quarantine, who came last first; of one device id only, where one is given. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["strangers"], {"device_id": device_id, "limit": limit})
        return [Stranger(**(row._asdict() | {"channels": tuple(row.channels)})) for row in rows]


def figures(store: Store) -> Figures:
    """How full it is. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["figures"]).fetchone()
        return Figures(*row)


def known_by_now(store: Store) -> list[Sender]:
    """Those that a pack or an operator names by now. Raises StoreError."""
    with store.transaction() as connection:
        return [(row.city_code, row.device_id) for row in connection.execute(_SQL["known_by_now"])]


def open_rejects(store: Store, sender: Sender, *, after: int, limit: int) -> list[OpenReject]:
    """Rejects above number `after` whose messages may go through the gate again, lowest first. Raises StoreError."""
    query = {"city_code": sender[0], "device_id": sender[1], "after": after, "limit": limit}
    with store.transaction() as connection:
        return [OpenReject(*row) for row in connection.execute(_SQL["open_rejects"], query)]


def resolve(connection: Connection, reject_ids: Sequence[int], again: Sequence[Reject], *, now: datetime) -> int:
    """Marks rejects as gone through the gate again, but not those that it rejected `again`; how many it were."""
    values = {"reject_ids": list(reject_ids), "again": [reject.digest for reject in again], "now": now}
    return connection.execute(_SQL["resolve"], values).rowcount


def leave(store: Store, sender: Sender) -> None:
    """Takes a sender out of quarantine; its rejects stay. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["leave"], {"city_code": sender[0], "device_id": sender[1]})


def forget(store: Store, sender: Sender, *, who: str, now: datetime) -> int:
    """Makes room: removes a sender and the payloads of its rejects, which are only counted from now on.

    Returns how many readings that are. Raises NotFoundError, StoreError.
    """
    values = {"city_code": sender[0], "device_id": sender[1]}
    with store.transaction() as connection:
        connection.execute(_SQL["take_turns"])
        if not connection.execute(_SQL["leave"], values).rowcount:
            raise NotFoundError(
                f"no device {sender[1]!r} of city {sender[0]!r} is in quarantine",
                advice="see `lifeline devices quarantine`",
            )
        gone = {RejectReason(row.reason): int(row.times) for row in connection.execute(_SQL["forget_rejects"], values)}
        add_rejects(
            connection,
            [Reject(now, "", "", reason, "forgotten by an operator", b"", times) for reason, times in gone.items()],
        )
        readings = sum(gone.values())
        audit.record(
            connection, who=who, action="device.forget", subject=f"device:{sender[1]}",
            detail={"city": sender[0], "readings": readings}, at=now,
        )  # fmt: skip
        return readings
