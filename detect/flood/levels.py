"""Which level the water at one place has reached: confirmed by two of three, foreseen when it rises fast, left slowly.

Thresholds are those of the city's levels.toml by site. Only trusted depths come here; a place of which none has come
for a while is unknown: a level that it had reached is not left until it is heard again.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from detect.flood.datum import values
from lifeline.asset import Site
from lifeline.city.levels import Levels

COLOURS = ("blue", "yellow", "orange", "red")
_HYSTERESIS_SHARE, _HYSTERESIS_LEAST_M = 0.2, 0.01
"""a level is left this far below its threshold: waves and the 1 cm resolution of common sensors make no new message"""
_LEAVE_AFTER_S = 120.0
_RISING_M, _RISING_FROM_M, _RISING_M_PER_MIN, _RISING_WITHIN_S = 0.02, 0.02, 0.01, 300.0
_STEADY_SHARE = 0.2
"""each of two steps has this much of the rise: one jump beside noise is none"""
_CURVE_POINTS = 60


class FloodReason(StrEnum):
    """Why something is said of a place."""

    LEVEL_REACHED = "level-reached"
    RISING_FAST = "rising-fast"
    """still below blue, but three readings in a row rise so fast that it will not stay so"""
    LEVEL_LEFT = "level-left"
    DRAINED = "drained"
    SILENT_WHILE_WET = "silent-while-wet"
    """the sensor stopped reporting with water on the street: unknown, not dry"""
    DOUBTFUL_WHILE_WET = "doubtful-while-wet"
    """it reports, but nothing that can be trusted: unknown, not dry"""
    HEARD_AGAIN = "heard-again"
    UNKNOWN_IN_STORM = "unknown-in-storm"
    """it rains hard, and what this sensor says cannot be trusted: somebody has to look"""
    JUMP_STANDS = "jump-stands"
    """something jumped to a level in one reading and stands there: a parked car or water, somebody has to look"""
    TRUSTED_AGAIN = "trusted-again"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The thresholds of a site, m, blue to red."""

    depths_m: tuple[float, float, float, float]
    source: str

    def step(self, depth_m: float) -> int:
        """0 below blue, 1 blue ... 4 red.

        >>> Ladder((0.05, 0.15, 0.27, 0.40), "").step(0.15)
        2
        """
        return sum(depth_m >= threshold for threshold in self.depths_m)

    def left(self, step: int, depth_m: float) -> bool:
        """Whether `depth_m` is clearly below level `step`."""
        threshold = self.depths_m[step - 1]
        return depth_m < threshold - max(_HYSTERESIS_SHARE * threshold, _HYSTERESIS_LEAST_M)


def ladders(levels: Levels | None) -> dict[Site, Ladder]:
    """The ladders of a city's levels.toml by site."""
    rows = levels.flood.items() if levels else ()
    return {site: Ladder((row.blue, row.yellow, row.orange, row.red), row.source) for site, row in rows}


@dataclass(frozen=True, slots=True)
class Change:
    """What changed; `depth_m` is the depth that decided."""

    reason: FloodReason
    onset: bool
    depth_m: float | None
    known_s: float


@dataclass(slots=True)
class Gate:
    """What is remembered of one place, and how it changes. Cost of a reading: microseconds."""

    last_s: float = 0.0
    recent: list[tuple[float, float]] = field(default_factory=list)
    step: int = 0
    began_s: float = 0.0
    below_since_s: float | None = None
    unknown: bool = False
    curve: list[tuple[float, float]] = field(default_factory=list)

    def gap(self, until_s: float, limit_s: float, reason: FloodReason) -> Change | None:
        """Nothing trusted came up to `until_s`: said once while wet; what came before confirms nothing after it."""
        if not self.last_s or until_s - self.last_s <= limit_s:
            return None
        self.recent = []
        self.below_since_s = None
        if not self.step or self.unknown:
            return None
        self.unknown = True
        return Change(reason, False, self.curve[-1][1] if self.curve else None, self.last_s + limit_s)

    def push(self, at_s: float, depth_m: float, ladder: Ladder, *, known_s: float) -> list[Change]:
        """A trusted depth; `known_s` is when it came to be trusted."""
        self.last_s = at_s
        self.recent = [*self.recent[-2:], (at_s, depth_m)]
        depths = [d for _, d in self.recent]
        if self.step == 0 and max(depths) < min(ladder.depths_m[0], _RISING_FROM_M):
            self.curve = []
            return []
        self.curve = [*self.curve[1 - _CURVE_POINTS :], (at_s, depth_m)]
        if len(depths) < 2:
            return []
        confirmed_m = sorted(depths)[-2]
        reached, reason = ladder.step(confirmed_m), FloodReason.LEVEL_REACHED
        if reached == 0 and self.step == 0 and self.rate_m_per_min >= _RISING_M_PER_MIN:
            reached, reason, confirmed_m = 1, FloodReason.RISING_FAST, depth_m
        if reached > self.step:
            onset = self.step == 0
            if onset:
                wet_m = min(ladder.depths_m[0], confirmed_m)
                self.began_s = next((t for t, d in self.curve if d >= wet_m), at_s)
            self.step, self.unknown, self.below_since_s = reached, False, None
            return [Change(reason, onset, confirmed_m, known_s)]
        if self.step == 0:
            return []
        changes: list[Change] = []
        if self.unknown:
            self.unknown = False
            changes.append(Change(FloodReason.HEARD_AGAIN, False, confirmed_m, known_s))
        return changes + self._fall(at_s, ladder, known_s)

    @property
    def rate_m_per_min(self) -> float:
        """How fast the last three readings rose, one after the other; 0 where they did not."""
        if len(self.recent) < 3:
            return 0.0
        (first_s, first_m), (_, middle_m), (last_s, last_m) = self.recent
        rise_m = last_m - first_m
        least_m = _STEADY_SHARE * rise_m
        steady = middle_m - first_m >= least_m and last_m - middle_m >= least_m and last_m >= _RISING_FROM_M
        if not steady or rise_m < _RISING_M or last_s - first_s > _RISING_WITHIN_S:
            return 0.0
        return 60.0 * rise_m / (last_s - first_s)

    def state(self) -> list[Any]:
        """What is remembered, short where it is dry; goes through JSON unchanged."""
        whole = values(self)
        return whole if self.step or self.curve else whole[:2]

    def _fall(self, at_s: float, ladder: Ladder, known_s: float) -> list[Change]:
        """Leaves a level when three readings in a row and two minutes say so."""
        depths = [d for _, d in self.recent]
        highest_m = max(depths)
        if not ladder.left(self.step, depths[-1]):
            self.below_since_s = None
            return []
        if self.below_since_s is None:
            self.below_since_s = at_s
        if len(depths) < 3 or not ladder.left(self.step, highest_m):
            return []
        if at_s - self.below_since_s < _LEAVE_AFTER_S:
            return []
        while self.step and ladder.left(self.step, highest_m):
            self.step -= 1
        self.below_since_s = None
        reason = FloodReason.LEVEL_LEFT if self.step else FloodReason.DRAINED
        return [Change(reason, False, highest_m, known_s)]


def gate_of(state: list[Any]) -> Gate:
    """A gate that goes on from what `state` gave."""
    gate = Gate(*state)
    gate.recent, gate.curve = [(t, d) for t, d in gate.recent], [(t, d) for t, d in gate.curve]
    return gate
