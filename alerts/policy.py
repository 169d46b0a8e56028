"""How grave a finding is and who is told, as data: every decision names the rule that made it. Pure."""

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from lifeline.alarm import AlarmAction, Level
from lifeline.asset import Site
from lifeline.city.levels import Levels, Thresholds
from lifeline.errors import SettingsError
from lifeline.finding import Finding, FindingKind

BUILT_IN = Path(__file__).with_name("policy.toml")
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


def _named(kind: type[StrEnum] | type[Level]) -> Callable[[object], object]:
    names = {(member.name.lower() if kind is Level else str(member.value)): member for member in kind}

    def parse(value: object) -> object:
        if isinstance(value, kind):
            return value
        if value not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return names[str(value)]

    return parse


LevelName = Annotated[Level, BeforeValidator(_named(Level))]
KindName = Annotated[FindingKind, BeforeValidator(_named(FindingKind))]


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


MeasureName = Annotated[Measure, BeforeValidator(_named(Measure))]
AudienceName = Annotated[Audience, BeforeValidator(_named(Audience))]
ActionName = Annotated[AlarmAction, BeforeValidator(_named(AlarmAction))]


class Rule(BaseModel):
    """How the level of one kind of finding is found."""

    model_config = _STRICT
    kind: KindName
    measure: MeasureName
    unmeasured: LevelName
    slight: LevelName
    source: str = Field(min_length=1)


class Doubt(BaseModel):
    """How an uncertain finding is taken down."""

    model_config = _STRICT
    below: float = Field(ge=0, le=1)
    steps: int = Field(ge=0, le=3)
    source: str = Field(min_length=1)


class Rhythm(BaseModel):
    """How alarms behave in time."""

    model_config = _STRICT
    settle_s: float = Field(ge=0)
    hold_off_s: float = Field(ge=0)
    lower_after_s: float = Field(ge=0)
    lower_margin: float = Field(ge=0, lt=1)
    source: str = Field(min_length=1)


class Grouping(BaseModel):
    """How many notices of one city and kind go at once, and how long the rest waits."""

    model_config = _STRICT
    most: int = Field(ge=1)
    within_s: float = Field(ge=0)
    gap_s: float = Field(ge=0)
    urgent: LevelName
    urgent_wait_s: float = Field(ge=0)
    source: str = Field(min_length=1)


class Inhibition(BaseModel):
    """While an alarm of kind `by` is there, nobody is told of alarms of `kinds` in the same city."""

    model_config = _STRICT
    by: KindName
    kinds: tuple[KindName, ...] = Field(strict=False)
    source: str = Field(min_length=1)


class Policy(BaseModel):
    """A whole policy file. `load` reads one."""

    model_config = _STRICT
    format: Literal[1]
    version: str = Field(min_length=1)
    rule: tuple[Rule, ...] = Field(strict=False)
    doubt: Doubt
    rhythm: Rhythm
    grouping: Grouping
    inhibit: tuple[Inhibition, ...] = Field((), strict=False)
    tell: dict[ActionName, AudienceName]
    tell_source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _each_kind_once(self) -> "Policy":
        kinds = [rule.kind for rule in self.rule]
        for kind in FindingKind:
            if kinds.count(kind) != 1:
                raise ValueError(f"one [[rule]] for kind {kind.value!r}, there are {kinds.count(kind)}")
        return self

    def rule_of(self, kind: FindingKind) -> Rule:
        """The rule of a kind; there is one for each."""
        return next(rule for rule in self.rule if rule.kind is kind)

    def audience(self, action: AlarmAction) -> Audience:
        """Who is told of an event of this sort."""
        return self.tell.get(action, Audience.NOBODY)


def load(path: Path = BUILT_IN) -> Policy:
    """The policy in a file. Raises SettingsError, which names the file and each wrong field."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"policy {path}: {error}", advice="mend the file; the old policy stays in force") from error
    tell = content.get("tell")
    if isinstance(tell, dict):
        content["tell_source"] = tell.pop("source", "")
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'policy'}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"policy {path}: {faults}", advice="see docs/alarms.md") from error


class Ground(StrEnum):
    """What a level was found from."""

    DEPTH = "depth"
    """water depth against the city's thresholds"""
    FLOW = "flow"
    """leakage against the city's thresholds"""
    SLIGHT = "slight"
    """measured, below the city's blue"""
    UNMEASURED = "unmeasured"
    """nothing was measured"""
    NO_THRESHOLDS = "no-thresholds"
    """measured, but the city has no thresholds for such a place"""
    KIND = "kind"
    """findings of this kind always have this level"""


@dataclass(frozen=True, slots=True)
class Assessment:
    """How grave a finding is, and why. `eased` is the level with every threshold taken down by the margin: a level
    that stands goes down to it, not further."""

    level: Level
    eased: Level
    ground: Ground
    doubtful: bool
    source: str

    @property
    def reason(self) -> str:
        """The named reason, such as `depth-orange` or `flow-yellow-doubtful`."""
        return f"{self.ground.value}-{self.level.name.lower()}{'-doubtful' if self.doubtful else ''}"


def assess(finding: Finding, policy: Policy, levels: Levels | None, site: Site | None) -> Assessment:
    """The level of `finding`. `levels`: the city's, None where there are none; `site`: what its sensor sits on."""
    rule = policy.rule_of(finding.kind)
    value, thresholds = _measured(finding, rule, levels, site)
    if rule.measure is Measure.NONE:
        ground, level, eased, source = Ground.KIND, rule.unmeasured, rule.unmeasured, rule.source
    elif value is None:
        ground, level, eased, source = Ground.UNMEASURED, rule.unmeasured, rule.unmeasured, rule.source
    elif thresholds is None:
        ground, level, eased, source = Ground.NO_THRESHOLDS, rule.unmeasured, rule.unmeasured, rule.source
    else:
        reached = thresholds.level(value)
        ground = Ground.SLIGHT if reached is None else Ground(rule.measure.value)
        source = rule.source if reached is None else thresholds.source
        level = reached or rule.slight
        eased = thresholds.level(value / (1.0 - policy.rhythm.lower_margin)) or rule.slight
    # a probability beside the limit must not swing the level either: up at the limit, down only below the margin
    doubtful = finding.probability < policy.doubt.below
    if doubtful:
        level = lowered(level, policy.doubt.steps)
    if finding.probability < policy.doubt.below * (1.0 - policy.rhythm.lower_margin):
        eased = lowered(eased, policy.doubt.steps)
    return Assessment(level, Level(min(level, eased)), ground, doubtful, source)


def lowered(level: Level, steps: int) -> Level:
    """`steps` levels less grave, blue at the least.

    >>> lowered(Level.RED, 1).name, lowered(Level.YELLOW, 3).name
    ('ORANGE', 'BLUE')
    """
    return Level(min(level + steps, Level.BLUE))


def _measured(
    finding: Finding, rule: Rule, levels: Levels | None, site: Site | None
) -> tuple[float | None, Thresholds | None]:
    if rule.measure is Measure.DEPTH:
        value, thresholds = finding.depth_m, levels.flood.get(site) if levels and site else None
    else:
        value, thresholds = finding.flow_m3_per_h, levels.leak if levels else None
    return (value if value is not None and math.isfinite(value) else None), thresholds
