"""Gathers the supervision report of a year: the trail's entries, and what the registers say beside them."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts import cap, markup
from alerts.assignment_roads import RoadMap
from alerts.renewal import Ranked, Reason
from alerts.renewal_record import ledger
from alerts.shelters import cover, coverage, places
from alerts.shelters_desk import circumstances
from alerts.shelters_rules import Rules
from alerts.supervision import count
from alerts.supervision_measures import Covered, Extras, Messages, Renewed
from alerts.supervision_page import Report
from lifeline.finding import FindingKind
from lifeline.store import audit, bulletins, cities, devices, shelters
from lifeline.store.audit import Entry
from lifeline.store.cities import City
from lifeline.store.pool import Store
from lifeline.store.renewal import history

_AT_ONCE = 5000
_LEDGER_LINES = 10
_TENTH = 0.1
_REASONS = {
    Reason.BREAKS: "曾爆管", Reason.LEAKS: "曾漏损", Reason.COHORT: "材质与管龄", Reason.FROST: "冰冻",
    Reason.SURCHARGE: "地面积水", Reason.LIKE_OTHERS: "无特殊",
}  # fmt: skip
_TIMEZONE = "Asia/Shanghai"
"""Of the year where no city is loaded."""


def report(store: Store, rules: Rules, year: int, now: datetime) -> Report:
    """The report of a calendar year in the local time of the first city. Raises StoreError."""
    known = cities.cities(store)
    timezone = ZoneInfo(known[0].timezone if known else _TIMEZONE)
    since, until = datetime(year, 1, 1, tzinfo=timezone), datetime(year + 1, 1, 1, tzinfo=timezone)
    proof = audit.verify(store)
    renewal, lines = [], list[tuple[str, ...]]()
    for city in known:
        ranked = ledger(store, city.code, min(now, until))
        if ranked:
            renewal.append(_renewed(store, city, ranked, since, min(now, until)))
            lines += [line_of(place, one, city.name.zh) for place, one in enumerate(ranked[:_LEDGER_LINES], start=1)]
    lives = devices.lives(store)
    extras = Extras(
        devices=len(lives),
        devices_heard=sum(one.last_seen_at is not None for one in lives),
        covered=_covered(store, rules, known, now),
        renewal=renewal,
        messages=_messages(store, since, until, now),
        trail_rows=proof.rows,
        trail_sound=proof.sound,
        trail_head=str(proof.head),
    )
    return Report(year, count(_entries(store, since, until), timezone), extras, lines, now.astimezone(timezone))


def line_of(place: int, one: Ranked, city: str) -> tuple[str, ...]:
    """A line of the ledger as the report prints it."""
    pipe, age = one.pipe, "?" if one.age is None else str(one.age)
    why = "；".join(f"{_REASONS[reason]} {reason.value}" for reason in one.reasons)
    return f"{city} {place}", pipe.asset_id, pipe.material, age, str(pipe.breaks), why


def _renewed(store: Store, city: City, ranked: list[Ranked], since: datetime, until: datetime) -> Renewed:
    """What the ledger, as it stood when the year began, said of the year's breaks."""
    before, after = (history(store, city.code, until=at).events for at in (since, max(since, until)))
    tenth = {one.pipe.asset_id for one in ledger(store, city.code, since) if one.share <= _TENTH}
    broke = {
        asset: times - before.get((asset, kind), 0)
        for (asset, kind), times in after.items()
        if kind == FindingKind.BURST
    }
    first = ranked[0]
    return Renewed(
        city.name.zh,
        len(ranked),
        f"{first.pipe.asset_id}（{'、'.join(_REASONS[reason] for reason in first.reasons)}）",
        sum(broke.values()),
        sum(times for asset, times in broke.items() if asset in tenth),
    )


def _covered(store: Store, rules: Rules, known: list[City], now: datetime) -> list[Covered]:
    around = circumstances(store, rules, RoadMap(cities.roads(store)), now)
    standings, found = shelters.standings(store), []
    for city in known:
        if not (cells := cities.population(store, city.code)):
            continue
        share = coverage(cover(cells, standings, rules, around), rules)
        own = [places(one, rules, around).places for one in standings if one.shelter.city_code == city.code]
        season = around.seasons[city.code][0].value
        found.append(Covered(city.name.zh, share["placed_share"], share["near_share"], season, len(own), sum(own)))
    return found


def _messages(store: Store, since: datetime, until: datetime, now: datetime) -> Messages:
    sent = actual = valid = equal = 0
    before: int | None = None
    while some := bulletins.feed(store, now=now, in_force=False, before=before, limit=_AT_ONCE):
        before = some[-1].bulletin_id
        for one in some:
            if not since <= one.sent < until:
                continue
            written = bulletins.published(store, one.identifier).cap
            raw = written.encode()
            sent += 1
            actual += one.status == "Actual"
            valid += not cap.faults(markup.read(raw))
            equal += cap.compose(cap.parse(raw)) == written
    return Messages(sent, actual, valid, equal)


def _entries(store: Store, since: datetime, until: datetime) -> Iterator[Entry]:
    """A year's entries, oldest first, read from the newest in pages."""
    pages: list[Entry] = []
    before: int | None = None
    while some := audit.entries(store, since=since, until=until, before=before, limit=_AT_ONCE):
        pages += some
        before = some[-1].seq
    return reversed(pages)
