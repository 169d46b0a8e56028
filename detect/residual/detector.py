"""Bursts and leaks by what pressures and flows should be at this time of day: thin, data-driven, for any city.

Per district metered area: the balance (inflows - outflows) and the pressures are compared with what history teaches for
the time and kind of day (profile.py); their standardised residuals are joined into one statistic; three tests
with stated false-alarm rates look at it (detect/cusum.py, combined as in Lucas 1982, J. Qual. Technol. 14(2)):

- at once: three readings in a row above a limit -> `burst:{zone_id}` within seconds of live data;
- per slot (5 minutes): CUSUM of the whitened statistic -> `burst:{zone_id}` for smaller ones within the hour;
- per night: CUSUM of the minimum night flow -> `leak:{zone_id}` after some nights.

A zone whose balance is known and unmoved has no burst, however far its pressures fall: the water goes elsewhere.
Where meters are silent, pressures alone decide, and only where no other zone is under suspicion.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from detect.instant import LocalTime
from detect.leak.city import uses_model
from detect.port import Batch, Floats, History, Json, Learning, Order, Scope
from detect.residual.event import Event, Leak, ResidualReason, open_event
from detect.residual.model import ZoneModel
from detect.residual.part import Drops, ZonePart
from detect.residual.profile import LEVEL_TIME_S, grid_of
from detect.residual.report import burst, leak
from detect.residual.study import conclude, study
from detect.residual.watch import Frame, ZoneWatch
from lifeline.asset import AssetKind, Sensor, ZoneKind
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import SECONDS_PER_HOUR, Quantity
from lifeline.verdict import Said, Verdict

NAME = "residual"
BIN_S = 5.0
"""readings within it count as simultaneous"""
_BALANCE_LEAST_Z, _SLOT_BALANCE_LEAST_Z = 3.0, 1.5
_NEIGHBOUR_S, _USED_TO_IT_S = 900.0, 2.0 * LEVEL_TIME_S
_COMMON_S = 600.0
_LEAST_DAYS = 3.0
_NIGHTS_CALM = 2
_LISTEN_EVERY_S = 30.0
_RELOCATE_EVERY, _RELOCATE_S = 6, 900.0
"""frames between two looks at whether the place has moved, and until when it may"""


class ResidualDetector:
    """Watches all zones of a city, because a burst in one is seen in its neighbours."""

    name = NAME
    version = 1
    order = Order.CITY

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._local = LocalTime(scope.timezone)
        # meters alone give no balance where a tank takes and gives water; the model's does, with the tank's level
        tanks = {a.zone_id for a in scope.assets if a.kind is AssetKind.TANK} if uses_model(scope) else set()
        dmas = [z for z in scope.zones if z.kind is ZoneKind.DMA and z.zone_id not in tanks]
        meters = {i for z in dmas for i in (*z.inflow, *z.outflow)}
        zone_ids = {z.zone_id for z in dmas}
        self.sensors: tuple[Sensor, ...] = tuple(
            s
            for s in scope.sensors
            if s.sensor_id in meters or (s.quantity is Quantity.PRESSURE and s.zone_id in zone_ids)
        )
        self.learning: Learning | None = Learning(
            days=scope.learning_days, least_days=min(_LEAST_DAYS, scope.learning_days), again_after_days=1.0
        )
        self._zones = [z for z in (ZonePart(zone, self.sensors, scope) for zone in dmas) if z.numbers]
        self._places: list[list[tuple[ZonePart, int]]] = [[] for _ in self.sensors]
        for zone in self._zones:
            for position, number in enumerate(zone.numbers):
                self._places[number].append((zone, position))
        self._pending: list[tuple[float, int, float]] = []
        self._said: dict[str, str] = {}
        """verdicts on subjects that are not minded yet"""
        self._heard, self._listen_at_s = 0, 0.0
        self._least_flow = scope.levels.leak.blue / SECONDS_PER_HOUR if scope.levels else 0.0

    @property
    def watches_something(self) -> bool:
        return bool(self._zones)

    def learn(self, history: History, now: datetime) -> bool:
        learned_s = now.timestamp()
        grid = grid_of(history, len(self.sensors), self._local)
        if grid is None:
            return False
        lessons = {}
        for zone in self._zones:
            own = zone.undisturbed(history)
            known = grid_of(own, len(self.sensors), self._local) if own is not history else grid
            if known is None or known.values.shape != grid.values.shape:
                continue
            lesson = study(known, zone.channels, _LEAST_DAYS)
            if lesson is not None:
                lessons[zone.zone.zone_id] = lesson
        for zone in self._zones:
            lesson = lessons.get(zone.zone.zone_id)
            if lesson is None:
                continue
            others = [other.drop for key, other in lessons.items() if key != zone.zone.zone_id]
            common = _mean(np.array(others)) if others else np.full(len(lesson.drop), np.nan)
            zone.start(conclude(lesson, common, grid, sensor_ids=zone.sensor_ids, learned_s=learned_s))
        return bool(lessons)

    def needs_lesson(self) -> bool:
        return any(z.watch is None for z in self._zones)

    def model(self) -> Json | None:
        models = {z.zone.zone_id: z.watch.model.to_json() for z in self._zones if z.watch is not None}
        return {"zones": models} if models else None

    def listens(self, now: datetime) -> bool:
        return now.timestamp() >= self._listen_at_s

    def heard(self) -> int:
        return self._heard

    def hear(self, standing: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
        del standing  # it is the fast one: it waits for nobody
        self._said |= {v.subject: v.said.value for v in verdicts if v.said is not Said.CONFIRMED}
        self._heard = max([self._heard, *(v.verdict_id for v in verdicts)])

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        self._listen_at_s = now.timestamp() + _LISTEN_EVERY_S
        rows = self._pending + list(zip(batch.at_s.tolist(), batch.sensor.tolist(), batch.value.tolist(), strict=True))
        findings: list[Finding] = []
        complete_s = now.timestamp() // BIN_S * BIN_S
        start = 0
        while start < len(rows) and rows[start][0] < complete_s:
            number = rows[start][0] // BIN_S
            stop = start
            while stop < len(rows) and rows[stop][0] // BIN_S == number:
                stop += 1
            self._bin(rows[start:stop], findings)
            start = stop
        self._pending = rows[start:]
        return findings

    def state(self) -> Json:
        return {
            "heard": self._heard,
            "said": self._said,
            "pending": [[at_s, self.sensors[n].sensor_id, value] for at_s, n, value in self._pending],
            "zones": {z.zone.zone_id: z.to_json() for z in self._zones},
        }

    def restore(self, model: Json | None, state: Json | None) -> None:
        models = (model or {}).get("zones", {})
        for zone in self._zones:
            saved = models.get(zone.zone.zone_id)
            if saved is not None and tuple(saved["sensor_ids"]) == zone.sensor_ids:
                zone.start(ZoneModel.from_json(saved))
        if state is None:
            return
        self._heard, self._said = state.get("heard", 0), state.get("said", {})
        number = {s.sensor_id: n for n, s in enumerate(self.sensors)}
        self._pending = [(at_s, number[i], value) for at_s, i, value in state["pending"] if i in number]
        for zone in self._zones:
            saved = state["zones"].get(zone.zone.zone_id)
            if saved is not None:
                zone.restore(saved)

    def _bin(self, rows: list[tuple[float, int, float]], findings: list[Finding]) -> None:
        touched: dict[str, ZonePart] = {}
        at_s = rows[-1][0]
        for reading_s, sensor, value in rows:
            for zone, position in self._places[sensor]:
                if zone.watch is not None:
                    zone.watch.take(position, reading_s, value)
                    touched[zone.zone.zone_id] = zone
        local_s = self._local.one(at_s)
        frames: list[tuple[ZonePart, ZoneWatch, Frame]] = []
        for zone in touched.values():
            assert zone.watch is not None
            frame = zone.watch.frame(at_s, local_s)
            if frame is not None:
                frames.append((zone, zone.watch, frame))
                zone.drop, zone.drop_at_s = frame.drop, at_s
        drops = self._drops(at_s)
        busy = {z.zone.zone_id for z in self._zones if self._has_burst(z, at_s)}
        for zone, watch, frame in frames:
            zone_id = zone.zone.zone_id
            elsewhere = len(busy) > (zone_id in busy)
            watch.judge(frame, drops.without(zone_id), elsewhere=elsewhere, frozen=zone.event is not None)
            if self._said:
                self._mind(zone, watch, frame, findings)
            self._night(zone, watch, frame, local_s, findings)
            if zone.event is None:
                self._begin(zone, watch, frame, findings)
            else:
                self._go_on(zone, zone.event, watch, frame, findings)

    def _mind(self, zone: ZonePart, watch: ZoneWatch, frame: Frame, findings: list[Finding]) -> None:
        """A person found nothing, or a use: it is over, and the watch goes on from what is there now.

        Unusual use is not learned from; what is there although nothing was found is normal, and is.
        """
        for kind, event in ((FindingKind.BURST, zone.event), (FindingKind.LEAK, zone.leak)):
            said = self._said.pop(f"{kind.value}:{zone.zone.zone_id}", None)
            if said is None or event is None:
                continue
            reason = ResidualReason.TOLD_FALSE if said == Said.FALSE.value else ResidualReason.TOLD_USE
            if isinstance(event, Event):
                findings.append(burst(zone, watch, frame, Phase.END, reason, place=None))
                watch.accept(event.flow, event.drops_pa(len(zone.channels.pressure)), frame)
                watch.calm()
                zone.event = None
            else:
                findings.append(leak(zone, event, watch, frame, Phase.END, reason))
                watch.accept_nights(event.flow)
                zone.leak = None
            if said == Said.UNUSUAL_USE.value:
                zone.over(event.began_s, frame.at_s)

    def _drops(self, at_s: float) -> Drops:
        """The zones' drops of late; those with a burst of their own do not count."""
        return Drops(
            {
                z.zone.zone_id: z.drop
                for z in self._zones
                if z.event is None and at_s - z.drop_at_s <= _COMMON_S and not np.isnan(z.drop)
            }
        )

    @staticmethod
    def _has_burst(zone: ZonePart, at_s: float) -> bool:
        """Whether it has a burst that others have not got used to yet, or had one a moment ago."""
        if zone.event is not None:
            return at_s - zone.event.onset_s <= _USED_TO_IT_S
        return bool(zone.past and at_s - zone.past[-1][1] <= _NEIGHBOUR_S)

    def _begin(self, zone: ZonePart, watch: ZoneWatch, frame: Frame, findings: list[Finding]) -> None:
        metered = not np.isnan(frame.balance_z)
        if watch.at_once():
            began_s, reason = watch.memory.run_since_s, None
            moved = frame.balance_z >= _BALANCE_LEAST_Z and frame.left[0] >= self._least_flow
        elif watch.per_slot():
            began_s, reason = watch.memory.slot_since_s, ResidualReason.DRIFT
            memory = watch.memory
            moved = memory.slot_balance_before >= _SLOT_BALANCE_LEAST_Z and frame.balance_z > 0.0
            moved = moved and memory.slot_flow_before >= self._least_flow
        else:
            return
        if metered and not moved:
            return  # its own balance stands: the water goes elsewhere, or it is less than the lowest level of the pack
        if not metered and (reason is not None or self._suspected_elsewhere(zone, frame.at_s)):
            return
        zone.event = open_event(watch, frame, began_s, sure=reason is not None)
        if metered and reason is not None:
            zone.event.flow = watch.memory.slot_flow_before
        place = zone.locate(zone.event, frame)
        zone.event.told(frame.at_s, place.position)
        findings.append(burst(zone, watch, frame, Phase.ONSET, reason or zone.event.reason(), place=place))

    def _suspected_elsewhere(self, zone: ZonePart, at_s: float) -> bool:
        others = [z for z in self._zones if z is not zone]
        return any(self._has_burst(z, at_s) or (z.watch is not None and z.watch.memory.run > 0) for z in others)

    def _go_on(self, zone: ZonePart, event: Event, watch: ZoneWatch, frame: Frame, findings: list[Finding]) -> None:
        event.add(frame)
        if event.returned(frame):
            findings.append(burst(zone, watch, frame, Phase.END, ResidualReason.RETURNED, place=None))
            zone.over(event.began_s, frame.at_s)
            zone.event = None
            watch.calm()
            return
        if event.calm_since_s is not None:
            return  # it may be over: nothing to add until that is known
        reason = self._news(event, frame)
        young = frame.at_s - event.onset_s <= _RELOCATE_S
        if reason is None and (not young or event.frames % _RELOCATE_EVERY):
            return
        place = zone.locate(event, frame)
        if reason is None:
            if not place.from_pressure or not event.moved(frame, zone.plan.distance_m(event.told_at, place.position)):
                return
            reason = ResidualReason.PLACE_CHANGED
        event.told(frame.at_s, place.position)
        findings.append(burst(zone, watch, frame, Phase.UPDATE, reason, place=place))

    @staticmethod
    def _news(event: Event, frame: Frame) -> ResidualReason | None:
        if event.flow_changed(frame):
            return ResidualReason.FLOW_CHANGED
        return ResidualReason.EVIDENCE_GREW if event.surer(frame) else None

    def _night(self, zone: ZonePart, watch: ZoneWatch, frame: Frame, local_s: float, findings: list[Finding]) -> None:
        mean = watch.night(frame, local_s, disturbed=zone.event is not None)
        if mean is None:
            return
        memory, model = watch.memory, watch.model
        if zone.leak is None:
            if memory.night_sum >= model.per_night and mean >= max(self._least_flow, 1e-9):
                zone.leak = Leak(began_s=memory.night_since_s, flow=mean, told_flow=mean)
                findings.append(leak(zone, zone.leak, watch, frame, Phase.ONSET, ResidualReason.NIGHT_FLOW))
            return
        current = zone.leak
        current.calm_nights = current.calm_nights + 1 if mean < 0.3 * current.flow else 0
        if current.calm_nights >= _NIGHTS_CALM:
            findings.append(leak(zone, current, watch, frame, Phase.END, ResidualReason.RETURNED))
            zone.over(current.began_s, frame.at_s)
            zone.leak, memory.night_sum = None, 0.0
        elif current.calm_nights == 0:
            current.flow = mean
            if abs(mean - current.told_flow) > max(0.25 * current.told_flow, 2.0 * model.night_scale):
                current.told_flow = mean
                findings.append(leak(zone, current, watch, frame, Phase.UPDATE, ResidualReason.NIGHT_FLOW))


def _mean(rows: Floats) -> Floats:
    """Mean over rows of what is known, (n_times,)."""
    known = ~np.isnan(rows)
    count = known.sum(axis=0)
    mean: Floats = np.where(count > 0, np.nansum(rows, axis=0) / np.maximum(count, 1), np.nan)
    return mean


def make(scope: Scope) -> ResidualDetector | None:
    """The detector of a city, None where it has no district metered areas with sensors."""
    detector = ResidualDetector(scope)
    return detector if detector.watches_something else None
