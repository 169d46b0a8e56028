"""Observations: time and datastream of a filter become bounds of what is read, the rest is judged row by row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from console.sensorthings.expression import Call, Expression, Literal, Path, QueryError, Resolve, conjuncts
from console.sensorthings.model import Entity, Observed, observation
from console.sensorthings.options import Options
from lifeline.asset import Sensor
from lifeline.clock import Clock
from lifeline.reading import Quality, QualityReason
from lifeline.store import observations as stored
from lifeline.store.pool import Store

_SCAN_ROWS = 50_000
"""rows that one request judges; what is left is behind its next link"""
_PIECE_ROWS = 2_000
_FIRST_WINDOW = timedelta(minutes=1)
_TICK = timedelta(microseconds=1)
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_TIMES = {("phenomenonTime",), ("resultTime",)}
_MIRRORED = {"eq": "eq", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What of a filter says where to read: [start, end), one datastream or any, and what is left to judge."""

    start: datetime | None = None
    end: datetime | None = None
    datastream: str | None = None
    rest: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservationPage:
    """Part of a list; `token` continues it, None at its end."""

    entities: list[Entity]
    token: str | None
    count: int | None


def bounds(expression: Expression | None) -> Bounds:
    """The bounds that `expression` implies; exact together with `rest`."""
    found = Bounds()
    for part in conjuncts(expression) if expression else ():
        found = _narrow(found, part) or replace(found, rest=(*found.rest, part))
    return found


def _narrow(known: Bounds, part: Expression) -> Bounds | None:
    if not isinstance(part, Call) or part.name not in _MIRRORED or len(part.arguments) != 2:
        return None
    left, right = part.arguments
    name = part.name
    if isinstance(left, Literal):
        left, right, name = right, left, _MIRRORED[name]
    if not isinstance(left, Path) or not isinstance(right, Literal):
        return None
    if left.names == ("Datastream", "id") and name == "eq" and known.datastream is None and isinstance(right.held, str):
        return replace(known, datastream=right.held)
    if left.names not in _TIMES or not isinstance(at := right.held, datetime):
        return None
    try:
        start = {"gt": at + _TICK, "ge": at, "eq": at}.get(name)
        end = {"lt": at, "le": at + _TICK, "eq": at + _TICK}.get(name)
    except OverflowError:
        return None
    return replace(
        known,
        start=max(filter(None, (known.start, start)), default=None),
        end=min(filter(None, (known.end, end)), default=None),
    )


