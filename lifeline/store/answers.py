"""Answers by link: who took which alarms or could not, once each, and every attempt that was refused."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from lifeline.alarm import Alarm, AlarmAction, AlarmState
from lifeline.answer_link import AnswerLinkError, Refusal
from lifeline.store import audit, duty
from lifeline.store.alarms import alarm_of, move
from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("answers")
REASON = "answer-link"
"""The named reason of what people do by link."""
_ANSWERABLE = frozenset({AlarmState.OPEN, AlarmState.CANDIDATE, AlarmState.SUPPRESSED})


class Outcome(StrEnum):
    """What a used link led to; a refused one has the words of Refusal."""

    TAKEN = "taken"
    """the person takes the alarms that nobody had taken"""
    DECLINED = "declined"
    """the person cannot: the next one is called"""
    TOO_LATE = "too-late"
    """others have taken all of them, or they are over"""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it was issued: for whom, about which alarms."""

    link_id: uuid.UUID
    person: str
    name: str
    language: str
    alarm_ids: tuple[int, ...]
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One use of a link."""

    at: datetime
    outcome: str
    remote: str
    detail: str
    name: str


def put(connection: Connection, links: Sequence[Link]) -> None:
    """Issues links within the caller's transaction."""
    if links:
        connection.cursor().executemany(
            _SQL["put_link"],
            [
                {"link_id": one.link_id, "person": one.person, "name": one.name, "language": one.language,
                 "alarm_ids": list(one.alarm_ids), "issued_at": one.issued_at, "expires_at": one.expires_at}
                for one in links
            ],
        )  # fmt: skip


def look(store: Store, link_id: uuid.UUID) -> tuple[Link, list[Alarm]]:
    """A link and its alarms as they are now, the gravest first; changes nothing, so that a program that opens every
    link of a mail does no harm. Raises AnswerLinkError (unknown), StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["link"], {"link_id": link_id}).fetchone()
        if row is None:
            raise AnswerLinkError(Refusal.UNKNOWN, link_id=link_id)
        link = _link(row)
        rows = connection.execute(_SQL["alarms"], {"alarm_ids": list(link.alarm_ids)})
        return link, [alarm_of(one) for one in rows]


def answer(store: Store, link_id: uuid.UUID, *, takes: bool, remote: str, now: datetime) -> tuple[Outcome, list[Alarm]]:
    """What the person of a link says: that they take the alarms, which acknowledges those that nobody has taken, or
    that they cannot, which calls the next one at once. The outcome and the alarms that it moved.

    All of it or nothing, in one transaction. Raises AnswerLinkError (unknown, used) and StoreError.
    """
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["use"], {"link_id": link_id, "now": now}).fetchone()
        if row is None:
            known = connection.execute(_SQL["link"], {"link_id": link_id}).fetchone()
            raise AnswerLinkError(Refusal.USED if known else Refusal.UNKNOWN, link_id=link_id)
        link = _link(row)
        rows = connection.execute(_SQL["lock_alarms"], {"alarm_ids": list(link.alarm_ids)})
        waiting = [alarm for alarm in map(alarm_of, rows.fetchall()) if alarm.state in _ANSWERABLE]
        moved: list[Alarm] = []
        if not takes:
            outcome = Outcome.DECLINED
            duty.hasten(connection, [alarm.alarm_id for alarm in waiting], person=link.person, now=now)
        elif waiting:
            outcome = Outcome.TAKEN
            for alarm in waiting:
                done, _ = move(connection, alarm, AlarmAction.ACKNOWLEDGE, actor=link.name, now=now, reason=REASON)
                moved.append(done)
        else:
            outcome = Outcome.TOO_LATE
        detail = " ".join(str(alarm.alarm_id) for alarm in waiting)
        _log(connection, link_id, outcome.value, remote, detail, now)
        audit.record(
            connection,
            who=link.name,
            action=f"answer.{outcome.value}",
            subject=f"answer-link:{link_id}",
            detail={"person": link.person, "alarms": [alarm.alarm_id for alarm in waiting], "remote": remote},
            at=now,
        )
        notify(connection, Topic.ALARM)
        return outcome, moved


def refused(store: Store, error: AnswerLinkError, *, remote: str, now: datetime) -> None:
    """Keeps an attempt that was refused. Raises StoreError."""
    with store.transaction() as connection:
        _log(connection, error.link_id, error.refusal.value, remote, "", now)


def answers(store: Store, *, limit: int = 100) -> list[Answer]:
    """The newest uses of links, newest first, also those that were refused. Raises StoreError."""
    with store.transaction() as connection:
        return [Answer(*row) for row in connection.execute(_SQL["answers"], {"limit": limit})]


def _log(
    connection: Connection, link_id: uuid.UUID | None, outcome: str, remote: str, detail: str, now: datetime
) -> None:
    connection.execute(
        _SQL["log"], {"at": now, "link_id": link_id, "outcome": outcome, "remote": remote[:200], "detail": detail}
    )


def _link(row: Any) -> Link:
    return Link(**{**row._asdict(), "alarm_ids": tuple(row.alarm_ids)})
