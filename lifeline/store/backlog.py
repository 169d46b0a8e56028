"""Findings about the ingest stage itself: from its workers' signs of life, in one transaction, by one at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.finding import Finding, Phase
from lifeline.store.findings import insert
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.store.stages import StageBeat

_SQL = queries("backlog")


@dataclass(frozen=True, slots=True)
class Standing:
    """What was said last about a subject."""

    phase: Phase
    began_at: datetime
    detected_at: datetime


Decide = Callable[[Sequence[StageBeat], Mapping[str, Standing | None]], list[Finding]]


def settle(store: Store, decide: Decide, *, stage: str, prefix: str, now: datetime) -> list[Finding]:
    """Stores what `decide` says of the loaded cities, whose subjects are `prefix` and their code; returns it.

    Nothing where another worker is at it. Raises StoreError.
    """
    with store.transaction() as connection:
        alone: Any = connection.execute(_SQL["alone"]).fetchone()
        if not alone.ours:
            return []
        beats = [StageBeat(*row) for row in connection.execute(_SQL["beats"], {"stage": stage})]
        standing = {
            row.city_code: None if row.phase is None else Standing(Phase(row.phase), row.began_at, row.detected_at)
            for row in connection.execute(_SQL["standing"], {"prefix": prefix})
        }
        found = decide(beats, standing)
        insert(connection, found, now=now)
        return found
