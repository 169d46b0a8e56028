"""Puts what the leak core reports into findings: where, how much, how sure, and the numbers and curves that say why."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np

from detect.instant import instant, iso
from detect.leak.area import PipeMap, Place
from detect.leak.city import Instruments
from detect.leak.course import Course
from detect.leak.detector import Plan, Report
from detect.leak.tracker import Tracker
from detect.leak.upkeep import UpkeepReason
from detect.port import Floats, Json
from lifeline.asset import Sensor
from lifeline.finding import Candidate, Finding, FindingKind, Phase
from lifeline.provision import Provision

NAME = "leak-model"
MODEL = "unknown:model:"
"""subject of a city whose model is not good enough to judge by; its code follows"""
_PRESSURES = 8
_SHOWN = 4
"""sensors whose own curves the console draws beside the zone's"""
_CURVE_DEVIATIONS = 3.0
_HOUR_S = 3600.0
_SURE_AT_MOST = 0.99
_GOES_BY = 30.0
"""largest log-odds that are told apart"""


class LeakReason(StrEnum):
    """Why the detector says something."""

    PRESSURE_AND_BALANCE = "pressure-and-balance"
    """pressures and balance of a day are explained by a leak at these pipes, and by nothing else as well"""
    BURST_WITHIN_MINUTES = "burst-within-minutes"
    """a zone's inflow surged and the pressures of the minutes since are explained by a leak here"""
    KNOWN_LEAK_CHANGED = "known-leak-changed"
    LOSS_ENDED = "loss-ended"
    FLOW_CHANGED = "flow-changed"
    PLACE_REFINED = "place-refined"
    """of what another detector told: the model names pipes where that named an area"""
    NOT_CONFIRMED = "not-confirmed"
    """a burst told within minutes that the days since do not show"""
    HANDED_OVER = "handed-over"
    """a known leak burst: it goes on under the subject of the burst"""
    ONE_SENSOR_ALONE = "one-sensor-alone"
    """a pressure moved, which no leak anywhere would do to it alone"""
    FITS_AGAIN = "fits-again"
    CONFIRMED_HERE = "confirmed-here"
    TOLD_FALSE = "told-false"
    TOLD_USE = "told-use"


@dataclass(slots=True)
class Told:
    """A leak of the core that people have been told of; goes through JSON as it is."""

    number: int
    subject: str
    kind: str
    zone_id: str | None
    pipe: int
    began_s: float
    flow_m3_per_h: float
    probability: float
    own: bool
    """this detector opened the subject"""
    candidates: list[list[object]]
    """[pipe, probability], the likeliest first"""


