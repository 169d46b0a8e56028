"""The outbox: what is to be told to whom, leased to one courier at a time, kept with its outcome for ever."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from lifeline.store.pool import Connection, Store, Topic, notify
from lifeline.store.queries import queries

_SQL = queries("notices")

GOOD_NEWS = 9
"""Urgency of what never overtakes the bad news of the same alarm."""


class NoticeState(StrEnum):
    """Where a notice stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    """the channel took it"""
    MOVED = "moved"
    """the channel did not take it; another notice carries it on the fallback"""
    DEAD = "dead"
    """given up; `last_error` says why"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A notice that is to be put into the outbox. `alarm_id`: the gravest of the alarms that `event_ids` are about;
    `group_key`: what it shares an allowance with; `urgency`: 1 red to 4 blue, GOOD_NEWS."""

    alarm_id: int
    event_ids: tuple[int, ...]
    group_key: str
    urgency: int
    idempotency_key: str
    channel: str
    address: str
    subject_line: str
    body: str
    payload: dict[str, Any]
    person: str | None = None
    """id of the person of the roster whom it calls"""
    fallbacks: tuple[tuple[str, str], ...] = ()
    """channel and address where it goes when this channel does not take it, one after the other"""


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in the outbox. `attempts` counts leases; a courier that died counts as one."""

    notice_id: int
    alarm_id: int
    urgency: int
    idempotency_key: str
    channel: str
    address: str
    subject_line: str
    body: str
    payload: dict[str, Any]
    state: NoticeState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    delivered_at: datetime | None
    last_error: str | None
    person: str | None = None
    fallbacks: tuple[tuple[str, str], ...] = ()


def add(connection: Connection, drafts: Sequence[Draft], *, now: datetime) -> None:
    """Puts notices into the outbox within the caller's transaction, which wakes the couriers (Topic.NOTICE) itself.

    One with a known key is there already.
    """
    if drafts:
        connection.cursor().executemany(_SQL["add"], [_columns(draft, now) for draft in drafts])


def _columns(draft: Draft, now: datetime) -> dict[str, Any]:
    return {
        "alarm_id": draft.alarm_id,
        "event_ids": list(draft.event_ids),
        "group_key": draft.group_key,
        "urgency": draft.urgency,
        "idempotency_key": draft.idempotency_key,
        "channel": draft.channel,
        "address": draft.address,
        "subject_line": draft.subject_line,
        "body": draft.body,
        "payload": Jsonb(draft.payload),
        "person": draft.person,
        "fallbacks": Jsonb([{"channel": channel, "address": address} for channel, address in draft.fallbacks]),
        "now": now,
    }


def lease(store: Store, *, channel: str, now: datetime, lease_s: float, limit: int) -> list[Notice]:
    """At most `limit` due notices of `channel`, gravest first, nobody else's for `lease_s`. Raises StoreError."""
    until = now + timedelta(seconds=lease_s)
    with store.transaction() as connection:
        rows = connection.execute(_SQL["lease"], {"channel": channel, "now": now, "until": until, "limit": limit})
        return sorted((_notice(row) for row in rows), key=lambda n: (n.urgency, n.next_attempt_at, n.notice_id))


def delivered(store: Store, notice: Notice, *, now: datetime) -> None:
    """Records that the channel took it. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["delivered"], {"notice_id": notice.notice_id, "now": now})
        notify(connection, Topic.ALARM)


def failed(store: Store, notice: Notice, *, next_attempt_at: datetime, error: str) -> None:
    """Records that the channel did not take it; nothing where the lease was lost meanwhile. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(
            _SQL["failed"],
            {
                "notice_id": notice.notice_id,
                "attempts": notice.attempts,
                "next_attempt_at": next_attempt_at,
                "error": error,
            },
        )


