"""How much a person is asked to take in: the figures of EEMUA 191 and ISA-18.2 over alarms as they were told. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Annunciation:
    """Something that an operator was told at `at`, about a subject."""

    at: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A live alarm and when anything last happened to it."""

    alarm_id: int
    subject: str
    touched_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as what: more than `flood_above` in a window of `window_s` is a flood; a subject that is told
    `chatter_times` within `chatter_within_s` chatters; a live alarm untouched for `stale_after_s` is stale."""

    window_s: float = 600.0
    flood_above: int = 10
    mean_at_most: float = 1.0
    flood_share_at_most: float = 0.01
    chatter_times: int = 3
    chatter_within_s: float = 3600.0
    stale_after_s: float = 86400.0


@dataclass(frozen=True, slots=True)
class Kpi:
    """The figures of a span of time. `mean` and `worst` are told alarms per window and operator; `flood_share` is the
    share of windows in flood; `top` the subjects that were told most, with their share of all."""

    begin: datetime
    end: datetime
    operators: int
    told: int
    mean: float
    worst: int
    flood_share: float
    top: tuple[tuple[str, int, float], ...]
    chattering: tuple[str, ...]
    stale: tuple[Standing, ...]

    def meets(self, limits: Limits) -> bool:
        """Whether both of EEMUA's limits are kept."""
        return self.mean <= limits.mean_at_most and self.flood_share <= limits.flood_share_at_most


def measure(
    told: Sequence[Annunciation],
    standing: Sequence[Standing],
    *,
    begin: datetime,
    end: datetime,
    operators: int = 1,
    limits: Limits,
) -> Kpi:
    """The figures between `begin` and `end`, in windows that follow on one another. Raises ValueError for an empty span
    or no operator.

    >>> from datetime import UTC
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> told = [Annunciation(start + timedelta(seconds=n), "a") for n in range(12)]
    >>> one = measure(told, [], begin=start, end=start + timedelta(hours=1), limits=Limits())
    >>> one.mean, one.worst, round(one.flood_share, 3), one.chattering
    (2.0, 12, 0.167, ('a',))
    """
    if end <= begin or operators < 1:
        raise ValueError("a span of time and at least one operator")
    window = timedelta(seconds=limits.window_s)
    windows = -(-(end - begin) // window)
    inside = [one for one in told if begin <= one.at < end]
    counts = Counter((one.at - begin) // window for one in inside)
    floods = sum(1 for number in counts.values() if number / operators > limits.flood_above)
    by_subject = Counter(one.subject for one in inside)
    stale = timedelta(seconds=limits.stale_after_s)
    return Kpi(
        begin=begin,
        end=end,
        operators=operators,
        told=len(inside),
        mean=len(inside) / windows / operators,
        worst=max(counts.values(), default=0),
        flood_share=floods / windows,
        top=tuple((subject, number, number / len(inside)) for subject, number in by_subject.most_common(10)),
        chattering=chattering(inside, limits),
        stale=tuple(sorted((s for s in standing if end - s.touched_at >= stale), key=lambda s: s.touched_at)),
    )


def chattering(told: Sequence[Annunciation], limits: Limits) -> tuple[str, ...]:
    """Subjects that are told `chatter_times` within `chatter_within_s`, in the order of their names."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for one in told:
        times[one.subject].append(one.at)
    within, most = timedelta(seconds=limits.chatter_within_s), limits.chatter_times
    found = set()
    for subject, ats in times.items():
        ats.sort()
        if any(late - early <= within for early, late in zip(ats, ats[most - 1 :], strict=False)):
            found.add(subject)
    return tuple(sorted(found))