class ObservationReader:
    """Reads observations of some sensors as a request's options ask for them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def one(self, sensor: Sensor, at_us: int) -> Entity | None:
        """The observation of an instant, None where there is none. Raises StoreError."""
        try:
            at = _BEGIN + timedelta(microseconds=at_us)
        except OverflowError:
            return None
        rows = self._read([sensor], at, at + _TICK, newest_first=True, limit=1)
        return observation(rows[0]) if rows else None

    def page(
        self, sensors: Sequence[Sensor], options: Options, resolve: Callable[[Entity], Resolve]
    ) -> ObservationPage:
        """The observations of `sensors` that `options` ask for; `resolve` gives the paths of one.

        Raises QueryError for an order that would need all of the table, StoreError.
        """
        within = bounds(options.filter)
        if within.datastream is not None:
            sensors = [sensor for sensor in sensors if sensor.sensor_id == within.datastream]
        newest_first = self._order(options)
        start = within.start or _BEGIN
        end = min(within.end or datetime.max.replace(tzinfo=UTC), self._clock.now() + _AHEAD)
        if len(sensors) > 1 and not newest_first and within.start is None:
            raise QueryError(
                "oldest first over many datastreams needs a beginning", advice="add phenomenonTime ge ... to $filter"
            )
        count = self._count(sensors, start, end, within) if options.count else None
        entities: list[Entity] = []
        skipped = judged = 0
        last: Observed | None = None
        for row in self._after(options.token, sensors, start, end, newest_first=newest_first):
            if len(entities) == options.top or judged == _SCAN_ROWS:
                return ObservationPage(entities, None if last is None else _token(last), count)
            judged, last = judged + 1, row
            entity = observation(row)
            asked = resolve(entity)
            if all(part.value(asked) is True for part in within.rest):
                if skipped < options.skip:
                    skipped += 1
                else:
                    entities.append(entity)
        return ObservationPage(entities, None, count)

    @staticmethod
    def _order(options: Options) -> bool:
        if not options.order:
            return True
        first = options.order[0]
        if first.by.names not in _TIMES or any(key.by.names not in {*_TIMES, ("id",)} for key in options.order):
            raise QueryError(
                "observations are given in the order of time", advice="$orderby=phenomenonTime asc, or desc"
            )
        return first.descending

    def _count(self, sensors: Sequence[Sensor], start: datetime, end: datetime, within: Bounds) -> int:
        if within.rest:
            raise QueryError(
                "$count is given for filters of time and datastream only", advice="leave $count or the other parts out"
            )
        return stored.count(self._store, [sensor.sensor_key for sensor in sensors], start=start, end=end)

    def _after(
        self, token: str, sensors: Sequence[Sensor], start: datetime, end: datetime, *, newest_first: bool
    ) -> Iterator[Observed]:
        """Rows in order, from behind `token` on."""
        place = _read_token(token)
        if place is not None:
            at = place[0]
            start, end = (start, min(end, at + _TICK)) if newest_first else (max(start, at), end)
        for row in self._windows(sensors, start, end, newest_first=newest_first):
            here = (row.observed_at, row.sensor.sensor_key)
            if place is None or (here < place if newest_first else here > place):
                yield row

    def _windows(
        self, sensors: Sequence[Sensor], start: datetime, end: datetime, *, newest_first: bool
    ) -> Iterator[Observed]:
        """Rows in order; over many sensors through windows that widen, so that no window holds far too much."""
        width = _FIRST_WINDOW if len(sensors) > 1 else end - start
        while sensors and start < end:
            width = min(width, end - start)
            first, last = (end - width, end) if newest_first else (start, start + width)
            seen = 0
            for row in self._pieces(sensors, first, last, newest_first=newest_first):
                seen += 1
                yield row
            start, end = (start, first) if newest_first else (last, end)
            width = width if seen > _PIECE_ROWS else width * 4

    def _pieces(
        self, sensors: Sequence[Sensor], start: datetime, end: datetime, *, newest_first: bool
    ) -> Iterator[Observed]:
        """Rows in order, read a piece at a time; rows of one instant are never parted."""
        limit = _PIECE_ROWS + len(sensors)
        while start < end:
            rows = self._read(sensors, start, end, newest_first=newest_first, limit=limit)
            if len(rows) < limit:
                yield from rows
                return
            edge = rows[-1].observed_at
            yield from (row for row in rows if row.observed_at != edge)
            start, end = (start, edge + _TICK) if newest_first else (edge, end)

    def _read(
        self, sensors: Sequence[Sensor], start: datetime, end: datetime, *, newest_first: bool, limit: int
    ) -> list[Observed]:
        known = {sensor.sensor_key: sensor for sensor in sensors}
        rows = stored.observations(
            self._store, list(known), start=start, end=end, newest_first=newest_first, limit=limit
        )
        return [
            Observed(
                known[row.sensor_key],
                row.observed_at,
                row.received_at,
                row.value,
                Quality(row.quality),
                QualityReason(row.reason),
            )
            for row in rows
        ]


def _token(row: Observed) -> str:
    return f"{(row.observed_at - _BEGIN) // _TICK}.{row.sensor.sensor_key}"


def _read_token(token: str) -> tuple[datetime, int] | None:
    if not token:
        return None
    try:
        micros, key = (int(part) for part in token.split("."))
        return _BEGIN + timedelta(microseconds=micros), key
    except (ValueError, OverflowError) as error:
        raise QueryError(f"$skiptoken={token[:40]!r} is not ours", advice="take it from @iot.nextLink") from error
