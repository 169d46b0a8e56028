"""Replays recorded floods through the online code in order of time: nothing later than the present reaches it.

Readings go through `FloodDetector` (filters, levels), what it trusts goes into `Memory`, and a row of features is
taken from each wet place at fixed times after its first 2 cm.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detect.flood.detector import FloodDetector
from detect.flood.exceedance import FIT_HORIZONS_MIN, Examples
from detect.flood.features import FEATURES, WET_M, Memory
from detect.flood.recording import Event
from detect.instant import instant
from detect.port import Batch, Floats, Ints, Scope
from lifeline.asset import Name, Position, Sensor, Site
from lifeline.city.levels import Levels, Thresholds
from lifeline.finding import Finding
from lifeline.units import Quantity

ROAD = Thresholds(0.05, 0.15, 0.27, 0.40, "road: yellow is GB 50014-2021's 15 cm on a lane; the others working values")
TICKS_MIN = (*range(16), *range(20, 181, 5))
TRAIN_TICKS_MIN = (0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120)
_NOWHERE = Position(0.0, 0.0)


@dataclass(frozen=True)
class Rows:
    """Rows of features with what they belong to. Arrays of shape (n,), `features` (n, len(FEATURES))."""

    features: Floats
    at_s: Floats
    tick_min: Ints
    event: Ints
    """position in the replayed events"""

    def part(self, chosen: np.ndarray) -> "Rows":
        """Those where `chosen` (n,) is true."""
        return Rows(self.features[chosen], self.at_s[chosen], self.tick_min[chosen], self.event[chosen])


def scope_of(sensor_ids: list[str], positions: dict[str, Position]) -> Scope:
    """A city of road sensors without gauges."""
    sensors = tuple(
        Sensor(
            sensor_id, sensor_id, "depth", Quantity.WATER_DEPTH, "m", Site.ROAD, positions.get(sensor_id, _NOWHERE),
            Name(sensor_id, sensor_id), 60.0, 0.0, 5.0, "999902",
        )
        for sensor_id in sensor_ids
    )  # fmt: skip
    levels = Levels("docs/flood.md", {Site.ROAD: ROAD}, Thresholds(2.0, 10.0, 40.0, 150.0, ROAD.source), {})
    return Scope("999902", "UTC", sensors, levels=levels)


def replay(
    events: tuple[Event, ...], positions: dict[str, Position], *, progress: Callable[[float], None] = lambda _: None
) -> tuple[Rows, list[Finding]]:
    """All rows and findings of the events, which must be in order of their beginning."""
    ids = sorted({e.sensor_id for e in events})
    number = {sensor_id: n for n, sensor_id in enumerate(ids)}
    scope = scope_of(ids, positions)
    detector, memory = FloodDetector(scope, foresee=False), Memory(tuple(s.position for s in scope.sensors))
    at_s = np.concatenate([e.times_s for e in events])
    which = np.repeat(np.arange(len(events)), [len(e.times_s) for e in events])
    depths = np.concatenate([e.depths_m for e in events])
    due: list[tuple[float, int, int, float]] = []
    current = np.full(len(ids), -1)
    features: list[Floats] = []
    keys: list[tuple[float, int, int]] = []
    findings: list[Finding] = []

    def take(until_s: float) -> None:
        while due and due[0][0] < until_s:
            now_s, place, tick, begin_s = heapq.heappop(due)
            if memory.wet(place) and now_s - memory.since_wet_s(place, now_s) == begin_s:
                features.append(memory.rows([place], now_s)[0])
                keys.append((now_s, tick, int(current[place])))

    for done, n in enumerate(np.lexsort((which, at_s))):
        now_s, place = float(at_s[n]), number[events[which[n]].sensor_id]
        take(now_s)
        batch = Batch(np.array([place]), np.array([now_s]), np.array([depths[n]]))
        findings += detector.step(batch, instant(now_s))
        current[place] = which[n]
        for heard, heard_s, depth_m in detector.trusted:
            was_wet = memory.wet(heard)
            memory.hear(heard, heard_s, depth_m)
            if memory.wet(heard) and not was_wet:
                for tick in TICKS_MIN:
                    if heard_s + 60.0 * tick >= now_s:
                        heapq.heappush(due, (heard_s + 60.0 * tick, heard, tick, heard_s))
        if done % 2000 == 0:
            progress(done / len(at_s))
    take(np.inf)
    whole = np.array(features).reshape(-1, len(FEATURES))
    times, ticks, owners = zip(*keys, strict=True) if keys else ((), (), ())
    return Rows(whole, np.array(times), np.array(ticks, dtype=np.intp), np.array(owners, dtype=np.intp)), findings


def examples_of(rows: Rows, events: tuple[Event, ...], *, known_s: float) -> Examples:
    """What happened after the rows, for training: of those alone whose next hour was over at `known_s`."""
    chosen = np.isin(rows.tick_min, TRAIN_TICKS_MIN) & (rows.at_s + 60.0 * FIT_HORIZONS_MIN[-1] <= known_s)
    rows = rows.part(chosen)
    ahead = [
        [highest_m(events[e], t, t + 60.0 * h) for h in FIT_HORIZONS_MIN]
        for e, t in zip(rows.event.tolist(), rows.at_s.tolist(), strict=True)
    ]
    return Examples(
        rows.features, np.array(ahead).reshape(-1, len(FIT_HORIZONS_MIN)), rows.event, np.ones(len(rows.at_s))
    )


def highest_m(event: Event, after_s: float, until_s: float = np.inf) -> float:
    """The highest depth recorded after `after_s` and not after `until_s`; 0 where there is none."""
    inside = (event.times_s > after_s) & (event.times_s <= until_s)
    return float(event.depths_m[inside].max(initial=0.0))


def first_wet_s(event: Event) -> float | None:
    """When the first 2 cm were recorded."""
    wet = np.flatnonzero(event.depths_m >= WET_M)
    return float(event.times_s[wet[0]]) if len(wet) else None
