"""How grave a finding is, who is told and who is called, as data: every rule has provisions and a source. Pure."""

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from alerts import rulefile
from alerts.exposure import UserKind
from lifeline.alarm import AlarmAction, Level
from lifeline.asset import ZoneKind
from lifeline.finding import FindingKind
from lifeline.provision import Provision
from lifeline.warning import Hazard

BUILT_IN = Path(__file__).with_name("policy.toml")
ADVICE = "see docs/alarms.md; the policy in force stays in force"
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


def _named(kind: type[StrEnum] | type[Level]) -> Callable[[object], object]:
    names = {(member.name.lower() if kind is Level else str(member.value)): member for member in kind}

    def parse(value: object) -> object:
        if isinstance(value, kind):
            return value
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return names[value]

    return parse


class Measure(StrEnum):
    """What the level of a kind follows from."""

    DEPTH = "depth"
    FLOW = "flow"
    NONE = "none"


class Audience(StrEnum):
    """Who is told of an event."""

    REACHED = "reached"
    """every channel whose lowest level the alarm reaches"""
    HEARD = "heard"
    """every channel that was told of the alarm before"""
    NOBODY = "nobody"


class Same(StrEnum):
    """How near an alarm is to the one that explains it."""

    CITY = "city"
    SENSORS = "sensors"
    """all its sensors are among the other's: what stands behind a silent gateway"""


class Role(StrEnum):
    """Rungs of the line that is called."""

    DUTY = "duty"
    """the first of who is on duty"""
    NEXT = "next"
    """the others on duty, one after the other, and deputies of who is away"""
    DEPARTMENT = "department"
    HEADQUARTERS = "headquarters"


LevelName = Annotated[Level, BeforeValidator(_named(Level))]
KindName = Annotated[FindingKind, BeforeValidator(_named(FindingKind))]
MeasureName = Annotated[Measure, BeforeValidator(_named(Measure))]
AudienceName = Annotated[Audience, BeforeValidator(_named(Audience))]
ActionName = Annotated[AlarmAction, BeforeValidator(_named(AlarmAction))]
SameName = Annotated[Same, BeforeValidator(_named(Same))]
RoleName = Annotated[Role, BeforeValidator(_named(Role))]
UserName = Annotated[UserKind, BeforeValidator(_named(UserKind))]
ZoneName = Annotated[ZoneKind, BeforeValidator(_named(ZoneKind))]
HazardName = Annotated[Hazard, BeforeValidator(_named(Hazard))]
ProvisionName = Annotated[Provision, BeforeValidator(_named(Provision))]
Provisions = Annotated[tuple[ProvisionName, ...], Field(strict=False, min_length=1)]
Source = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0)]


class Rule(BaseModel):
    """How the level of one kind of finding is found."""

    model_config = _STRICT
    kind: KindName
    measure: MeasureName
    unmeasured: LevelName
    slight: LevelName
    hold_s: Seconds = 0.0
    provisions: Provisions
    source: Source


