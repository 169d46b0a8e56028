"""How the last test of each channel went, and whose turn it is: each is tried by one process at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("channel_trials")


@dataclass(frozen=True, slots=True)
class Trial:
    """The last test of a channel, and when it last took one: `failures` in a row, and the last error, empty where it
    went well."""

    channel: str
    at: datetime
    taken_at: datetime | None
    failures: int
    error: str


def claim(store: Store, *, channels: Collection[str], now: datetime, every_s: float, again_s: float) -> list[str]:
    """The channels that the caller tries now: tried or first seen `every_s` ago, after a failure `again_s` ago.

    Raises StoreError.
    """
    values = {
        "channels": list(channels),
        "now": now,
        "before": now - timedelta(seconds=every_s),
        "again_before": now - timedelta(seconds=again_s),
    }
    with store.transaction() as connection:
        connection.execute(_SQL["see"], values)
        return [row.channel for row in connection.execute(_SQL["claim"], values)]


def record(store: Store, channel: str, *, error: str, now: datetime) -> None:
    """How a test went; `error` is empty where it went well. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["record"], {"channel": channel, "error": error, "now": now})


def trials(store: Store) -> dict[str, Trial]:
    """The last test of each channel. Raises StoreError."""
    with store.transaction() as connection:
        return {row.channel: Trial(*row) for row in connection.execute(_SQL["trials"])}
