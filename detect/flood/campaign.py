"""Storms over a drainage model, as its sensors would have told them: run in SWMM, replayed through the online code.

Each storm goes reading by reading through `FloodDetector` (filters, levels), and rows of features are taken from all
places every five minutes, from what had been read by then. Storms run in parallel processes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import get_context
from zlib import crc32

import numpy as np

from detect.flood.basins import Basins, Singles, joined
from detect.flood.detector import FloodDetector
from detect.flood.drains import Drains
from detect.flood.engine import run
from detect.flood.exceedance import FIT_HORIZONS_MIN
from detect.flood.features import DRY_M, FEATURES, WET_M
from detect.flood.rainfield import RainForecast
from detect.flood.record import SPANS_MIN
from detect.flood.replay import ROAD
from detect.flood.storms import Storm
from detect.instant import instant
from detect.port import Batch, Floats, Ints, Scope
from lifeline.asset import Name, Position, Sensor, Site
from lifeline.city.levels import Levels, Thresholds
from lifeline.units import Quantity

TICK_MIN = 5
_STEPS = 12
"""of a rain forecast, as long as a tick: an hour"""
SIGMA = 0.6
"""of the logarithm of a rain forecast's error"""
_KEEP_DRY = 0.12
_BEGIN_S = 1.78e9
_NOISE_M, _LEVEL_NOISE_M, _RAIN_NOISE = 0.003, 0.01, 0.05
_RAINED_MM = 0.2
_LEVEL_EVERY = 4
"""one manhole in four has a level sensor"""
_KM_PER_DEGREE = 111.2


class ForecastError(StrEnum):
    """What one draw of a rain forecast's error is for; each forecast of a storm has its own."""

    COMMON = "common"
    """one factor for all of its steps: too high or too low for the whole hour"""
    PER_STEP = "per-step"
    """a factor for each step of five minutes"""


@dataclass(frozen=True)
class Instruments:
    """Sensors over a drainage model: a depth sensor on each place, level sensors in some manholes, its gauges.

    `place_ids` in the order of the model's places; `level_places` are places with a level sensor; `links` as `Known`.
    """

    scope: Scope
    place_ids: tuple[str, ...]
    level_places: Ints
    links: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Told:
    """One storm. Rows `(n,)`: `features` (n, len(FEATURES)), the place, the minute, the true depth then, and the true
    highest depth until each of `FIT_HORIZONS_MIN`, (n, 3); `weight`: how many rows each stands for.

    `rained_min`: when a gauge of the city had had 0.2 mm (infinite: never): from then on something could be known
    without a rain forecast. By place, (n_places,): `peak_m`, `yellow_min` (first minute at 15 cm, NaN: never),
    `spans_mm` (n_places, 4).
    """

    name: str
    features: Singles
    place: Ints
    minute: Ints
    depth_m: Floats
    ahead_m: Floats
    weight: Floats
    peak_m: Floats
    yellow_min: Floats
    spans_mm: Floats
    basins: Basins
    rained_min: float
    begin_s: float = field(default=_BEGIN_S)


