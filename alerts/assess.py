"""The level of a finding by the policy: from its measure, its doubt, and whom it touches. Pure."""

import math
from dataclasses import dataclass
from enum import StrEnum

from alerts.exposure import Around
from alerts.policy import Measure, Policy, Raise, Rule
from lifeline.alarm import Level
from lifeline.asset import Site, ZoneKind
from lifeline.city.levels import Levels, Thresholds
from lifeline.finding import Finding
from lifeline.provision import Provision


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
    that stands goes down to it, not further. `raised`: names of the rules that made it graver."""

    level: Level
    eased: Level
    ground: Ground
    doubtful: bool
    source: str
    raised: tuple[str, ...] = ()
    provisions: tuple[Provision, ...] = ()
    hold_s: float = 0.0

    @property
    def reason(self) -> str:
        """The named reason, such as `depth-orange`, `flow-yellow-doubtful` or `flow-orange+hospital`."""
        raised = "".join(f"+{name}" for name in self.raised)
        return f"{self.ground.value}-{self.level.name.lower()}{'-doubtful' if self.doubtful else ''}{raised}"


def assess(
    finding: Finding,
    policy: Policy,
    levels: Levels | None,
    site: Site | None,
    around: Around | None = None,
    zone: ZoneKind | None = None,
) -> Assessment:
    """The level of `finding`. `levels`: the city's, None where there are none; `site`: what its sensor sits on;
    `around`: who and what is near, None where that is not known; `zone`: the kind of its zone."""
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
    eased = Level(min(level, eased))
    raising = [one for one in policy.raising if around is not None and _applies(one, finding, around, zone)]
    for one in raising:
        level, eased = raised(level, one.steps, one.at_most), raised(eased, one.steps, one.at_most)
    provisions = dict.fromkeys([*rule.provisions, *(p for one in raising for p in one.provisions)])
    held = level >= policy.rhythm.hold_from
    names = tuple(one.name for one in raising)
    return Assessment(level, eased, ground, doubtful, source, names, tuple(provisions), rule.hold_s if held else 0.0)


def lowered(level: Level, steps: int) -> Level:
    """`steps` levels less grave, blue at the least.

    >>> lowered(Level.RED, 1).name, lowered(Level.YELLOW, 3).name
    ('ORANGE', 'BLUE')
    """
    return Level(min(level + steps, Level.BLUE))


def raised(level: Level, steps: int, at_most: Level) -> Level:
    """`steps` levels graver, `at_most` at the gravest; what is graver already stays.

    >>> raised(Level.BLUE, 1, Level.ORANGE).name, raised(Level.RED, 1, Level.ORANGE).name
    ('YELLOW', 'RED')
    """
    return Level(min(level, max(level - steps, at_most)))


def _applies(rule: Raise, finding: Finding, around: Around, zone: ZoneKind | None) -> bool:
    if finding.kind not in rule.kinds or (rule.zones and zone not in rule.zones):
        return False
    if rule.season is not None and not rule.season.holds(around.day(finding.detected_at)):
        return False
    if rule.weather is not None and not any(
        warning.hazard is rule.weather.hazard
        and warning.level <= rule.weather.level
        and warning.holds(around.city_code, finding.detected_at)
        for warning in around.warnings
    ):
        return False
    if not rule.users and not rule.people:
        return True
    place = finding.position
    if place is None:
        return False
    if rule.users and not around.users_near(place, rule.within_m, rule.users):
        return False
    return not rule.people or around.people(place, rule.within_m) >= rule.people


def _measured(
    finding: Finding, rule: Rule, levels: Levels | None, site: Site | None
) -> tuple[float | None, Thresholds | None]:
    if rule.measure is Measure.DEPTH:
        value, thresholds = finding.depth_m, levels.flood.get(site) if levels and site else None
    else:
        value, thresholds = finding.flow_m3_per_h, levels.leak if levels else None
    return (value if value is not None and math.isfinite(value) else None), thresholds
