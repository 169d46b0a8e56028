"""Leaks by pressures, without a hydraulic model: each pressure is expected from meters, hour and the other pressures.

Speaks in every city whose pack does not trust its network file to predict pressures (`expected_pressure = "data"`), and
elsewhere while the model is found wanting (`cannot-judge`, detect/leak/trust.py). Per district metered area: what is
expected is learned from four weeks (expect.py), a CUSUM per pressure with a stated false-alarm rate looks at six-hour
means (watch.py). A leak is told when pressures stay below what is expected and, where the inflow is measured, more
flows in; a pressure that falls alone is no leak, becomes normal, and is only counted. The place is the neighbourhood of
the pressures that fell, which is wide and says so. What another detector has told of the same water goes on under that
subject.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import numpy as np

from detect.instant import DAY_S, LocalTime, instant
from detect.leak import handover
from detect.leak.check import DEMAND, FLOW, LEVEL, PRESSURE, Checks
from detect.leak.city import uses_model
from detect.leak.memory import with_nan, without_nan
from detect.leak.slots import Slots
from detect.leak.telling import MODEL
from detect.port import Batch, Floats, History, Json, Learning, Order, Scope
from detect.pressure.lesson import HOUR_S, Hours, Lesson, study
from detect.pressure.report import NAME, PressureReason, leak
from detect.pressure.watch import Alarm, Change, ZoneWatch
from detect.residual.place import Plan
from lifeline.asset import AssetKind, Sensor, Zone, ZoneKind
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import PASCAL_PER_METRE_OF_WATER, SECONDS_PER_HOUR, Quantity
from lifeline.verdict import Said, Verdict

LEARNING_DAYS, LEAST_DAYS, AGAIN_DAYS = 28.0, 7.0, 7.0
_GUARD_DAYS = 5.0
"""the newest days are not learned from, where enough others are: a leak that grows must not become normal"""
_LEAST_SLOT_S, _LONGEST_SLOT_S = 300.0, 3600.0
_LEAST_SAMPLES = 0.7
_SAME = 0.8
"""cosine of two steps from which they are one leak's"""
_ENDED = 0.5
"""part of its step that a leak that ended gives back"""


@dataclass(slots=True)
class Told:
    """A leak that people have been told of; goes through JSON as it is."""

    number: int
    subject: str
    kind: str
    own: bool
    began_s: float
    pressure: int
    step_m: list[float]
    flow_m3_per_h: float


@dataclass(slots=True)
class _Part:
    """One zone: its sensors by their numbers in the detector, its watch, and what is told of it."""

    zone: Zone
    pressures: list[int]
    drivers: list[int]
    inflow: list[int]
    outflow: list[int]
    plan: Plan
    watch: ZoneWatch | None = None
    saved: Json | None = None
    """of a watch whose lesson is yet to come"""
    told: list[Told] = field(default_factory=list)


