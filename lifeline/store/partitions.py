"""Who takes from which partition: session locks that free themselves when their holder's connection ends.

A lock keeps two workers from taking from the same partition for long; that nothing is lost or stored twice does not
hang on it, but on the broker's session and on the unique key of readings.
"""

import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg.rows import namedtuple_row

from lifeline.store.errors import translated
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

MOST_PARTITIONS = 64
_SQL = queries("partitions")
_STRIDE = 1024
"""Locks of one layout: its partitions from 0, and at the end the one of all who are there."""
_ATTENDANCE = _STRIDE - 1


@dataclass(frozen=True, slots=True)
class Holder:
    """The worker that holds a partition; `silent_s` since its connection said anything."""

    worker: str
    pid: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Who holds what at a moment."""

    holders: dict[int, Holder]
    """by partition; missing: nobody has it"""
    present: tuple[Holder, ...]
    """all workers that are there, with or without a partition"""
    mine: frozenset[int]


class Claims:
    """The locks of one worker in a layout of `of` partitions, on a connection of its own. Thread-safe.

    While the database is away every call raises StoreError; when it is back, what was held is taken again where it is
    still free.
    """

    def __init__(self, url: str, *, client_id: str, of: int, worker: str) -> None:
        self._url = url
        self._key = _key(client_id)
        self._of = of
        self._worker = worker
        self._connection: Connection | None = None
        self._held: set[int] = set()
        self._alone = threading.Lock()

    def look(self) -> Shares:
        """Who holds what now; says by the way that this worker lives. Raises StoreError."""
        with self._alone, translated():
            try:
                return self._look()
            except psycopg.OperationalError:  # ended by the server, perhaps by another worker: it may well be there
                self._disconnect()
                return self._look()

    def take(self, number: int) -> bool:
        """True when partition `number` is now ours. Raises StoreError."""
        with self._alone, translated():
            connection = self._open()
            if number not in self._held and self._try(connection, number):  # a second time it would count twice
                self._held.add(number)
            return number in self._held

    def release(self, number: int) -> None:
        """Gives a partition back; with the database away it is free anyway. Raises StoreError."""
        self._held.discard(number)
        with self._alone, translated():
            if self._connection is not None:
                self._connection.execute(_SQL["release"], self._lock(number))

    def fence(self, holder: Holder) -> int:
        """Ends all connections of a worker that is silent; how many there were. Raises StoreError."""
        with self._alone, translated():
            row = self._open().execute(_SQL["fence"], {"worker": holder.worker}).fetchone()
            return 0 if row is None else int(row.ended)

    def close(self) -> None:
        """Frees all that is held."""
        with self._alone:
            self._held.clear()
            self._disconnect()

    def _look(self) -> Shares:
        connection = self._open()
        shares = _shares(connection.execute(_SQL["holders"], {"key": self._key}), self._of, connection.info.backend_pid)
        self._held &= shares.mine
        return shares

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                row_factory=namedtuple_row,
                application_name=self._worker,
                connect_timeout=5,
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
                tcp_user_timeout=10_000,
            )
            self._connection.execute(_SQL["attend"], self._lock(_ATTENDANCE))
            self._held = {number for number in self._held if self._try(self._connection, number)}
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, connection: Connection, number: int) -> bool:
        row = connection.execute(_SQL["take"], self._lock(number)).fetchone()
        return row is not None and bool(row.got)

    def _lock(self, number: int) -> dict[str, int]:
        return {"key": self._key, "number": self._of * _STRIDE + number}


def shares(store: Store, *, client_id: str, of: int) -> Shares:
    """Who holds what now, for who only looks on. Raises StoreError."""
    with store.transaction() as connection:
        return _shares(connection.execute(_SQL["holders"], {"key": _key(client_id)}), of, 0)


def layout(store: Store, client_id: str) -> int:
    """Into how many partitions the sessions of `client_id` are divided. Raises StoreError."""
    with store.transaction() as connection:
        row = connection.execute(_SQL["layout"], {"client_id": client_id}).fetchone()
        return 1 if row is None else int(row.partitions)


def set_layout(store: Store, client_id: str, partitions: int) -> None:
    """Records that they are divided into `partitions` from now on. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["set_layout"], {"client_id": client_id, "partitions": partitions})


def _shares(rows: Iterable[tuple[int, int, str, float]], of: int, own_pid: int) -> Shares:
    holders: dict[int, Holder] = {}
    present = []
    for lock, pid, worker, silent_s in rows:
        if lock // _STRIDE != of:
            continue
        holder = Holder(worker, pid, silent_s)
        if lock % _STRIDE == _ATTENDANCE:
            present.append(holder)
        else:
            holders[lock % _STRIDE] = holder
    mine = frozenset(number for number, holder in holders.items() if holder.pid == own_pid)
    return Shares(holders, tuple(present), mine)


def _key(client_id: str) -> int:
    """The first part of the locks' key: two ingests under different ids do not know of each other."""
    return zlib.crc32(b"lifeline-ingest/" + client_id.encode()) & 0x7FFF_FFFF