def dead(store: Store, notice: Notice, *, error: str) -> None:
    """Records that it is given up; nothing where the lease was lost meanwhile. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["dead"], {"notice_id": notice.notice_id, "attempts": notice.attempts, "error": error})
        notify(connection, Topic.ALARM)


def move_on(store: Store, notice: Notice, *, error: str, key: str, now: datetime) -> None:
    """The channel does not take it: the same goes to the first of its fallbacks under a key of its own; nothing where
    the lease was lost meanwhile. Raises StoreError."""
    (channel, address), rest = notice.fallbacks[0], notice.fallbacks[1:]
    with store.transaction() as connection:
        values = {
            "notice_id": notice.notice_id,
            "attempts": notice.attempts,
            "error": error,
            "key": key,
            "channel": channel,
            "address": address,
            "fallbacks": Jsonb([{"channel": one, "address": at} for one, at in rest]),
            "now": now,
        }
        connection.execute(_SQL["move_on"], values)
        notify(connection, Topic.NOTICE)
        notify(connection, Topic.ALARM)


def allowed(store: Store, *, channel: str, per_minute: float, cost: int, now: datetime) -> float:
    """Takes `cost` messages out of a channel's allowance, which all couriers share: 0 where there was enough, else the
    seconds until there is. The allowance holds a minute's worth, or one letter that costs more. Raises StoreError."""
    most, rate_per_s = max(per_minute, float(cost)), per_minute / 60.0
    with store.transaction() as connection:
        connection.execute(_SQL["open_allowance"], {"channel": channel, "most": most, "now": now})
        row: Any = connection.execute(_SQL["allowance"], {"channel": channel}).fetchone()
        filled_s = max(0.0, (now - row.filled_at).total_seconds())
        tokens = min(most, row.tokens + filled_s * rate_per_s)
        if tokens < cost:
            return float((cost - tokens) / rate_per_s)
        connection.execute(_SQL["spend"], {"channel": channel, "tokens": tokens - cost, "now": now})
        return 0.0


def postpone(store: Store, notice: Notice, *, until: datetime) -> None:
    """Gives a leased notice back untried until `until`. Raises StoreError."""
    with store.transaction() as connection:
        values = {"notice_id": notice.notice_id, "attempts": notice.attempts, "until": until}
        connection.execute(_SQL["postpone"], values)


def troubled(store: Store, *, since: datetime) -> dict[str, tuple[str, str, datetime]]:
    """Channels that gave up or moved notices after `since` and have delivered nothing later: the city of the newest of
    them, its last error, and when that notice was written. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["troubled"], {"since": since})
        return {row.channel: (row.city_code, row.last_error or "", row.created_at) for row in rows}


def hurry(store: Store, *, channel: str, now: datetime) -> int:
    """Makes all that waits for its next attempt on `channel` due; how many. Raises StoreError."""
    with store.transaction() as connection:
        return connection.execute(_SQL["hurry"], {"channel": channel, "now": now}).rowcount


def bury(store: Store, *, channels: Collection[str]) -> int:
    """Gives up what waits for any other channel than these, which nobody would deliver; how many. Raises StoreError."""
    with store.transaction() as connection:
        return connection.execute(_SQL["bury"], {"channels": list(channels)}).rowcount


def revive(store: Store, *, now: datetime, channel: str | None = None) -> int:
    """Sends again what was given up, on one channel or all; how many. Raises StoreError."""
    with store.transaction() as connection:
        revived = connection.execute(_SQL["revive"], {"channel": channel, "now": now}).rowcount
        notify(connection, Topic.NOTICE)
        return revived


def notices_of(store: Store, alarm_id: int) -> list[Notice]:
    """What was told about an alarm, alone or among others, oldest first. Raises StoreError."""
    with store.transaction() as connection:
        return [_notice(row) for row in connection.execute(_SQL["of_alarm"], {"alarm_id": alarm_id})]


def counts(store: Store) -> tuple[int, int]:
    """How many notices wait, how many were given up. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["counts"]).fetchone()
        return row.waiting, row.dead


def outcomes(store: Store) -> tuple[int, str | None]:
    """How many notices were delivered, and why the last one that was given up was. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["outcomes"]).fetchone()
        return row.delivered, row.last_error


def _notice(row: Any) -> Notice:
    fallbacks = tuple((one["channel"], one["address"]) for one in row.fallbacks)
    return Notice(**{**row._asdict(), "state": NoticeState(row.state), "fallbacks": fallbacks})
