"""Who is on duty: people, their ways to be reached, shifts and deputies, from a file. Pure but for the reading."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from alerts import rulefile
from alerts.policy import Role, RoleName, Source
from lifeline.asset import Name

ADVICE = "see docs/alarms.md; the roster in force stays in force"
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ROLES_OF_SHIFTS = (Role.DUTY, Role.DEPARTMENT, Role.HEADQUARTERS)


def _clock(value: object) -> object:
    """`08:00` as a time of day."""
    if isinstance(value, str) and len(value) == 5 and value[2] == ":":
        hours, _, minutes = value.partition(":")
        digits = value.isascii() and hours.isdigit() and minutes.isdigit()
        if digits and int(hours) < 24 and int(minutes) < 60:
            return time(int(hours), int(minutes))
    raise ValueError('a time of day, written "08:00"')


def _zone(value: object) -> object:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("a time zone such as Asia/Shanghai") from error
    return value


ClockTime = Annotated[time, BeforeValidator(_clock)]


class Words(BaseModel):
    """A name in both languages."""

    model_config = _STRICT
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Contact(BaseModel):
    """One way to reach a person: a channel of the settings and the address on it."""

    model_config = _STRICT
    channel: str = Field(min_length=1)
    address: str = Field(min_length=1)


class Away(BaseModel):
    """From when until when somebody cannot be called; the deputy is."""

    model_config = _STRICT
    begin: datetime = Field(alias="from")
    until: datetime

    @model_validator(mode="after")
    def _in_order(self) -> "Away":
        if self.begin.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("times with an offset, such as 2026-12-01T00:00:00+08:00")
        if self.until <= self.begin:
            raise ValueError("until is later than from")
        return self


class Person(BaseModel):
    """Somebody who is called. The first contact that works is used."""

    model_config = _STRICT
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    name: Words
    language: Literal["zh", "en"] = "zh"
    contacts: tuple[Contact, ...] = Field(strict=False, min_length=1)
    deputy: str = ""
    away: tuple[Away, ...] = Field((), strict=False)

    def is_away(self, at: datetime) -> bool:
        """Whether somebody else is to be called."""
        return any(one.begin <= at < one.until for one in self.away)


class Shift(BaseModel):
    """Who is on duty in a role at which hours, in the order in which they are called. `until` before `from` is on the
    next day, the same time is a whole day. A shift with dates stands in for the weekly ones of its role on those."""

    model_config = _STRICT
    role: RoleName
    cities: tuple[Annotated[str, Field(pattern=r"^[0-9]{6}$")], ...] = Field((), strict=False)
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field((), strict=False)
    dates: tuple[date, ...] = Field((), strict=False)
    begin: ClockTime = Field(alias="from")
    until: ClockTime
    people: tuple[str, ...] = Field(strict=False, min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> "Shift":
        if self.role not in _ROLES_OF_SHIFTS:
            raise ValueError(f"role: one of {', '.join(_ROLES_OF_SHIFTS)}")
        if self.days and self.dates:
            raise ValueError("days or dates, not both")
        return self

    def serves(self, city_code: str) -> bool:
        """Whether it is for a city; one without cities is for all."""
        return not self.cities or city_code in self.cities

    def begins_on(self, day: date) -> bool:
        """Whether one of its turns begins on a day."""
        return day in self.dates if self.dates else not self.days or _DAYS[day.weekday()] in self.days

    def holds(self, day: date, local: datetime) -> bool:
        """Whether the turn that begins on `day` holds at a local time."""
        start = datetime.combine(day, self.begin)
        end = datetime.combine(day, self.until)
        if end <= start:
            end += timedelta(days=1)
        return start <= local < end


class Roster(BaseModel):
    """A whole roster file. `load` reads one."""

    model_config = _STRICT
    format: Literal[1]
    version: str = Field(min_length=1)
    timezone: Annotated[str, BeforeValidator(_zone)]
    source: Source
    person: tuple[Person, ...] = Field(strict=False, min_length=1)
    shift: tuple[Shift, ...] = Field(strict=False, min_length=1)

    @model_validator(mode="after")
    def _known(self) -> "Roster":
        ids = [one.id for one in self.person]
        if twice := {one for one in ids if ids.count(one) > 1}:
            raise ValueError(f"person ids each once: {', '.join(sorted(twice))}")
        for one in self.person:
            if one.deputy and one.deputy not in ids:
                raise ValueError(f"person {one.id}: deputy {one.deputy!r} is no person of the roster")
        for number, shift in enumerate(self.shift):
            for name in shift.people:
                if name not in ids:
                    raise ValueError(f"shift.{number}.people: {name!r} is no person of the roster")
        return self

    def one(self, person_id: str) -> Person | None:
        """A person; None where the roster does not know the id."""
        return next((one for one in self.person if one.id == person_id), None)


@dataclass(frozen=True, slots=True)
class Rung:
    """Who is called together, and as what."""

    role: Role
    people: tuple[Person, ...]


def load(path: Path) -> Roster:
    """The roster in a file. Raises SettingsError, which names the file and each wrong field with its line."""
    return rulefile.load(path, "roster", Roster, _as_it_is, advice=ADVICE)


def check(path: Path, channels: Collection[str]) -> list[str]:
    """Every fault of a roster file; a contact on none of `channels` is one. Raises SettingsError where none is read."""
    roster, faults = rulefile.check(rulefile.read(path), str(path), Roster, _as_it_is)
    if roster is None:
        return faults
    return [f"{path}: {fault}" for fault in strangers(roster, channels)]


def strangers(roster: Roster, channels: Collection[str]) -> list[str]:
    """Contacts on channels that the settings do not have."""
    return [
        f"person {one.id}: the settings have no channel {contact.channel!r}"
        for one in roster.person
        for contact in one.contacts
        if contact.channel not in channels
    ]


def on_duty(roster: Roster, role: Role, city_code: str, at: datetime) -> tuple[Person, ...]:
    """Who is on duty in a role for a city, in the order of being called; deputies stand in for who is away."""
    local = at.astimezone(ZoneInfo(roster.timezone)).replace(tzinfo=None)
    found: dict[str, Person] = {}
    for day in (local.date() - timedelta(days=1), local.date()):
        shifts = [one for one in roster.shift if one.role is role and one.serves(city_code) and one.begins_on(day)]
        dated = [one for one in shifts if one.dates]
        for shift in dated or shifts:
            if shift.holds(day, local):
                for person_id in shift.people:
                    if person := _who(roster, person_id, at):
                        found.setdefault(person.id, person)
    return tuple(found.values())


def rungs(roster: Roster, line: Sequence[Role], city_code: str, at: datetime) -> list[Rung]:
    """The line as it is called at `at`, one rung after the other; roles that nobody fills are left out."""
    duty = on_duty(roster, Role.DUTY, city_code, at)
    made: list[Rung] = []
    for role in line:
        if role is Role.DUTY:
            made += [Rung(role, duty[:1])] if duty else []
        elif role is Role.NEXT:
            made += [Rung(role, (person,)) for person in duty[1:]]
        elif people := on_duty(roster, role, city_code, at):
            made.append(Rung(role, people))
    return made


def gaps(roster: Roster, city_code: str, begin: datetime, days: int) -> list[tuple[datetime, datetime]]:
    """When nobody is on duty for a city, quarter hour by quarter hour from `begin` on."""
    found: list[tuple[datetime, datetime]] = []
    step = timedelta(minutes=15)
    for at in _steps(begin, days, step):
        if on_duty(roster, Role.DUTY, city_code, at):
            continue
        if found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + step)
        else:
            found.append((at, at + step))
    return found


def name_of(person: Person) -> Name:
    """A person's name."""
    return Name(person.name.zh, person.name.en)


def _steps(begin: datetime, days: int, step: timedelta) -> Iterator[datetime]:
    at = begin
    while at < begin + timedelta(days=days):
        yield at
        at += step


def _who(roster: Roster, person_id: str, at: datetime) -> Person | None:
    """The person, or the first deputy who is there."""
    seen: set[str] = set()
    person = roster.one(person_id)
    while person is not None and person.is_away(at) and person.id not in seen:
        seen.add(person.id)
        person = roster.one(person.deputy)
    return None if person is None or person.id in seen else person


def _as_it_is(content: dict[str, Any]) -> dict[str, Any]:
    return content
