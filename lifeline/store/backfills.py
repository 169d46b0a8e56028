"""How far recorded files are in: moved in the transaction that stores their rows, so that a killed backfill goes on."""

from dataclasses import dataclass
from datetime import datetime

from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("backfills")


@dataclass(frozen=True, slots=True)
class Progress:
    """Up to where a file is stored, and what became of its rows so far."""

    bytes_done: int = 0
    lines_done: int = 0
    stored: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0


def unfinished(store: Store, digest: bytes) -> Progress:
    """Where to go on with the file of that digest: at its start, unless an earlier run was interrupted.

    Raises StoreError.
    """
    with store.transaction() as connection:
        row = connection.execute(_SQL["unfinished"], {"digest": digest}).fetchone()
    return Progress(*row) if row is not None else Progress()


def record(
    connection: Connection, digest: bytes, name: str, progress: Progress, *, finished_at: datetime | None
) -> None:
    """Says that the file is in up to `progress`; `finished_at` None: more is to come."""
    connection.execute(
        _SQL["record"],
        {
            "digest": digest,
            "name": name,
            "bytes_done": progress.bytes_done,
            "lines_done": progress.lines_done,
            "stored": progress.stored,
            "duplicate": progress.duplicate,
            "conflict": progress.conflict,
            "rejected": progress.rejected,
            "finished_at": finished_at,
        },
    )
