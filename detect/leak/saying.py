"""What the leak core finds, said as findings: one alarm for one leak from onset to end, and what verdicts change."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from detect.leak import handover
from detect.leak.city import Instruments
from detect.leak.course import Course
from detect.leak.detector import LeakDetector, Report
from detect.leak.telling import LeakReason, Teller, Told, existence, told_json
from detect.leak.tracker import Kind, Pending, Tracker
from detect.leak.trust import TrustReason
from detect.leak.upkeep import UpkeepReason
from detect.leak.verdict import absorb, confirm
from detect.port import Floats, Json
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.verdict import Said, Verdict

_HOUR_S = 3600.0
_DAY_H = 24
_FLOW_CHANGED_SHARE, _FLOW_CHANGED_M3_PER_H = 0.25, 0.5
_UNCONFIRMED_S = 48 * _HOUR_S
_REFINED_SHARE, _REFINED_M = 0.7, 150.0
"""a place is told again when its spread shrank to this share, or the pipe lies so far from the one told"""


class Voice:
    """Speaks for the core of one city; remembers what people have been told."""

    def __init__(self, core: LeakDetector, teller: Teller, course: Course, instruments: Instruments, city: str) -> None:
        self._core, self._teller, self._course, self._instruments = core, teller, course, instruments
        self._city_code = city
        self.standing: Sequence[Finding] = ()
        """what other detectors told of leaks and bursts and have not ended"""
        self.frost: Json | None = None
        """how much likelier frost makes a burst, as findings tell it"""
        self._told: dict[int, Told] = {}
        self._refined: dict[str, list[float]] = {}
        self._faults: dict[str, Json] = {}
        self._cannot_judge = False
        """whether it is told that the model is not good enough"""

    def to_json(self) -> Json:
        told = [told_json(t) for t in self._told.values()]
        return {
            "told": told, "refined": self._refined, "faults": self._faults, "cannot_judge": self._cannot_judge,
        }  # fmt: skip

    def restore(self, saved: Json) -> None:
        """The inverse of `to_json`."""
        self._told = {t["number"]: Told(**t) for t in saved["told"]}
        self._refined, self._faults = saved["refined"], saved["faults"]
        self._cannot_judge = saved.get("cannot_judge", False)

    @property
    def doubted(self) -> set[int]:
        """Columns of the pressures that the core doubts."""
        return {self._instruments.names.pressure.index(element) for element in self._faults}

    @property
    def _tracker(self) -> Tracker:
        assert self._core.tracker is not None
        return self._core.tracker

    def say(self, report: Report) -> list[Finding]:
        """A report of the core as findings."""
        if report.kind == "model":
            return self._about_model(report)
        if report.kind == "sensor":
            return self._doubt(report) if report.reason == LeakReason.ONE_SENSOR_ALONE else self._looked_after(report)
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
        now = next((leak.flow_m3_per_h for leak in self._tracker.leaks if leak.number == report.number), None)
        told.flow_m3_per_h = max(told.flow_m3_per_h + report.flow_m3_per_h, 0.0) if now is None else now
        burst = handover.told_before(self._bursts(), told.zone_id, report.began_at, self._subjects())
        if told.own and burst is not None:
            ended = self._finding(told, Phase.END, LeakReason.HANDED_OVER, at_s=at_s, goes_on_as=burst.subject)
            told.subject, told.kind, told.own = burst.subject, FindingKind.BURST.value, False
            return [ended, self._finding(told, Phase.UPDATE, report.reason, at_s=at_s)]
        return [self._finding(told, Phase.UPDATE, report.reason, at_s=at_s)]

    def _about_model(self, report: Report) -> list[Finding]:
        """Whether the model can be judged by; that it cannot is said again each week."""
        before, self._cannot_judge = self._cannot_judge, report.reason == TrustReason.CANNOT_JUDGE
        if not before and not self._cannot_judge:
            return []
        phase = Phase.END if not self._cannot_judge else Phase.UPDATE if before else Phase.ONSET
        return [self._teller.model(phase, report)]

    def _new(self, report: Report) -> Finding:
        pipe = self._teller.pipes.names.index(report.element)
        zone_id = self._teller.pipes.zones[pipe]
        known = self._told.pop(report.number, None)
        before = handover.told_before(self.standing, zone_id, report.began_at, self._subjects())
        if known is not None:
            subject = known.subject  # the core has placed it anew
        elif before is not None:
            subject = before.subject
        else:
            subject = handover.own_subject(report.kind, zone_id, self._city_code, report.number, self._subjects())
        told = Told(
            number=report.number,
            subject=subject,
            kind=known.kind if known is not None else before.kind.value if before is not None else report.kind,
            zone_id=zone_id,
            pipe=pipe,
            began_s=report.began_at.timestamp(),
            flow_m3_per_h=report.flow_m3_per_h,
            probability=existence(report.evidence, times_as_likely=self._likelier()),
            own=known.own if known is not None else before is None,
            candidates=[[name, p] for name, p in report.candidates],
        )
        self._told[report.number] = told
        return self._finding(
            told,
            Phase.ONSET if known is None and before is None else Phase.UPDATE,
            report.reason,
            at_s=report.at.timestamp(),
            posterior=report.posterior,
            evidence=round(report.evidence, 2),
            probability_within_300_m=round(report.probability, 3),
            **({"told_before_by": before.detector} if before is not None else {}),
        )

    def _doubt(self, report: Report) -> list[Finding]:
        channel = self._instruments.names.pressure.index(report.element)
        if str(channel) in self._core.upkeep.memory.doubted:
            return []
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

    def _looked_after(self, report: Report) -> list[Finding]:
        """A sensor that came into doubt by its own course, or is out of it."""
        sound = report.reason == UpkeepReason.SOUND
        if sound and report.column in self.doubted:
            return []
        sensor = self._instruments.sensors[report.column]
        began_s, at_s = report.began_at.timestamp(), report.at.timestamp()
        phase = Phase.END if sound else Phase.ONSET
        return [self._teller.fault(sensor, phase, report.reason, began_s=began_s, at_s=at_s, why=report.why or {})]

    def each_hour(self, hour: int) -> list[Finding]:
        """What is said beside the core's reports: places of what others told, slow growth, sensors that are well."""
        found = [f for p in self._tracker.pending for f in self._refine(p, hour * _HOUR_S)]
        if hour % _DAY_H == 0:
            at_s = hour * _HOUR_S
            found += [*self._grown(at_s), *self._unconfirmed(at_s), *self._well_again(at_s)]
        return found

    def _refine(self, pending: Pending, at_s: float) -> Iterable[Finding]:
        """A burst that was told at once, placed by the model long before the core settles it."""
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
            probability=max(burst.probability, existence(pending.gain, times_as_likely=self._likelier())),
            own=False,
            candidates=[],
        )
        yield self._finding(
            told, Phase.UPDATE, LeakReason.PLACE_REFINED, at_s=at_s, posterior=pending.posterior,
            evidence=round(pending.gain, 2), told_before_by=burst.detector,
        )  # fmt: skip

    def _grown(self, at_s: float) -> Iterable[Finding]:
        """Known leaks whose flow has drifted far from what was told."""
        for leak in self._tracker.leaks:
            told = self._told.get(leak.number)
            if told is None:
                continue
            apart = abs(leak.flow_m3_per_h - told.flow_m3_per_h)
            if apart > max(_FLOW_CHANGED_SHARE * told.flow_m3_per_h, _FLOW_CHANGED_M3_PER_H):
                told.flow_m3_per_h = leak.flow_m3_per_h
                yield self._finding(told, Phase.UPDATE, LeakReason.FLOW_CHANGED, at_s=at_s)

    def _unconfirmed(self, at_s: float) -> list[Finding]:
        """Leaks told within minutes that the account does not hold, and is not fitting either."""
        if self._tracker.pending:
            return []
        held = {leak.number for leak in self._tracker.leaks}
        gone = [t for n, t in self._told.items() if n not in held and at_s - t.began_s > _UNCONFIRMED_S]
        for told in gone:
            del self._told[told.number]
        return [self._finding(told, Phase.END, LeakReason.NOT_CONFIRMED, at_s=at_s) for told in gone]

    def _well_again(self, at_s: float) -> list[Finding]:
        """Doubted sensors that read what they read before."""
        now = self._course.now()
        found = []
        for element, fault in list(self._faults.items()):
            channel = self._instruments.names.pressure.index(element)
            limit = 3.0 * float(np.sqrt(self._tracker.scatter[channel, channel]))
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

    def mind(self, verdict: Verdict, now_s: float) -> list[Finding]:
        """A person's verdict about a leak that the core knows."""
        told = next((t for t in self._told.values() if t.subject == verdict.subject), None)
        if told is None:
            return []
        tracker = self._tracker
        if verdict.said is Said.CONFIRMED:
            if verdict.asset_id not in self._teller.pipes.names:
                return []
            told.pipe = self._teller.pipes.names.index(verdict.asset_id)
            told.probability, told.candidates = 1.0, [[verdict.asset_id, 1.0]]
            told.flow_m3_per_h = told.flow_m3_per_h if verdict.flow_m3_per_h is None else verdict.flow_m3_per_h
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
        place = None if posterior is None else self._teller.pipes.place(posterior, told.pipe)
        if self.frost is not None:
            more["frost"] = self.frost
        return self._teller.leak(told, phase, str(reason), at_s=at_s, tracker=self._tracker, place=place, more=more)

    def _likelier(self) -> float:
        return float(self.frost["times_as_likely"]) if self.frost is not None else 1.0

    def _bursts(self) -> list[Finding]:
        return [f for f in self.standing if f.kind is FindingKind.BURST]

    def _subjects(self) -> set[str]:
        return {told.subject for told in self._told.values()}
