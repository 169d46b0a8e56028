"""Water on the street by depth alone: a level is reached when two of three readings say so, and left slowly.

Subject `flood:{sensor_id}`. Levels come from the city's levels.toml, by site. A sensor that falls silent is unknown:
its flood does not end until it is heard dry again.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from detect.flood.levels import Ladder, ladders
from detect.instant import instant, iso
from detect.port import Batch, History, Json, Learning, Order, Scope
from lifeline.asset import Sensor
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import Quantity

NAME = "flood-depth"
COLOURS = ("blue", "yellow", "orange", "red")
CONFIRMED_PROBABILITY = 0.9
"""two of three readings; quality filters that could say more come before this detector, not in it"""
_LEAVE_AFTER_S = 120.0
_SILENT_INTERVALS, _SILENT_LEAST_S = 3.0, 180.0
_CURVE_POINTS = 60


class FloodReason(StrEnum):
    """Why the detector says something."""

    LEVEL_REACHED = "level-reached"
    LEVEL_LEFT = "level-left"
    DRAINED = "drained"
    SILENT_WHILE_WET = "silent-while-wet"
    """the sensor stopped reporting with water on the street: unknown, not dry"""
    HEARD_AGAIN = "heard-again"


@dataclass(slots=True)
class _Gauge:
    """What is remembered of one sensor."""

    last_s: float = 0.0
    recent_m: list[float] = field(default_factory=list)
    step: int = 0
    began_s: float = 0.0
    below_since_s: float | None = None
    silent: bool = False
    curve: list[tuple[float, float]] = field(default_factory=list)


class FloodDepthDetector:
    """Judges each water depth as it comes. Cost per reading: microseconds."""

    name = NAME
    version = 1
    order = Order.SENSOR
    learning: Learning | None = None

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._ladders = ladders(scope.levels)
        self.sensors: tuple[Sensor, ...] = tuple(
            s for s in scope.sensors if s.quantity is Quantity.WATER_DEPTH and s.site in self._ladders
        )
        self._gauges = [_Gauge() for _ in self.sensors]

    def learn(self, history: History, now: datetime) -> bool:
        del history, now
        return True

    def needs_lesson(self) -> bool:
        return False

    def model(self) -> Json | None:
        return None

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        findings: list[Finding] = []
        for number, at_s, depth_m in zip(batch.sensor.tolist(), batch.at_s.tolist(), batch.value.tolist(), strict=True):
            gauge = self._gauges[number]
            if at_s <= gauge.last_s:
                continue
            self._silence(number, at_s, findings)
            self._judge(number, at_s, depth_m, findings)
        now_s = now.timestamp()
        for number, gauge in enumerate(self._gauges):
            if gauge.step:
                self._silence(number, now_s, findings)
        return sorted(findings, key=lambda f: f.detected_at)

    def state(self) -> Json:
        return {
            sensor.sensor_id: [g.last_s, g.recent_m]
            if g.step == 0 and not any(self._ladder(sensor).step(d) for d in g.recent_m)
            else [g.last_s, g.recent_m, g.step, g.began_s, g.below_since_s, g.silent, g.curve]
            for sensor, g in zip(self.sensors, self._gauges, strict=True)
            if g.last_s
        }

    def restore(self, model: Json | None, state: Json | None) -> None:
        del model
        for number, sensor in enumerate(self.sensors):
            saved = (state or {}).get(sensor.sensor_id)
            if saved is not None:
                gauge = _Gauge(*saved)
                gauge.curve = [(point[0], point[1]) for point in gauge.curve]
                self._gauges[number] = gauge

    def _ladder(self, sensor: Sensor) -> Ladder:
        return self._ladders[sensor.site]

    def _silence(self, number: int, until_s: float, findings: list[Finding]) -> None:
        """Says once that a wet sensor was not heard up to `until_s`; readings before a gap confirm nothing after it."""
        gauge, sensor = self._gauges[number], self.sensors[number]
        limit_s = max(_SILENT_INTERVALS * sensor.interval_s, _SILENT_LEAST_S)
        if not gauge.last_s or until_s - gauge.last_s <= limit_s:
            return
        gauge.recent_m = []
        gauge.below_since_s = None
        if gauge.step and not gauge.silent:
            gauge.silent = True
            depth_m = gauge.curve[-1][1] if gauge.curve else None
            findings.append(
                self._finding(number, Phase.UPDATE, FloodReason.SILENT_WHILE_WET, gauge.last_s + limit_s, depth_m)
            )

    def _judge(self, number: int, at_s: float, depth_m: float, findings: list[Finding]) -> None:
        gauge, ladder = self._gauges[number], self._ladder(self.sensors[number])
        gauge.last_s = at_s
        gauge.recent_m = [*gauge.recent_m[-2:], depth_m]
        if gauge.step == 0 and max(gauge.recent_m) < ladder.depths_m[0]:
            gauge.curve = []
            return
        gauge.curve = [*gauge.curve[1 - _CURVE_POINTS :], (at_s, depth_m)]
        if len(gauge.recent_m) < 2:
            return
        confirmed_m = sorted(gauge.recent_m)[-2]
        reached = ladder.step(confirmed_m)
        if reached > gauge.step:
            phase = Phase.UPDATE if gauge.step else Phase.ONSET
            if phase is Phase.ONSET:
                gauge.began_s = next((t for t, d in gauge.curve if d >= ladder.depths_m[0]), at_s)
            gauge.step, gauge.silent, gauge.below_since_s = reached, False, None
            findings.append(self._finding(number, phase, FloodReason.LEVEL_REACHED, at_s, confirmed_m))
            return
        if gauge.step == 0:
            return
        if gauge.silent:
            gauge.silent = False
            findings.append(self._finding(number, Phase.UPDATE, FloodReason.HEARD_AGAIN, at_s, confirmed_m))
        self._fall(number, at_s, findings)

    def _fall(self, number: int, at_s: float, findings: list[Finding]) -> None:
        """Leaves a level when three readings in a row and two minutes say so."""
        gauge, ladder = self._gauges[number], self._ladder(self.sensors[number])
        highest_m = max(gauge.recent_m)
        if not ladder.left(gauge.step, gauge.recent_m[-1]):
            gauge.below_since_s = None
            return
        if gauge.below_since_s is None:
            gauge.below_since_s = at_s
        if len(gauge.recent_m) < 3 or not ladder.left(gauge.step, highest_m):
            return
        if at_s - gauge.below_since_s < _LEAVE_AFTER_S:
            return
        while gauge.step and ladder.left(gauge.step, highest_m):
            gauge.step -= 1
        gauge.below_since_s = None
        if gauge.step:
            findings.append(self._finding(number, Phase.UPDATE, FloodReason.LEVEL_LEFT, at_s, highest_m))
        else:
            findings.append(self._finding(number, Phase.END, FloodReason.DRAINED, at_s, highest_m))
            gauge.curve = []

    def _finding(self, number: int, phase: Phase, reason: FloodReason, at_s: float, depth_m: float | None) -> Finding:
        gauge, sensor = self._gauges[number], self.sensors[number]
        ladder = self._ladder(sensor)
        threshold_m = ladder.depths_m[max(gauge.step - 1, 0)]
        times, depths = [iso(t) for t, _ in gauge.curve], [round(d, 4) for _, d in gauge.curve]
        return Finding(
            subject=f"flood:{sensor.sensor_id}",
            kind=FindingKind.FLOOD,
            phase=phase,
            city_code=self._scope.city_code,
            detector=NAME,
            reason=reason.value,
            began_at=instant(gauge.began_s),
            detected_at=instant(at_s),
            probability=CONFIRMED_PROBABILITY,
            zone_id=sensor.zone_id,
            sensor_ids=(sensor.sensor_id,),
            position=sensor.position,
            depth_m=None if depth_m is None else round(depth_m, 4),
            explanation={
                "level": COLOURS[gauge.step - 1] if gauge.step else "none",
                "site": sensor.site.value,
                "thresholds_m": dict(zip(COLOURS, ladder.depths_m, strict=True)),
                "source": ladder.source,
                "unknown_since": iso(gauge.last_s) if gauge.silent else None,
                "curve": {
                    "quantity": "water_depth",
                    "unit": "m",
                    "times": times,
                    "observed": depths,
                    "expected": [0.0] * len(times),
                    "threshold": [threshold_m] * len(times),
                },
            },
        )


def make(scope: Scope) -> FloodDepthDetector | None:
    """The detector of a city, None where it has no water-depth sensors with levels."""
    detector = FloodDepthDetector(scope)
    return detector if detector.sensors else None
