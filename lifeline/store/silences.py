"""Silences of sensors and zones: made and ended by people, in the audit trail; honoured by the alerts stage."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from lifeline.errors import IllegalTransitionError, NotFoundError
from lifeline.silence import LONGEST, Silence
from lifeline.store import audit
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("silences")
_NEWEST = 2**62


def add(
    store: Store,
    *,
    sensor_id: str | None = None,
    zone_id: str | None = None,
    until: datetime,
    why: str,
    by: str,
    now: datetime,
    begins_at: datetime | None = None,
) -> Silence:
    """Makes one sensor or one zone silent from `begins_at` (else from now) until `until`.

    Raises IllegalTransitionError where nothing is said of why, or where it would never begin, be over already or last
    longer than LONGEST; NotFoundError where there is no such sensor or zone; StoreError.
    """
    begins, why = begins_at or now, audit.clean(why).strip()
    if (sensor_id is None) == (zone_id is None):
        raise IllegalTransitionError("a silence is of one sensor or of one zone", advice="name one of the two")
    if not why:
        raise IllegalTransitionError(
            "a silence needs a reason", reason="needs-reason", advice="say why, so that who looks later knows"
        )
    if until <= max(begins, now) or until - begins > LONGEST:
        raise IllegalTransitionError(
            f"a silence ends after it begins, within {LONGEST.days} days",
            reason="silence-span",
            advice="what is out of use for longer belongs into the city pack",
        )
    values = {
        "sensor_id": sensor_id, "zone_id": zone_id, "begins_at": begins, "ends_at": until, "why": why, "now": now,
        "by": by,
    }  # fmt: skip
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["add"], values).fetchone()
        if row is None:
            raise NotFoundError(f"there is no {_subject(sensor_id, zone_id)}", advice="look at the list")
        detail = {"silence_id": row.silence_id, "from": begins, "until": until, "why": why}
        audit.record(
            connection, who=by, action="silence.add", subject=_subject(sensor_id, zone_id), detail=detail, at=now
        )
        notify(connection, Topic.ALARM)
        return _one(connection, row.silence_id)


def city_of(store: Store, *, sensor_id: str | None = None, zone_id: str | None = None) -> str:
    """The city of what is to be silent. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["city"], {"sensor_id": sensor_id, "zone_id": zone_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no {_subject(sensor_id, zone_id)}", advice="look at the list")
    return str(row.city_code)


def end(store: Store, silence_id: int, *, by: str, now: datetime) -> Silence:
    """Ends a silence before its time; what it kept quiet is told of. Ending it twice changes nothing.

    Raises NotFoundError, StoreError.
    """
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["end"], {"silence_id": silence_id, "by": by, "now": now}).fetchone()
        if row is not None:
            subject = _subject(row.sensor_id, row.zone_id)
            detail = {"silence_id": silence_id}
            audit.record(connection, who=by, action="silence.end", subject=subject, detail=detail, at=now)
            notify(connection, Topic.ALARM)
        return _one(connection, silence_id)


def silence(store: Store, silence_id: int) -> Silence:
    """One silence. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        return _one(connection, silence_id)


def silences(
    store: Store,
    *,
    cities: Collection[str] | None = None,
    sensor_id: str | None = None,
    zone_id: str | None = None,
    not_over_at: datetime | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Silence]:
    """At most `limit` silences, newest first; with `not_over_at` only those in force then or later.

    Raises StoreError.
    """
    values = {
        "cities": None if cities is None else sorted(cities), "sensor_id": sensor_id, "zone_id": zone_id,
        "not_over_at": not_over_at, "before": _NEWEST if before is None else before, "limit": limit,
    }  # fmt: skip
    with store.transaction() as connection:
        return [_silence(row) for row in connection.execute(_SQL["silences"], values)]


def in_force(where: Connection, now: datetime) -> list[Silence]:
    """What is silent now, with the sensors of each. For the transaction of who decides what is told."""
    return [_silence(row) for row in where.execute(_SQL["in_force"], {"now": now})]


def standing(store: Store, now: datetime) -> list[Silence]:
    """The same, in a transaction of its own. Raises StoreError."""
    with store.transaction() as connection:
        return in_force(connection, now)


def _one(connection: Connection, silence_id: int) -> Silence:
    row = connection.execute(_SQL["silence"], {"silence_id": silence_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no silence {silence_id}", advice="look at the list")
    return _silence(row)


def _silence(row: Any) -> Silence:
    return Silence(**(row._asdict() | {"sensor_ids": frozenset(row.sensor_ids)}))


def _subject(sensor_id: str | None, zone_id: str | None) -> str:
    return f"sensor:{sensor_id}" if sensor_id is not None else f"zone:{zone_id}"
