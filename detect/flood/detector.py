"""Water on the street, sensor by sensor: readings are judged, levels are reached and left, and each has a cause.

Subjects: `flood:{sensor_id}`; `sensor:{sensor_id}` where it rains hard and what a sensor says cannot be trusted: that
place is unknown and somebody has to look. Thresholds come from the city's levels.toml, by site.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from detect.flood.foresight import Foresight
from detect.flood.levels import (
    COLOURS,
    Change,
    FloodReason,
    Gate,
    Ladder,
    gate_of,
    ladders,
)
from detect.flood.lookout import Lookout
from detect.flood.nowcast import Nowcast
from detect.flood.quality import ARTEFACTS, TRUSTED, DepthFilter, Verdict
from detect.flood.sky import Cause, Sky, wanted
from detect.flood.street_burst import StreetBursts
from detect.instant import instant, iso
from detect.port import Batch, History, Json, Learning, Order, Scope
from lifeline.asset import Sensor
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import Quantity

NAME = "flood"
CONFIRMED_PROBABILITY = 0.9
"""two of three trusted readings"""
DOUBTFUL_PROBABILITY = 0.6
"""a level that is only foreseen, or a place that is unknown"""
_SILENT_INTERVALS, _SILENT_LEAST_S = 3.0, 180.0
_GAPS, _LONGEST_INTERVAL_S = 5, 1200.0
_STORM_MM = 5.0
"""in an hour"""
_DOUBT_AFTER_S = 600.0
_STANDS_DRY_S = 24 * 3600.0
"""what jumped and stands is looked at after _DOUBT_AFTER_S; where gauges have heard no rain, so much later: it is a
parked car then and drives off, and what is left after a day wants maintenance"""
_DRY_MM = 0.2
_HABIT, _HABIT_S = 2, 30 * 86400.0
"""a place that was looked at so often in this time, and where what stood vanished at once, is one where cars park:
unless gauges have heard rain it is taken to be dry there"""
_CAUSE_AGAIN_S = 600.0
"""how long after the onset the cause may still change: gauges report later than the street fills"""


class _Place:
    """One depth sensor with all that is remembered of it."""

    __slots__ = ("cause", "doubt_since_s", "doubted", "filter", "gaps_s", "gate", "heard_s", "parked_s", "verdict")

    def __init__(self, sensor: Sensor) -> None:
        self.filter = DepthFilter(sensor.range_min, sensor.range_max)
        self.gate = Gate()
        self.heard_s = 0.0
        self.gaps_s: list[float] = []
        """between its latest readings: some report less often than their pack says"""
        self.verdict = Verdict.OK
        self.cause = Cause.UNKNOWN
        self.doubt_since_s: float | None = None
        self.doubted = False
        self.parked_s: list[float] = []
        """when somebody had been sent to look at what then vanished as no water does"""

    def state(self) -> list[Any]:
        return [
            self.filter.state(), self.gate.state(), self.heard_s, self.gaps_s, self.verdict.value, self.cause.value,
            self.doubt_since_s, self.doubted, self.parked_s,
        ]  # fmt: skip

    def restore(self, saved: list[Any]) -> None:
        judged, gate, self.heard_s, self.gaps_s, verdict, cause, self.doubt_since_s, self.doubted, *parked = saved
        self.parked_s = parked[0] if parked else []
        self.filter.restore(judged)
        self.gate = gate_of(gate)
        self.verdict, self.cause = Verdict(verdict), Cause(cause)


class FloodDetector:
    """Judges each water depth as it comes. Cost per reading: tens of microseconds."""

    name = NAME
    version = 2
    order = Order.SENSOR
    learning: Learning | None = None

    def __init__(self, scope: Scope, links: dict[str, tuple[str, ...]] | None = None, *, foresee: bool = True) -> None:
        """`links`: level sensors upstream of each place (known.py); without, the nearest are looked at. `foresee`:
        makes a forecast every minute."""
        self._scope = scope
        self._ladders = ladders(scope.levels)
        self.sensors: tuple[Sensor, ...] = tuple(s for s in scope.sensors if self._measures(s) or wanted(s))
        self.sky = Sky(self.sensors)
        self.trusted: list[tuple[int, float, float]] = []
        """sensor, instant and depth of what was trusted in the last step: what a nowcast may look at"""
        self._places = {n: _Place(s) for n, s in enumerate(self.sensors) if self._measures(s)}
        nowcast = scope.nowcast or Nowcast()
        self.lookout = Lookout(self.sensors, tuple(self._places), nowcast.known.links or links)
        self.foresight: Foresight | None = None
        if foresee:
            places = tuple(self.sensors[n] for n in self._places)
            self.foresight = Foresight(
                scope, nowcast, self.lookout, places, tuple(self._ladders[s.site] for s in places)
            )
        self.street_bursts = StreetBursts(scope)

    @property
    def places(self) -> int:
        """How many places are watched."""
        return len(self._places)

    def learn(self, history: History, now: datetime) -> bool:
        del history, now
        return True

    def needs_lesson(self) -> bool:
        return False

    def model(self) -> Json | None:
        return None

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        findings: list[Finding] = []
        self.trusted = []
        for number, at_s, value in zip(batch.sensor.tolist(), batch.at_s.tolist(), batch.value.tolist(), strict=True):
            if self.foresight is not None:
                # a clock that runs ahead must not use up the forecasts of the time until then
                findings += self.foresight.until(min(at_s, now.timestamp()), self.sky, strict=True)
            if number not in self._places:
                self.sky.hear(self.sensors[number], at_s, value)
                self.lookout.hear(number, at_s, value)
            elif at_s > self._places[number].heard_s:
                self._hear(number, at_s, value, findings)
        now_s = now.timestamp()
        for number, place in self._places.items():
            if place.gate.step:
                self._gap(number, now_s, findings)
        if self.foresight is not None and len(self._places):
            findings += self.foresight.until(now_s, self.sky, strict=False)
        return sorted(findings, key=lambda f: f.detected_at)

    def state(self) -> Json:
        places = {self.sensors[n].sensor_id: place.state() for n, place in self._places.items() if place.heard_s}
        foresight = {} if self.foresight is None else self.foresight.state()
        return {"sky": self.sky.state(), "places": places, "foresight": foresight, "bursts": self.street_bursts.state()}

    def restore(self, model: Json | None, state: Json | None) -> None:
        del model
        if state is None:
            return
        self.sky.restore(state["sky"])
        self.street_bursts.restore(state["bursts"])
        if self.foresight is not None and state["foresight"]:
            self.foresight.restore(state["foresight"])
        for number, place in self._places.items():
            saved = state["places"].get(self.sensors[number].sensor_id)
            if saved is not None:
                place.restore(saved)

    def _measures(self, sensor: Sensor) -> bool:
        return sensor.quantity is Quantity.WATER_DEPTH and sensor.site in self._ladders

    def _hear(self, number: int, at_s: float, value_m: float, findings: list[Finding]) -> None:
        place, sensor = self._places[number], self.sensors[number]
        self._gap(number, at_s, findings)
        if place.heard_s:
            place.gaps_s = [*place.gaps_s[1 - _GAPS :], at_s - place.heard_s]
        place.heard_s = at_s
        weather = self.sky.weather(at_s)
        if place.filter.standing is not None and self._water_near(number, at_s):
            weather = replace(weather, water_near=True)
        for judged in place.filter.push(at_s, value_m, weather):
            if place.doubted and judged.verdict in ARTEFACTS and judged.at_s < at_s and at_s not in place.parked_s:
                place.parked_s = [*place.parked_s[1 - _HABIT :], at_s]
            place.verdict = judged.verdict
            if judged.verdict in TRUSTED and judged.depth_m is not None:
                self.trusted.append((number, judged.at_s, judged.depth_m))
                self.lookout.hear_depth(number, judged.at_s, judged.depth_m)
                for change in place.gate.push(judged.at_s, judged.depth_m, self._ladders[sensor.site], known_s=at_s):
                    flood = self._flood(number, change)
                    findings += [flood, *self.street_bursts.follow(sensor, flood, place.cause)]
        self._doubt(number, at_s, weather.rain_1h_mm, findings)
        if place.gate.step == 0 and not place.gate.curve:
            place.cause = Cause.UNKNOWN

    def _gap(self, number: int, until_s: float, findings: list[Finding]) -> None:
        place, sensor = self._places[number], self.sensors[number]
        seen_s = sorted(place.gaps_s)[len(place.gaps_s) // 2] if len(place.gaps_s) == _GAPS else 0.0
        limit_s = max(_SILENT_INTERVALS * max(sensor.interval_s, min(seen_s, _LONGEST_INTERVAL_S)), _SILENT_LEAST_S)
        heard = place.heard_s > place.gate.last_s
        reason = FloodReason.DOUBTFUL_WHILE_WET if heard else FloodReason.SILENT_WHILE_WET
        change = place.gate.gap(until_s, limit_s, reason)
        if change is not None:
            findings.append(self._flood(number, change))

    def _water_near(self, number: int, at_s: float) -> bool:
        """Whether a level is reached at a neighbour, or the drains of the catchment are full."""
        sensor = self.sensors[number]
        least_m = self._ladders[sensor.site].depths_m[0]
        return self.lookout.near_peak_m(number, at_s) >= least_m or self.sky.full(at_s, sensor.zone_id)

    def _doubt(self, number: int, at_s: float, rain_1h_mm: float | None, findings: list[Finding]) -> None:
        """A place that stays unknown wants a person: while it rains hard, or where what may be water stands at a level.
        Said once, and once when it is over."""
        place = self._places[number]
        if place.verdict in TRUSTED:
            place.doubt_since_s = None
        elif place.doubt_since_s is None:
            place.doubt_since_s = at_s
        storm = rain_1h_mm is not None and rain_1h_mm >= _STORM_MM
        since_s = place.doubt_since_s
        if place.doubted and since_s is None:
            place.doubted = False
            findings.append(self._fault(number, Phase.END, FloodReason.TRUSTED_AGAIN, at_s, at_s))
        elif place.doubted or since_s is None:
            return
        elif storm and at_s - since_s >= _DOUBT_AFTER_S:
            place.doubted = True
            findings.append(self._fault(number, Phase.ONSET, FloodReason.UNKNOWN_IN_STORM, since_s, at_s))
        elif self._stands(number, at_s):
            place.doubted = True
            findings.append(self._fault(number, Phase.ONSET, FloodReason.JUMP_STANDS, since_s, at_s))

    def _stands(self, number: int, at_s: float) -> bool:
        """Whether what jumped stands at a level for so long that somebody has to look whether it is water."""
        place, sensor = self._places[number], self.sensors[number]
        standing = place.filter.standing
        if standing is None or self._ladders[sensor.site].step(standing[1]) == 0:
            return False
        rain_mm = self.sky.rain_mm(at_s, 3.0 * 3600.0)
        if rain_mm is not None and rain_mm >= _DRY_MM:
            dry = False
        elif self.sky.cause(at_s, sensor.zone_id) is Cause.BURST:
            dry = True
        else:
            dry = sum(at_s - t <= _HABIT_S for t in place.parked_s) >= _HABIT
        return at_s - standing[0] >= (_STANDS_DRY_S if dry else _DOUBT_AFTER_S)

    def _flood(self, number: int, change: Change) -> Finding:
        place, sensor = self._places[number], self.sensors[number]
        gate, ladder = place.gate, self._ladders[sensor.site]
        if change.onset or change.known_s - gate.began_s <= _CAUSE_AGAIN_S:
            snow = place.filter.ground.snow_m > 0.0
            place.cause = self.sky.cause(change.known_s, sensor.zone_id, snow=snow)
        drained = change.reason is FloodReason.DRAINED
        phase = Phase.ONSET if change.onset else Phase.END if drained else Phase.UPDATE
        foreseen = change.reason is FloodReason.RISING_FAST
        finding = Finding(
            subject=f"flood:{sensor.sensor_id}",
            kind=FindingKind.FLOOD,
            phase=phase,
            city_code=self._scope.city_code,
            detector=NAME,
            reason=change.reason.value,
            began_at=instant(gate.began_s),
            detected_at=instant(change.known_s),
            probability=DOUBTFUL_PROBABILITY if foreseen or gate.unknown else CONFIRMED_PROBABILITY,
            zone_id=sensor.zone_id,
            sensor_ids=(sensor.sensor_id,),
            position=sensor.position,
            depth_m=None if change.depth_m is None else round(change.depth_m, 4),
            explanation=self._explanation(place, sensor, ladder, change.known_s),
        )
        if drained:
            gate.curve = []
        return finding

    def _explanation(self, place: _Place, sensor: Sensor, ladder: Ladder, at_s: float) -> Json:
        gate, weather = place.gate, self.sky.weather(at_s)
        times, depths = [iso(t) for t, _ in gate.curve], [round(d, 4) for _, d in gate.curve]
        return {
            "level": COLOURS[gate.step - 1] if gate.step else "none",
            "cause": place.cause.value,
            "quality": place.verdict.value,
            "rate_m_per_min": round(gate.rate_m_per_min, 4),
            "rain_1h_mm": None if weather.rain_1h_mm is None else round(weather.rain_1h_mm, 2),
            "temperature_c": weather.temperature_c,
            "site": sensor.site.value,
            "thresholds_m": dict(zip(COLOURS, ladder.depths_m, strict=True)),
            "source": ladder.source,
            "unknown_since": iso(gate.last_s) if gate.unknown else None,
            "curve": {
                "quantity": "water_depth",
                "unit": "m",
                "times": times,
                "observed": depths,
                "expected": [0.0] * len(times),
                "threshold": [ladder.depths_m[max(gate.step - 1, 0)]] * len(times),
            },
        }

    def _fault(self, number: int, phase: Phase, reason: FloodReason, began_s: float, at_s: float) -> Finding:
        place, sensor = self._places[number], self.sensors[number]
        standing, ladder = place.filter.standing, self._ladders[sensor.site]
        told: Json = {"quality": place.verdict.value, "site": sensor.site.value}
        if standing is not None:
            step = ladder.step(standing[1])
            told |= {"stands_m": round(standing[1], 4), "would_be": COLOURS[step - 1] if step else "none"}
        return Finding(
            subject=f"sensor:{sensor.sensor_id}",
            kind=FindingKind.SENSOR_FAULT,
            phase=phase,
            city_code=self._scope.city_code,
            detector=NAME,
            reason=reason.value,
            began_at=instant(began_s),
            detected_at=instant(at_s),
            probability=CONFIRMED_PROBABILITY,
            zone_id=sensor.zone_id,
            sensor_ids=(sensor.sensor_id,),
            position=sensor.position,
            explanation=told,
        )


def make(scope: Scope) -> FloodDetector | None:
    """The detector of a city, None where it has no water-depth sensors with levels."""
    detector = FloodDetector(scope)
    return detector if detector.places else None
