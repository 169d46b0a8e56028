"""The yearly supervision report (P14.1): what the audit trail holds of a year, counted. Pure.

What is said of it: alerts/supervision_measures.py.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from lifeline.finding import DRILL
from lifeline.store.audit import Entry

COLD_MONTHS = frozenset({11, 12, 1, 2, 3})
STEPS = {"acknowledge": "answered", "dispatch": "dispatched", "arrive": "on-site", "mitigate": "mitigated"}
"""Steps of an alarm whose time from its opening is counted; sending a crew is an answer as well."""
_FULL = {"dispatch", "accept", "arrive", "mitigate", "verify"}
_FORESEEN_WITHIN = timedelta(hours=3)
_FORESEEN, _SEEN = "flood-expected:", "flood:"


@dataclass(slots=True)
class Counted:
    """What the trail holds of a year; months are local."""

    entries: int = 0
    people: set[str] = field(default_factory=set)
    opened: Counter[str] = field(default_factory=Counter)
    """alarms by kind"""
    levels: Counter[int] = field(default_factory=Counter)
    months: Counter[tuple[int, int]] = field(default_factory=Counter)
    """alarms by month and level"""
    spent_s: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    """seconds from the opening, by step and level"""
    ended: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    """alarms that people cancelled, by kind"""
    full_record: int = 0
    foreseen_s: list[float] = field(default_factory=list)
    """seconds between the warning of water and the water, at the same place"""
    orders: int = 0
    offers: int = 0
    across_border: int = 0
    breaches: Counter[str] = field(default_factory=Counter)
    conversions: int = 0
    conversion_hours: list[tuple[str, float, float]] = field(default_factory=list)
    """shelter, promised, actual"""
    plans: int = 0
    planned: float = 0.0
    unassigned: float = 0.0
    evacuations: int = 0
    drills: list[tuple[int, int]] = field(default_factory=list)
    """steps within their limit, all steps"""
    approvals: int = 0
    cold_floods: int = 0
    cold_floods_false: int = 0

    def spent(self, step: str, level: int | None = None) -> list[float]:
        """Seconds from opening to `step`, of one level or of all."""
        return [one for (of, at), some in self.spent_s.items() if of == step and level in (None, at) for one in some]


@dataclass(slots=True)
class _Course:
    """One alarm on its way through the year."""

    kind: str
    level: int
    opened: datetime
    done: set[str] = field(default_factory=set)
    cold: bool = False


def count(entries: Iterable[Entry], timezone: tzinfo = UTC) -> Counted:
    """Goes through a year's entries, oldest first. Drills are counted apart."""
    found = Counted()
    courses: dict[str, _Course] = {}
    warned: dict[str, datetime] = {}
    promised: dict[str, tuple[datetime, float]] = {}
    drilled: set[str] = set()
    plans: dict[str, tuple[float, float]] = {}
    for entry in entries:
        found.entries += 1
        if not entry.who.startswith("system:"):
            found.people.add(entry.who)
        noun, _, verb = entry.action.partition(".")
        detail = entry.detail
        if detail.get("exercise") or str(detail.get("of", "")).startswith(DRILL) or entry.subject in drilled:
            if noun != "shelter":  # a site is drilled with today and used tomorrow
                drilled.add(entry.subject)
            continue
        if noun == "alarm":
            _alarm(found, entry, verb, courses, warned, timezone)
        elif noun == "order":
            found.orders += verb == "open"
            found.offers += verb == "offer"
            found.across_border += verb == "offer" and "across-border" in str(detail.get("note", ""))
            if verb in {"breach", "time-out"}:
                found.breaches[str(detail.get("reason", verb))] += 1
        elif entry.action == "shelter.convert":
            found.conversions += 1
            promised[entry.subject] = entry.at, float(detail.get("promised_hours", 0.0))
        elif entry.action == "shelter.conversion-done" and entry.subject in promised:
            at, hours = promised.pop(entry.subject)
            site = entry.subject.partition(":")[2]
            found.conversion_hours.append((site, hours, (entry.at - at).total_seconds() / 3600))
        elif entry.action == "evacuation.order":
            found.evacuations += 1
        elif entry.action == "evacuation.plan":
            found.plans += 1
            plans[entry.subject] = float(detail.get("people", 0)), float(detail.get("unassigned", 0))
        elif entry.action == "bulletin.approve":
            found.approvals += 1
        elif entry.action == "drill.end":
            card = detail.get("scorecard", [])
            found.drills.append((sum(bool(line.get("met")) for line in card), len(card)))
    found.planned = sum(people for people, _ in plans.values())
    found.unassigned = sum(left for _, left in plans.values())
    return found


def _alarm(
    found: Counted, entry: Entry, verb: str, courses: dict[str, _Course], warned: dict[str, datetime], timezone: tzinfo
) -> None:
    if verb == "open":
        kind, level = str(entry.detail.get("kind", "other")), int(entry.detail.get("level", 4))
        month = entry.at.astimezone(timezone).month
        course = _Course(kind, level, entry.at, cold=kind == "flood" and month in COLD_MONTHS)
        courses[entry.subject] = course
        found.opened[kind] += 1
        found.levels[level] += 1
        found.months[month, level] += 1
        found.cold_floods += course.cold
        _foresight(found, str(entry.detail.get("of", "")), entry.at, warned)
        return
    known = courses.get(entry.subject)
    if known is None:  # opened in an earlier year
        known = courses[entry.subject] = _Course(str(entry.detail.get("kind", "other")), 0, entry.at, set(STEPS))
    if verb in STEPS and verb not in known.done:
        spent = (entry.at - known.opened).total_seconds()
        answered = known.done & {"acknowledge", "dispatch"}
        if verb != "acknowledge" or not answered:
            found.spent_s.setdefault((STEPS[verb], known.level), []).append(spent)
        if verb == "dispatch" and not answered:
            found.spent_s.setdefault(("answered", known.level), []).append(spent)
    known.done.add(verb)
    if verb in ("close", "cancel", "supersede"):
        found.ended[verb] += 1
        found.full_record += verb == "close" and known.done >= _FULL
        found.false[known.kind] += verb == "cancel"
        found.cold_floods_false += verb == "cancel" and known.cold


def _foresight(found: Counted, subject: str, at: datetime, warned: dict[str, datetime]) -> None:
    if subject.startswith(_FORESEEN):
        warned[subject.removeprefix(_FORESEEN)] = at
    elif subject.startswith(_SEEN):
        before = warned.pop(subject.removeprefix(_SEEN), None)
        if before is not None and at - before <= _FORESEEN_WITHIN:
            found.foreseen_s.append((at - before).total_seconds())
