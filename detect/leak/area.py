"""From a posterior over pipes to what a crew can use: a ranked list, an area on the map, and how sure both are.

The area holds the smallest set of pipes that together have 90 % of the probability: a hull around each connected
part of it. With three sensors that may be a whole district; then it says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

from detect.port import Floats, Ints
from lifeline.asset import Asset, AssetKind, Position
from lifeline.finding import Candidate

METRES_PER_DEGREE = 111_320.0
CREDIBLE = 0.9
CANDIDATES = 20
_LEAST_PROBABILITY = 1e-3
_MARGIN_M = 30.0
"""beyond the pipes: their drawn course is not better known than this"""
_STREET_M, _QUARTER_M = 150.0, 500.0
_CIRCLE = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)


class Precision(StrEnum):
    """How far from the named pipe the leak may be, by the probability-weighted distance."""

    STREET = "street"
    """within 150 m"""
    QUARTER = "quarter"
    """within 500 m"""
    WIDE = "wide"
    """farther: the pressures hardly tell one pipe from another"""


@dataclass(frozen=True)
class Place:
    """Where a leak may be."""

    position: Position
    """middle of the pipe to begin at"""
    area: dict[str, Any]
    """GeoJSON Polygon or MultiPolygon, WGS 84"""
    area_km2: float
    candidates: tuple[Candidate, ...]
    """the likeliest pipes, the likeliest first"""
    pipes: int
    """how many pipes the area is made of"""
    spread_m: float
    """expected distance of the leak from `position`, as the crow flies"""

    @property
    def precision(self) -> Precision:
        if self.spread_m <= _STREET_M:
            return Precision.STREET
        return Precision.QUARTER if self.spread_m <= _QUARTER_M else Precision.WIDE


class PipeMap:
    """Where each pipe of a network lies. `names` are the pipes in the order of every posterior."""

    def __init__(self, names: Sequence[str], ends: Ints, node_lonlat: Floats, assets: Sequence[Asset] = ()) -> None:
        """`ends` (n_pipes, 2) are rows of `node_lonlat` (n_nodes, 2); assets of pipes give their drawn course."""
        self.names = tuple(names)
        self._ends = ends
        drawn: Mapping[str, Asset] = {a.asset_id: a for a in assets if a.kind is AssetKind.PIPE}
        self.zones = tuple(drawn[n].zone_id if n in drawn else None for n in self.names)
        lines = [
            np.array(drawn[name].geometry["coordinates"], dtype=float) if name in drawn else node_lonlat[ends[i]]
            for i, name in enumerate(self.names)
        ]
        self._origin = node_lonlat.mean(axis=0)
        self._metres = METRES_PER_DEGREE * np.array([np.cos(np.radians(self._origin[1])), 1.0])
        self._lines_m = [(line - self._origin) * self._metres for line in lines]
        self._middle_m = np.array([_middle(line) for line in self._lines_m])

    @property
    def lines_m(self) -> list[Floats]:
        """The course of each pipe (n_points, 2), metres on the map's plane."""
        return self._lines_m

    def middle(self, pipe: int) -> Position:
        """The middle of a pipe's course."""
        return self._position(self._middle_m[pipe])

    def distance_m(self, one: int, other: int) -> float:
        """Between the middles of two pipes, as the crow flies."""
        return float(np.hypot(*(self._middle_m[one] - self._middle_m[other])))

    def distances_m(self, pipes: Ints) -> Floats:
        """From the middle of each of `pipes` to that of every pipe, (n, n_pipes), as the crow flies."""
        apart = self._middle_m[pipes][:, None, :] - self._middle_m[None, :, :]
        distance: Floats = np.hypot(apart[..., 0], apart[..., 1])
        return distance

    def node_m(self, lonlat: Floats) -> Floats:
        """Points (n, 2) in metres on the map's plane."""
        flat: Floats = (lonlat - self._origin) * self._metres
        return flat

    def place(self, posterior: Floats, pipe: int) -> Place:
        """Where the leak may be by `posterior` (n_pipes,), when a crew begins at `pipe`."""
        order = np.argsort(-posterior, kind="stable")
        total = np.cumsum(posterior[order])
        credible = order[: int(np.searchsorted(total, CREDIBLE * total[-1])) + 1]
        rings = [self._hull(part) for part in self._parts(credible)]
        distance_m = np.hypot(*(self._middle_m - self._middle_m[pipe]).T)
        best = [i for i in order[:CANDIDATES] if posterior[i] >= _LEAST_PROBABILITY] or [int(order[0])]
        outlines = [[[p.lon, p.lat] for p in map(self._position, [*ring, ring[0]])] for ring in rings]
        one = len(outlines) == 1
        return Place(
            position=self.middle(pipe),
            area={
                "type": "Polygon" if one else "MultiPolygon",
                "coordinates": outlines if one else [[outline] for outline in outlines],
            },
            area_km2=round(sum(_area_m2(ring) for ring in rings) / 1e6, 4),
            candidates=tuple(Candidate(self.names[i], round(float(posterior[i]), 4)) for i in best),
            pipes=len(credible),
            spread_m=round(float(posterior @ distance_m / max(float(posterior.sum()), 1e-12)), 1),
        )

    def _parts(self, pipes: Ints) -> list[Ints]:
        """Pipes that meet at a node belong together."""
        node, where = np.unique(self._ends[pipes], return_inverse=True)
        at = csr_matrix(
            (np.ones(2 * len(pipes)), (np.repeat(np.arange(len(pipes)), 2), where.ravel())), (len(pipes), len(node))
        )
        count, label = connected_components(at @ at.T, directed=False)
        return [pipes[label == n] for n in range(count)]

    def _hull(self, pipes: Ints) -> Floats:
        points = np.concatenate([self._lines_m[i] for i in pipes])
        ring = _MARGIN_M * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)
        around = (points[:, None, :] + ring[None, :, :]).reshape(-1, 2)
        hull: Floats = around[ConvexHull(around).vertices]
        return hull

    def _position(self, point_m: Floats) -> Position:
        lon, lat = point_m / self._metres + self._origin
        return Position(round(float(lon), 6), round(float(lat), 6))


def _middle(line_m: Floats) -> Floats:
    """The point half-way along a course (n, 2)."""
    steps = np.hypot(*np.diff(line_m, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    half = along[-1] / 2.0
    return np.array([np.interp(half, along, line_m[:, k]) for k in (0, 1)])


def _area_m2(ring_m: Floats) -> float:
    """The shoelace formula for a ring (n, 2) that is not closed."""
    x, y = ring_m.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2.0
