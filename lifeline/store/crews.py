"""Crews as they stand now: on duty or not, where, with how much work. What they are is in store/cities.py."""

from dataclasses import dataclass
from datetime import datetime

from lifeline.asset import Crew, Position
from lifeline.errors import NotFoundError
from lifeline.store import audit
from lifeline.store.cities import crew_of
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("crews")


@dataclass(frozen=True, slots=True)
class CrewStanding:
    """A crew, where it was last (its base where it never said), its duty and its load."""

    crew: Crew
    on_duty: bool
    until: datetime | None
    """when the shift, or the rest, ends; None: until said otherwise"""
    orders: int
    """accepted or on site"""
    offers: int
    """asked and not answered"""
    placed_at: datetime | None = None

    def on_duty_at(self, now: datetime) -> bool:
        """Whether it is on duty now: a shift ends by itself, so does a rest."""
        return self.on_duty if self.until is None or now < self.until else not self.on_duty


def standings(store: Store) -> list[CrewStanding]:
    """All crews of all cities, by id. Raises StoreError."""
    with store.transaction() as connection:
        return [
            CrewStanding(
                crew_of(row),
                on_duty=row.on_duty is not False,
                until=row.until,
                orders=row.orders,
                offers=row.offers,
                placed_at=row.placed_at,
            )
            for row in connection.execute(_SQL["crews"])
        ]


def set_presence(
    store: Store,
    crew_id: str,
    *,
    on_duty: bool,
    who: str,
    now: datetime,
    until: datetime | None = None,
    position: Position | None = None,
) -> None:
    """What a crew says of itself: on duty or not, until when, where. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        values = {
            "crew_id": crew_id, "on_duty": on_duty, "until": until, "lon": position.lon if position else None,
            "lat": position.lat if position else None, "placed_at": now if position else None, "now": now, "who": who,
        }  # fmt: skip
        if not connection.execute(_SQL["put_presence"], values).rowcount:
            raise NotFoundError(f"there is no crew {crew_id}", advice="look at `lifeline dispatch crews`")
        detail = {"on_duty": on_duty, "until": until}
        audit.record(connection, who=who, action="crew.duty", subject=f"crew:{crew_id}", detail=detail, at=now)