class Teller:
    """Makes findings of one city. `course` is what the detector remembers of the last days."""

    def __init__(self, city_code: str, plan: Plan, instruments: Instruments, pipes: PipeMap, course: Course) -> None:
        self._city_code, self._plan, self._instruments, self.pipes = city_code, plan, instruments, pipes
        self.course = course
        n_pressure = len(instruments.names.pressure)
        self._pressures = instruments.sensors[:n_pressure]
        self._flows = instruments.sensors[n_pressure : n_pressure + len(instruments.names.flow)]

    def leak(
        self, told: Told, phase: Phase, reason: str, *, at_s: float, tracker: Tracker, place: Place | None, more: Json
    ) -> Finding:
        """What is known of a leak now. `place` is None where nothing new is known of it, and at the end."""
        shown = self._explained(told, tracker, at_s)
        if place is not None:
            shown |= {
                "precision": place.precision.value,
                "area_km2": place.area_km2,
                "pipes_in_area": place.pipes,
                "spread_m": place.spread_m,
            }
        known = tuple(Candidate(str(pipe), _float(p)) for pipe, p in told.candidates)
        shown |= more
        if "frost" in more:
            shown["provisions"] = [*shown["provisions"], Provision.P11_2.value]
        return Finding(
            subject=told.subject,
            kind=FindingKind(told.kind),
            phase=phase,
            city_code=self._city_code,
            detector=NAME,
            reason=reason,
            began_at=instant(told.began_s),
            detected_at=instant(at_s),
            probability=told.probability,
            zone_id=told.zone_id,
            sensor_ids=self._witnesses(told, shown["pressures"]),
            position=place.position if place is not None else self.pipes.middle(told.pipe),
            area=place.area if place is not None else None,
            candidates=place.candidates if place is not None else known,
            flow_m3_per_h=round(max(told.flow_m3_per_h, 0.0), 2),
            explanation=shown,
        )

    def fault(self, sensor: Sensor, phase: Phase, reason: str, *, began_s: float, at_s: float, why: Json) -> Finding:
        """What is known of a doubtful sensor."""
        cold = [Provision.P11_2.value] if reason == UpkeepReason.FROZEN else []
        return Finding(
            subject=f"fault:{sensor.sensor_id}",
            kind=FindingKind.SENSOR_FAULT,
            phase=phase,
            city_code=self._city_code,
            detector=NAME,
            reason=reason,
            began_at=instant(began_s),
            detected_at=instant(at_s),
            probability=_SURE_AT_MOST,
            zone_id=sensor.zone_id,
            sensor_ids=(sensor.sensor_id,),
            position=sensor.position,
            explanation={"expectation": "model", "provisions": [Provision.P6_1.value, *cold], **why},
        )

    def unknown_zone(
        self, zone_id: str, phase: Phase, reason: str, sensors: Sequence[Sensor], *, at_s: float
    ) -> Finding:
        """A zone whose pressures are in doubt for the most part: nothing that is said of it is safe."""
        return Finding(
            subject=f"unknown:{zone_id}",
            kind=FindingKind.SENSOR_FAULT,
            phase=phase,
            city_code=self._city_code,
            detector=NAME,
            reason=reason,
            began_at=instant(at_s),
            detected_at=instant(at_s),
            probability=_SURE_AT_MOST,
            zone_id=zone_id,
            sensor_ids=tuple(s.sensor_id for s in sensors),
            explanation={
                "state": "unknown" if phase is Phase.ONSET else "known",
                "provisions": [Provision.P6_1.value, Provision.P11_2.value],
                "doubted": [s.sensor_id for s in sensors],
            },
        )

    def model(self, phase: Phase, report: Report) -> Finding:
        """Whether the model is good enough to judge by: `report` is the core's, with its numbers."""
        return Finding(
            subject=f"{MODEL}{self._city_code}",
            kind=FindingKind.SENSOR_FAULT,
            phase=phase,
            city_code=self._city_code,
            detector=NAME,
            reason=report.reason,
            began_at=report.began_at,
            detected_at=report.at,
            probability=_SURE_AT_MOST,
            explanation={
                "state": "known" if phase is Phase.END else "unknown",
                "expectation": "model" if phase is Phase.END else "data",
                "provisions": [Provision.P6_1.value],
                **(report.why or {}),
            },
        )

    def moved(self, began_s: float) -> Floats:
        """What of each channel was not expected before `began_s` and is there now, (n_channels,); NaN where unknown."""
        before = self.course.before(int(began_s // _HOUR_S))
        now = self.course.now()
        return now - before if before is not None else np.full(len(now), np.nan)

    def _explained(self, told: Told, tracker: Tracker, at_s: float) -> Json:
        model = self._plan.model
        moved = self.moved(told.began_s)
        scatter = np.sqrt(np.diag(tracker.scatter))
        zone = int(self._plan.signatures.pipe_zone[told.pipe])
        serves = [Provision.P6_1.value] + [Provision.P6_2.value] * (told.kind == FindingKind.LEAK.value)
        shown: Json = {
            "expectation": "model",
            "place_from": "model",
            "leak_number": told.number,
            "provisions": serves,
            "pressures": self._moved_pressures(moved, scatter),
            "known_leaks_in_network": len(tracker.leaks),
        }
        if zone >= 0:
            channel = model.n_pressure + model.n_split + 2 * zone
            before = self.course.before(int(told.began_s // _HOUR_S))
            usual = float(before[channel]) if before is not None and np.isfinite(before[channel]) else 0.0
            curve = self.course.curve(zone, model.n_zones, usual, _CURVE_DEVIATIONS * float(scatter[channel]))
            shown["balance_moved_m3_per_h"] = _rounded(moved[channel], 2)
            shown["balance_scatter_m3_per_h"] = _rounded(scatter[channel], 2)
            if curve is not None:
                shown["curve"] = curve
        shown["judged_at"] = iso(at_s)
        return shown

    def _moved_pressures(self, moved: Floats, scatter: Floats) -> list[Json]:
        """Mean of a day against the days before it began, the strongest deviation first; metres of water."""
        rows = [
            {
                "sensor_id": sensor.sensor_id,
                "drop_m": _rounded(-moved[n], 4),
                "deviations": _rounded(-moved[n] / max(float(scatter[n]), 1e-9), 1),
            }
            for n, sensor in enumerate(self._pressures)
            if np.isfinite(moved[n])
        ]
        return sorted(rows, key=lambda row: -abs(_float(row["deviations"])))[:_PRESSURES]

    def _witnesses(self, told: Told, pressures: list[Json]) -> tuple[str, ...]:
        """Meters of the zone, then the pressures that moved most."""
        zone = int(self._plan.signatures.pipe_zone[told.pipe])
        meters = self._plan.layout.zones[zone].inflow if zone >= 0 else ()
        strongest = [str(row["sensor_id"]) for row in pressures if _float(row["deviations"]) > 0.0]
        return tuple(dict.fromkeys([*(self._flows[i].sensor_id for i, _ in meters), *strongest]))[:_SHOWN]


def existence(evidence: float, *, times_as_likely: float = 1.0) -> float:
    """Probability that there is a leak at all, by its log-likelihood above what chance could do.

    `times_as_likely` is how much likelier one was beforehand than on a usual day.

    >>> existence(0.0), round(existence(4.0), 2), round(existence(0.0, times_as_likely=3.0), 2)
    (0.5, 0.98, 0.75)
    """
    odds = min(max(evidence, 0.0), _GOES_BY) + np.log(max(times_as_likely, 1.0))
    return float(min(1.0 / (1.0 + np.exp(-odds)), _SURE_AT_MOST))


def told_json(told: Told) -> Json:
    """As JSON; `Told(**told_json(told))` is `told`."""
    return asdict(told)


def _rounded(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def _float(value: object) -> float:
    return float(str(value))
