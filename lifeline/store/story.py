"""The story of a deployment as it is written: findings, what happened to alarms, notices that arrived."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("story")


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Up to where somebody has read."""

    finding_id: int
    event_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Pages:
    """What came after a bookmark, each list in its own order; the rows are named tuples of sql/story.sql."""

    findings: list[Any]
    events: list[Any]
    deliveries: list[Any]
    bookmark: Bookmark


def end_of_story(store: Store) -> Bookmark:
    """A bookmark behind everything that is written now. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["ends"]).fetchone()
    assert row is not None  # an aggregate always has its row
    return Bookmark(*row)


def readings_stored(store: Store) -> int:
    """How many readings were ever stored; cheap, from the devices' counters. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["stored"]).fetchone()
    assert row is not None
    return int(row.stored)


def read_on(store: Store, bookmark: Bookmark) -> Pages:
    """What was written after `bookmark`, 200 entries a kind at the most. Raises StoreError."""
    with store.transaction() as connection:
        findings = connection.execute(_SQL["findings"], {"finding_id": bookmark.finding_id}).fetchall()
        events = connection.execute(_SQL["events"], {"event_id": bookmark.event_id}).fetchall()
        deliveries = connection.execute(_SQL["deliveries"], {"at": bookmark.at}).fetchall()
    return Pages(
        findings,
        events,
        deliveries,
        Bookmark(
            findings[-1].finding_id if findings else bookmark.finding_id,
            events[-1].event_id if events else bookmark.event_id,
            deliveries[-1].at if deliveries else bookmark.at,
        ),
    )
