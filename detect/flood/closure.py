"""Road-closure advice from a forecast: restrict or close, by when, and which stretch of road the water takes.

The thresholds stand in closure.toml, each with its source. The stretch follows the drains, which follow the streets,
from the place to where the ground is higher than the water that is foreseen.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from detect.port import Json
from lifeline.asset import Asset, Sensor

_FILE = Path(__file__).with_name("closure.toml")
_MOST_M = 300.0


@dataclass(frozen=True, slots=True)
class Advice:
    """What is to be done from a depth on."""

    do: str
    depth_m: float
    source: str


@cache
def advices() -> tuple[Advice, ...]:
    """What closure.toml says, lowest depth first."""
    content = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    rows = [Advice(str(r["do"]), float(r["depth_m"]), str(r["source"])) for r in content["advice"]]
    return tuple(sorted(rows, key=lambda a: a.depth_m))


@dataclass(frozen=True, slots=True)
class _Drain:
    """A conduit as seen from one of its ends."""

    asset_id: str
    other: str
    length_m: float
    course: tuple[tuple[float, float], ...]
    """from this end to the other"""


class Streets:
    """The streets of a city as its drains know them; `drains`: conduits and manholes."""

    def __init__(self, drains: tuple[Asset, ...]) -> None:
        self._rim_m: dict[str, float] = {}
        self._from: dict[str, list[_Drain]] = {}
        for asset in drains:
            of: dict[str, Any] = asset.properties
            if "invert_m" in of and "max_depth_m" in of:
                self._rim_m[asset.asset_id] = float(of["invert_m"]) + float(of["max_depth_m"])
            elif asset.geometry.get("type") == "LineString" and "length_m" in of:
                course = tuple((float(x), float(y)) for x, y in asset.geometry["coordinates"])
                for here, there, points in ((of["from"], of["to"], course), (of["to"], of["from"], course[::-1])):
                    drain = _Drain(asset.asset_id, there, float(of["length_m"]), points)
                    self._from.setdefault(here, []).append(drain)

    def stretch(self, sensor: Sensor, depth_m: float) -> Json | None:
        """Road under water when `depth_m` stands at the sensor: `{length_m, assets, geometry}`; None: not known."""
        start = sensor.element
        if start is None or start not in self._rim_m or start not in self._from:
            return None
        surface_m = self._rim_m[start] + depth_m
        seen, queue, lines, assets, total_m = {start}, [start], [], [], 0.0
        while queue and total_m < _MOST_M:
            here = queue.pop(0)
            for drain in self._from.get(here, ()):
                if drain.other in seen:
                    continue
                low_m, high_m = self._rim_m[here], self._rim_m.get(drain.other, self._rim_m[here])
                share = 1.0 if high_m <= surface_m else max(surface_m - low_m, 0.0) / (high_m - low_m)
                share = min(share, max(_MOST_M - total_m, 0.0) / drain.length_m)
                if share <= 0.0:
                    continue
                if share >= 1.0:
                    seen.add(drain.other)
                    queue.append(drain.other)
                total_m += share * drain.length_m
                assets.append(drain.asset_id)
                lines.append(_part(drain.course, share))
        if not lines:
            return None
        geometry = {"type": "MultiLineString", "coordinates": lines}
        return {"length_m": round(total_m), "assets": assets, "geometry": geometry}


def _part(course: tuple[tuple[float, float], ...], share: float) -> list[list[float]]:
    """The first `share` of a course."""
    lengths = [((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) ** 0.5 for a, b in pairwise(course)]
    left, points = share * sum(lengths), [list(course[0])]
    for (a, b), length in zip(pairwise(course), lengths, strict=True):
        part = min(left / length, 1.0) if length > 0.0 else 1.0
        points.append([round(a[0] + part * (b[0] - a[0]), 7), round(a[1] + part * (b[1] - a[1]), 7)])
        left -= length
        if left <= 0.0:
            break
    return points
