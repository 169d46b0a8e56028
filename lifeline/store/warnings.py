"""Warnings of others that the policy listens to: imported once each, ended by the messages that replace them."""

from datetime import datetime
from typing import Any

from lifeline.alarm import Level
from lifeline.store import audit
from lifeline.store.pool import Store
from lifeline.store.queries import queries
from lifeline.warning import Hazard, WeatherWarning

_SQL = queries("warnings")
_MOST = 1000


def put(store: Store, warning: WeatherWarning, *, content: str, by: str, now: datetime) -> bool:
    """Imports a warning: what it refers to ends with it, and one that cancels is over itself. False where it was there
    already. Raises StoreError."""
    with store.transaction() as connection:
        added = connection.execute(
            _SQL["put"],
            {
                "identifier": warning.identifier,
                "sender": warning.sender,
                "event": warning.hazard.value,
                "colour": warning.level.name.lower(),
                "status": warning.status,
                "msg_type": warning.msg_type,
                "areas": list(warning.areas),
                "sent": warning.sent,
                "effective": warning.effective,
                "expires": warning.expires,
                "references": list(warning.references),
                "headline": warning.headline,
                "content": content,
                "imported_at": now,
                "imported_by": by,
            },
        ).rowcount
        if not added:
            return False
        ended = {"references": list(warning.references), "sent": warning.sent, "sender": warning.sender}
        itself = warning.identifier if warning.msg_type == "Cancel" else ""
        if itself:
            ended["references"] = [*warning.references, itself]
        connection.execute(_SQL["end_referenced"], {**ended, "identifier": warning.identifier, "itself": itself})
        audit.record(
            connection,
            who=by,
            action="warning.import",
            subject=f"warning:{warning.identifier}",
            detail={"hazard": warning.hazard, "level": warning.level.name.lower(), "type": warning.msg_type,
                    "status": warning.status, "areas": list(warning.areas)},
            at=now,
        )  # fmt: skip
        return True


def current(store: Store, *, since: datetime) -> list[WeatherWarning]:
    """Warnings that expire after `since`, newest first; `holds` says which are in force where. Raises StoreError."""
    with store.transaction() as connection:
        return [_warning(row) for row in connection.execute(_SQL["current"], {"since": since, "limit": _MOST})]


def _warning(row: Any) -> WeatherWarning:
    return WeatherWarning(
        identifier=row.identifier,
        sender=row.sender,
        hazard=Hazard(row.event),
        level=Level[row.colour.upper()],
        status=row.status,
        msg_type=row.msg_type,
        areas=tuple(row.areas),
        sent=row.sent,
        effective=row.effective,
        expires=row.expires,
        headline=row.headline,
        ended_at=row.ended_at,
    )
