"""Offers of work orders whose crews are still to be told at their contact."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.alarm import Level
from lifeline.asset import Name, Position
from lifeline.store.pool import Connection
from lifeline.store.queries import queries
from lifeline.work_order import Material

_SQL = queries("summons")


@dataclass(frozen=True, slots=True)
class Summons:
    """A crew is asked about an order and has until `answer_by`. `minutes`: its way there, infinity where no road leads;
    `contact`: as the city pack has it; `event_id`: the alarm's dispatch, None where it has none."""

    offer_id: int
    order_id: int
    alarm_id: int
    level: Level
    title: Name
    city: Name
    timezone: str
    position: Position | None
    materials: tuple[Material, ...]
    at: datetime
    answer_by: datetime
    minutes: float
    crew_id: str
    crew: Name
    contact: str
    event_id: int | None

    @property
    def group(self) -> str:
        """What the notice of this offer is known by."""
        return f"offer/{self.offer_id}"


def untold(connection: Connection, *, schemes: Collection[str], now: datetime, limit: int) -> list[Summons]:
    """Offers that wait for an answer, of crews whose contact has one of `schemes`, without a notice; oldest first."""
    rows = connection.execute(_SQL["untold"], {"schemes": list(schemes), "now": now, "limit": limit})
    return [_summons(row) for row in rows]


def _summons(row: Any) -> Summons:
    materials = tuple(Material(Name(one["zh"], one["en"]), one["quantity"]) for one in row.materials)
    return Summons(
        offer_id=row.offer_id,
        order_id=row.order_id,
        alarm_id=row.alarm_id,
        level=Level(row.level),
        title=Name(row.title_zh, row.title_en),
        city=Name(row.city_zh, row.city_en),
        timezone=row.timezone,
        position=None if row.lon is None else Position(row.lon, row.lat),
        materials=materials,
        at=row.at,
        answer_by=row.answer_by,
        minutes=row.minutes,
        crew_id=row.crew_id,
        crew=Name(row.crew_zh, row.crew_en),
        contact=row.contact,
        event_id=row.event_id,
    )
