"""The roster: shifts over midnight, dated ones, deputies, the line that is called; wrong files name line and field."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.escalate import Watch, due, may_call
from alerts.policy import Role, load
from alerts.roster import Roster, check, gaps, on_duty, rungs
from alerts.roster import load as load_roster
from lifeline.alarm import Level
from lifeline.errors import SettingsError
from tests.unit.test_alert_lifecycle import ALARM

TEXT = """format = 1
version = "test"
timezone = "Asia/Shanghai"
source = "test"

[[person]]
id = "day"
name = { zh = "白班", en = "Day" }
contacts = [{ channel = "mail", address = "day@city.example" }]
deputy = "stand-in"
away = [{ from = 2026-07-22T00:00:00+08:00, until = 2026-07-23T00:00:00+08:00 }]
[[person]]
id = "night"
name = { zh = "夜班", en = "Night" }
contacts = [{ channel = "mail", address = "night@city.example" }]
[[person]]
id = "stand-in"
name = { zh = "替班", en = "Stand-in" }
contacts = [{ channel = "mail", address = "in@city.example" }]
deputy = "day"
[[person]]
id = "chief"
name = { zh = "处长", en = "Chief" }
contacts = [{ channel = "mail", address = "chief@city.example" }]

[[shift]]
role = "duty"
cities = ["220100"]
days = ["mon", "tue", "wed", "thu", "fri"]
from = "08:00"
until = "20:00"
people = ["day", "night"]
[[shift]]
role = "duty"
from = "20:00"
until = "08:00"
people = ["night"]
[[shift]]
role = "duty"
dates = [2026-07-23]
from = "08:00"
until = "20:00"
people = ["chief"]
[[shift]]
role = "department"
from = "00:00"
until = "00:00"
people = ["chief"]
"""


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    path = tmp_path / "roster.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load_roster(path)


def local(day: int, hour: int) -> datetime:
    """A time of July 2026 in Changchun; the 20th is a Monday."""
    return datetime(2026, 7, day, tzinfo=UTC) + timedelta(hours=hour - 8)


@pytest.mark.parametrize(
    ("at", "city", "expected"),
    [
        (local(20, 9), "220100", ["day", "night"]),
        (local(20, 20), "220100", ["night"]),
        (local(21, 3), "220100", ["night"]),
        (local(21, 8), "220100", ["day", "night"]),
        (local(22, 9), "220100", ["stand-in", "night"]),
        (local(23, 9), "220100", ["chief"]),
        (local(23, 21), "220100", []),
        (local(25, 9), "220100", []),
        (local(20, 9), "220200", []),
        (local(20, 22), "220200", ["night"]),
    ],
)
def test_who_is_on_duty(roster: Roster, at: datetime, city: str, expected: list[str]) -> None:
    """On a day with dated shifts the weekly ones of the role do not hold; a deputy stands in for who is away."""
    assert [one.id for one in on_duty(roster, Role.DUTY, city, at)] == expected


def test_the_line_leaves_out_what_nobody_fills(roster: Roster) -> None:
    line = load().escalation_of(Level.RED).line
    named = [(rung.role.value, [one.id for one in rung.people]) for rung in rungs(roster, line, "220100", local(20, 9))]
    assert named == [("duty", ["day"]), ("next", ["night"]), ("department", ["chief"])]
    assert [rung.role for rung in rungs(roster, line, "220200", local(20, 9))] == [Role.DEPARTMENT]
    assert gaps(roster, "220100", local(25, 7), 1) == [(local(25, 8), local(25, 20))]


def test_the_next_is_called_when_the_time_to_answer_is_over(roster: Roster) -> None:
    rule, now = load().escalation_of(Level.RED), local(20, 9)
    line = rungs(roster, rule.line, "220100", now)
    watch = Watch(ALARM, now, 0, now + timedelta(seconds=rule.answer_s))
    assert due(watch, line, rule, now + timedelta(seconds=119)) is None
    step = due(watch, line, rule, now + timedelta(seconds=120))
    assert step is not None and step.rung is line[1] and step.next_at == now + timedelta(seconds=240)
    last = due(Watch(ALARM, now, 2, now), line, rule, now)
    assert last is not None and last.rung is None and last.next_at is None, "the line is at its end"
    empty = due(Watch(ALARM, now, 0, now), [], rule, now)
    assert empty is not None and empty.rung is None, "that nobody is on duty is no answer"
    assert due(Watch(ALARM, now, 2, None), line, rule, now + timedelta(days=1)) is None


def test_a_person_is_not_called_again_at_once_unless_it_is_grave() -> None:
    rules, now = load().grouping, local(20, 9)
    grave = ALARM.__class__(**{**{n: getattr(ALARM, n) for n in ALARM.__slots__}, "level": Level.RED})
    assert may_call(ALARM, None, rules, now)
    assert not may_call(ALARM, now - timedelta(seconds=299), rules, now)
    assert may_call(ALARM, now - timedelta(seconds=300), rules, now)
    assert may_call(grave, now - timedelta(seconds=15), rules, now)
    assert not may_call(grave, now - timedelta(seconds=14), rules, now)


@pytest.mark.parametrize(
    ("pattern", "new", "said"),
    [
        (r'from = "08:00"', 'from = "8:00"', r"roster.toml:30:1: shift.0.from: a time of day"),
        (r'"tue"', '"tuesday"', r"roster.toml:29:16: shift.0.days.1"),
        (r'people = \["night"\]', 'people = ["nobody"]', r"'nobody' is no person"),
        (r'deputy = "stand-in"', 'deputy = "x"', r"deputy 'x' is no person"),
        (r'id = "night"', 'id = "day"', r"ids each once: day"),
        (r'role = "department"', 'role = "next"', r"shift.3: role: one of duty"),
        (r"until = 2026-07-23T00:00:00\+08:00", "until = 2026-07-23T00:00:00", r"person.0.away.0"),
        (r'timezone = "Asia/Shanghai"', 'timezone = "Mars"', r"roster.toml:3:1: timezone"),
        (r'channel = "mail"', 'canal = "mail"', r"person.0.contacts.0.canal"),
        (r"days = .*", 'dates = [2026-07-20]\ndays = ["mon"]', r"days or dates"),
    ],
)
def test_a_wrong_roster_names_line_and_field(tmp_path: Path, pattern: str, new: str, said: str) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(re.sub(pattern, new, TEXT, count=1), encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load_roster(path)
    assert check(path, ["mail"]) != []


def test_a_contact_on_a_channel_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert check(path, ["mail"]) == []
    assert "no channel 'mail'" in check(path, ["ops"])[0]
