"""Leaks of a heating network by its make-up water: a closed loop that takes water loses it.

The inflow meters of a zone of kind `heating` measure what is filled in, outflow meters what is let out. The hourly mean
is compared with the median of the last two weeks, its scatter taken from the same hours; a CUSUM with one false alarm
in thirty years and zone (detect/cusum.py) says when the loop takes more, and after six hours at what it was, that this
is over. Filling in autumn raises the sum too: it is told, and a person says that it is a use.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np

from detect.cusum import Cusum, threshold_for
from detect.instant import DAY_S, instant, iso
from detect.leak.slots import Slots
from detect.port import Batch, History, Json, Learning, Order, Scope
from lifeline.asset import Position, Zone, ZoneKind
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.provision import Provision
from lifeline.units import Quantity, m3_per_h

NAME = "heating"
_HOUR_S = 3600.0
_HOURS = 14 * 24
_LEAST_HOURS = 72
_REFERENCE = 0.75
_THRESHOLD = threshold_for(30 * 365 * DAY_S / _HOUR_S, _REFERENCE)
_CLIP = 6.0
_FLOOR_SHARE, _FLOOR_M3_PER_S = 0.05, 0.02 / 3600.0
"""scatter is taken as no less: meters of make-up water are small and read in steps"""
_CALM_SHARE, _CALM_HOURS = 0.3, 6
_CHANGED_SHARE = 0.5
_CURVE_HOURS = 96


class HeatingReason(StrEnum):
    """Why the detector says something."""

    UP = "make-up-water-up"
    NORMAL = "make-up-water-normal"


@dataclass(slots=True)
class Loop:
    """What is known of one heating zone; goes through JSON as it is. Flows in m3/s."""

    hours: list[float] = field(default_factory=list)
    """make-up water of the calm hours of the last two weeks"""
    total: float = 0.0
    since_s: float = 0.0
    began_s: float | None = None
    """None: nothing is told"""
    told: float = 0.0
    flow: float = 0.0
    calm: int = 0
    curve: list[list[float]] = field(default_factory=list)
    """[at_s, observed, usual, limit]"""


class HeatingDetector:
    """Watches the heating zones of a city."""

    name = NAME
    version = 1
    order = Order.CITY
    learning: Learning | None = None

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        flows = {s.sensor_id: s for s in scope.sensors if s.quantity is Quantity.FLOW}
        self._zones = [
            z for z in scope.zones if z.kind is ZoneKind.HEATING and z.inflow and {*z.inflow, *z.outflow} <= set(flows)
        ]
        wanted = dict.fromkeys(i for z in self._zones for i in (*z.inflow, *z.outflow))
        self.sensors = tuple(flows[i] for i in wanted)
        self._number = {s.sensor_id: n for n, s in enumerate(self.sensors)}
        self._slots = Slots(len(self.sensors), _HOUR_S)
        self._loops = {z.zone_id: Loop() for z in self._zones}

    @property
    def watches_something(self) -> bool:
        return bool(self._zones)

    def learn(self, history: History, now: datetime) -> bool:
        del history, now
        return True

    def needs_lesson(self) -> bool:
        return False

    def model(self) -> Json | None:
        return None

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        found: list[Finding] = []
        for begin_s, mean in self._slots.add(batch.sensor, batch.at_s, batch.value, now_s=now.timestamp()):
            for zone in self._zones:
                flow = sum(mean[self._number[i]] for i in zone.inflow) - sum(
                    mean[self._number[i]] for i in zone.outflow
                )
                if np.isfinite(flow):
                    found += self._hour(zone, self._loops[zone.zone_id], begin_s + _HOUR_S, float(flow))
        return found

    def state(self) -> Json:
        return {"slots": self._slots.to_json(), "loops": {key: asdict(loop) for key, loop in self._loops.items()},
                "sensors": [s.sensor_id for s in self.sensors]}  # fmt: skip

    def restore(self, model: Json | None, state: Json | None) -> None:
        del model
        if state is None:
            return
        if state["sensors"] == [s.sensor_id for s in self.sensors]:
            self._slots.restore(state["slots"])
        self._loops |= {key: Loop(**state["loops"][key]) for key in self._loops if key in state["loops"]}

    def _hour(self, zone: Zone, loop: Loop, at_s: float, flow: float) -> Iterator[Finding]:
        if len(loop.hours) < _LEAST_HOURS:
            loop.hours.append(flow)
            return
        usual = float(np.median(loop.hours))
        spread = 1.4826 * float(np.median(np.abs(np.array(loop.hours) - usual)))
        spread = max(spread, _FLOOR_SHARE * abs(usual), _FLOOR_M3_PER_S)
        row = [at_s, flow, usual, usual + 3.0 * spread]
        loop.curve = [*loop.curve[1 - _CURVE_HOURS :], [row[0], *(float(f"{v:.5g}") for v in row[1:])]]
        over = flow - usual
        cusum = Cusum(_REFERENCE, loop.total, loop.since_s)
        loop.total = cusum.add(float(np.clip(over / spread, -_CLIP, _CLIP)), at_s - _HOUR_S)
        loop.since_s = cusum.since_s
        if loop.began_s is None:
            if loop.total >= _THRESHOLD:
                loop.began_s, loop.flow, loop.told, loop.calm = loop.since_s, over, over, 0
                yield self._finding(zone, loop, Phase.ONSET, HeatingReason.UP, at_s, usual, spread)
            elif loop.total == 0.0:
                loop.hours = [*loop.hours[1 - _HOURS :], flow]
            return
        loop.flow += 0.3 * (over - loop.flow)
        loop.calm = loop.calm + 1 if over < max(_CALM_SHARE * loop.told, spread) else 0
        if loop.calm >= _CALM_HOURS:
            yield self._finding(zone, loop, Phase.END, HeatingReason.NORMAL, at_s, usual, spread)
            loop.began_s, loop.total = None, 0.0
        elif not loop.calm and abs(loop.flow - loop.told) > _CHANGED_SHARE * loop.told:
            loop.told = loop.flow
            yield self._finding(zone, loop, Phase.UPDATE, HeatingReason.UP, at_s, usual, spread)

    def _finding(
        self, zone: Zone, loop: Loop, phase: Phase, reason: HeatingReason, at_s: float, usual: float, spread: float
    ) -> Finding:
        assert loop.began_s is not None
        lon, lat = np.array(zone.polygon)[:-1].mean(axis=0)
        shown = np.array(loop.curve)
        return Finding(
            subject=f"leak:{zone.zone_id}",
            kind=FindingKind.LEAK,
            phase=phase,
            city_code=self._scope.city_code,
            detector=NAME,
            reason=reason.value,
            began_at=instant(loop.began_s),
            detected_at=instant(at_s),
            probability=0.8,
            zone_id=zone.zone_id,
            sensor_ids=zone.inflow,
            position=Position(round(float(lon), 6), round(float(lat), 6)),
            area={"type": "Polygon", "coordinates": [[list(vertex) for vertex in zone.polygon]]},
            flow_m3_per_h=round(m3_per_h(max(loop.flow, 0.0)), 3),
            explanation={
                "usual_m3_per_h": round(m3_per_h(usual), 3),
                "scatter_m3_per_h": round(m3_per_h(spread), 3),
                "sum": round(loop.total, 2),
                "threshold": round(_THRESHOLD, 2),
                "expectation": "data",
                "place_from": "zone",
                "provisions": [Provision.P6_1.value, Provision.P11_2.value],
                "curve": {
                    "quantity": "balance",
                    "unit": "m3/h",
                    "times": [iso(at) for at in shown[:, 0].tolist()],
                    "observed": np.round(m3_per_h(1.0) * shown[:, 1], 3).tolist(),
                    "expected": np.round(m3_per_h(1.0) * shown[:, 2], 3).tolist(),
                    "threshold": np.round(m3_per_h(1.0) * shown[:, 3], 3).tolist(),
                },
            },
        )


def make(scope: Scope) -> HeatingDetector | None:
    """The detector of a city; None where no heating zone has meters of its make-up water."""
    detector = HeatingDetector(scope)
    return detector if detector.watches_something else None
