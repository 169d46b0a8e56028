"""Where a burst is, as far as pressures tell without a hydraulic model: near the sensors that dropped the most.

A first estimate and said so: the area is the hull of the neighbourhoods of those sensors, and where no pressure
answers it is the whole zone. With few sensors the area is wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from detect.port import Floats
from lifeline.asset import Asset, AssetKind, Position, Sensor, Zone
from lifeline.finding import Candidate

METRES_PER_DEGREE = 111_320.0
SIGNIFICANT = 3.0
"""a drop counts from this many standard deviations on"""
_WEIGHT_LEAST, _RADIUS_SHARE = 0.3, 0.9
"""which sensors span the area, and how far towards its nearest fellow each speaks: chosen so that nine of ten bursts
in the demo network lie in it"""
_RADIUS_LEAST_M, _RADIUS_MOST_M = 100.0, 1_000.0
_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where it may be; `from_pressure` is False where only the zone is known."""

    position: Position
    area: dict[str, Any]
    candidates: tuple[Candidate, ...]
    sensor_ids: tuple[str, ...]
    from_pressure: bool


class Plan:
    """A zone on a flat plan in metres, with its pressure sensors and pipes."""

    def __init__(self, zone: Zone, sensors: Sequence[Sensor], assets: Sequence[Asset]) -> None:
        self._zone = zone
        self._sensors = tuple(sensors)
        ring = np.array(zone.polygon, dtype=float)
        self._origin = ring[:-1].mean(axis=0)
        self._metres = METRES_PER_DEGREE * np.array([np.cos(np.radians(self._origin[1])), 1.0])
        self._at_m = self._flat(np.array([[s.position.lon, s.position.lat] for s in sensors]).reshape(-1, 2))
        pipes = [a for a in assets if a.kind is AssetKind.PIPE and a.zone_id == zone.zone_id]
        self._pipe_ids = [pipe.asset_id for pipe in pipes]
        self._pipes_m = self._flat(np.array([_middle(pipe) for pipe in pipes]).reshape(-1, 2))
        self._radius_m = self._radii()

    def locate(self, drop_pa: Floats, drop_z: Floats, usual_pa: Floats) -> Place:
        """The place by the drops of pressure below what was expected, (n_sensors,), NaN where unknown.

        `drop_z` are the same in standard deviations; `usual_pa` is what the same inflow, drawn all over the zone,
        would have taken: what drops more than that is near.
        """
        known = ~np.isnan(drop_pa) & ~np.isnan(drop_z)
        strong = known & (np.nan_to_num(drop_z) >= SIGNIFICANT)
        if not strong.any():
            return self._whole_zone()
        own = drop_pa - usual_pa
        base = float(np.median(own[known])) if known.sum() > 2 else float(np.min(own[known])) - 1.0
        excess = np.where(strong, np.nan_to_num(own) - min(base, float(np.max(own[strong])) - 1.0), 0.0)
        weight = np.maximum(excess, 0.0) ** 2
        weight /= weight.sum()
        centre = weight @ self._at_m
        near = np.flatnonzero(weight >= _WEIGHT_LEAST * weight.max())
        circle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
        ring = np.stack([np.cos(circle), np.sin(circle)], axis=1)
        points = np.concatenate([self._at_m[n] + self._radius_m[n] * ring for n in near])
        order = np.argsort(-weight)
        return Place(
            position=self._position(centre),
            area=self._hull(points),
            candidates=self._candidates(weight),
            sensor_ids=tuple(self._sensors[n].sensor_id for n in order if weight[n] > 0),
            from_pressure=True,
        )

    def distance_m(self, told: Sequence[float] | None, position: Position) -> float:
        """Distance of a position from the one that was told (lon, lat); 0 where none was."""
        if told is None:
            return 0.0
        one, other = self._flat(np.array([list(told), [position.lon, position.lat]]))
        return float(np.hypot(*(one - other)))

    def _candidates(self, weight: Floats) -> tuple[Candidate, ...]:
        if not self._pipe_ids:
            return ()
        distance = np.hypot(*(self._pipes_m[:, None, :] - self._at_m[None, :, :]).transpose(2, 0, 1))
        score = (np.exp(-0.5 * (distance / self._radius_m) ** 2) @ weight) + 1e-12
        share = score / score.sum()
        best = np.argsort(-share, kind="stable")[:_CANDIDATES]
        return tuple(Candidate(self._pipe_ids[n], round(float(share[n]), 4)) for n in best)

    def _radii(self) -> Floats:
        """How far each sensor speaks for its surroundings: to its nearest fellow, within limits."""
        radii = np.full(len(self._at_m), _RADIUS_MOST_M)
        if len(self._at_m) > 1:
            distance = np.hypot(*(self._at_m[:, None, :] - self._at_m[None, :, :]).transpose(2, 0, 1))
            np.fill_diagonal(distance, np.inf)
            radii = distance.min(axis=1)
        limited: Floats = np.clip(_RADIUS_SHARE * radii, _RADIUS_LEAST_M, _RADIUS_MOST_M)
        return limited

    def _whole_zone(self) -> Place:
        area = {"type": "Polygon", "coordinates": [[list(vertex) for vertex in self._zone.polygon]]}
        return Place(self._position(np.zeros(2)), area, (), (), from_pressure=False)

    def _hull(self, points_m: Floats) -> dict[str, Any]:
        points_m = points_m[ConvexHull(points_m).vertices]
        ring = [self._position(point) for point in points_m]
        ring.append(ring[0])
        return {"type": "Polygon", "coordinates": [[[p.lon, p.lat] for p in ring]]}

    def _flat(self, lonlat: Floats) -> Floats:
        flat: Floats = (lonlat - self._origin) * self._metres
        return flat

    def _position(self, point_m: Floats) -> Position:
        lon, lat = point_m / self._metres + self._origin
        return Position(round(float(lon), 6), round(float(lat), 6))


def _middle(pipe: Asset) -> tuple[float, float]:
    coordinates = np.array(pipe.geometry["coordinates"], dtype=float).reshape(-1, 2)
    lon, lat = coordinates.mean(axis=0)
    return float(lon), float(lat)
