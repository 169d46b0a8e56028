"""How far each reading of a depth sensor can be trusted: a verdict with a name, as the readings come.

A reading that is not trusted has no depth: it is unknown, never 0. Water comes and goes gradually. What jumps out of
the dry is held back until it behaves like water (it goes on rising or falls by degrees, or it rains); what falls back
as abruptly was a blip, a box or one of a chain of pulses. Times s, depths m; cost of a reading: microseconds.

Kinds of false flood and the 25 cm/min limit: Mydlarz et al., FloodNet, Water Resources Research 60 (2024). The other
limits were set on 1417 events of that network until June 2025: docs/flood.md.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from detect.flood.datum import UNKNOWN_WEATHER, WET_M, Datum, Weather, values

_MINUTE_S, _HOUR_S = 60.0, 3600.0
_WAVE_S = 20.0
"""speeds are taken over this long at the least: readings every few seconds see waves"""


class Verdict(StrEnum):
    """Why a reading is trusted or not."""

    OK = "ok"
    RANGE = "range"
    """outside what the sensor can measure"""
    GRADIENT = "gradient"
    """fell faster than water can, and may come back: a drop-out"""
    UNCONFIRMED = "unconfirmed"
    """jumped out of the dry; the next readings say whether it is water"""
    BLIP = "blip"
    """jumped and fell back within minutes"""
    BOX = "box"
    """jumped, stood still: a parked car, a bin, a person"""
    PULSE_CHAIN = "pulse-chain"
    """one of several blips or boxes within an hour"""
    STUCK = "stuck"
    """the same wet value for hours"""
    FROZEN = "frozen"
    """hard frost, and no variance at all"""
    SNOW = "snow"
    """rose slowly below 0 Cel without rain"""
    DRIFT = "drift"
    """the dry datum has wandered far; depth is taken above it"""


TRUSTED = (Verdict.OK, Verdict.DRIFT)
ARTEFACTS = (Verdict.BLIP, Verdict.BOX, Verdict.PULSE_CHAIN)
"""fell back as abruptly as it rose, once it is settled"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where each verdict begins."""

    gradient_m_per_min: float = 0.25
    steep_m_per_min: float = 0.04
    """out of the dry; 99.9 % of the steps of real street floods are below 0.03"""
    steep_step_m: float = 0.03
    develops_m: float = 0.015
    """what moves this far from where it jumped to, without falling back, is water"""
    climb_m: float = 0.01
    """three such steps up in a row are water even among pulses"""
    vouched_s: float = 300.0
    """what stands so long is water where there is water near it"""
    blip_s: float = 180.0
    box_s: float = 600.0
    chain_s: float = 3600.0
    chain_confirm_s: float = 300.0
    stuck_s: float = 3 * _HOUR_S
    frozen_s: float = _HOUR_S
    frozen_c: float = -5.0
    variance_m: float = 0.0005
    rain_mm: float = 1.0
    """in the hour before: water is expected"""
    drift_m: float = 0.05


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading and what is made of it; `depth_m` above the dry datum, None where it is unknown."""

    at_s: float
    verdict: Verdict
    depth_m: float | None


@dataclass(slots=True)
class _Memory:
    at_s: float = 0.0
    depth_m: float | None = None
    held: list[tuple[float, float]] = field(default_factory=list)
    """jumped readings that wait for confirmation: the first, and the latest few"""
    fallen: list[tuple[float, float]] = field(default_factory=list)
    """readings after a fall that water cannot make"""
    artefacts_s: list[float] = field(default_factory=list)
    same_m: float | None = None
    same_since_s: float = 0.0


class DepthFilter:
    """Judges one sensor's readings in order of time.

    >>> dry = DepthFilter(0.0, 3.0)
    >>> [j.verdict.value for t, d in enumerate((0.0, 0.4, 0.0)) for j in dry.push(60.0 * t, d)]
    ['ok', 'unconfirmed', 'blip', 'ok']
    """

    def __init__(self, range_min_m: float, range_max_m: float, limits: Limits | None = None) -> None:
        self._least_m, self._most_m = range_min_m, range_max_m
        self._limits = limits or Limits()
        self._memory = _Memory()
        self.ground = Datum()

    def push(self, at_s: float, value_m: float, weather: Weather = UNKNOWN_WEATHER) -> list[Judged]:
        """The verdict on this reading, after verdicts on earlier ones that it settles (with their own times)."""
        limits, m = self._limits, self._memory
        if not self._least_m - limits.drift_m <= value_m <= self._most_m:
            return [Judged(at_s, Verdict.RANGE, None)]
        depth_m, snow = self.ground.above(at_s, value_m, weather)
        still = self._still(at_s, value_m, depth_m, weather) or (Verdict.SNOW if snow else None)
        if still is Verdict.STUCK and m.held:
            # what jumped is no more believed for having stood still for hours
            m.held = [m.held[0], *m.held[1:][-2:], (at_s, depth_m)]
            return [Judged(at_s, still, None)]
        if still is not None:
            m.held, m.fallen = [], []
            m.at_s, m.depth_m = at_s, depth_m
            return [Judged(at_s, still, None)]
        if m.held:
            return self._confirm(at_s, depth_m, weather)
        if m.fallen:
            return self._settle(at_s, depth_m)
        if m.depth_m is not None:
            step_m, minutes = depth_m - m.depth_m, max(at_s - m.at_s, _WAVE_S) / _MINUTE_S
            out_of_dry = m.depth_m < WET_M and step_m >= limits.steep_step_m
            if step_m > minutes * (limits.steep_m_per_min if out_of_dry else limits.gradient_m_per_min):
                m.held = [(at_s, depth_m)]
                return [Judged(at_s, Verdict.UNCONFIRMED, None)]
            if -step_m > minutes * limits.gradient_m_per_min or self._vanished(depth_m, minutes):
                m.fallen = [(at_s, depth_m)]
                return [Judged(at_s, Verdict.GRADIENT, None)]
        return [self._accept(at_s, depth_m)]

    @property
    def standing(self) -> tuple[float, float] | None:
        """Since when something stands that jumped and is held back, s, and how deep its latest reading is, m."""
        held = self._memory.held
        return (held[0][0], held[-1][1]) if held else None

    def state(self) -> list[Any]:
        """What is remembered; goes through JSON unchanged."""
        return [self.ground.state(), *values(self._memory)]

    def restore(self, state: list[Any]) -> None:
        """Goes on from what `state` gave."""
        self.ground.restore(state[0])
        m = _Memory(*state[1:])
        m.held, m.fallen = [(t, d) for t, d in m.held], [(t, d) for t, d in m.fallen]
        self._memory = m

    def _accept(self, at_s: float, depth_m: float) -> Judged:
        m = self._memory
        m.at_s, m.depth_m = at_s, depth_m
        return Judged(at_s, Verdict.DRIFT if abs(self.ground.datum_m) > self._limits.drift_m else Verdict.OK, depth_m)

    def _vanished(self, depth_m: float, minutes: float) -> bool:
        """Whether all water is gone at once."""
        before_m = self._memory.depth_m or 0.0
        fall_m = before_m - depth_m
        return before_m >= 0.05 and depth_m < 0.01 and fall_m > minutes * self._limits.steep_m_per_min

    def _confirm(self, at_s: float, depth_m: float, weather: Weather) -> list[Judged]:
        """Whether what jumped behaves like water."""
        limits, m = self._limits, self._memory
        began_s, edge_m = m.held[0]
        before_s, before_m = m.held[-1]
        base_m = m.depth_m or 0.0
        fall_m = before_m - depth_m
        minutes = max(at_s - before_s, _WAVE_S) / _MINUTE_S
        abrupt = fall_m > minutes * limits.steep_m_per_min and fall_m > limits.steep_step_m
        if depth_m < max(WET_M, base_m + limits.develops_m) or (abrupt and depth_m < base_m + 0.5 * (edge_m - base_m)):
            m.artefacts_s = [*[t for t in m.artefacts_s if at_s - t < limits.chain_s][-9:], at_s]
            found = Verdict.BLIP if at_s - began_s <= limits.blip_s else Verdict.BOX
            if len(m.artefacts_s) > 1:
                found = Verdict.PULSE_CHAIN
            settled = [Judged(t, found, None) for t, _ in m.held]
            m.held = []
            return [*settled, self._accept(at_s, depth_m)]
        moved_m = (depth_m + before_m) / 2.0 - edge_m
        chain = any(at_s - t < limits.chain_s for t in m.artefacts_s)
        raining = weather.rain_1h_mm is not None and weather.rain_1h_mm >= limits.rain_mm
        water = abs(moved_m) >= limits.develops_m and not abrupt
        water = water or (raining and len(m.held) >= 2)
        water = water or (weather.water_near and at_s - began_s >= limits.vouched_s)
        m.held = [m.held[0], *m.held[1:][-2:], (at_s, depth_m)]
        depths = [d for _, d in m.held]
        climbs = len(depths) == 4 and all(b - a >= limits.climb_m for a, b in pairwise(depths))
        if climbs or (water and not (chain and at_s - began_s < limits.chain_confirm_s)):
            released, m.held = m.held, []
            return [self._accept(t, d) for t, d in released]
        return [Judged(at_s, Verdict.BOX if at_s - began_s > limits.box_s else Verdict.UNCONFIRMED, None)]

    def _settle(self, at_s: float, depth_m: float) -> list[Judged]:
        """A fall is believed when three readings stay low; what comes back was a drop-out."""
        m = self._memory
        low_m = m.fallen[0][1]
        if depth_m > ((m.depth_m or 0.0) + low_m) / 2.0:
            m.fallen = []
            return [self._accept(at_s, depth_m)]
        m.fallen = [*m.fallen, (at_s, depth_m)]
        if len(m.fallen) < 3:
            return [Judged(at_s, Verdict.GRADIENT, None)]
        released, m.fallen = m.fallen, []
        return [self._accept(t, d) for t, d in released]

    def _still(self, at_s: float, value_m: float, depth_m: float, weather: Weather) -> Verdict | None:
        """Frozen or stuck: no variance where there ought to be some."""
        limits, m = self._limits, self._memory
        if m.same_m is None or abs(value_m - m.same_m) > limits.variance_m:
            m.same_m, m.same_since_s = value_m, at_s
        same_s = at_s - m.same_since_s
        cold = weather.temperature_c is not None and weather.temperature_c < limits.frozen_c
        if cold and same_s >= limits.frozen_s:
            return Verdict.FROZEN
        return Verdict.STUCK if depth_m >= WET_M and same_s >= limits.stuck_s else None
