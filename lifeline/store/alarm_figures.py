"""The alarm figures of a deployment: what operators were told, what stood on the list, how fast people answered."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from lifeline.alarm import AlarmState, Level
from lifeline.asset import Name
from lifeline.kpi import Annunciation, Kpi, Limits, Standing, measure
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("alarm_figures")


@dataclass(frozen=True, slots=True)
class Answers:
    """How alarms that were opened in a span were met: how many came how far, and the median seconds to the first
    answer of a person and to the first dispatch, None where there were none."""

    alarms: int
    acknowledged: int
    dispatched: int
    mitigated: int
    closed: int
    to_acknowledge_s: float | None
    to_dispatch_s: float | None


@dataclass(frozen=True, slots=True)
class Channel:
    """The notices of a channel; `delivered_s`: the 95th percentile until it took them."""

    channel: str
    notices: int
    delivered: int
    dead: int
    delivered_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """`told`: notices to the receiver who got most of them, an operator's own burden; `listed`: every alarm that opened
    on the list, grouped or not, and `tens` of them in each ten minutes that had any; how people answered, by level too;
    `titles`: what the subjects of `listed.top` are called."""

    told: Kpi
    listed: Kpi
    tens: tuple[tuple[datetime, int], ...]
    titles: dict[str, Name]
    answers: Answers
    levels: dict[Level, Answers]
    channels: tuple[Channel, ...]
    limits: Limits


def report(
    store: Store,
    *,
    begin: datetime,
    end: datetime,
    limits: Limits,
    cities: Collection[str] | None = None,
    operators: int = 1,
) -> Report:
    """The figures between `begin` and `end`, of some cities or all. Raises StoreError, and ValueError as
    `kpi.measure`."""
    span: dict[str, Any] = {"begin": begin, "end": end, "cities": None if cities is None else sorted(cities)}
    with store.transaction() as connection:
        notices = connection.execute(_SQL["told"], span).fetchall()
        rows = connection.execute(_SQL["raised"], span).fetchall()
        standing = [Standing(*row) for row in connection.execute(_SQL["standing"], span)]
        met = connection.execute(_SQL["answered"], span).fetchall()
        channels = tuple(Channel(*row) for row in connection.execute(_SQL["channels"], span))
    busiest = Counter(row.receiver for row in notices).most_common(1)
    told = [Annunciation(row.at, row.subject) for row in notices if busiest and row.receiver == busiest[0][0]]
    raised = [Annunciation(row.at, row.subject) for row in rows]
    listed = measure(raised, standing, begin=begin, end=end, operators=operators, limits=limits)
    names = {row.subject: Name(row.title_zh, row.title_en) for row in rows}
    return Report(
        told=measure(told, standing, begin=begin, end=end, operators=1, limits=limits),
        listed=listed,
        tens=tuple(sorted(Counter(_ten_minutes(one.at) for one in raised).items())),
        titles={subject: names[subject] for subject, _, _ in listed.top},
        answers=_answers(met),
        levels={level: _answers(own) for level in Level if (own := [row for row in met if row.level == level])},
        channels=channels,
        limits=limits,
    )


def _ten_minutes(at: datetime) -> datetime:
    return at.replace(minute=at.minute - at.minute % 10, second=0, microsecond=0)


def _answers(rows: Sequence[Any]) -> Answers:
    def seconds(at: Callable[[Any], datetime | None]) -> list[float]:
        return [(when - row.opened_at).total_seconds() for row in rows if (when := at(row)) is not None]

    acknowledged, dispatched = seconds(lambda row: row.acknowledged_at), seconds(lambda row: row.dispatched_at)
    return Answers(
        alarms=len(rows),
        acknowledged=len(acknowledged),
        dispatched=len(dispatched),
        mitigated=sum(row.mitigated_at is not None for row in rows),
        closed=sum(row.state == AlarmState.CLOSED for row in rows),
        to_acknowledge_s=median(acknowledged) if acknowledged else None,
        to_dispatch_s=median(dispatched) if dispatched else None,
    )
