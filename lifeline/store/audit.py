"""The audit trail: every act is a row that carries the hash of the one before; any later change of any row shows.

Whoever lets a person act calls `record` in the transaction of the act, once. Events of alarms, acts on work orders and
acts on shelters record themselves (`store.alarms`, `store.work_orders`, `store.shelters`): do not record those again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("audit")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = bytes(32)
"""What stands as `previous` before the first row."""
_AT_ONCE = 2000


class Flaw(StrEnum):
    """What is wrong with a chain."""

    ALTERED = "altered"
    """a row's words do not give its hash"""
    DELETED = "deleted"
    """rows are missing"""
    INSERTED = "inserted"
    """a row is there that was not written through the trail: without a place, or twice at one"""
    UNLINKED = "unlinked"
    """a row does not carry the hash of the one before"""
    TRUNCATED = "truncated"
    """the last rows are missing, or the head was turned back"""
    REWRITTEN = "rewritten"
    """the chain is sound in itself, but not the one that an anchor was taken of"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `seq` counts from 1 without a gap; `detail` is what the act needs to be understood."""

    seq: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """The chain as it stood: kept outside the database, it proves that nothing before it was rewritten."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq} {self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong at row `seq`."""

    seq: int
    flaw: Flaw
    words: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What going through the whole chain gave; sound where there is no fault."""

    rows: int
    head: Anchor
    faults: tuple[Fault, ...]
    anchors: int = 0
    """how many anchors were compared"""

    @property
    def sound(self) -> bool:
        return not self.faults


def record(
    where: Connection | Store,
    *,
    who: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
    at: datetime,
) -> None:
    """Adds one act: in the transaction of `where` when that is a connection, else in one of its own.

    `who` is a person's name or system:STAGE, `action` reads noun.verb (`alarm.acknowledge`), `subject` noun:id
    (`alarm:7`), `detail` is anything that JSON takes (times and enums become text). The row gets its place in the chain
    when the transaction commits, so writers do not wait for each other's work. Raises StoreError; a rolled back act
    leaves no row.
    """
    if isinstance(where, Store):
        with where.transaction() as connection:
            record(connection, who=who, action=action, subject=subject, detail=detail, at=at)
        return
    text = json.dumps(dict(detail), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)
    row = {"at": at, "who": clean(who), "action": clean(action), "subject": clean(subject), "detail": clean(text)}
    where.execute(_SQL["add"], row)


def entries(
    store: Store,
    *,
    subject: str | None = None,
    action: str | None = None,
    who: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Entry]:
    """At most `limit` entries, newest first. `action` may end in `%`; `before` is a seq, for the next page; from
    `since` on and before `until`. Raises StoreError."""
    values = {
        "subject": subject, "action": action, "who": who, "since": since, "until": until, "before": before,
        "limit": limit,
    }  # fmt: skip
    with store.transaction() as connection:
        return [
            Entry(row.seq, row.at, row.who, row.action, row.subject, _detail(row.detail), bytes(row.hash or b""))
            for row in connection.execute(_SQL["entries"], values)
        ]


def head(store: Store) -> Anchor:
    """The chain as it stands, to be kept elsewhere. Raises StoreError."""
    with store.transaction() as connection:
        return _head(connection)


def verify(store: Store, anchors: Iterable[Anchor] = ()) -> Proof:
    """Goes through the whole chain, in one snapshot, and names every fault with its row. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        stood = _head(connection)
        with connection.cursor(name="chain") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(_SQL["chain"])
            return prove(cursor, stood, anchors)


def prove(rows: Iterable[Any], stood: Anchor, anchors: Iterable[Anchor] = ()) -> Proof:
    """The same on rows in order, those without a place last: (audit_id, seq, at, who, action, subject,
    detail, previous, hash)."""
    wanted: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        wanted.setdefault(anchor.seq, []).append(anchor)
    faults: list[Fault] = []
    seq, previous, count = 0, FIRST, 0
    found = {0: FIRST}
    for row in rows:
        count += 1
        if row.seq is None or row.seq == seq:
            place = "no place in the chain" if row.seq is None else "a place that is taken"
            faults.append(Fault(row.seq or 0, Flaw.INSERTED, f"row {row.audit_id} ({row.action}) has {place}"))
            continue
        if row.seq != seq + 1:
            gone = f"row {seq + 1} is" if row.seq == seq + 2 else f"rows {seq + 1} to {row.seq - 1} are"
            faults.append(Fault(seq + 1, Flaw.DELETED, f"{gone} missing"))
        elif bytes(row.previous or b"") != previous:
            faults.append(Fault(row.seq, Flaw.UNLINKED, f"row {row.seq} does not carry the hash of row {seq}"))
        stored = bytes(row.hash or b"")
        if _hash(row) != stored:
            what = f"row {row.seq} ({row.at:%Y-%m-%d %H:%M:%S}Z {row.who} {row.action} {row.subject})"
            faults.append(Fault(row.seq, Flaw.ALTERED, f"{what} does not give its hash"))
        seq, previous = row.seq, stored
        if seq in wanted:
            found[seq] = stored
    if (seq, previous) != (stood.seq, stood.hash):
        words = f"the chain ends at row {seq}, its head says row {stood.seq}"
        if seq == stood.seq:
            words = f"row {seq} is not the one that the head names"
        faults.append(Fault(seq + 1, Flaw.TRUNCATED, words))
    faults += list(_against(wanted, found, seq))
    return Proof(count, stood, tuple(faults), sum(map(len, wanted.values())))


def _against(wanted: Mapping[int, list[Anchor]], found: Mapping[int, bytes], last: int) -> Iterator[Fault]:
    for seq, kept in sorted(wanted.items()):
        for anchor in kept:
            if seq > last:
                yield Fault(seq, Flaw.TRUNCATED, f"an anchor knows row {seq}, the chain ends at row {last}")
            elif found.get(seq) not in (None, anchor.hash):
                yield Fault(seq, Flaw.REWRITTEN, f"row {seq} is not the one that an anchor was taken of")


def _hash(row: Any) -> bytes:
    """The same sum as audit_seal() in migrations/0007_audit.sql."""
    microseconds = (row.at - _EPOCH) // timedelta(microseconds=1)
    words = (str(row.seq), str(microseconds), row.who, row.action, row.subject, row.detail)
    body = b"".join(b"%d:%s," % (len(word.encode()), word.encode()) for word in words)
    return hashlib.sha256(bytes(row.previous or b"") + body).digest()


def _head(connection: Connection) -> Anchor:
    row: Any = connection.execute(_SQL["head"]).fetchone()
    return Anchor(row.seq, bytes(row.hash)) if row else Anchor(-1, b"")


def _detail(text: str) -> dict[str, Any]:
    try:
        loaded = json.loads(text)
    except ValueError:
        loaded = None
    return loaded if isinstance(loaded, dict) else {"unreadable": text}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def clean(text: str) -> str:
    """What PostgreSQL keeps as text: no NUL, no half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
