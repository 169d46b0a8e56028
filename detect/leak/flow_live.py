"""Leaks by flow alone behind the detector port: every metered zone of a city, with or without a hydraulic model.

The hourly balance of each district metered area (inflow meters less outflow meters) goes to a `FlowWatch`; its changes
become findings about the zone. Zones with a tank are left out: their meters alone are no balance. Where another
detector has told of the same water, this one goes on under that subject and opens no second alarm.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import numpy as np

from detect.calendar import Calendar
from detect.instant import LocalTime, instant, iso
from detect.leak import handover
from detect.leak.flow_watch import DAYS_KEPT, FALSE_EVERY_DAYS, FlowChange, FlowKind, FlowWatch
from detect.leak.memory import with_nan, without_nan
from detect.leak.slots import Slots
from detect.port import Batch, Floats, History, Ints, Json, Learning, Order, Scope
from lifeline.asset import AssetKind, Position, Zone, ZoneKind
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.provision import Provision
from lifeline.units import SECONDS_PER_HOUR, Quantity
from lifeline.verdict import Said, Verdict

NAME = "leak-flow"
_HOUR_S = 3600.0
_FOR_EVER_DAYS = 36_500.0
_LISTEN_EVERY_S = 300.0
_CURVE_HOURS = 168
_PROBABILITY = 0.85
"""flow alone cannot tell a leak from a new use that runs day and night: a person has to look"""


class FlowReason(StrEnum):
    """Why the detector says something, beside the kinds of change."""

    STEP = FlowKind.STEP.value
    SLOW = FlowKind.SLOW.value
    GROWTH = FlowKind.GROWTH.value
    END = FlowKind.END.value
    TOLD_FALSE = "told-false"
    TOLD_USE = "told-use"


class FlowLeakWatch:
    """Watches the metered zones of a city."""

    name = NAME
    version = 1
    order = Order.CITY

    def __init__(self, scope: Scope) -> None:
        """Raises SettingsError where the pack names a country whose holidays are not known."""
        self._scope = scope
        self._calendar = Calendar.of(scope.settings)
        self._local = LocalTime(scope.timezone)
        flows = {s.sensor_id: s for s in scope.sensors if s.quantity is Quantity.FLOW}
        tanks = {a.zone_id for a in scope.assets if a.kind is AssetKind.TANK}
        self._zones = [
            z
            for z in scope.zones
            if z.kind is ZoneKind.DMA and z.inflow and {*z.inflow, *z.outflow} <= set(flows) and z.zone_id not in tanks
        ]
        self.sensors = tuple(flows[i] for i in dict.fromkeys(i for z in self._zones for i in (*z.inflow, *z.outflow)))
        number = {s.sensor_id: n for n, s in enumerate(self.sensors)}
        self._sign = np.zeros((len(self._zones), len(self.sensors)))
        for row, zone in zip(self._sign, self._zones, strict=True):
            row[[number[i] for i in zone.inflow]] = 1.0
            row[[number[i] for i in zone.outflow]] = -1.0
        self.learning: Learning | None = Learning(
            days=max(scope.learning_days, float(DAYS_KEPT)), least_days=1.0, again_after_days=_FOR_EVER_DAYS
        )
        self._least = scope.levels.leak.blue if scope.levels else 0.0
        self._slots = Slots(len(self.sensors), _HOUR_S)
        self._watches = [FlowWatch(self._calendar) for _ in self._zones]
        self._told: dict[str, Json] = {}
        """by subject: zone, number of the loss there, begin, whether this detector opened it"""
        self._curves: list[list[list[float | None]]] = [[] for _ in self._zones]
        """per zone [at_s, observed, expected]"""
        self._taught = False
        self._standing: Sequence[Finding] = ()
        self._verdicts: list[Verdict] = []
        self._heard, self._listen_at_s = 0, 0.0

    @property
    def watches_something(self) -> bool:
        return bool(self._zones)

    # --- the port --------------------------------------------------------------------------------------------------

    def learn(self, history: History, now: datetime) -> bool:
        """Feeds the watches with the history, once; what they would have said of the past is not told."""
        if not self._taught:
            for _ in self._feed(history.sensor, history.at_s, history.value, now, count=history.count):
                pass
            self._taught = True
        return True

    def needs_lesson(self) -> bool:
        return not self._taught

    def model(self) -> Json | None:
        return {"sensors": [s.sensor_id for s in self.sensors]} if self._taught else None

    def listens(self, now: datetime) -> bool:
        return now.timestamp() >= self._listen_at_s

    def heard(self) -> int:
        return self._heard

    def hear(self, standing: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
        self._standing = standing
        self._verdicts += verdicts
        self._heard = max([self._heard, *(v.verdict_id for v in verdicts)])

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        self._listen_at_s = (now.timestamp() // _LISTEN_EVERY_S + 1.0) * _LISTEN_EVERY_S
        said, self._verdicts = self._verdicts, []
        found = [f for verdict in said for f in self._mind(verdict, now.timestamp())]
        for zone, change in self._feed(batch.sensor, batch.at_s, batch.value, now):
            found += self._say(zone, change)
        return found

    def state(self) -> Json:
        return {
            "sensors": [s.sensor_id for s in self.sensors],
            "slots": self._slots.to_json(),
            "watches": {z.zone_id: without_nan(w.state()) for z, w in zip(self._zones, self._watches, strict=True)},
            "curves": {z.zone_id: c for z, c in zip(self._zones, self._curves, strict=True)},
            "told": self._told,
            "heard": self._heard,
        }

    def restore(self, model: Json | None, state: Json | None) -> None:
        """Zones that have come since begin anew; those whose meters are the same go on."""
        self._taught = model is not None
        if state is None:
            return
        self._heard, self._told = state["heard"], state["told"]
        if state["sensors"] == [s.sensor_id for s in self.sensors]:
            self._slots.restore(state["slots"])
        for n, zone in enumerate(self._zones):
            if zone.zone_id in state["watches"]:
                self._watches[n].restore(with_nan(state["watches"][zone.zone_id]))
                self._curves[n] = state["curves"][zone.zone_id]

    # --- feeding and saying ----------------------------------------------------------------------------------------

    def _feed(
        self, sensor: Ints, at_s: Floats, value: Floats, now: datetime, *, count: Ints | None = None
    ) -> Iterator[tuple[int, FlowChange]]:
        """Zone and change, hour by hour: what is said of an hour is said before the next is looked at."""
        for begin_s, mean in self._slots.add(sensor, at_s, value, now_s=now.timestamp(), count=count):
            hour = round(begin_s / _HOUR_S)
            local_hour = int(self._local.one(begin_s) // _HOUR_S)
            for n, (watch, sign) in enumerate(zip(self._watches, self._sign, strict=True)):
                used = sign != 0.0
                flow = float(sign[used] @ mean[used]) * SECONDS_PER_HOUR
                changes = watch.hour(hour, local_hour, flow)
                expected = watch.expected(local_hour)
                row = [begin_s + _HOUR_S, _number(flow), _number(expected)]
                self._curves[n] = [*self._curves[n][1 - _CURVE_HOURS :], row]
                yield from ((n, change) for change in changes)

    def _say(self, n: int, change: FlowChange) -> list[Finding]:
        zone = self._zones[n]
        if change.kind is FlowKind.DROP:
            return []
        known = next(
            (s for s, t in self._told.items() if t["zone"] == zone.zone_id and t["number"] == change.number), None
        )
        if change.kind is FlowKind.END:
            return [] if known is None else [self._finding(n, known, self._told.pop(known), Phase.END, change)]
        if known is not None:
            return [self._finding(n, known, self._told[known], Phase.UPDATE, change)]
        if change.flow_m3_per_h < self._least:
            return []  # smaller than the lowest level of the pack: it is told when it has grown
        began_at = instant(change.began_hour * _HOUR_S)
        before = handover.told_before(self._standing, zone.zone_id, began_at, self._told.keys())
        subject = (
            before.subject
            if before is not None
            else handover.own_subject("leak", zone.zone_id, self._scope.city_code, change.number, self._subjects())
        )
        told = {
            "zone": zone.zone_id,
            "number": change.number,
            "kind": before.kind.value if before is not None else FindingKind.LEAK.value,
            "began_s": change.began_hour * _HOUR_S,
            "flow": change.flow_m3_per_h,
        }
        self._told[subject] = told
        return [self._finding(n, subject, told, Phase.ONSET if before is None else Phase.UPDATE, change)]

    def _subjects(self) -> set[str]:
        return {*self._told, *(f.subject for f in self._standing)}

    def _mind(self, verdict: Verdict, now_s: float) -> list[Finding]:
        """A person found nothing, or a use: what is taken now is usual from here on (the account keeps the size)."""
        told = self._told.get(verdict.subject)
        if told is None or verdict.said is Said.CONFIRMED:
            return []
        del self._told[verdict.subject]
        n = next((n for n, z in enumerate(self._zones) if z.zone_id == told["zone"]), None)
        if n is None:
            return []
        reason = FlowReason.TOLD_FALSE if verdict.said is Said.FALSE else FlowReason.TOLD_USE
        return [self._told_finding(n, verdict.subject, told, Phase.END, reason.value, now_s, {})]

    def _finding(self, n: int, subject: str, told: Json, phase: Phase, change: FlowChange) -> Finding:
        if phase is not Phase.END:
            told["flow"] = change.flow_m3_per_h
        why = {"evidence": round(change.evidence, 2), "limit": round(change.limit, 2)}
        return self._told_finding(n, subject, told, phase, change.kind.value, change.hour * _HOUR_S, why)

    def _told_finding(
        self, n: int, subject: str, told: Json, phase: Phase, reason: str, at_s: float, why: Json
    ) -> Finding:
        zone = self._zones[n]
        lon, lat = np.array(zone.polygon)[:-1].mean(axis=0)
        return Finding(
            subject=subject,
            kind=FindingKind(told["kind"]),
            phase=phase,
            city_code=self._scope.city_code,
            detector=NAME,
            reason=reason,
            began_at=instant(told["began_s"]),
            detected_at=instant(at_s),
            probability=_PROBABILITY,
            zone_id=zone.zone_id,
            sensor_ids=(*zone.inflow, *zone.outflow),
            position=Position(round(float(lon), 6), round(float(lat), 6)),
            area={"type": "Polygon", "coordinates": [[list(vertex) for vertex in zone.polygon]]},
            flow_m3_per_h=round(float(told["flow"]), 2),
            explanation={
                **why,
                "false_alarms_per_year": round(2 * 365.0 / FALSE_EVERY_DAYS, 3),
                "day": "odd" if self._calendar.odd(int(self._local.one(at_s) // (24 * _HOUR_S))) else "usual",
                "known_losses_m3_per_h": {str(k): round(v, 2) for k, v in self._watches[n].losses.items()},
                "expectation": "flow",
                "place_from": "zone",
                "provisions": [Provision.P6_1.value, Provision.P6_2.value],
                "curve": self._curve(n, zone),
            },
        )

    def _curve(self, n: int, zone: Zone) -> Json:
        del zone
        rows = [row for row in self._curves[n] if row[1] is not None and row[2] is not None]
        return {
            "quantity": "balance",
            "unit": "m3/h",
            "times": [iso(float(str(row[0]))) for row in rows],
            "observed": [row[1] for row in rows],
            "expected": [row[2] for row in rows],
        }


def _number(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None


def make(scope: Scope) -> FlowLeakWatch | None:
    """The detector of a city; None where no zone without a tank has all its meters. Raises SettingsError."""
    watch = FlowLeakWatch(scope)
    return watch if watch.watches_something else None
