"""What people found out about leaks and bursts: said once, never changed, kept with what the detector had said."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.errors import NotFoundError
from lifeline.finding import Finding, FindingKind
from lifeline.store import audit
from lifeline.store.findings import latest_of_subject
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.verdict import Said, Verdict

_SQL = queries("verdicts")
_KINDS = (FindingKind.LEAK, FindingKind.BURST)


def say(
    store: Store,
    subject: str,
    said: Said,
    *,
    person: str,
    now: datetime,
    asset_id: str | None = None,
    flow_m3_per_h: float | None = None,
    ended_at: datetime | None = None,
    note: str = "",
) -> Verdict:
    """Stores what `person` found out about the leak or burst `subject`, and that they said so in the audit trail.

    `asset_id`, the pipe where it was, is needed for a confirmed one only. Raises NotFoundError where nothing was told
    of the subject, where it is no leak or burst, or where its city has no such pipe; StoreError.
    """
    finding = latest_of_subject(store, subject)
    if finding is None:
        raise NotFoundError(f"nothing was found about {subject!r}", advice="name the subject of a leak or burst alarm")
    if finding.kind not in _KINDS:
        raise NotFoundError(f"{subject!r} is no leak or burst", advice="verdicts are about leaks and bursts only")
    if said is Said.CONFIRMED and not asset_id:
        raise NotFoundError("a confirmed leak needs the pipe where it was", advice="name it with --pipe")
    verdict = Verdict(
        subject=subject,
        finding_id=finding.finding_id,
        city_code=finding.city_code,
        said=said,
        began_at=finding.began_at,
        said_at=now,
        person=person,
        zone_id=finding.zone_id,
        asset_id=asset_id,
        flow_m3_per_h=flow_m3_per_h,
        ended_at=ended_at,
        note=note,
        label=_label(finding),
    )
    with store.transaction() as connection:
        if asset_id is not None:
            known = connection.execute(_SQL["pipe"], {"city_code": finding.city_code, "asset_id": asset_id}).fetchone()
            if known is None:
                raise NotFoundError(
                    f"city {finding.city_code} has no pipe {asset_id!r}", advice="name a pipe of its network.inp"
                )
        row = connection.execute(_SQL["add"], _parameters(verdict)).fetchone()
        assert row is not None
        audit.record(
            connection,
            at=now,
            who=person,
            action=f"verdict.{said.value}",
            subject=subject,
            detail={"verdict": int(row[0]), "finding": finding.finding_id, "pipe": asset_id, "note": note},
        )
    return replace(verdict, verdict_id=int(row[0]))


def verdicts_after(store: Store, city_code: str, verdict_id: int) -> list[Verdict]:
    """Verdicts of a city with a higher number, lowest first. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["after"], {"city_code": city_code, "verdict_id": verdict_id})
        return [_verdict(row) for row in rows]


def recent(
    store: Store, *, city_code: str | None = None, before: int | None = None, limit: int = 1000
) -> list[Verdict]:
    """The newest verdicts, of lower numbers than `before` where it is given, newest first. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["recent"], {"city_code": city_code, "before": before, "limit": limit})
        return [_verdict(row) for row in rows]


def _label(finding: Finding) -> dict[str, Any]:
    return {
        "detector": finding.detector,
        "kind": finding.kind.value,
        "reason": finding.reason,
        "detected_at": finding.detected_at.isoformat(),
        "probability": finding.probability,
        "flow_m3_per_h": finding.flow_m3_per_h,
        "candidates": [[c.asset_id, c.probability] for c in finding.candidates],
        "explanation": finding.explanation,
    }


def _parameters(verdict: Verdict) -> dict[str, Any]:
    fields = ("subject", "finding_id", "city_code", "zone_id", "asset_id", "flow_m3_per_h", "began_at", "ended_at")
    return {
        **{name: getattr(verdict, name) for name in (*fields, "person", "note", "said_at")},
        "said": verdict.said.value,
        "label": Jsonb(verdict.label),
    }


def _verdict(row: Any) -> Verdict:
    return Verdict(
        subject=row.subject,
        finding_id=row.finding_id,
        city_code=row.city_code,
        said=Said(row.said),
        began_at=row.began_at,
        said_at=row.said_at,
        person=row.person,
        zone_id=row.zone_id,
        asset_id=row.asset_id,
        flow_m3_per_h=row.flow_m3_per_h,
        ended_at=row.ended_at,
        note=row.note,
        label=row.label,
        verdict_id=row.verdict_id,
    )
