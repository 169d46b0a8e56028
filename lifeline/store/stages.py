"""Heartbeats of the stages: who runs, since when, and its own figures."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("stages")


@dataclass(frozen=True, slots=True)
class StageBeat:
    """One worker's last sign of life."""

    stage: str
    worker: str
    started_at: datetime
    beat_at: datetime
    detail: dict[str, Any]


def beat(store: Store, *, stage: str, worker: str, started_at: datetime, now: datetime, detail: dict[str, Any]) -> None:
    """Records that `worker` of `stage` lives at `now`. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(
            _SQL["beat"],
            {"stage": stage, "worker": worker, "started_at": started_at, "now": now, "detail": Jsonb(detail)},
        )


def stages(store: Store) -> list[StageBeat]:
    """All workers that ever beat, by stage and worker. Raises StoreError."""
    with store.transaction() as connection:
        return [StageBeat(*row) for row in connection.execute(_SQL["stages"])]
