"""Allowance, urgency and inhibition: what goes now, what waits, and what nobody needs to hear."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.grouping import Batch, group_of, inhibited, ripe
from alerts.policy import load
from lifeline.alarm import AlarmAction, AlarmEvent, AlarmState, Level
from lifeline.finding import FindingKind
from lifeline.store.decisions import Present, Sent, Untold
from tests.alert_parts import START
from tests.unit.test_alert_lifecycle import ALARM

POLICY = load()
RULES = POLICY.grouping


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def untold(number: int, seconds: float, level: Level = Level.YELLOW, city: str = "220100") -> Untold:
    alarm = replace(ALARM, alarm_id=number, level=level, city_code=city)
    event = AlarmEvent(at(seconds), "a", AlarmAction.OPEN, None, AlarmState.OPEN, "r", event_id=number)
    return Untold(event, alarm, went_on=False)


def sent(*seconds: float, rang: bool = True) -> list[Sent]:
    return [Sent(at(one), rang) for one in seconds]


def go(*members: Untold, rings: bool = True) -> dict[str, Batch]:
    return {group_of(members[0].alarm, RULES): Batch(members, rings)}


def test_calm_news_goes_at_once_and_what_comes_beyond_the_allowance_goes_as_one() -> None:
    group = group_of(ALARM, RULES)
    first, second = untold(1, 0), untold(2, 0)
    assert ripe([first, second], {}, RULES, at(0)) == go(first, second)
    three = {group: sent(0, 1, 2)}
    assert ripe([first, second], three, RULES, at(301)) == {}
    assert ripe([first, second], three, RULES, at(302)) == go(first, second, rings=False)
    four = {group: [*sent(0, 1, 2), *sent(302, rang=False)]}
    assert ripe([first, second], four, RULES, at(901)) == {}, "longer with each notice"
    assert ripe([first, second], four, RULES, at(902)) == go(first, second, rings=False)
    many = {group: [*sent(0, 1, 2), *sent(*(302 + 2400 * n for n in range(3)), rang=False)]}
    last = 302 + 2 * 2400
    assert ripe([first], many, RULES, at(last + 2399)) == {}, "the storm goes on as long as something is told"
    assert ripe([first], many, RULES, at(last + 2400)) == go(first), "it was quiet for too long: this one rings"
    assert ripe([first], {group: sent(0, 1, 2, 4802)}, RULES, at(4803)) == go(first), "the storm was over"


def test_a_red_one_waits_only_for_its_company_and_takes_along_what_is_there() -> None:
    group = group_of(ALARM, RULES)
    three = {group: sent(0, 1, 2)}
    yellow, red = untold(1, 10), untold(2, 50, Level.RED)
    assert ripe([yellow, red], three, RULES, at(64)) == {}
    assert ripe([yellow, red], three, RULES, at(65)) == go(yellow, red)
    over = replace(red, alarm=replace(red.alarm, cleared_at=at(55)))
    assert ripe([yellow, over], three, RULES, at(65)) == {}, "red that is over is not urgent"


def test_when_enough_has_rung_the_next_red_follows_at_once_and_rings_again_later() -> None:
    group = group_of(ALARM, RULES)
    four = {group: sent(0, 1, 2, 100)}
    assert ripe([untold(1, 200, Level.RED)], four, RULES, at(214)) == {}
    assert ripe([red := untold(1, 200, Level.RED)], four, RULES, at(215)) == go(red, rings=False)
    assert ripe([red := untold(1, 600, Level.RED)], four, RULES, at(615)) == go(red)


def test_good_news_alone_waits_longest_and_never_rings_in_a_storm() -> None:
    group = group_of(ALARM, RULES)
    news = untold(1, 10)
    over = replace(news, event=replace(news.event, action=AlarmAction.CLEAR))
    assert ripe([over], {group: sent(0)}, RULES, at(10)) == go(over)
    three = {group: sent(0, 1, 2)}
    assert ripe([over], three, RULES, at(2 + 2399)) == {}
    assert ripe([over], three, RULES, at(2 + 2400)) == go(over, rings=False)
    assert ripe([over, news], three, RULES, at(302)) == go(over, news, rings=False)


def test_cities_and_kinds_do_not_wait_for_each_other() -> None:
    three = {group_of(ALARM, RULES): sent(0, 1, 2)}
    elsewhere = untold(2, 0, city="220200")
    leak = replace(untold(3, 0), alarm=replace(ALARM, kind=FindingKind.LEAK))
    assert ripe([untold(1, 0), elsewhere, leak], three, RULES, at(5)) == {
        "220200/flood": Batch((elsewhere,), rings=True),
        "220100/leak": Batch((leak,), rings=True),
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7200), st.sampled_from(Level)), max_size=150))
def test_any_storm_stays_within_its_bounds_and_nobody_is_forgotten(events: list[tuple[int, Level]]) -> None:
    """Second by second: batches, who went when, how long each waited, what rang."""
    pending: list[Untold] = []
    coming = [untold(number, second, level) for number, (second, level) in enumerate(sorted(events))]
    gone: list[Sent] = []
    reds: list[bool] = []
    waited: dict[int, float] = {}
    for second in range(0, 7200 + int(RULES.longest_gap_s) + 1):
        while coming and coming[0].event.at <= at(second):
            pending.append(coming.pop(0))
        if not pending:
            continue
        batches = ripe(pending, {group_of(ALARM, RULES): gone}, RULES, at(second))
        for batch in batches.values():
            gone.append(Sent(at(second), batch.rings))
            reds.append(any(one.alarm.level is Level.RED for one in batch.members))
            for one in batch.members:
                waited[one.event.event_id] = (at(second) - one.event.at).total_seconds()
                if one.alarm.level is Level.RED:
                    assert waited[one.event.event_id] <= RULES.urgent_wait_s
            pending = [one for one in pending if one not in batch.members]
    assert not pending
    assert len(waited) == len(events)
    assert all(wait <= RULES.longest_gap_s for wait in waited.values())
    for first in gone:
        window = [k for k, two in enumerate(gone) if timedelta(0) <= two.at - first.at < timedelta(seconds=600)]
        assert sum(gone[k].rang for k in window) <= RULES.most_in_window
        assert sum(not reds[k] for k in window) <= RULES.most + 1, "only red goes beyond the allowance"


def there(kind: FindingKind, subject: str, *sensors: str, city: str = "220100") -> Present:
    alarm = replace(ALARM, alarm_id=99, kind=kind, subject=subject, city_code=city)
    return Present(alarm, frozenset(sensors))


SILENT = FindingKind.SENSOR_SILENT
BACKLOG = there(FindingKind.BACKLOG, "backlog:ingest")
GATEWAY = there(SILENT, "silent:GW-1", *(f"S-{n}" for n in range(300)))
CITY = there(SILENT, "silent:city:220100")


@pytest.mark.parametrize(
    ("kind", "subject", "sensors", "present", "expected"),
    [
        (SILENT, "silent:A", ("A",), BACKLOG, True),
        (SILENT, "silent:A", ("A",), there(FindingKind.BACKLOG, "backlog:ingest", city="220200"), False),
        (FindingKind.FLOOD, "flood:A", ("A",), BACKLOG, False),
        (FindingKind.BACKLOG, "backlog:ingest", (), BACKLOG, False),
        (SILENT, "silent:A", ("A",), there(FindingKind.FLOOD, "flood:B", "A", "B"), False),
        (FindingKind.SENSOR_FAULT, "fault:S-7", ("S-7",), GATEWAY, True),
        (SILENT, "silent:S-7", ("S-7",), GATEWAY, True),
        (FindingKind.SENSOR_FAULT, "fault:X", ("X",), GATEWAY, False),
        (FindingKind.SENSOR_FAULT, "fault:X", (), GATEWAY, False),
        (FindingKind.FLOOD, "flood:S-7", ("S-7",), GATEWAY, False),
        (SILENT, "silent:D-1", ("D-1",), CITY, True),
        (SILENT, "silent:city:220100", (), CITY, False),
    ],
)
def test_what_explains_what(
    kind: FindingKind, subject: str, sensors: tuple[str, ...], present: Present, expected: bool
) -> None:
    alarm = replace(ALARM, kind=kind, subject=subject, city_code="220100")
    assert (inhibited(alarm, sensors, [present], POLICY) is present.alarm) is expected


def test_a_silent_gateway_is_one_alarm_and_not_explained_by_what_it_explains() -> None:
    sensor = there(SILENT, "silent:S-7", "S-7")
    alarm = replace(GATEWAY.alarm, alarm_id=1)
    assert inhibited(alarm, GATEWAY.sensor_ids, [sensor], POLICY) is None


def test_water_foreseen_and_water_there_share_an_allowance() -> None:
    foreseen = replace(ALARM, kind=FindingKind.FLOOD_EXPECTED)
    assert group_of(foreseen, RULES) == group_of(replace(ALARM, kind=FindingKind.FLOOD), RULES)
    assert group_of(replace(ALARM, kind=FindingKind.BURST), RULES) != group_of(foreseen, RULES)
