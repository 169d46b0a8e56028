"""What the record says of pipes: breaks and leaks, frost days, hours of water on the street above them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.asset import Position
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("renewal")
_WET_M = 0.05
_DAYS, _HOURS = 365.0, 8766.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a sensor saw, per year of what it saw at all: frost days, or hours of surcharge."""

    position: Position
    per_year: float


@dataclass(frozen=True, slots=True)
class History:
    """Of one city: (asset id, kind) -> times; `years` that the record covers, 0 before the first finding."""

    events: dict[tuple[str, str], int]
    years: float
    frost: tuple[Seen, ...]
    surcharge: tuple[Seen, ...]


def history(store: Store, city_code: str, *, until: datetime) -> History:
    """The record of a city up to an instant. Raises StoreError."""
    span: dict[str, Any] = {"city_code": city_code, "until": until, "depth_m": _WET_M}
    with store.transaction() as connection:
        events = {(r.asset_id, r.kind): int(r.times) for r in connection.execute(_SQL["events"], span)}
        first: Any = connection.execute(_SQL["since"], span).fetchone()
        frost = tuple(
            Seen(Position(r.lon, r.lat), r.frost / r.days * _DAYS) for r in connection.execute(_SQL["frost_days"], span)
        )
        wet = tuple(
            Seen(Position(r.lon, r.lat), r.wet / r.hours * _HOURS)
            for r in connection.execute(_SQL["surcharge_hours"], span)
        )
    years = 0.0 if first.began_at is None else max((until - first.began_at).total_seconds() / 86_400 / _DAYS, 0.0)
    return History(events, years, frost, wet)
