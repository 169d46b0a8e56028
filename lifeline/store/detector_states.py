"""What detectors remember: a checkpoint per detector and scope, moved on only from the one it was computed from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.errors import StaleVersionError
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("detector_states")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The memory of `detector` about `scope` after it has judged all readings up to `watermark`.

    `based_on` is the `saved_at` of the checkpoint it continues; None: there was none.
    """

    detector: str
    scope: str
    watermark: datetime
    state: dict[str, Any]
    based_on: datetime | None = None


@dataclass(frozen=True, slots=True)
class SavedState:
    """A checkpoint as it stands in the store."""

    watermark: datetime
    state: dict[str, Any]
    saved_at: datetime


def save(connection: Connection, checkpoint: Checkpoint, *, now: datetime) -> None:
    """Moves the checkpoint on within the caller's transaction.

    Raises StaleVersionError where the stored one is not `based_on`: another runner works on the same scope.
    """
    parameters = {
        "detector": checkpoint.detector,
        "scope": checkpoint.scope,
        "watermark": checkpoint.watermark,
        "state": Jsonb(checkpoint.state),
        "based_on": checkpoint.based_on,
        "now": now,
    }
    done = connection.execute(_SQL["begin" if checkpoint.based_on is None else "move"], parameters)
    if done.rowcount != 1:
        raise StaleVersionError(
            f"another runner has moved {checkpoint.detector} of {checkpoint.scope} on",
            advice="run one `lifeline detect` per database; this one goes on from the stored checkpoint",
        )


def put(store: Store, checkpoint: Checkpoint, *, now: datetime) -> None:
    """Stores what was learned, whatever stood there before (`based_on` is not looked at). Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(
            _SQL["replace"],
            {
                "detector": checkpoint.detector,
                "scope": checkpoint.scope,
                "watermark": checkpoint.watermark,
                "state": Jsonb(checkpoint.state),
                "now": now,
            },
        )


def load(store: Store, *, detector: str, scope: str) -> SavedState | None:
    """The checkpoint of `detector` for `scope`, None where there is none. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["load"], {"detector": detector, "scope": scope}).fetchone()
        return None if row is None else SavedState(row.watermark, row.state, row.saved_at)
