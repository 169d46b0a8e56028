"""What detectors found: written once each, together with the checkpoint that it follows from; read in order."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.asset import Position
from lifeline.finding import Candidate, Finding, FindingKind, Phase
from lifeline.store.detector_states import Checkpoint, save
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("findings")


def commit(
    store: Store, findings: Sequence[Finding], checkpoint: Checkpoint | None = None, *, now: datetime
) -> list[int]:
    """Stores findings and the detector's checkpoint in one transaction; the numbers of those that were new.

    Either all of it stays or nothing. Raises StaleVersionError where another runner has moved the checkpoint on
    (nothing is stored then), StoreError.
    """
    with store.transaction() as connection:
        if checkpoint is not None:
            save(connection, checkpoint, now=now)
        return insert(connection, findings, now=now)


def insert(connection: Connection, findings: Sequence[Finding], *, now: datetime) -> list[int]:
    """Adds findings within the caller's transaction and wakes who waits for them; the numbers of the new ones."""
    if not findings:
        return []
    connection.execute(_SQL["serialise"])
    numbers: list[int] = []
    for finding in findings:
        row = connection.execute(_SQL["insert"], _parameters(finding, now)).fetchone()
        if row is not None:
            numbers.append(int(row[0]))
    notify(connection, Topic.FINDING)
    return numbers


def findings_after(store: Store, finding_id: int, limit: int = 500) -> list[Finding]:
    """Findings with a higher number, lowest first, `limit` at the most. Raises StoreError.

    Complete: writers take turns (see `serialise` in the SQL), so no lower number can appear later.
    """
    with store.transaction() as connection:
        rows = connection.execute(_SQL["after"], {"finding_id": finding_id, "limit": limit})
        return [finding_of(row) for row in rows]


def latest_of_subject(store: Store, subject: str) -> Finding | None:
    """The newest finding about `subject`: its present state. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["latest_of_subject"], {"subject": subject}).fetchone()
        return None if row is None else finding_of(row)


def recent(
    store: Store, *, city_code: str | None = None, kind: FindingKind | None = None, limit: int = 100
) -> list[Finding]:
    """The newest findings, newest first. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(
            _SQL["recent"], {"city_code": city_code, "kind": kind.value if kind else None, "limit": limit}
        )
        return [finding_of(row) for row in rows]


def standing(
    store: Store, city_code: str, kinds: Collection[FindingKind], *, but: str, at: datetime, within: timedelta
) -> list[Finding]:
    """What detectors other than `but` had told by `at`, `within` before it, and had not ended; oldest first.

    The newest finding of each subject. Raises StoreError.
    """
    query = {
        "city_code": city_code,
        "kinds": [kind.value for kind in kinds],
        "but": but,
        "at": at,
        "since": at - within,
    }
    with store.transaction() as connection:
        return [finding_of(row) for row in connection.execute(_SQL["standing"], query)]


def _parameters(finding: Finding, now: datetime) -> dict[str, Any]:
    return {
        "subject": finding.subject,
        "kind": finding.kind.value,
        "phase": finding.phase.value,
        "city_code": finding.city_code,
        "zone_id": finding.zone_id,
        "detector": finding.detector,
        "reason": finding.reason,
        "began_at": finding.began_at,
        "detected_at": finding.detected_at,
        "stored_at": now,
        "probability": finding.probability,
        "sensor_ids": list(finding.sensor_ids),
        "lon": finding.position.lon if finding.position else None,
        "lat": finding.position.lat if finding.position else None,
        "area": None if finding.area is None else Jsonb(finding.area),
        "candidates": Jsonb([{"asset_id": c.asset_id, "probability": c.probability} for c in finding.candidates]),
        "flow_m3_per_h": finding.flow_m3_per_h,
        "depth_m": finding.depth_m,
        "explanation": Jsonb(finding.explanation),
    }


def finding_of(row: Any) -> Finding:
    """The finding in a row of sql/findings.sql."""
    return Finding(
        subject=row.subject,
        kind=FindingKind(row.kind),
        phase=Phase(row.phase),
        city_code=row.city_code,
        detector=row.detector,
        reason=row.reason,
        began_at=row.began_at,
        detected_at=row.detected_at,
        probability=row.probability,
        zone_id=row.zone_id,
        sensor_ids=tuple(row.sensor_ids),
        position=None if row.lon is None else Position(row.lon, row.lat),
        area=row.area,
        candidates=tuple(Candidate(c["asset_id"], c["probability"]) for c in row.candidates),
        flow_m3_per_h=row.flow_m3_per_h,
        depth_m=row.depth_m,
        explanation=row.explanation,
        finding_id=row.finding_id,
    )
