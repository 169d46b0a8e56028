"""How long readings and roll-ups are kept: what is older goes, chunk by chunk, and the conservation law still adds up.

Removal is the same on both editions, because every removed reading is counted in the transaction that removes it, which
a policy of the server cannot do. Compression is the community edition's own policy; the Apache edition has none.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg import sql

from lifeline.settings import RetentionSettings
from lifeline.store.health import edition
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("retention")
APACHE = "apache"


class Kind(StrEnum):
    """What is kept."""

    READING = "reading"
    MINUTE = "rollup_minute"
    QUARTER = "rollup_quarter"
    HOUR = "rollup_hour"

    @property
    def time_column(self) -> str:
        return "observed_at" if self is Kind.READING else "began_at"


class Outcome(StrEnum):
    """Why a chunk that is old enough went or stayed."""

    REMOVED = "removed"
    NOT_ROLLED_UP = "not_rolled_up"
    """its readings are not all in the roll-ups yet: it goes another time"""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the store holds of one kind; `counted` is False where `rows` is the planner's estimate."""

    kind: Kind
    rows: int
    counted: bool
    size_bytes: int
    chunks: int
    first_at: datetime | None
    """where its oldest chunk begins"""
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """What was done with one chunk; `readings` is counted for readings alone, else 0."""

    kind: Kind
    outcome: Outcome
    older_than: datetime
    readings: int


@dataclass(frozen=True, slots=True)
class Purged:
    """Readings removed since the beginning, and the newest instant up to which some were."""

    readings: int
    older_than: datetime | None


def kept_for(settings: RetentionSettings) -> dict[Kind, timedelta | None]:
    """How long each kind is kept by these settings; None: for good."""
    days = {
        Kind.READING: settings.reading_days,
        Kind.MINUTE: settings.minute_days,
        Kind.QUARTER: settings.quarter_days,
        Kind.HOUR: 0,
    }
    return {kind: timedelta(days=number) if number else None for kind, number in days.items()}


def apply(store: Store, settings: RetentionSettings, *, now: datetime) -> list[Step]:
    """Does what the settings ask for, now: sees to compression, removes what is too old. Raises StoreError.

    Roll up first: readings that are not rolled up stay.
    """
    keep_compressed(store, after=timedelta(days=settings.compress_days))
    steps: list[Step] = []
    for kind, kept in kept_for(settings).items():
        if kept is not None:
            steps += remove(store, kind, older_than=now - kept, now=now)
    return steps


def holdings(store: Store) -> list[Holding]:
    """What there is of each kind (seconds on a large store). Raises StoreError."""
    found = []
    with store.transaction() as connection:
        for kind in Kind:
            row: Any = connection.execute(_statement("holdings", kind)).fetchone()
            found.append(Holding(kind, row.rows, row.counted, row.bytes, row.chunks, row.first_at, row.last_at))
    return found


def purged(store: Store) -> Purged:
    """Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["purged"]).fetchone()
        return Purged(row.readings, row.older_than)


def remove(store: Store, kind: Kind, *, older_than: datetime, now: datetime) -> list[Step]:
    """Removes the chunks of `kind` that lie wholly before `older_than`, each in a transaction of its own.

    Readings are counted into the table `purge` as they go, and stay while a roll-up lacks any of them. Raises
    StoreError where a chunk is in use for seconds; those before it are removed, the others go another time.
    """
    with store.transaction() as connection:
        chunks = connection.execute(_statement("old_chunks", kind), {"older_than": older_than}).fetchall()
    steps = (_remove_chunk(store, kind, chunk, now) for chunk in chunks)
    return [step for step in steps if step is not None]


def keep_compressed(store: Store, *, after: timedelta) -> bool:
    """Sees that the server compresses all kinds when they are older than `after` (0: leaves the server as it is).

    Returns whether the edition can; the Apache edition cannot, and nothing is done. Raises StoreError.
    """
    if edition(store).license == APACHE:
        return False
    if not after:
        return True
    for kind in Kind:
        with store.transaction() as connection:
            row: Any = connection.execute(_statement("compressible", kind)).fetchone()
            if row.compress_after == after:
                continue
            if not row.compression_enabled:
                connection.execute(_statement("make_compressible", kind))
            connection.execute(_statement("remove_policy", kind))
            connection.execute(_statement("add_policy", kind), {"compress_after": after})
    return True


def _remove_chunk(store: Store, kind: Kind, chunk: Any, now: datetime) -> Step | None:
    span = {"range_start": chunk.range_start, "range_end": chunk.range_end}
    with store.transaction() as connection:
        connection.execute(_SQL["patience"])
        connection.execute(_SQL["one_at_a_time"])
        if not _of_chunk(connection, "still_there", chunk).fetchone().there:
            return None
        readings = 0
        if kind is Kind.READING:
            _of_chunk(connection, "hold_chunk", chunk)
            if connection.execute(_SQL["unrolled"], span).fetchone() is not None:
                return Step(kind, Outcome.NOT_ROLLED_UP, chunk.range_end, 0)
            readings = _of_chunk(connection, "count_chunk", chunk).fetchone().readings
        connection.execute(_statement("drop_chunk", kind), span)
        if readings:
            purge = {"now": now, "older_than": chunk.range_end, "readings": readings}
            connection.execute(_SQL["record_purge"], purge)
    return Step(kind, Outcome.REMOVED, chunk.range_end, readings)


def _of_chunk(connection: Connection, name: str, chunk: Any) -> Any:
    name_of_chunk = sql.Identifier(chunk.chunk_schema, chunk.chunk_name).as_string(connection)
    return connection.execute(_SQL[name].replace(b"$chunk", name_of_chunk.encode()))


def _statement(name: str, kind: Kind) -> bytes:
    return _SQL[name].replace(b"$table", kind.value.encode()).replace(b"$time", kind.time_column.encode())
