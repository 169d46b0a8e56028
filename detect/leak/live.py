"""The leak core behind the detector port: readings in, findings out, one alarm for one leak.

Runs where the pack says `expected_pressure = "model"`. What it reports is what `lifeline evaluate leak` would report of
the same readings: the core is fed with the same samples, means over slots as long as the rarest sensor's interval. The
first lesson feeds it with the history (its calibration is the first week of it); from then on it lives on its own
memory. Signatures are built beside the stage and kept with the model.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from detect.leak import handover, workshop
from detect.leak.area import PipeMap
from detect.leak.city import fingerprint, instruments_of, network_of, uses_model
from detect.leak.course import Course
from detect.leak.detector import LeakDetector, Plan, Report, Settings
from detect.leak.expected import HourModel
from detect.leak.signature import Signatures
from detect.leak.slots import Slots
from detect.leak.telling import NAME, LeakReason, Teller, Told, existence, told_json
from detect.leak.tracker import Kind, Pending
from detect.leak.verdict import absorb, confirm
from detect.port import Batch, Floats, History, Json, Learning, Order, Scope
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.verdict import Said, Verdict

_HOUR_S = 3600.0
_DAY_H = 24
_FOR_EVER_DAYS = 36_500.0
_FLOW_CHANGED_SHARE, _FLOW_CHANGED_M3_PER_H = 0.25, 0.5
_REFINED_SHARE, _REFINED_M = 0.7, 150.0
"""a place is told again when its spread shrank to this share, or the pipe lies so far from the one told"""


class LeakWatch:
    """Watches one city's network by its hydraulic model."""

    name = NAME
    version = 1
    order = Order.CITY

    def __init__(self, scope: Scope) -> None:
        """Raises SimulationError where the network cannot be read."""
        assert scope.network_inp is not None
        self._scope = scope
        self._network = network_of(scope.network_inp)
        self._instruments = instruments_of(scope.sensors, self._network)
        self.sensors = self._instruments.sensors
        self._settings = Settings()
        days = self._settings.calibration_hours / _DAY_H
        self.learning: Learning | None = Learning(
            days=max(scope.learning_days, days + 1.0), least_days=days, again_after_days=_FOR_EVER_DAYS
        )
        self._key = fingerprint(scope.network_inp, self._instruments.names)
        self._order: workshop.Order | None = None
        self._plan: Plan | None = None
        self._kept: Json | None = None
        self._core: LeakDetector | None = None
        self._teller: Teller | None = None
        self._slots = Slots(len(self.sensors), self._instruments.slot_s)
        self._course = Course()
        self._untold: list[Report] = []
        self._told: dict[int, Told] = {}
        self._refined: dict[str, list[float]] = {}
        self._faults: dict[str, Json] = {}
        self._standing: Sequence[Finding] = ()
        self._verdicts: list[Verdict] = []
        self._heard = 0
        self._listen_at_s = 0.0

    @property
    def watches_something(self) -> bool:
        names = self._instruments.names
        return bool(names.pressure) and bool(names.flow)

    # --- the port --------------------------------------------------------------------------------------------------

    def learn(self, history: History, now: datetime) -> bool:
        """Feeds the core with the history, once; False while the signatures are being built."""
        if self._core is not None:
            return True
        if self._plan is None and not self._prepare():
            return False
        assert self._plan is not None
        self._core = LeakDetector(self._plan, zone=ZoneInfo(self._scope.timezone), settings=self._settings)
        reports: list[Report] = []
        for time_s, sample in self._slots.add(
            history.sensor, history.at_s, self._core_units(history.sensor, history.value), now_s=now.timestamp(),
            count=history.count,
        ):  # fmt: skip
            reports += self._push(time_s, sample)
        self._untold = [r for r in _not_over(reports) if r.kind != "sensor"]
        return True

    def needs_lesson(self) -> bool:
        return self._core is None

    def model(self) -> Json | None:
        if self._core is None:
            return None
        return self._kept if self._kept is not None else {"key": self._key}

    def listens(self, now: datetime) -> bool:
        return bool(self._untold) or now.timestamp() >= self._listen_at_s

    def heard(self) -> int:
        return self._heard

    def hear(self, standing: Sequence[Finding], verdicts: Sequence[Verdict]) -> None:
        self._standing = standing
        self._verdicts += verdicts
        self._heard = max([self._heard, *(v.verdict_id for v in verdicts)])

    def step(self, batch: Batch, now: datetime) -> list[Finding]:
        assert self._core is not None, "taught first"
        now_s = now.timestamp()
        self._listen_at_s = (now_s // self._slots.slot_s + 1.0) * self._slots.slot_s
        found: list[Finding] = []
        said, self._verdicts = self._verdicts, []
        for verdict in said:
            found += self._mind(verdict, now_s)
        waiting, self._untold = self._untold, []
        for report in waiting:
            found += self._say(report)
        values = self._core_units(batch.sensor, batch.value)
        for time_s, sample in self._slots.add(batch.sensor, batch.at_s, values, now_s=now_s):
            before = self._core.last_hour
            for report in self._push(time_s, sample):
                found += self._say(report)
            hour = self._core.last_hour
            if hour is not None and hour is not before:
                found += self._each_hour(hour.index + 1)
        return found

    def state(self) -> Json:
        return {
            "key": self._key,
            "core": _without_nan(self._core.state()) if self._core is not None else None,
            "slots": self._slots.to_json(),
            "course": self._course.to_json(),
            "untold": [_report_json(r) for r in self._untold],
            "told": [told_json(t) for t in self._told.values()],
            "refined": self._refined,
            "faults": self._faults,
            "heard": self._heard,
        }

    def restore(self, model: Json | None, state: Json | None) -> None:
        """A state of another network, or of other sensors, is not gone on from: the core learns anew."""
        if model is not None and model["key"] == self._key and "signatures" in model:
            self._kept = model
            self._build(workshop.from_json(model))
        if state is None or state["key"] != self._key or state["core"] is None:
            return
        if self._plan is None:
            # signatures too large to be kept: the stage cannot go on without them
            assert self._scope.network_inp is not None
            self._build(workshop.build(self._scope.network_inp, self._instruments.names))
        assert self._plan is not None
        self._core = LeakDetector(self._plan, zone=ZoneInfo(self._scope.timezone), settings=self._settings)
        self._core.restore(_with_nan(state["core"]))
        self._slots.restore(state["slots"])
        self._course.restore(state["course"])
        self._untold = [_report_of(r) for r in state["untold"]]
        self._told = {t["number"]: Told(**t) for t in state["told"]}
        self._refined, self._faults, self._heard = state["refined"], state["faults"], state["heard"]

    # --- feeding ---------------------------------------------------------------------------------------------------

    def _prepare(self) -> bool:
        """Whether the plan is there; has it built where not. Raises SimulationError."""
        if self._order is None:
            assert self._scope.network_inp is not None
            self._order = workshop.Order(self._scope.network_inp, self._instruments.names)
        signatures = self._order.result()
        if signatures is None:
            return False
        self._order = None
        self._kept = workshop.to_json(self._key, signatures)
        self._build(signatures)
        return True

    def _build(self, signatures: Signatures) -> None:
        network = self._network
        self._plan = Plan(network, self._instruments.names, signatures=signatures)
        pipes = PipeMap(
            [network.links[i] for i in network.pipes], network.ends[network.pipes], network.xy, self._scope.assets
        )
        self._teller = Teller(self._scope.city_code, self._plan, self._instruments, pipes, self._course)

    def _core_units(self, sensor: np.ndarray, value: Floats) -> Floats:
        scaled: Floats = value * self._instruments.per_si[sensor]
        return scaled

    def _push(self, time_s: int, sample: Floats) -> list[Report]:
        assert self._core is not None
        before = self._core.last_hour
        reports = self._core.push(np.array([time_s]), sample[None, :])
        hour, unexpected = self._core.last_hour, self._core.newest
        if hour is not None and hour is not before and unexpected is not None:
            self._course.add(hour, unexpected, self._model)
        return reports

    @property
    def _model(self) -> HourModel:
        assert self._plan is not None
        return self._plan.model

    # --- saying ----------------------------------------------------------------------------------------------------

    def _say(self, report: Report) -> list[Finding]:
        """A report of the core as findings."""
        if report.kind == "sensor":
            return self._doubt(report)
        if report.kind in ("leak", "burst"):
            return [self._new(report)]
        told = self._told.get(report.number)
        if told is None:
            return []  # it began before the records, or is what a verdict made part of normal
        at_s = report.at.timestamp()
        if report.kind == "repair":
            del self._told[report.number]
            self._refined.pop(told.subject, None)
            return [self._finding(told, Phase.END, report.reason, at_s=at_s)]
        told.flow_m3_per_h = max(told.flow_m3_per_h + report.flow_m3_per_h, 0.0)
        burst = handover.told_before(self._bursts(), told.zone_id, report.began_at, self._subjects())
        if told.own and burst is not None:
            ended = self._finding(told, Phase.END, LeakReason.HANDED_OVER, at_s=at_s, goes_on_as=burst.subject)
            told.subject, told.kind, told.own = burst.subject, FindingKind.BURST.value, False
            return [ended, self._finding(told, Phase.UPDATE, report.reason, at_s=at_s)]
        return [self._finding(told, Phase.UPDATE, report.reason, at_s=at_s)]

    def _new(self, report: Report) -> Finding:
        assert self._teller is not None
        pipe = self._teller.pipes.names.index(report.element)
        zone_id = self._teller.pipes.zones[pipe]
        before = handover.told_before(self._standing, zone_id, report.began_at, self._subjects())
        subject = (
            before.subject
            if before is not None
            else handover.own_subject(zone_id, self._scope.city_code, report.number, self._subjects())
        )
        told = Told(
            number=report.number,
            subject=subject,
            kind=before.kind.value if before is not None else report.kind,
            zone_id=zone_id,
            pipe=pipe,
            began_s=report.began_at.timestamp(),
            flow_m3_per_h=report.flow_m3_per_h,
            probability=existence(report.evidence),
            own=before is None,
            candidates=[[name, p] for name, p in report.candidates],
        )
        self._told[report.number] = told
        return self._finding(
            told,
            Phase.ONSET if before is None else Phase.UPDATE,
            report.reason,
            at_s=report.at.timestamp(),
            posterior=report.posterior,
            evidence=round(report.evidence, 2),
            probability_within_300_m=round(report.probability, 3),
            **({"told_before_by": before.detector} if before is not None else {}),
        )

    def _doubt(self, report: Report) -> list[Finding]:
        assert self._teller is not None and self._core is not None and self._core.tracker is not None
        channel = self._instruments.names.pressure.index(report.element)
        moved = self._teller.moved(report.began_at.timestamp())[channel]
        usual = self._course.before(int(report.began_at.timestamp() // _HOUR_S))
        began_s = report.began_at.timestamp()
        self._faults[report.element] = {
            "began_s": began_s,
            "usual": None if usual is None or not np.isfinite(usual[channel]) else float(usual[channel]),
        }
        why = {"deviation_m": None if not np.isfinite(moved) else round(float(moved), 4)}
        sensor = self._instruments.sensors[channel]
        at_s = report.at.timestamp()
        return [self._teller.fault(sensor, Phase.ONSET, report.reason, began_s=began_s, at_s=at_s, why=why)]

    def _each_hour(self, hour: int) -> list[Finding]:
        """What is said beside the core's reports: places of what others told, slow growth, sensors that are well."""
        found = [f for p in self._core_pending() for f in self._refine(p, hour * _HOUR_S)]
        if hour % _DAY_H == 0:
            found += [*self._grown(hour * _HOUR_S), *self._well_again(hour * _HOUR_S)]
        return found

    def _refine(self, pending: Pending, at_s: float) -> Iterable[Finding]:
        """A burst that was told at once, placed by the model long before the core settles it."""
        assert self._teller is not None
        if pending.kind is not Kind.LEAK or pending.gain <= 0.0 or pending.posterior is None:
            return
        pipes = self._teller.pipes
        zone_id = pipes.zones[pending.pipe]
        began_at = datetime.fromtimestamp(pending.began_hour * _HOUR_S, UTC)
        burst = handover.told_before(self._bursts(), zone_id, began_at, self._subjects())
        if burst is None:
            return
        place = pipes.place(pending.posterior, pending.pipe)
        last = self._refined.get(burst.subject)
        if last is not None:
            moved_m = pipes.distance_m(pending.pipe, int(last[0]))
            if moved_m < _REFINED_M and place.spread_m > _REFINED_SHARE * last[1]:
                return
        self._refined[burst.subject] = [float(pending.pipe), place.spread_m]
        told = Told(
            number=0,
            subject=burst.subject,
            kind=burst.kind.value,
            zone_id=zone_id,
            pipe=pending.pipe,
            began_s=burst.began_at.timestamp(),
            flow_m3_per_h=max(pending.flow_m3_per_h, 0.0),
            probability=max(burst.probability, existence(pending.gain)),
            own=False,
            candidates=[],
        )
        yield self._finding(
            told, Phase.UPDATE, LeakReason.PLACE_REFINED, at_s=at_s, posterior=pending.posterior,
            evidence=round(pending.gain, 2), told_before_by=burst.detector,
        )  # fmt: skip

    def _grown(self, at_s: float) -> Iterable[Finding]:
        """Known leaks whose flow has drifted far from what was told."""
        assert self._core is not None and self._core.tracker is not None
        for leak in self._core.tracker.leaks:
            told = self._told.get(leak.number)
            if told is None:
                continue
            apart = abs(leak.flow_m3_per_h - told.flow_m3_per_h)
            if apart > max(_FLOW_CHANGED_SHARE * told.flow_m3_per_h, _FLOW_CHANGED_M3_PER_H):
                told.flow_m3_per_h = leak.flow_m3_per_h
                yield self._finding(told, Phase.UPDATE, LeakReason.FLOW_CHANGED, at_s=at_s)

    def _well_again(self, at_s: float) -> list[Finding]:
        """Doubted sensors that read what they read before."""
        assert self._teller is not None and self._core is not None and self._core.tracker is not None
        now = self._course.now()
        found = []
        for element, fault in list(self._faults.items()):
            channel = self._instruments.names.pressure.index(element)
            limit = 3.0 * float(np.sqrt(self._core.tracker.scatter[channel, channel]))
            usual = fault["usual"]
            if usual is None or not np.isfinite(now[channel]) or abs(now[channel] - usual) > limit:
                continue
            del self._faults[element]
            sensor = self._instruments.sensors[channel]
            began_s = float(fault["began_s"])
            found.append(
                self._teller.fault(sensor, Phase.END, LeakReason.FITS_AGAIN, began_s=began_s, at_s=at_s, why={})
            )
        return found

    def _mind(self, verdict: Verdict, now_s: float) -> list[Finding]:
        """A person's verdict about a leak that the core knows."""
        assert self._core is not None
        told = next((t for t in self._told.values() if t.subject == verdict.subject), None)
        tracker = self._core.tracker
        if told is None or tracker is None:
            return []
        if verdict.said is Said.CONFIRMED:
            assert self._teller is not None
            if verdict.asset_id not in self._teller.pipes.names:
                return []
            told.pipe = self._teller.pipes.names.index(verdict.asset_id)
            told.probability, told.candidates = 1.0, [[verdict.asset_id, 1.0]]
            confirm(tracker, told.number, told.pipe, flow_m3_per_h=verdict.flow_m3_per_h)
            certain = np.zeros(len(self._teller.pipes.names))
            certain[told.pipe] = 1.0
            return [self._finding(told, Phase.UPDATE, LeakReason.CONFIRMED_HERE, at_s=now_s, posterior=certain)]
        absorb(tracker, told.number)
        del self._told[told.number]
        reason = LeakReason.TOLD_FALSE if verdict.said is Said.FALSE else LeakReason.TOLD_USE
        return [self._finding(told, Phase.END, reason, at_s=now_s)]

    def _finding(
        self, told: Told, phase: Phase, reason: str, *, at_s: float, posterior: Floats | None = None, **more: object
    ) -> Finding:
        assert self._teller is not None and self._core is not None and self._core.tracker is not None
        place = None if posterior is None else self._teller.pipes.place(posterior, told.pipe)
        return self._teller.leak(
            told, phase, str(reason), at_s=at_s, tracker=self._core.tracker, place=place, more=more
        )

    def _core_pending(self) -> list[Pending]:
        assert self._core is not None
        return self._core.tracker.pending if self._core.tracker is not None else []

    def _bursts(self) -> list[Finding]:
        return [f for f in self._standing if f.kind is FindingKind.BURST]

    def _subjects(self) -> set[str]:
        return {told.subject for told in self._told.values()}


def _not_over(reports: list[Report]) -> list[Report]:
    """Reports about what still goes on at their end."""
    over = {r.number for r in reports if r.kind == "repair"}
    return [r for r in reports if r.number not in over]


def _without_nan(value: Any) -> Any:
    """The store takes finite numbers only: what is not known is null in it."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _with_nan(value: Any) -> Any:
    """The inverse of `_without_nan`: nulls in lists are numbers that are not known."""
    if isinstance(value, dict):
        return {key: _with_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [np.nan if one is None else _with_nan(one) for one in value]
    return value


def _report_json(report: Report) -> Json:
    saved = {k: v for k, v in vars(report).items() if k != "posterior"}
    posterior = None if report.posterior is None else [float(f"{p:.4g}") for p in report.posterior]
    times = {"at": report.at.timestamp(), "began_at": report.began_at.timestamp()}
    return {**saved, **times, "posterior": posterior, "candidates": [list(c) for c in report.candidates]}


def _report_of(saved: Json) -> Report:
    return Report(
        **{
            **saved,
            "at": datetime.fromtimestamp(saved["at"], UTC),
            "began_at": datetime.fromtimestamp(saved["began_at"], UTC),
            "posterior": None if saved["posterior"] is None else np.array(saved["posterior"]),
            "candidates": tuple((name, p) for name, p in saved["candidates"]),
        }
    )


def make(scope: Scope) -> LeakWatch | None:
    """The detector of a city; None where its pack trusts no model, or it has no sensors. Raises SimulationError."""
    if not uses_model(scope):
        return None
    watch = LeakWatch(scope)
    return watch if watch.watches_something else None
