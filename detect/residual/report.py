"""Findings of the residual detector: the numbers behind each, and the curve around the decision."""

import numpy as np

from detect.instant import instant, iso
from detect.port import Json
from detect.residual.event import Leak, ResidualReason
from detect.residual.model import FALSE_ALARM_S
from detect.residual.part import ZonePart
from detect.residual.place import Place
from detect.residual.watch import Frame, ZoneWatch
from lifeline.asset import Position
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import head_m, m3_per_h

NAME = "residual"
_LEAK_PROBABILITY = 0.8
"""a risen night flow is a leak, or a new use at night: a person has to look"""
_YEAR_S = 365 * 86_400.0


def burst(
    zone: ZonePart, watch: ZoneWatch, frame: Frame, phase: Phase, reason: ResidualReason, *, place: Place | None
) -> Finding:
    """What is now known of the zone's event. `place` is None at its end."""
    event = zone.event
    assert event is not None
    near = place.sensor_ids if place else ()
    flow = event.told_flow if phase is Phase.END else event.flow
    return Finding(
        subject=f"burst:{zone.zone.zone_id}",
        kind=FindingKind.BURST,
        phase=phase,
        city_code=zone.city_code,
        detector=NAME,
        reason=reason.value,
        began_at=instant(event.began_s),
        detected_at=instant(frame.at_s),
        probability=event.told_probability if phase is Phase.END else event.probability(),
        zone_id=zone.zone.zone_id,
        sensor_ids=tuple(dict.fromkeys([*zone.meter_ids, *near])),
        position=place.position if place else None,
        area=place.area if place else None,
        candidates=place.candidates if place else (),
        flow_m3_per_h=None if flow is None else round(m3_per_h(max(flow, 0.0)), 2),
        explanation={
            "balance_deviations": _number(event.balance_z if event.flow is not None else np.nan),
            "pressure_deviations": _number(event.pressure_z),
            "joint_deviations": _number(frame.joint),
            "threshold_deviations": _number(watch.model.at_once),
            "slot_sum": _number(watch.memory.slot_sum),
            "slot_threshold": _number(watch.model.per_slot),
            "false_alarms_per_year": round(_YEAR_S / FALSE_ALARM_S, 4),
            "expectation": "data",
            "learned_until": iso(watch.model.learned_s),
            "place_from": "pressure" if place and place.from_pressure else "zone",
            "pressures": _pressures(zone, frame),
            "curve": _curve(watch, metered=event.flow is not None),
        },
    )


def leak(
    zone: ZonePart, current: Leak, watch: ZoneWatch, frame: Frame, phase: Phase, reason: ResidualReason
) -> Finding:
    """What the nights say. The zone is all that is known of the place."""
    ring = np.array(zone.zone.polygon)[:-1]
    lon, lat = ring.mean(axis=0)
    return Finding(
        subject=f"leak:{zone.zone.zone_id}",
        kind=FindingKind.LEAK,
        phase=phase,
        city_code=zone.city_code,
        detector=NAME,
        reason=reason.value,
        began_at=instant(current.began_s),
        detected_at=instant(frame.at_s),
        probability=_LEAK_PROBABILITY,
        zone_id=zone.zone.zone_id,
        sensor_ids=zone.meter_ids,
        position=Position(round(float(lon), 6), round(float(lat), 6)),
        area={"type": "Polygon", "coordinates": [[list(vertex) for vertex in zone.zone.polygon]]},
        flow_m3_per_h=round(m3_per_h(current.flow), 2),
        explanation={
            "night_scatter_m3_per_h": _number(m3_per_h(watch.model.night_scale)),
            "night_sum": _number(watch.memory.night_sum),
            "night_threshold": _number(watch.model.per_night),
            "false_alarms_per_year": round(_YEAR_S / FALSE_ALARM_S, 4),
            "expectation": "data",
            "learned_until": iso(watch.model.learned_s),
            "place_from": "zone",
            "curve": _curve(watch, metered=True),
        },
    )


def _pressures(zone: ZonePart, frame: Frame) -> list[Json]:
    """Each pressure sensor of the zone at the decision, the strongest drop first; metres of water."""
    first = len(zone.sensors) - len(zone.channels.pressure)
    rows = [
        {
            "sensor_id": sensor.sensor_id,
            "expected_m": round(head_m(float(frame.expected[1 + n])), 3),
            "drop_m": round(head_m(-float(frame.left[1 + n])), 3),
            "deviations": round(-float(frame.z[1 + n]), 1),
        }
        for n, sensor in enumerate(zone.sensors[first:])
        if not np.isnan(frame.left[1 + n])
    ]
    return sorted(rows, key=lambda row: -float(str(row["drop_m"])))


def _curve(watch: ZoneWatch, *, metered: bool) -> Json:
    rows = watch.memory.curve
    factor = m3_per_h(1.0) if metered else 1.0
    return {
        "quantity": "balance" if metered else "pressure_drop",
        "unit": "m3/h" if metered else "deviations",
        "times": [iso(row[0]) for row in rows],
        "observed": [round(row[1] * factor, 3) for row in rows],
        "expected": [round(row[2] * factor, 3) for row in rows],
        "threshold": [round(row[3] * factor, 3) for row in rows],
    }


def _number(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
