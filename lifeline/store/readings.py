"""Readings in and out as numpy arrays: what a caller adds is in the table when its transaction commits, or it raises.

The write path is for ingest alone: `add` copies rows that must be new, `existing` tells which already are there. The
read path is for everybody. Who wants to learn of new readings follows `position` and `readings_since`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg.errors import UniqueViolation

from lifeline.errors import StoreError
from lifeline.reading import FOR_THE_RECORD
from lifeline.store.binary import BinaryRows, Rows
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("readings")

READING = np.dtype(
    [
        ("sensor_key", "i4"),
        ("observed_at", "M8[us]"),
        ("received_at", "M8[us]"),
        ("value", "f8"),
        ("quality", "i2"),
        ("reason", "i2"),
    ]
)
"""One reading, all columns of the table; instants are UTC."""
READING_BRIEF = np.dtype([("sensor_key", "i4"), ("observed_at", "M8[us]"), ("value", "f8"), ("quality", "i2")])
"""What detectors read."""
LATEST = np.dtype(
    [("sensor_key", "i4"), ("observed_at", "M8[us]"), ("received_at", "M8[us]"), ("value", "f8"), ("quality", "i2")]
)
CONFLICT = np.dtype(
    [
        ("sensor_key", "i4"),
        ("observed_at", "M8[us]"),
        ("received_at", "M8[us]"),
        ("stored_value", "f8"),
        ("offered_value", "f8"),
    ]
)
_OFFERED = np.dtype([("position", "i4"), ("sensor_key", "i4"), ("observed_at", "M8[us]")])
_FOUND = np.dtype([("position", "i4"), ("value", "f8")])

_SAME_SPAN = timedelta(seconds=1)

_READING_ROWS = BinaryRows(READING)
_BRIEF_ROWS = BinaryRows(READING_BRIEF)
_LATEST_ROWS = BinaryRows(LATEST)
_OFFERED_ROWS = BinaryRows(_OFFERED)
_FOUND_ROWS = BinaryRows(_FOUND)
_CONFLICT_ROWS = BinaryRows(CONFLICT)


class CollisionError(StoreError):
    """A reading of that sensor and instant is there already; ask `existing`, then `add` the others."""


class StalePositionError(StoreError):
    """The position is older than what is kept of arrivals; start again from `readings_between`."""


def add(connection: Connection, rows: Rows) -> None:
    """Copies `rows` (dtype READING, no instant of a sensor twice) into the table and records their arrival.

    Raises CollisionError where one is there already; the transaction is then lost and nothing of it is stored.
    """
    if not len(rows):
        return
    try:
        with connection.cursor() as cursor, cursor.copy(_SQL["copy_readings"]) as copy:
            copy.write(_READING_ROWS.pack(rows))
    except UniqueViolation as error:
        raise CollisionError(
            "some of these readings are stored already", advice="ask which, then add the others"
        ) from error
    connection.execute(
        _SQL["record_arrival"],
        {
            "received_from": utc(rows["received_at"].min()),
            "received_to": utc(rows["received_at"].max()),
            "observed_from": utc(rows["observed_at"].min()),
            "observed_to": utc(rows["observed_at"].max()),
            "readings": len(rows),
        },
    )


def existing(connection: Connection, rows: Rows) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Which of `rows` (dtype READING) are in the table already: their positions, and the values stored there."""
    connection.execute(_SQL["create_offered"])
    connection.execute(_SQL["look_up_by_index"])
    offered = np.empty(len(rows), _OFFERED)
    offered["position"] = np.arange(len(rows))
    offered["sensor_key"] = rows["sensor_key"]
    offered["observed_at"] = rows["observed_at"]
    with connection.cursor() as cursor:
        with cursor.copy(_SQL["copy_offered"]) as copy:
            copy.write(_OFFERED_ROWS.pack(offered))
        if len(rows):
            span = {"first": utc(rows["observed_at"].min()), "last": utc(rows["observed_at"].max())}
            with cursor.copy(_SQL["find_offered"], span) as copy:
                found = _FOUND_ROWS.unpack(b"".join(copy))
        else:
            found = np.empty(0, _FOUND)
    connection.execute(_SQL["clear_offered"])
    return found["position"].astype(np.intp), found["value"]


def add_conflicts(connection: Connection, rows: Rows) -> npt.NDArray[np.bool_]:
    """Stores `rows` (dtype CONFLICT); for each row whether it is new: the same conflict again is no second row."""
    if not len(rows):
        return np.zeros(0, np.bool_)
    columns: dict[str, list[Any]] = {
        "sensor_keys": rows["sensor_key"].tolist(),
        "observed_ats": [utc(instant) for instant in rows["observed_at"]],
        "received_ats": [utc(instant) for instant in rows["received_at"]],
        "stored_values": rows["stored_value"].tolist(),
        "offered_values": rows["offered_value"].tolist(),
    }
    new = {tuple(row) for row in connection.execute(_SQL["add_conflicts"], columns)}
    is_new = np.zeros(len(rows), np.bool_)
    for i, key in enumerate(
        zip(columns["sensor_keys"], columns["observed_ats"], columns["offered_values"], strict=True)
    ):
        if key in new:
            new.discard(key)
            is_new[i] = True
    return is_new


