"""Burst cases that the street opens: water stands on it without rain or melt, and the drains below are not full.

Subject `burst:street:{sensor_id}`, kind `burst`. The supply zone under the place and what the leak detectors last said
of that zone stand beside it: `evidence` is put in from outside, by subject.
"""

from enum import StrEnum
from itertools import pairwise

from detect.flood.sky import Cause
from detect.instant import instant
from detect.port import Json, Scope
from lifeline.asset import Sensor, Zone, ZoneKind
from lifeline.finding import Finding, FindingKind, Phase

_ALONE, _WITH_EVIDENCE = 0.5, 0.85
"""probability that a main has burst: such water may be a hydrant or a tanker too, unless the zone loses water"""


class StreetBurstReason(StrEnum):
    """Why a burst is suspected, and why no more."""

    WATER_WITHOUT_RAIN = "water-without-rain"
    WATER_EXPLAINED = "water-explained"


class StreetBursts:
    """The burst cases of one city. `evidence`: by zone id, what the leak detectors said last of it."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._zones = tuple(z for z in scope.zones if z.kind is ZoneKind.DMA)
        self._open: dict[str, float] = {}
        self.evidence: dict[str, list[Json]] = {}

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The supply zones of the city."""
        return self._zones

    def follow(self, sensor: Sensor, flood: Finding, cause: Cause) -> list[Finding]:
        """What a statement about the flood at `sensor` means for its burst case."""
        began_s = self._open.get(sensor.sensor_id)
        over = flood.phase is Phase.END
        if began_s is None:
            if cause is not Cause.BURST or over or flood.reason != "level-reached":
                return []
            self._open[sensor.sensor_id] = flood.began_at.timestamp()
            return [self._finding(sensor, flood, Phase.ONSET, StreetBurstReason.WATER_WITHOUT_RAIN)]
        if over or cause is not Cause.BURST:
            found = self._finding(sensor, flood, Phase.END, StreetBurstReason.WATER_EXPLAINED if not over else None)
            del self._open[sensor.sensor_id]
            return [found]
        return []

    def state(self) -> Json:
        """What is remembered; goes through JSON unchanged."""
        return dict(self._open)

    def restore(self, state: Json) -> None:
        """Goes on from what `state` gave."""
        self._open = dict(state)

    def _finding(self, sensor: Sensor, flood: Finding, phase: Phase, reason: StreetBurstReason | None) -> Finding:
        zone = next((z for z in self._zones if _inside(sensor, z)), None)
        told = self.evidence.get(zone.zone_id, []) if zone is not None else []
        standing = [e for e in told if e["phase"] != Phase.END.value]
        return Finding(
            subject=f"burst:street:{sensor.sensor_id}",
            kind=FindingKind.BURST,
            phase=phase,
            city_code=self._scope.city_code,
            detector=flood.detector,
            reason=(reason.value if reason is not None else flood.reason),
            began_at=instant(self._open[sensor.sensor_id]),
            detected_at=flood.detected_at,
            probability=_WITH_EVIDENCE if standing else _ALONE,
            zone_id=zone.zone_id if zone is not None else sensor.zone_id,
            sensor_ids=flood.sensor_ids,
            position=sensor.position,
            explanation={
                "flood": flood.subject,
                "depth_m": flood.depth_m,
                "rain_1h_mm": flood.explanation["rain_1h_mm"],
                "temperature_c": flood.explanation["temperature_c"],
                "supply_zone": zone.zone_id if zone is not None else None,
                "evidence": standing,
                "curve": flood.explanation["curve"],
            },
        )


def _inside(sensor: Sensor, zone: Zone) -> bool:
    x, y = sensor.position.lon, sensor.position.lat
    inside = False
    for (x1, y1), (x2, y2) in pairwise(zone.polygon):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
