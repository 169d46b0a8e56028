"""Calls from the field: a crew needs help, a shelter lacks something; open until somebody in the centre takes it up."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from lifeline.errors import NotFoundError
from lifeline.store import audit
from lifeline.store.pool import Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("calls")


class Lack(StrEnum):
    """What is called for."""

    PEOPLE = "people"
    MACHINE = "machine"
    POLICE = "police"
    MEDICAL = "medical"
    WATER = "water"
    FOOD = "food"
    BLANKETS = "blankets"
    HEATING = "heating"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that nobody has taken up. `kind`: help (of a crew at an alarm) or need (of a shelter)."""

    call_id: int
    kind: str
    city_code: str
    alarm_id: int | None
    shelter_id: str | None
    what: str
    note: str
    at: datetime
    called_by: str


def add(
    store: Store,
    *,
    city_code: str,
    what: Lack,
    note: str,
    by: str,
    now: datetime,
    alarm_id: int | None = None,
    shelter_id: str | None = None,
    client_action_id: UUID | None = None,
) -> None:
    """Calls for something, at an alarm or from a shelter; sent again it is one call. Raises StoreError."""
    subject = f"alarm:{alarm_id}" if alarm_id is not None else f"shelter:{shelter_id}"
    values = {
        "client_action_id": client_action_id, "kind": "need" if alarm_id is None else "help", "city_code": city_code,
        "alarm_id": alarm_id, "shelter_id": shelter_id, "what": what.value, "note": note, "now": now, "by": by,
    }  # fmt: skip
    with store.transaction() as connection:
        if connection.execute(_SQL["add"], values).fetchone() is None:
            return
        detail = {"what": what, "note": note}
        audit.record(connection, who=by, action="call.add", subject=subject, detail=detail, at=now)
        notify(connection, Topic.ALARM)


def open_calls(store: Store) -> list[Call]:
    """Calls that nobody has taken up, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [Call(*row) for row in connection.execute(_SQL["open"])]


def city_of(store: Store, call_id: int) -> str:
    """The city of a call. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["city"], {"call_id": call_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is no call {call_id}", advice="look at the list")
    return str(row.city_code)


def answer(store: Store, call_id: int, *, by: str, now: datetime) -> bool:
    """Takes a call up; False where somebody was first. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["answer"], {"call_id": call_id, "by": by, "now": now}).fetchone()
        if row is None:
            return False
        subject = f"alarm:{row.alarm_id}" if row.alarm_id is not None else f"shelter:{row.shelter_id}"
        audit.record(connection, who=by, action="call.answer", subject=subject, detail={"call_id": call_id}, at=now)
        notify(connection, Topic.ALARM)
        return True