class PressureDetector:
    """Watches the zones of a city that have pressures."""

    name = NAME
    version = 1
    order = Order.CITY

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._local = LocalTime(scope.timezone)
        zones = [z for z in scope.zones if z.kind is ZoneKind.DMA]
        tanks = {a.asset_id: a.zone_id for a in scope.assets if a.kind is AssetKind.TANK}
        meters = {i for z in zones for i in (*z.inflow, *z.outflow)}
        of_zone = {z.zone_id for z in zones}
        self.sensors: tuple[Sensor, ...] = tuple(
            s
            for s in scope.sensors
            if (s.quantity is Quantity.PRESSURE and s.zone_id in of_zone)
            or (s.quantity is Quantity.FLOW and s.sensor_id in meters)
            or (s.quantity is Quantity.LEVEL and tanks.get(s.element or "") in of_zone)
        )
        number = {s.sensor_id: n for n, s in enumerate(self.sensors)}
        self._parts = [p for p in (self._part(z, number, tanks) for z in zones) if p.pressures]
        units = {Quantity.PRESSURE: 1.0 / PASCAL_PER_METRE_OF_WATER, Quantity.FLOW: SECONDS_PER_HOUR}
        self._per_si = np.array([units.get(s.quantity, 1.0) for s in self.sensors])
        bounds = {Quantity.PRESSURE: PRESSURE, Quantity.FLOW: FLOW, Quantity.LEVEL: LEVEL}
        self._checks = Checks([bounds.get(s.quantity, DEMAND) for s in self.sensors])
        rarest = max((s.interval_s for s in self.sensors), default=_LEAST_SLOT_S)
        slot_s = min(_LEAST_SLOT_S * np.ceil(rarest / _LEAST_SLOT_S), _LONGEST_SLOT_S)
        self._slots = Slots(len(self.sensors), float(slot_s))
        self.learning: Learning | None = Learning(LEARNING_DAYS, LEAST_DAYS, AGAIN_DAYS)
        self._hour = -1
        self._total, self._count = np.zeros(len(self.sensors)), np.zeros(len(self.sensors))
        self._trusts_model = uses_model(scope)
        """the pack does; then it is for the model to speak, unless that says that it cannot judge"""
        self._standing: Sequence[Finding] = ()
        self._verdicts: list[Verdict] = []
        self._number, self._heard, self._listen_at_s = 0, 0, 0.0

    def _part(self, zone: Zone, number: dict[str, int], tanks: dict[str, str | None]) -> _Part:
        pressures, levels = [], []
        for n, s in enumerate(self.sensors):
            if s.quantity is Quantity.PRESSURE and s.zone_id == zone.zone_id:
                pressures.append(n)
            elif s.quantity is Quantity.LEVEL and tanks.get(s.element or "") == zone.zone_id:
                levels.append(n)
        flows = [number[i] for i in dict.fromkeys((*zone.inflow, *zone.outflow)) if i in number]
        # where a tank gives and takes, or a meter is missing, meters alone do not say how much is used
        complete = bool(zone.inflow) and len(flows) == len({*zone.inflow, *zone.outflow})
        balanced = complete and zone.zone_id not in tanks.values()
        inflow = [number[i] for i in zone.inflow] if balanced else []
        outflow = [number[i] for i in zone.outflow] if balanced else []
        plan = Plan(zone, [self.sensors[n] for n in pressures], self._scope.assets)
        return _Part(zone, pressures, [*flows, *levels], inflow, outflow, plan)

    @property
    def watches_something(self) -> bool:
        return bool(self._parts)

    # --- learning --------------------------------------------------------------------------------------------------

    def learn(self, history: History, now: datetime) -> bool:
        hours, values = self._condensed(history)
        if not len(hours):
            return False
        at_s = hours * HOUR_S
        old = at_s < at_s[-1] - _GUARD_DAYS * DAY_S
        if old.sum() * HOUR_S >= 2 * LEAST_DAYS * DAY_S:
            at_s, values = at_s[old], values[old]
        local_s = self._local.seconds(at_s)
        taught = False
        for part in self._parts:
            pressure = values[:, part.pressures]
            if part.watch is not None:
                pressure = part.watch.shifted(at_s, pressure)
            own = Hours(at_s, local_s, pressure, values[:, part.drivers], self._inflow(part, values))
            lesson = study(own, self._ids(part), learned_s=now.timestamp())
            if lesson is None:
                continue
            taught = True
            if part.watch is None:
                self._start(part, lesson)
            else:
                part.watch.learned(lesson)
        return taught

    def _condensed(self, history: History) -> tuple[Floats, Floats]:
        """Hours since 1970 (n_hours,) and means (n_hours, n_sensors) in m and m3/h; NaN where too little was heard."""
        samples = list(
            Slots(len(self.sensors), self._slots.slot_s).add(
                history.sensor, history.at_s, history.value * self._per_si[history.sensor],
                now_s=float(history.at_s[-1]) + DAY_S if len(history.at_s) else 0.0, count=history.count,
            )
        )  # fmt: skip
        if not samples:
            return np.zeros(0), np.zeros((0, len(self.sensors)))
        checks = Checks([PRESSURE if s.quantity is Quantity.PRESSURE else FLOW for s in self.sensors])
        good = np.array([np.where(checks.look(sample), sample, np.nan) for _, sample in samples])
        hour = np.array([time_s for time_s, _ in samples]) // HOUR_S
        hours = np.unique(hour)
        means = np.full((len(hours), len(self.sensors)), np.nan)
        for n, one in enumerate(hours):
            means[n] = self._mean(np.nansum(good[hour == one], axis=0), np.isfinite(good[hour == one]).sum(axis=0))
        return hours, means

    def _mean(self, total: Floats, count: Floats) -> Floats:
        enough = count >= _LEAST_SAMPLES * HOUR_S / self._slots.slot_s
        mean: Floats = np.where(enough, total / np.maximum(count, 1), np.nan)
        return mean

    @staticmethod
    def _inflow(part: _Part, values: Floats) -> Floats:
        """(...) m3/h of values (..., n_sensors); NaN where the zone's balance is not measured."""
        if not part.inflow:
            return np.full(values.shape[:-1], np.nan)
        inflow: Floats = values[..., part.inflow].sum(axis=-1) - values[..., part.outflow].sum(axis=-1)
        return inflow

    def _ids(self, part: _Part) -> tuple[str, ...]:
        return tuple(self.sensors[n].sensor_id for n in (*part.pressures, *part.drivers))

    @staticmethod
    def _start(part: _Part, lesson: Lesson) -> None:
        part.watch = ZoneWatch(lesson)
        if part.saved is not None:
            part.watch.restore(part.saved)
            part.saved = None

    def needs_lesson(self) -> bool:
        return any(p.watch is None for p in self._parts)

    def model(self) -> Json | None:
        known = {p.zone.zone_id: p.watch.lesson.to_json() for p in self._parts if p.watch is not None}
        return {"zones": known} if known else None

    # --- what others say -------------------------------------------------------------------------------------------

    def listens(self, now: datetime) -> bool:
        return now.timestamp() >= self._listen_at_s

    def heard(self) -> int:
        return self._heard

    def hear(self, standing: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
        self._standing = standing
        self._verdicts += verdicts
        self._heard = max([self._heard, *(v.verdict_id for v in verdicts)])

    def _mind(self, verdict: Verdict, at_s: float) -> list[Finding]:
        """What a person found not to be a leak is over; it is part of what is normal already."""
        if verdict.said is Said.CONFIRMED:
            return []
        reason = PressureReason.TOLD_FALSE if verdict.said is Said.FALSE else PressureReason.TOLD_USE
        return [
            self._ended(part, told, reason, at_s)
            for part in self._parts
            for told in list(part.told)
            if told.subject == verdict.subject and told.own
        ]

    # --- stepping --------------------------------------------------------------------------------------------------

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        now_s = now.timestamp()
        self._listen_at_s = (now_s // HOUR_S + 1.0) * HOUR_S
        said, self._verdicts = self._verdicts, []
        found = [f for verdict in said for f in self._mind(verdict, now_s)]
        values = batch.value * self._per_si[batch.sensor]
        for time_s, sample in self._slots.add(batch.sensor, batch.at_s, values, now_s=now_s):
            hour = int(time_s // HOUR_S)
            if hour != self._hour:
                if self._hour >= 0:
                    found += self._close()
                self._hour = hour
            good = self._checks.look(sample)
            self._total[good] += sample[good]
            self._count[good] += 1
        return found

    def _close(self) -> list[Finding]:
        at_s = self._hour * HOUR_S
        local_s = self._local.one(at_s)
        mean = self._mean(self._total, self._count)
        self._total[:], self._count[:] = 0.0, 0.0
        found: list[Finding] = []
        for part in self._parts:
            if part.watch is None:
                continue
            inflow = float(self._inflow(part, mean))
            alarm = part.watch.hour(at_s, local_s, mean[part.pressures], mean[part.drivers], inflow)
            if alarm is not None:
                found += self._tell(part, alarm)
        return found

    def _tell(self, part: _Part, alarm: Alarm) -> list[Finding]:
        if alarm.change is Change.RISE:
            return [
                self._ended(part, told, PressureReason.RETURNED, alarm.at_s) for told in self._given_back(part, alarm)
            ]
        if alarm.change is Change.ALONE:
            return []
        if self._trusts_model and not any(f.subject.startswith(MODEL) for f in self._standing):
            return []
        known = next((t for t in part.told if _is_same(t, alarm)), None)
        if known is not None:
            known.step_m = (np.array(known.step_m) + alarm.step_m).tolist()
            known.flow_m3_per_h += max(float(np.nan_to_num(alarm.flow_m3_per_h)), 0.0)
            return [self._leak(part, known, Phase.UPDATE, PressureReason.FELL_FURTHER, alarm)]
        self._number += 1
        taken = {t.subject for p in self._parts for t in p.told}
        zone_id = part.zone.zone_id
        before = handover.told_before(self._standing, zone_id, instant(alarm.began_s), taken)
        subject = before.subject if before else handover.own_subject(
            FindingKind.LEAK.value, zone_id, self._scope.city_code, self._number, taken
        )  # fmt: skip
        told = Told(
            self._number, subject, (before.kind if before else FindingKind.LEAK).value, before is None, alarm.began_s,
            alarm.pressure, alarm.step_m.tolist(), max(float(np.nan_to_num(alarm.flow_m3_per_h)), 0.0),
        )  # fmt: skip
        part.told.append(told)
        phase = Phase.ONSET if before is None else Phase.UPDATE
        return [self._leak(part, told, phase, PressureReason.BELOW_EXPECTED, alarm)]

    @staticmethod
    def _given_back(part: _Part, alarm: Alarm) -> list[Told]:
        """What is told of and has ended: its pressure rose, or all did as they had fallen, by half at the least."""
        rise = float(np.linalg.norm(alarm.step_m))

        def is_over(told: Told) -> bool:
            own = alarm.step_m[told.pressure] >= -_ENDED * told.step_m[told.pressure]
            whole = rise >= _ENDED * float(np.linalg.norm(told.step_m))
            return bool((alarm.pressure == told.pressure and own) or (_alike(told, alarm) <= -_SAME and whole))

        return [told for told in part.told if is_over(told)][:1]

    def _leak(self, part: _Part, told: Told, phase: Phase, reason: PressureReason, alarm: Alarm) -> Finding:
        assert part.watch is not None
        sensors = [self.sensors[n] for n in part.pressures]
        place = part.plan.locate(-alarm.step_m, -alarm.deviations, np.zeros(len(alarm.step_m)))
        return leak(
            self._scope.city_code, part.zone, sensors, part.watch.lesson, alarm, place, subject=told.subject,
            kind=FindingKind(told.kind), phase=phase, reason=reason, began_s=told.began_s, flow=told.flow_m3_per_h,
        )  # fmt: skip

    def _ended(self, part: _Part, told: Told, reason: PressureReason, at_s: float) -> Finding:
        part.told.remove(told)
        sensors = [self.sensors[n] for n in part.pressures]
        assert part.watch is not None
        return leak(
            self._scope.city_code, part.zone, sensors, part.watch.lesson, None, None, subject=told.subject,
            kind=FindingKind(told.kind), phase=Phase.END if told.own else Phase.UPDATE, reason=reason,
            began_s=told.began_s, flow=told.flow_m3_per_h, at_s=at_s,
        )  # fmt: skip

    # --- memory ----------------------------------------------------------------------------------------------------

    def state(self) -> Json:
        return {
            "sensors": [s.sensor_id for s in self.sensors],
            "slots": self._slots.to_json(),
            "checks": without_nan(self._checks.state()),
            "hour": self._hour,
            "total": self._total.tolist(),
            "count": self._count.tolist(),
            "number": self._number,
            "heard": self._heard,
            "zones": {
                p.zone.zone_id: {
                    "ids": list(self._ids(p)),
                    "watch": p.watch.to_json() if p.watch is not None else p.saved,
                    "told": [asdict(t) for t in p.told],
                }
                for p in self._parts
            },
        }

    def restore(self, model: Json | None, state: Json | None) -> None:
        """Goes on zone by zone: one whose sensors have changed learns anew, what was told of it stands."""
        zones = (state or {}).get("zones", {})
        for part in self._parts:
            saved = zones.get(part.zone.zone_id)
            same = saved is not None and tuple(saved["ids"]) == self._ids(part)
            if saved is not None and same:
                part.saved = saved["watch"]
                part.told = [Told(**t) for t in saved["told"]]
            lesson = (model or {}).get("zones", {}).get(part.zone.zone_id)
            if lesson is not None and tuple(lesson["sensor_ids"]) == self._ids(part):
                self._start(part, Lesson.from_json(lesson))
        if state is None:
            return
        self._number, self._heard = state["number"], state["heard"]
        if state["sensors"] == [s.sensor_id for s in self.sensors]:
            self._slots.restore(state["slots"])
            self._checks.restore(with_nan(state["checks"]))
            self._hour = state["hour"]
            self._total, self._count = np.array(state["total"]), np.array(state["count"])


def _alike(told: Told, alarm: Alarm) -> float:
    """Cosine of the steps."""
    one, other = np.array(told.step_m), alarm.step_m
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))


def _is_same(told: Told, alarm: Alarm) -> bool:
    """Whether what fell further is a leak that is told of: two leaks at one pressure cannot be told apart."""
    return alarm.pressure == told.pressure or _alike(told, alarm) >= _SAME


def make(scope: Scope) -> PressureDetector | None:
    """The detector of a city; None where no zone has a pressure."""
    detector = PressureDetector(scope)
    return detector if detector.watches_something else None