def instruments(
    drains: Drains, names: dict[str, str] | None = None, levels: dict[str, str] | None = None
) -> Instruments:
    """`names`: sensor id of each node that has a depth sensor of its own; `levels`: level sensor id by node. Without
    `levels` one manhole in four, drawn by the model's name, has one."""
    names = names or {}
    rng = np.random.default_rng(crc32(drains.text.encode()))
    n = len(drains.places)
    if levels is None:
        chosen = np.sort(rng.choice(n, size=max(n // _LEVEL_EVERY, 1), replace=False))
        levels = {drains.places[k]: f"level:{drains.places[k]}" for k in chosen}
    level_places = np.array([k for k, node in enumerate(drains.places) if node in levels], dtype=np.intp)
    place_ids = tuple(names.get(node, node) for node in drains.places)

    def sensor(sensor_id: str, quantity: Quantity, site: Site, km: Floats, most: float) -> Sensor:
        at = Position(125.0 + float(km[0]) / (0.72 * _KM_PER_DEGREE), 43.9 + float(km[1]) / _KM_PER_DEGREE)
        unit = {Quantity.RAIN_INTENSITY: "m/s"}.get(quantity, "m")
        return Sensor(
            sensor_id,
            sensor_id,
            "value",
            quantity,
            unit,
            site,
            at,
            Name(sensor_id, sensor_id),
            60.0,
            0.0,
            most,
            "999903",
        )

    gauges = zip(drains.gauges, drains.gauge_km, strict=True)
    sensors = [sensor(g, Quantity.RAIN_INTENSITY, Site.GAUGE, km, 1e-3) for g, km in gauges]
    for k in level_places.tolist():
        level, full_m = levels[drains.places[k]], float(drains.manhole_m[k])
        sensors.append(sensor(level, Quantity.LEVEL, Site.MANHOLE, drains.place_km[k], full_m))
    depths = zip(place_ids, drains.place_km, strict=True)
    sensors += [sensor(i, Quantity.WATER_DEPTH, Site.ROAD, km, 5.0) for i, km in depths]
    known = set(level_places.tolist())
    links = {
        place: tuple(levels[drains.places[k]] for k in (n, *drains.upstream[n]) if k in known)
        for n, place in enumerate(place_ids)
    }
    thresholds = Levels("docs/flood.md", {Site.ROAD: ROAD}, Thresholds(2.0, 10.0, 40.0, 150.0, ROAD.source), {})
    return Instruments(Scope("999903", "UTC", tuple(sensors), levels=thresholds), place_ids, level_places, links)


def told(
    drains: Drains, tools: Instruments, storm: Storm, *, seed: int, thin: bool, error: ForecastError | None = None
) -> Told:
    """One storm as sensors told it. `thin`: of rows where nothing happens within the hour only some are kept; `error`
    of the rain forecasts, none: the one or the other, by chance."""
    rng = np.random.default_rng([seed, crc32(storm.name.encode())])
    course = run(drains, storm)
    minutes, n = course.street_m.shape
    values, present = _readings(drains, tools, storm, course.street_m, course.fill, rng)
    detector = FloodDetector(tools.scope, tools.links, foresee=False)
    ahead = _highest_ahead(course.street_m)
    error = error or (ForecastError.PER_STEP if rng.random() < 0.5 else ForecastError.COMMON)
    numbers = np.arange(values.shape[1])
    parts: list[tuple[Floats, Ints, int, Floats]] = []
    behind: list[Basins] = []
    for minute in range(minutes):
        now_s = _BEGIN_S + 60.0 * (minute + 1)
        here = present[minute]
        batch = Batch(numbers[here], np.full(int(here.sum()), now_s), values[minute, here])
        detector.step(batch, instant(now_s))
        if minute % TICK_MIN or minute < TICK_MIN:
            continue
        draws = rng.normal(size=_STEPS if error is ForecastError.PER_STEP else 1)
        forecast = _forecast(storm, minute, now_s, np.exp(SIGMA * draws))
        if detector.lookout.idle(now_s, forecast):
            continue
        chosen = np.arange(n)
        quiet = (ahead[minute, :, -1] < WET_M) & (course.street_m[minute] < DRY_M)
        if thin:
            chosen = chosen[~quiet | (rng.random(n) < _KEEP_DRY)]
        rows = detector.lookout.rows(now_s, detector.sky, forecast)[chosen]
        basins = detector.lookout.basins(now_s, forecast)
        assert basins is not None, "a drainage model has a gauge"
        behind.append(basins.rows(chosen))
        parts.append((rows.astype(np.float32), chosen, minute, np.where(thin & quiet[chosen], 1.0 / _KEEP_DRY, 1.0)))
    place = np.concatenate([p[1] for p in parts]) if parts else np.zeros(0, dtype=np.intp)
    minute_of = np.repeat([p[2] for p in parts], [len(p[1]) for p in parts]).astype(np.intp)
    reached = course.street_m >= ROAD.yellow
    first = np.where(reached.any(axis=0), reached.argmax(axis=0).astype(np.float64), np.nan)
    features = np.concatenate([p[0] for p in parts]) if parts else np.zeros((0, len(FEATURES)), dtype=np.float32)
    weight = np.concatenate([p[3] for p in parts]) if parts else np.zeros(0)
    return Told(
        storm.name, features, place, minute_of, course.street_m[minute_of, place], ahead[minute_of, place], weight,
        course.street_m.max(axis=0), first, _spans(storm.mm_per_h)[drains.place_gauge], joined(behind),
        _rained_min(storm),
    )  # fmt: skip


def campaign(
    drains: Drains, tools: Instruments, storms: list[Storm], *, processes: int, seed: int, thin: bool,
    error: ForecastError | None = None, progress: Callable[[float], None] = lambda _: None,
) -> Iterator[Told]:  # fmt: skip
    """All storms, each as soon as it is done. Raises SimulationError where the engine refuses the model."""
    if processes <= 1:
        for done, storm in enumerate(storms):
            yield told(drains, tools, storm, seed=seed, thin=thin, error=error)
            progress((done + 1) / len(storms))
        return
    # a fresh interpreter for each process: the engine holds one model, and threads do not survive a fork
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(drains, tools)
    ) as pool:
        waiting = {pool.submit(_one, storm, seed, thin, error) for storm in storms}
        try:
            for done, future in enumerate(as_completed(waiting)):
                yield future.result()
                waiting.discard(future)
                progress((done + 1) / len(storms))
        finally:
            for future in waiting:
                future.cancel()


_OWN: list[tuple[Drains, Instruments]] = []


def _begin(drains: Drains, tools: Instruments) -> None:
    _OWN[:] = [(drains, tools)]


def _one(storm: Storm, seed: int, thin: bool, error: ForecastError | None) -> Told:
    drains, tools = _OWN[0]
    return told(drains, tools, storm, seed=seed, thin=thin, error=error)


def _readings(
    drains: Drains, tools: Instruments, storm: Storm, street_m: Floats, fill: Floats, rng: np.random.Generator
) -> tuple[Floats, np.ndarray]:
    """What each sensor sends each minute, SI, (n_minutes, n_sensors), and whether it sends anything."""
    rain = storm.mm_per_h / 3.6e6 * np.exp(rng.normal(0.0, _RAIN_NOISE, storm.mm_per_h.shape))
    full = drains.manhole_m[tools.level_places]
    levels = np.clip(fill[:, tools.level_places], 0.0, 1.0) * full
    levels = levels + rng.normal(0.0, _LEVEL_NOISE_M, levels.shape)
    depths = np.abs(street_m + rng.normal(0.0, _NOISE_M, street_m.shape))
    sends = np.ones(depths.shape, dtype=bool)
    if storm.faults is not None:
        chance = np.random.default_rng(storm.faults)
        for place in np.flatnonzero(chance.random(depths.shape[1]) < 0.1):
            kind, begin = chance.integers(3), int(chance.integers(len(depths)))
            if kind == 0:
                sends[begin:, place] = False
            elif kind == 1:
                depths[begin:, place] = depths[begin, place]
            else:
                blips = chance.integers(0, len(depths), 6)
                depths[blips, place] = chance.uniform(0.1, 1.0, 6)
    values = np.column_stack([rain, np.maximum(levels, 0.0), np.round(depths, 3)])
    present = np.column_stack([~storm.silent, np.ones(levels.shape, dtype=bool), sends])
    return values, present


def _forecast(storm: Storm, minute: int, now_s: float, factor: Floats) -> RainForecast:
    """Rain of the coming hour in steps of five minutes at each gauge, wrong by `factor`: one, or one for each step."""
    coming = np.zeros((60, storm.mm_per_h.shape[1]))
    rest = storm.mm_per_h[minute + 1 : minute + 61]
    coming[: len(rest)] = rest
    mm = coming.reshape(_STEPS, 5, -1).sum(axis=1).T / 60.0 * factor
    return RainForecast(now_s, 300.0, mm[:, None, :])


def _highest_ahead(street_m: Floats) -> Floats:
    """Highest depth after each minute and not later than each horizon, (n_minutes, n_places, n_horizons)."""
    minutes = len(street_m)
    longest = int(FIT_HORIZONS_MIN[-1])
    padded = np.vstack([street_m, np.zeros((longest, street_m.shape[1]))])
    found = np.zeros((*street_m.shape, len(FIT_HORIZONS_MIN)))
    running = np.zeros_like(street_m)
    for k in range(1, longest + 1):
        running = np.maximum(running, padded[k : k + minutes])
        for h, horizon in enumerate(FIT_HORIZONS_MIN):
            if k == int(horizon):
                found[:, :, h] = running
    return found


def _rained_min(storm: Storm) -> float:
    fallen = np.cumsum(storm.mm_per_h, axis=0).max(axis=1) / 60.0 >= _RAINED_MM
    return float(fallen.argmax()) if fallen.any() else float("inf")


def _spans(mm_per_h: Floats) -> Floats:
    """Most rain within each span, mm, (n_gauges, len(SPANS_MIN))."""
    total = np.vstack([np.zeros((1, mm_per_h.shape[1])), np.cumsum(mm_per_h, axis=0) / 60.0])
    rows = [(total[min(s, len(total) - 1) :] - total[: -min(s, len(total) - 1)]).max(axis=0) for s in SPANS_MIN]
    return np.array(rows).T
