"""Roll-ups per sensor and minute, quarter of an hour, hour: right after late data too, each reading taken in once.

The job follows commits: it finds the buckets that new readings touch and fills them anew from the readings, in bounded
portions, each one transaction together with the job's position. With nothing new it is one look at one row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np

from lifeline.store.binary import BinaryRows, Rows
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("rollups")

PORTION_READINGS = 20_000
"""New readings per transaction: well under a second, because who follows commits waits for it to end.

A migration that changes it sets `rollup_job.parts_done` to 0: the parts would be others."""
MOST_ARRIVALS = 1_000
_SAME_SPAN = timedelta(minutes=1)
_LONGEST_HISTORY_SPAN = timedelta(days=30)

ROLLUP = np.dtype(
    [
        ("sensor_key", "i4"),
        ("began_at", "M8[us]"),
        ("readings", "i8"),
        ("min", "f8"),
        ("max", "f8"),
        ("mean", "f8"),
        ("last", "f8"),
        ("good_share", "f8"),
    ]
)
"""One bucket. Values in SI, of good and doubtful readings, NaN where all were bad; `good_share` of all, 0 to 1."""
_ROLLUP_ROWS = BinaryRows(ROLLUP)


class Width(StrEnum):
    """How long a bucket is; buckets begin at whole multiples, UTC."""

    MINUTE = "minute"
    QUARTER = "quarter"
    HOUR = "hour"

    @property
    def span(self) -> timedelta:
        return {"minute": timedelta(minutes=1), "quarter": timedelta(minutes=15), "hour": timedelta(hours=1)}[self]

    @property
    def table(self) -> str:
        return f"rollup_{self.value}"


@dataclass(frozen=True, slots=True)
class Portion:
    """What one transaction of the job did: buckets that changed, and whether there is more to do at once."""

    buckets: int
    more: bool


def roll_up(store: Store, width: Width, *, portion_readings: int = PORTION_READINGS) -> Portion:
    """Does the next portion of the roll-ups of `width`; call it again while there is `more`.

    Where the arrivals behind its position are forgotten (it did not run for a day) it goes through the readings by
    event time, from the oldest that may be missing. Two jobs at a time do no harm: the second finds nothing to do.
    Raises StoreError; nothing of the portion is then done.
    """
    with store.transaction() as connection:
        if not _row(connection, "one_at_a_time", {"width": width.value}).ours:
            return Portion(0, more=False)
        job = _row(connection, "job", {"width": width.value})
        if job.stale:
            connection.execute(_SQL["start_again"], {"width": width.value, "ahead": job.ahead})
            return Portion(0, more=True)
        if job.in_history:
            return _history(connection, width, portion_readings)
        return _arrivals(connection, width, job, portion_readings)


def rollup(store: Store, sensor_keys: Sequence[int], start: datetime, end: datetime, *, width: Width) -> Rows:
    """Buckets of `sensor_keys` with start <= began_at < end; those without a reading are missing.

    The youngest buckets lack the readings that the job has yet to take in. Returns (n,) of ROLLUP ordered by
    (sensor_key, began_at). Raises StoreError.
    """
    query = {"sensor_keys": list(sensor_keys), "start": start, "end": end}
    statement = _statement("rollup", width)
    with store.transaction() as connection, connection.cursor() as cursor, cursor.copy(statement, query) as copy:
        return _ROLLUP_ROWS.unpack(b"".join(copy))


def _arrivals(connection: Connection, width: Width, job: Any, portion_readings: int) -> Portion:
    """One part of the arrivals at hand; which these are stands in the job until all their parts are done."""
    query = {"position": job.position, "upto": job.upto, "limit": MOST_ARRIVALS}
    arrivals = connection.execute(_SQL["arrivals"], query).fetchall()
    if not arrivals:
        return Portion(0, more=False)
    parts = _parts(arrivals, portion_readings)
    buckets = _recompute(connection, width, "touched_by_arrivals", parts[job.parts_done])
    done = {"width": width.value, "upto": arrivals[-1].xid + 1, "committed_at": arrivals[-1].committed_at}
    last = job.parts_done + 1 >= len(parts)
    connection.execute(_SQL["move" if last else "move_part"], done)
    # others may have come while there were parts
    return Portion(buckets, more=len(parts) > 1 or len(arrivals) >= MOST_ARRIVALS)


def _parts(arrivals: list[Any], portion_readings: int) -> list[dict[str, datetime]]:
    """Spans of reception and event time, each of about a portion, which together hold all readings of `arrivals`.

    Arrivals that cannot be told apart by reception (all of one file have the same instant) are parted by event time.
    """
    parts: list[dict[str, datetime]] = []
    for group in _groups(sorted(arrivals, key=lambda arrival: (arrival.received_from, arrival.xid)), portion_readings):
        first = min(arrival.observed_from for arrival in group)
        last = max(arrival.observed_to for arrival in group)
        number = max(1, -(-sum(arrival.readings for arrival in group) // portion_readings))
        received = {
            "received_from": group[0].received_from,
            "received_to": max(arrival.received_to for arrival in group),
        }
        bounds = [first + (last - first) * i / number for i in range(number)] + [last]
        parts += [{**received, "observed_from": bounds[i], "observed_to": bounds[i + 1]} for i in range(number)]
    return parts


def _groups(arrivals: list[Any], portion_readings: int) -> list[list[Any]]:
    """`arrivals`, which are in the order of reception, cut where a portion is full or a pause begins."""
    groups: list[list[Any]] = []
    readings, received_to = 0, arrivals[0].received_from
    for arrival in arrivals:
        within = arrival.received_to <= received_to
        follows = arrival.received_from <= received_to + _SAME_SPAN
        if groups and (within or (follows and readings + arrival.readings <= portion_readings)):
            groups[-1].append(arrival)
            readings, received_to = readings + arrival.readings, max(received_to, arrival.received_to)
        else:
            groups.append([arrival])
            readings, received_to = arrival.readings, arrival.received_to
    return groups


def _history(connection: Connection, width: Width, portion_readings: int) -> Portion:
    first = _row(connection, "next_observed", {"width": width.value}).observed_at
    if first is None:
        connection.execute(_SQL["move_history"], {"width": width.value, "history_from": None})
        return Portion(0, more=True)
    rate = max(_row(connection, "readings_per_s", {}).readings_per_s, 1e-6)
    span = min(timedelta(seconds=portion_readings / rate), _LONGEST_HISTORY_SPAN)
    upto = first + max(span, width.span)
    buckets = _recompute(connection, width, "touched_by_history", {"observed_from": first, "observed_to": upto})
    connection.execute(_SQL["move_history"], {"width": width.value, "history_from": upto})
    return Portion(buckets, more=True)


def _recompute(connection: Connection, width: Width, touched: str, span: dict[str, datetime]) -> int:
    connection.execute(_SQL["look_up_by_index"])
    statement = _statement("recompute", width).replace(b"$touched", _SQL[touched])
    return connection.execute(statement, {**span, "step": width.span}).rowcount


def _statement(name: str, width: Width) -> bytes:
    return _SQL[name].replace(b"$rollup", width.table.encode())


def _row(connection: Connection, name: str, query: dict[str, Any]) -> Any:
    row = connection.execute(_SQL[name], query).fetchone()
    if row is None:
        raise AssertionError(f"{name} returns a row always")
    return row
