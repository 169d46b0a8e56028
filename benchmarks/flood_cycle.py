"""One cycle of the flood detector: a reading of each depth sensor judged, and a forecast for each place, in a storm."""

import time
from dataclasses import replace

import numpy as np

from benchmarks.table import Figure
from detect.flood.campaign import instruments, told
from detect.flood.detector import FloodDetector
from detect.flood.drains import read_drains
from detect.flood.known import Known
from detect.flood.nowcast import Nowcast
from detect.flood.rainfield import RainForecast
from detect.flood.record import Record
from detect.flood.replay import scope_of
from detect.flood.storms import made_up
from detect.flood.training import SIZE, Catchment, For, learn
from detect.instant import instant
from detect.port import Batch, Scope
from lifeline.asset import Position, Site
from lifeline.units import Quantity
from simulators.packs import FOLDER

TITLE = "flood: one cycle of filters, levels and forecasts in a storm, one process, a tenth of the places wet"
SIZES = (100, 1_000, 10_000)
_LIMIT_S = 2.0
_STORMS = 40
_BEGIN_S = 1.78e9
_MINUTES, _MEASURED = 30, 5
_GAUGE_EVERY = 50


def measure() -> list[Figure]:
    """Median of five cycles, a minute apart, after half an hour of rain."""
    nowcast = _nowcast()
    figures = []
    for size in SIZES:
        whole, without = _cycle(size, nowcast, foresee=True), _cycle(size, nowcast, foresee=False)
        figures += [
            Figure(f"{size:,} sensors: filters and levels", without, "s"),
            Figure(f"{size:,} sensors: forecasts", max(whole - without, 0.0), "s"),
            Figure(f"{size:,} sensors: whole cycle", whole, "s", "limit", _LIMIT_S if size == SIZES[-1] else None),
        ]
    return figures


def _nowcast() -> Nowcast:
    """Of full size, learned from few storms over a small drainage model."""
    drains = read_drains((FOLDER / "jilin" / "drainage.inp").read_text(encoding="utf-8"), "jilin")
    tools = instruments(drains)
    storms = [made_up(drains, n) for n in range(_STORMS)]
    strong = [replace(storm, mm_per_h=2.0 * storm.mm_per_h) for storm in storms]
    seen = tuple(told(drains, tools, storm, seed=0, thin=True) for storm in strong)
    return learn([Catchment(drains, tools, seen)], places=For.RECORDED, size=SIZE)


def _scope(size: int, nowcast: Nowcast) -> Scope:
    rng = np.random.default_rng(size)
    positions = {f"S{n:05d}": Position(125.2 + 0.3 * rng.random(), 43.8 + 0.2 * rng.random()) for n in range(size)}
    streets = scope_of(sorted(positions), positions)
    gauges = tuple(
        replace(s, sensor_id=f"G{n}", quantity=Quantity.RAIN_INTENSITY, site=Site.GAUGE, range_max=1e-3)
        for n, s in enumerate(streets.sensors[::_GAUGE_EVERY])
    )
    # every place has the pipes and the record of one that was trained on
    of, own = nowcast.known, list(nowcast.known.record.curves)
    twin = {s.sensor_id: own[n % len(own)] for n, s in enumerate(streets.sensors)}
    known = Known(
        {sensor_id: of.physical[place] for sensor_id, place in twin.items()},
        Record({sensor_id: of.record.curves[place] for sensor_id, place in twin.items()}),
        like={sensor_id: of.like[place] for sensor_id, place in twin.items()},
        likeness=of.likeness,
    )
    model = Nowcast(nowcast.models, known, from_rain=True)
    return replace(streets, sensors=(*streets.sensors, *gauges), nowcast=model)


def _cycle(size: int, nowcast: Nowcast, *, foresee: bool) -> float:
    scope = _scope(size, nowcast)
    detector = FloodDetector(scope, foresee=foresee)
    rng = np.random.default_rng(1)
    wet = rng.random(size) < 0.1
    gauges = len(scope.sensors) - size
    number = np.arange(len(scope.sensors))
    costs = []
    for minute in range(_MINUTES + _MEASURED):
        now_s = _BEGIN_S + 60.0 * minute
        if detector.foresight is not None and minute % 10 == 0:
            detector.foresight.rain = RainForecast(now_s, 300.0, rng.uniform(0.5, 2.0, (5, 24)))
        depths = np.where(wet, 0.008 * minute, 0.0) + np.abs(rng.normal(0.0, 0.002, size))
        values = np.concatenate([depths, np.full(gauges, 30.0 / 3.6e6)])
        began_s = time.perf_counter()
        detector.step(Batch(number, np.full(len(number), now_s), values), instant(now_s))
        costs.append(time.perf_counter() - began_s)
    return float(np.median(costs[-_MEASURED:]))
