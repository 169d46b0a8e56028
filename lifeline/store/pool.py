"""Connections: a small pool, transactions, and notifications between stages."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import ConnectionPool

from lifeline.store.errors import translated

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # what it warns of, StoreError says to who asked

Connection = psycopg.Connection[Any]
"""A connection whose rows are named tuples."""


class Topic(StrEnum):
    """Channels of LISTEN/NOTIFY; each says that there are new rows to look at, never what they are."""

    READING = "lifeline_reading"
    FINDING = "lifeline_finding"
    ALARM = "lifeline_alarm"
    NOTICE = "lifeline_notice"


class Store:
    """The database as the stages see it. Thread-safe; closed by `close` or as a context manager."""

    def __init__(self, url: str, *, name: str = "lifeline", connections: int = 4, timeout_s: float = 10.0) -> None:
        self.url = url
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=0,
            max_size=connections,
            timeout=timeout_s,
            open=False,
            kwargs={
                "row_factory": namedtuple_row,
                "application_name": name,
                "options": "-c timezone=UTC",
                "connect_timeout": 5,
            },
            check=ConnectionPool.check_connection,
        )
        self._pool.open()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises. Raises StoreError."""
        with translated(), self._pool.connection() as connection:
            yield connection

    def listener(self, *topics: Topic) -> "Listener":
        """A wake-up call for `topics`, on a connection of its own."""
        return Listener(self.url, topics)

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Listener:
    """Waits for notifications; reconnects by itself and then wakes once, because it may have missed some."""

    def __init__(self, url: str, topics: tuple[Topic, ...]) -> None:
        self._url = url
        self._topics = topics
        self._connection: Connection | None = None

    def wait(self, timeout_s: float, stop: threading.Event | None = None) -> bool:
        """True when something came (or may have come unseen), False after `timeout_s`.

        While the database is away it waits `timeout_s` and answers True: looking and failing is the caller's business.
        """
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
                for topic in self._topics:
                    self._connection.execute(f"LISTEN {topic.value}".encode())
                return True
            return any(True for _ in self._connection.notifies(timeout=timeout_s, stop_after=1))
        except psycopg.Error:
            self.close()
            (stop or threading.Event()).wait(timeout_s)
            return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def notify(connection: Connection, topic: Topic) -> None:
    """Wakes the listeners of `topic` when the transaction commits."""
    connection.execute(f"NOTIFY {topic.value}".encode())