def readings_between(
    store: Store, sensor_keys: Sequence[int], start: datetime, end: datetime, *, max_quality: int = 1
) -> Rows:
    """Readings of `sensor_keys` with start <= observed_at < end and quality <= `max_quality` (1: good and doubtful).

    Returns (n,) of READING_BRIEF ordered by (sensor_key, observed_at). Raises StoreError.
    """
    query = {"sensor_keys": list(sensor_keys), "start": start, "end": end, "max_quality": max_quality}
    with store.transaction() as connection:
        return _read(connection, "readings_between", query, _BRIEF_ROWS)


def latest(store: Store, sensor_keys: Sequence[int] | None = None) -> Rows:
    """The newest reading of each of `sensor_keys` (None: of every sensor), whatever its quality.

    Returns (n,) of LATEST ordered by sensor_key; sensors without a reading are missing. Raises StoreError.
    """
    query = {"sensor_keys": None if sensor_keys is None else list(sensor_keys)}
    with store.transaction() as connection:
        return _read(connection, "latest", query, _LATEST_ROWS)


def position(store: Store) -> int:
    """A position behind every reading that is committed now, and before every one that is not.

    Take it before reading history with `readings_between`, then follow with `readings_since`. Raises StoreError.
    """
    with store.transaction() as connection:
        return int(_one(connection, "position").xmin)


def readings_since(
    store: Store, since: int, *, not_before: datetime | None = None, max_quality: int = 1
) -> tuple[Rows, int]:
    """New readings since a position (observed at `not_before` or later), and the position to go on from.

    Follows the order of commits, not of reception or observation: a reading that was late, out of order, backfilled
    or held back while the database was away comes as soon as it is committed, and none is ever skipped. Some may come
    twice: take each as the value of its (sensor_key, observed_at). Save the new position together with what was made
    of the readings, and wake up by `store.listener(Topic.READING)`. A transaction that stays open holds back all that
    were committed after it began.

    Returns (n,) of READING_BRIEF ordered by (sensor_key, observed_at), and the new position. Raises
    StalePositionError where `since` is older than what is kept (a day), StoreError otherwise.
    """
    with store.transaction() as connection:
        connection.execute(_SQL["one_snapshot"])
        ahead = int(_one(connection, "position").xmin)
        mark = connection.execute(_SQL["forgotten"]).fetchone()
        if mark is not None and mark.old and since < int(mark.xid):
            raise StalePositionError(
                "the position is older than the arrivals that are kept", advice="read again with readings_between"
            )
        arrivals = connection.execute(_SQL["arrivals"], {"since": since, "ahead": ahead}).fetchall()
        parts = [
            _read(
                connection,
                "received_between",
                {**span, "max_quality": max_quality, "for_the_record": [reason.value for reason in FOR_THE_RECORD]},
                _BRIEF_ROWS,
            )
            for span in _spans(arrivals, not_before)
        ]
    return (np.unique(np.concatenate(parts)) if parts else np.empty(0, READING_BRIEF)), ahead


def forget_arrivals(store: Store) -> None:
    """Removes arrivals older than a day. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["forget_arrivals"])


@dataclass(frozen=True, slots=True)
class Law:
    """The conservation law over all devices: what arrived, what became of it, and the rows that prove it."""

    received: int
    stored: int
    duplicate: int
    conflict: int
    rejected: int
    rows: int
    purged: int
    conflict_rows: int
    reject_times: int

    @property
    def holds(self) -> bool:
        """True when nothing has vanished and nothing was counted without its row."""
        return (
            self.received == self.stored + self.duplicate + self.conflict + self.rejected
            and self.stored == self.rows + self.purged
            and self.conflict == self.conflict_rows
            and self.rejected == self.reject_times
        )


def conservation(store: Store) -> Law:
    """Counts every row in one snapshot (slow on a large table: seconds per 10 M rows). Raises StoreError."""
    with store.transaction() as connection:
        return Law(*(int(number) for number in _one(connection, "conservation")))


def _read(connection: Connection, name: str, query: dict[str, Any], layout: BinaryRows) -> Rows:
    with connection.cursor() as cursor, cursor.copy(_SQL[name], query) as copy:
        return layout.unpack(b"".join(copy))


def _one(connection: Connection, name: str) -> Any:
    row = connection.execute(_SQL[name]).fetchone()
    if row is None:
        raise AssertionError(f"{name} returns a row always")
    return row


def _spans(arrivals: list[Any], not_before: datetime | None) -> list[dict[str, datetime]]:
    """Arrivals as few spans of reception: one worker's transactions follow each other closely."""
    spans: list[dict[str, datetime]] = []
    for arrival in arrivals:
        observed_from = arrival.observed_from if not_before is None else max(arrival.observed_from, not_before)
        if observed_from > arrival.observed_to:
            continue
        last = spans[-1] if spans else None
        if last is not None and arrival.received_from <= last["received_to"] + _SAME_SPAN:
            last["received_to"] = max(last["received_to"], arrival.received_to)
            last["observed_from"] = min(last["observed_from"], observed_from)
            last["observed_to"] = max(last["observed_to"], arrival.observed_to)
        else:
            spans.append(
                {
                    "received_from": arrival.received_from,
                    "received_to": arrival.received_to,
                    "observed_from": observed_from,
                    "observed_to": arrival.observed_to,
                }
            )
    return spans


def utc(instant: np.datetime64) -> datetime:
    """A UTC instant of an array as the driver wants it."""
    naive: datetime = instant.astype("M8[us]").item()
    return naive.replace(tzinfo=UTC)
