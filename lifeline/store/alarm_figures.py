"""The alarm figures of a deployment: what operators were told, what stood on the list, how fast people answered."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from lifeline.kpi import Annunciation, Kpi, Limits, Standing, measure
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("alarm_figures")


@dataclass(frozen=True, slots=True)
class Answers:
    """How fast people answered alarms that were opened in a span; medians in seconds, None where there were none."""

    alarms: int
    acknowledged: int
    dispatched: int
    to_acknowledge_s: float | None
    to_dispatch_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """`told`: notices to the receiver who got most of them, an operator's own burden; `listed`: every alarm that opened
    on the list, grouped or not; and how fast people answered."""

    told: Kpi
    listed: Kpi
    answers: Answers
    limits: Limits


def report(
    store: Store,
    *,
    begin: datetime,
    end: datetime,
    limits: Limits,
    city_code: str | None = None,
    operators: int = 1,
) -> Report:
    """The figures between `begin` and `end`, of one city or all. Raises StoreError, and ValueError as `kpi.measure`."""
    span: dict[str, Any] = {"begin": begin, "end": end, "city_code": city_code}
    with store.transaction() as connection:
        notices = connection.execute(_SQL["told"], span).fetchall()
        raised = [Annunciation(row.at, row.subject) for row in connection.execute(_SQL["raised"], span)]
        standing = [Standing(*row) for row in connection.execute(_SQL["standing"], span)]
        waited = connection.execute(_SQL["answered"], span).fetchall()
    busiest = Counter(row.receiver for row in notices).most_common(1)
    told = [Annunciation(row.at, row.subject) for row in notices if busiest and row.receiver == busiest[0][0]]
    return Report(
        measure(told, standing, begin=begin, end=end, operators=1, limits=limits),
        measure(raised, standing, begin=begin, end=end, operators=operators, limits=limits),
        _answers(waited),
        limits,
    )


def _answers(rows: list[Any]) -> Answers:
    def seconds(name: str) -> list[float]:
        return [(at - row.opened_at).total_seconds() for row in rows if (at := getattr(row, name)) is not None]

    acknowledged, dispatched = seconds("acknowledged_at"), seconds("dispatched_at")
    return Answers(
        len(rows),
        len(acknowledged),
        len(dispatched),
        median(acknowledged) if acknowledged else None,
        median(dispatched) if dispatched else None,
    )
