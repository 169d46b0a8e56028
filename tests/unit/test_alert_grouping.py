"""Allowance, urgency and inhibition: what goes now, what waits, and what nobody needs to hear."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.grouping import group_of, inhibited, ripe
from alerts.policy import load
from lifeline.alarm import AlarmAction, AlarmEvent, AlarmState, Level
from lifeline.finding import FindingKind
from lifeline.store.decisions import Present, Untold
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


def test_calm_news_goes_at_once_and_what_comes_beyond_the_allowance_goes_as_one() -> None:
    group = group_of(ALARM, RULES)
    first, second = untold(1, 0), untold(2, 0)
    assert ripe([first, second], {}, RULES, at(0)) == {group: [first, second]}
    sent = {group: [at(0), at(1), at(2)]}
    assert ripe([first, second], sent, RULES, at(301)) == {}
    assert ripe([first, second], sent, RULES, at(302)) == {group: [first, second]}
    sent = {group: [at(0), at(1), at(2), at(302)]}
    assert ripe([first, second], sent, RULES, at(901)) == {}, "longer with each notice"
    assert ripe([first, second], sent, RULES, at(902)) == {group: [first, second]}
    many = {group: [at(0), at(1), at(2), *(at(302 + 2000 * n) for n in range(9))]}
    assert ripe([first], many, RULES, at(16302 + 2399)) == {}
    assert ripe([first], many, RULES, at(16302 + 2400)) == {group: [first]}
    calm = {group: [at(0), at(1), at(2), at(2402)]}
    assert ripe([first], calm, RULES, at(2403)) == {group: [first]}, "nothing for so long: the storm is over"


def test_a_red_one_waits_only_for_its_company_and_takes_along_what_is_there() -> None:
    group = group_of(ALARM, RULES)
    sent = {group: [at(0), at(1), at(2)]}
    yellow, red = untold(1, 10), untold(2, 50, Level.RED)
    assert ripe([yellow, red], sent, RULES, at(64)) == {}
    assert ripe([yellow, red], sent, RULES, at(65)) == {group: [yellow, red]}
    over = replace(red, alarm=replace(red.alarm, cleared_at=at(55)))
    assert ripe([yellow, over], sent, RULES, at(65)) == {}, "red that is over is not urgent"


def test_cities_and_kinds_do_not_wait_for_each_other() -> None:
    sent = {group_of(ALARM, RULES): [at(0), at(1), at(2)]}
    elsewhere = untold(2, 0, city="220200")
    leak = replace(untold(3, 0), alarm=replace(ALARM, kind=FindingKind.LEAK))
    assert ripe([untold(1, 0), elsewhere, leak], sent, RULES, at(5)) == {
        "220200/flood": [elsewhere],
        "220100/leak": [leak],
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7200), st.sampled_from(Level)), max_size=150))
def test_any_storm_stays_within_its_bounds_and_nobody_is_forgotten(events: list[tuple[int, Level]]) -> None:
    """Second by second: batches, who went when, how long each waited."""
    pending: list[Untold] = []
    coming = [untold(number, second, level) for number, (second, level) in enumerate(sorted(events))]
    sent: list[tuple[int, bool]] = []
    waited: dict[int, float] = {}
    for second in range(0, 7200 + int(RULES.longest_gap_s) + 1):
        while coming and coming[0].event.at <= at(second):
            pending.append(coming.pop(0))
        if not pending:
            continue
        batches = ripe(pending, {group_of(ALARM, RULES): [at(when) for when, _ in sent]}, RULES, at(second))
        for batch in batches.values():
            sent.append((second, any(one.alarm.level is Level.RED for one in batch)))
            for one in batch:
                waited[one.event.event_id] = (at(second) - one.event.at).total_seconds()
                if one.alarm.level is Level.RED:
                    assert waited[one.event.event_id] <= RULES.urgent_wait_s
            pending = [one for one in pending if one not in batch]
    assert not pending
    assert len(waited) == len(events)
    assert all(wait <= RULES.longest_gap_s for wait in waited.values())
    for second, _ in sent:
        window = [red for when, red in sent if second <= when < second + 600]
        assert len([red for red in window if not red]) <= RULES.most + 1, "only red goes beyond the allowance"


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