class Season(BaseModel):
    """From one day of the year to another, both included; it may go over the turn of the year."""

    model_config = _STRICT
    begin: str = Field(alias="from", pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")
    end: str = Field(alias="to", pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")

    def holds(self, day: date) -> bool:
        """Whether a day is in it.

        >>> Season.model_validate({"from": "10-20", "to": "04-06"}).holds(date(2026, 1, 15))
        True
        """
        today = f"{day:%m-%d}"
        if self.begin <= self.end:
            return self.begin <= today <= self.end
        return today >= self.begin or today <= self.end


class Weather(BaseModel):
    """An imported warning of this hazard is in force, at this level or a graver one."""

    model_config = _STRICT
    hazard: HazardName
    level: LevelName


class Raise(BaseModel):
    """Findings of `kinds` are `steps` levels graver where all that is named here holds."""

    model_config = _STRICT
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    kinds: tuple[KindName, ...] = Field(strict=False, min_length=1)
    steps: int = Field(ge=1, le=3)
    within_m: float = Field(0.0, ge=0, le=20_000)
    users: tuple[UserName, ...] = Field((), strict=False)
    people: int = Field(0, ge=0)
    zones: tuple[ZoneName, ...] = Field((), strict=False)
    season: Season | None = None
    weather: Weather | None = None
    at_most: LevelName = Level.RED
    provisions: Provisions
    source: Source

    @model_validator(mode="after")
    def _says_when(self) -> "Raise":
        if not (self.users or self.people or self.zones or self.season or self.weather):
            raise ValueError("a [[raise]] names at least one of users, people, zones, season, weather")
        if (self.users or self.people) and not self.within_m:
            raise ValueError("users and people need within_m")
        return self


class Doubt(BaseModel):
    """How an uncertain finding is taken down."""

    model_config = _STRICT
    below: float = Field(ge=0, le=1)
    steps: int = Field(ge=0, le=3)
    source: Source


class Rhythm(BaseModel):
    """How alarms behave in time. Only levels from `hold_from` on downwards are held back for `hold_s` of their rule.

    Alarms of the kinds in `expires` end by themselves when their condition is over, whether anybody has seen them or
    not; all others stay until somebody has.
    """

    model_config = _STRICT
    settle_s: Seconds
    expires: tuple[KindName, ...] = Field((), strict=False)
    hold_off_s: Seconds
    hold_from: LevelName
    lower_after_s: Seconds
    lower_margin: float = Field(ge=0, lt=1)
    source: Source


class Grouping(BaseModel):
    """How many notices of one city and kind go at once, and how long the rest waits: `gap_s`, longer by `grow` with
    each notice up to `longest_gap_s`; after `over_s` without any the storm is over. Kinds of one family in `together`
    count as one kind.

    What goes beyond `most` rings anew only where something `urgent` is among it or nothing rang for `renew_s`, and
    never more than `most_in_window` times in `window_s`; all else follows the notice that rang last."""

    model_config = _STRICT
    together: tuple[Annotated[tuple[KindName, ...], Field(strict=False)], ...] = Field((), strict=False)
    most: int = Field(ge=1)
    gap_s: Seconds
    grow: float = Field(ge=1, le=10)
    longest_gap_s: Seconds
    over_s: Seconds = 4800.0
    renew_s: Seconds = 7200.0
    urgent: LevelName
    urgent_wait_s: Seconds
    window_s: float = Field(600.0, gt=0)
    most_in_window: int = Field(4, ge=1)
    source: Source

    @model_validator(mode="after")
    def _over_when_nothing_waits(self) -> "Grouping":
        if self.over_s <= self.longest_gap_s:
            raise ValueError("over_s is longer than longest_gap_s: while something waits, the storm is not over")
        return self


class Inhibition(BaseModel):
    """While an alarm of kind `by` is there (its subject beginning with `subject`), nobody is told of alarms of `kinds`
    that are as near to it as `same` says."""

    model_config = _STRICT
    by: KindName
    subject: str = ""
    kinds: tuple[KindName, ...] = Field(strict=False)
    same: SameName = Same.CITY
    source: Source


class Escalation(BaseModel):
    """Alarms of a level: every `answer_s` without an answer the next of `line` is called; an acknowledgement that
    nothing has followed lapses after `follow_s`."""

    model_config = _STRICT
    level: LevelName
    answer_s: float = Field(gt=0)
    follow_s: float = Field(gt=0)
    line: tuple[RoleName, ...] = Field(strict=False, min_length=1)
    source: Source


class Flood(BaseModel):
    """An operator's limits of EEMUA 191 and ISA-18.2, against which the figures stand."""

    model_config = _STRICT
    window_s: float = Field(gt=0)
    flood_above: int = Field(ge=1)
    mean_at_most: float = Field(gt=0)
    flood_share_at_most: float = Field(gt=0, le=1)
    chatter_times: int = Field(ge=2)
    chatter_within_s: float = Field(gt=0)
    stale_after_s: float = Field(gt=0)
    source: Source


class Publish(BaseModel):
    """Which alarms are made known to the public, as an exercise until a named person signs."""

    model_config = _STRICT
    kinds: tuple[KindName, ...] = Field(strict=False)
    min_level: LevelName
    valid_s: float = Field(gt=0)
    source: Source


class Policy(BaseModel):
    """A whole policy file. `load` reads one."""

    model_config = _STRICT
    format: Literal[2]
    version: str = Field(min_length=1)
    rule: tuple[Rule, ...] = Field(strict=False)
    raising: tuple[Raise, ...] = Field((), strict=False, alias="raise")
    doubt: Doubt
    rhythm: Rhythm
    grouping: Grouping
    inhibit: tuple[Inhibition, ...] = Field((), strict=False)
    escalate: tuple[Escalation, ...] = Field(strict=False)
    flood: Flood
    publish: Publish
    tell: dict[ActionName, AudienceName]
    tell_source: Source

    @model_validator(mode="after")
    def _each_once(self) -> "Policy":
        kinds = [rule.kind for rule in self.rule]
        for kind in FindingKind:
            if kinds.count(kind) > 1 or (kind not in kinds and kind is FindingKind.OTHER):
                raise ValueError(f"one [[rule]] for kind {kind.value!r}, there are {kinds.count(kind)}")
        levels = [one.level for one in self.escalate]
        for level in Level:
            if levels.count(level) != 1:
                raise ValueError(f"one [[escalate]] for level {level.name.lower()}, there are {levels.count(level)}")
        names = [one.name for one in self.raising]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"[[raise]] names each once: {', '.join(sorted(twice))}")
        return self

    def rule_of(self, kind: FindingKind) -> Rule:
        """The rule of a kind; a kind that the file does not know goes by the rule of `other`."""
        other: Rule | None = None
        for rule in self.rule:
            if rule.kind is kind:
                return rule
            if rule.kind is FindingKind.OTHER:
                other = rule
        assert other is not None
        return other

    def escalation_of(self, level: Level) -> Escalation:
        """How alarms of a level are escalated."""
        return next(one for one in self.escalate if one.level is level)

    def audience(self, action: AlarmAction) -> Audience:
        """Who is told of an event of this sort."""
        return self.tell.get(action, Audience.NOBODY)


def shape(content: dict[str, Any]) -> dict[str, Any]:
    """A policy document as the model takes it."""
    tell = content.get("tell")
    if not isinstance(tell, dict):
        return content
    return {**content, "tell": {k: v for k, v in tell.items() if k != "source"}, "tell_source": tell.get("source", "")}


def load(path: Path = BUILT_IN) -> Policy:
    """The policy in a file. Raises SettingsError, which names the file and each wrong field with its line."""
    return rulefile.load(path, "policy", Policy, shape, advice=ADVICE)


def check(path: Path) -> list[str]:
    """Every fault of a policy file, none where it is sound. Raises SettingsError where it cannot be read."""
    return rulefile.check(rulefile.read(path), str(path), Policy, shape)[1]
