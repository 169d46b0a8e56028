"""Findings of the pressure detector: what fell by how much below what, what was expected by, and how surely."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from detect.instant import instant, iso
from detect.port import Json
from detect.pressure.lesson import Lesson
from detect.pressure.watch import FALSE_ALARM_S, Alarm
from detect.residual.place import Place
from lifeline.asset import Sensor, Zone
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.provision import Provision

NAME = "pressure"
EXPECTED_BY = "low-rank"
_SHOWN = 8
_SURE, _UNSURE = 0.8, 0.5
"""with the inflow risen as well, and where nobody measures it: a person has to look"""
_YEAR_S = 365 * 86_400.0


class PressureReason(StrEnum):
    """Why the detector says something."""

    BELOW_EXPECTED = "pressure-below-expected"
    """pressures stay below what meters, hour and the other pressures make one expect, and more flows in"""
    FELL_FURTHER = "pressure-fell-further"
    RETURNED = "pressure-returned"
    TOLD_FALSE = "told-false"
    TOLD_USE = "told-use"


def leak(
    city_code: str,
    zone: Zone,
    sensors: Sequence[Sensor],
    lesson: Lesson,
    alarm: Alarm | None,
    place: Place | None,
    *,
    subject: str,
    kind: FindingKind,
    phase: Phase,
    reason: PressureReason,
    began_s: float,
    flow: float,
    at_s: float = 0.0,
) -> Finding:
    """What is known of a leak; `alarm` and `place` are None at its end, which is at `at_s`. `flow` in m3/h."""
    explanation: Json = {
        "expectation": "data",
        "expected_pressure": EXPECTED_BY,
        "common_parts": lesson.expectation.rank,
        "learned_until": iso(lesson.learned_s),
        "provisions": [Provision.P6_1.value, Provision.P6_2.value],
    }
    near: tuple[str, ...] = ()
    measured = alarm is not None and np.isfinite(alarm.flow_m3_per_h)
    if alarm is not None and place is not None:
        near = place.sensor_ids[:_SHOWN]
        explanation |= _why(alarm) | {
            "pressures": _pressures(sensors, alarm),
            "place_from": "pressure" if place.from_pressure else "zone",
            "precision": "wide",
        }
    return Finding(
        subject=subject,
        kind=kind,
        phase=phase,
        city_code=city_code,
        detector=NAME,
        reason=reason.value,
        began_at=instant(began_s),
        detected_at=instant(alarm.at_s if alarm is not None else at_s),
        probability=_SURE if measured else _UNSURE,
        zone_id=zone.zone_id,
        sensor_ids=near,
        position=place.position if place else None,
        area=place.area if place else None,
        candidates=place.candidates if place else (),
        flow_m3_per_h=round(flow, 2) if measured or flow > 0.0 else None,
        explanation=explanation,
    )


def _why(alarm: Alarm) -> Json:
    return {
        "sum": _number(alarm.total, 2),
        "threshold": _number(alarm.threshold, 2),
        "false_alarms_per_year": round(_YEAR_S / FALSE_ALARM_S, 4),
        "inflow_rose_m3_per_h": _number(alarm.flow_m3_per_h, 2),
        "inflow_deviations": _number(alarm.flow_deviations, 1),
    }


def _pressures(sensors: Sequence[Sensor], alarm: Alarm) -> list[Json]:
    """Mean since it began against the days before, less what the drivers explain; the strongest deviation first."""
    rows = [
        {
            "sensor_id": sensor.sensor_id,
            "drop_m": round(-float(alarm.step_m[n]), 4),
            "deviations": round(-float(alarm.deviations[n]), 1),
        }
        for n, sensor in enumerate(sensors)
        if np.isfinite(alarm.deviations[n])
    ]
    return sorted(rows, key=lambda row: -float(str(row["deviations"])))[:_SHOWN]


def _number(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
