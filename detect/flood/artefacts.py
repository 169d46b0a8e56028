"""False floods made on purpose, and true ones between dry hours: how many of each are told, or wanted looked at.

A sensor-month is a month of one-minute readings of a dry street with noise, a gauge and a thermometer, into which
blips, boxes, pulse chains, snow and ice are put. Their shapes follow the kinds that FloodNet names (quality.py); how
many there are is an assumption, and a bold one.
"""

from dataclasses import dataclass, replace

import numpy as np

from detect.flood.detector import FloodDetector
from detect.flood.levels import FloodReason
from detect.flood.recording import Event
from detect.flood.replay import ROAD, scope_of
from detect.instant import instant
from detect.port import Batch, Floats
from lifeline.asset import Site
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import Quantity

KINDS = ("blip", "box", "pulse-chain", "snow", "ice")
_PER_MONTH = {"blip": 30, "box": 12, "pulse-chain": 4, "snow": 2, "ice": 2}
_MINUTES = 30 * 1440
_MONTH_S = 60.0 * _MINUTES
_BEGIN_S = 1.7e9
_NOISE_M = 0.003
_DRY_S, _DRY_EVERY_S = 3 * 3600.0, 300.0


@dataclass(frozen=True, slots=True)
class FalseFloods:
    """Floods told of a dry street in `sensor_months`, by what was put in when they were told."""

    sensor_months: int
    artefacts: int
    told: dict[str, int]
    orders: int
    """how often somebody was sent to look (`jump-stands`)"""

    @property
    def per_100_months(self) -> float:
        """Whatever the kind."""
        return 100.0 * sum(self.told.values()) / max(self.sensor_months, 1)


@dataclass(frozen=True)
class Recall:
    """True floods that reached blue, those told, and how long after the first reading at blue, s; `looked_at`: those of
    which nothing was told but that somebody has to look."""

    floods: int
    told: int
    looked_at: int
    delay_median_s: float
    delay_p95_s: float

    def figures(self) -> dict[str, float | int | None]:
        """For JSON."""
        found: dict[str, float] = dict(self.__dict__)
        return {name: None if np.isnan(value) else value for name, value in found.items()}


def false_floods(sensor_months: int, *, seed: int = 0, gauge: bool = True) -> FalseFloods:
    """Every other month is winter. `gauge`: one reports that it is dry; else nobody knows."""
    rng = np.random.default_rng(seed)
    told = dict.fromkeys((*KINDS, "none"), 0)
    artefacts = orders = 0
    for month in range(sensor_months):
        depths, temperature, label = _month(rng, winter=month % 2 == 1)
        artefacts += sum(_PER_MONTH[k] for k in KINDS if month % 2 or k not in ("snow", "ice"))
        for finding in _onsets(depths, temperature, gauge=gauge):
            if finding.kind is FindingKind.FLOOD:
                minute = min(int((finding.detected_at.timestamp() - _BEGIN_S) // 60.0), _MINUTES - 1)
                told[KINDS[label[minute]] if label[minute] >= 0 else "none"] += 1
            else:
                orders += 1
    return FalseFloods(sensor_months, artefacts, told, orders)


def recall(events: tuple[Event, ...], *, every_s: float = 0.0) -> Recall:
    """Each flood alone, three dry hours before it, weather unknown. `every_s`: as a sensor that reports so seldom would
    have seen it."""
    delays, floods, looked_at = [], 0, 0
    for event in events:
        before = np.arange(event.times_s[0] - _DRY_S, event.times_s[0], max(_DRY_EVERY_S, every_s))
        times = np.concatenate([before, event.times_s])
        depths = np.concatenate([np.zeros(len(before)), event.depths_m])
        if every_s:
            kept = np.flatnonzero(np.diff(times // every_s, prepend=-1.0))
            times, depths = times[kept], depths[kept]
        blue = np.flatnonzero(depths >= ROAD.blue)
        if not len(blue):
            continue
        floods += 1
        detector = FloodDetector(scope_of([event.sensor_id], {}), foresee=False)
        found = detector.step(Batch(np.zeros(len(times), dtype=np.intp), times, depths), instant(float(times[-1])))
        told = [f for f in found if f.kind is FindingKind.FLOOD and f.reason != FloodReason.HEARD_AGAIN]
        if told:
            delays.append(told[0].detected_at.timestamp() - float(times[blue[0]]))
        else:
            looked_at += any(f.reason == FloodReason.JUMP_STANDS for f in found)
    median_s, p95_s = np.percentile(delays, [50, 95]).tolist() if delays else (float("nan"), float("nan"))
    return Recall(floods, len(delays), looked_at, median_s, p95_s)


def _onsets(depths: Floats, temperature_c: Floats, *, gauge: bool) -> list[Finding]:
    scope = scope_of(["street", "gauge", "air"], {})
    street, rain, air = scope.sensors
    rain = replace(rain, quantity=Quantity.RAIN_INTENSITY, site=Site.GAUGE, interval_s=600.0)
    air = replace(air, quantity=Quantity.TEMPERATURE, site=Site.GAUGE, range_min=-60.0, range_max=60.0)
    detector = FloodDetector(replace(scope, sensors=(street, rain, air)), foresee=False)
    minutes = np.arange(_MINUTES)
    slow = minutes[::10]
    sensor = np.concatenate([np.full(len(slow), 1), np.full(len(slow), 2), np.zeros(_MINUTES, dtype=np.intp)])
    at_s = _BEGIN_S + 60.0 * np.concatenate([slow - 0.5, slow - 0.5, minutes])
    value = np.concatenate([np.zeros(len(slow)), temperature_c[slow], depths])
    order = np.lexsort((sensor, at_s))
    order = order if gauge else order[sensor[order] != 1]
    found = detector.step(Batch(sensor[order], at_s[order], value[order]), instant(_BEGIN_S + _MONTH_S))
    return [f for f in found if f.phase is Phase.ONSET]


def _month(rng: np.random.Generator, *, winter: bool) -> tuple[Floats, Floats, np.ndarray]:
    """Depths and temperature by minute, and which artefact stands there (position in KINDS, -1 none)."""
    minutes = np.arange(_MINUTES)
    day = 5.0 * np.sin(2.0 * np.pi * (minutes / 1440.0 - 0.4)) + rng.normal(0.0, 3.0, 30)[minutes // 1440]
    temperature = day + (-14.0 if winter else 18.0)
    depths = np.abs(rng.normal(0.0, _NOISE_M, _MINUTES))
    label = np.full(_MINUTES, -1)
    free = np.ones(_MINUTES, dtype=bool)
    order = ("snow", "ice", "pulse-chain", "box", "blip") if winter else ("pulse-chain", "box", "blip")
    for kind in order:
        for _ in range(_PER_MONTH[kind]):
            shape = _SHAPES[kind](rng)
            for _ in range(100):
                begin = int(rng.integers(120, _MINUTES - len(shape) - 120))
                span = slice(begin - 90, begin + len(shape) + 90)
                if not free[span].all() or (kind == "ice" and temperature[span].max() > -5.0):
                    continue
                inside = slice(begin, begin + len(shape))
                # what stands over the street is seen instead of it; ice holds the sensor at one value
                steady = kind == "ice"
                depths[inside] = np.where(shape > 0.0, shape + (0.0 if steady else depths[inside]), depths[inside])
                free[inside] = False
                label[begin : begin + len(shape) + 60] = KINDS.index(kind)
                break
    return depths, temperature, label


def _blip(rng: np.random.Generator) -> Floats:
    return np.full(int(rng.integers(1, 3)), rng.uniform(0.05, 1.2))


def _box(rng: np.random.Generator) -> Floats:
    return np.full(int(rng.integers(5, 300)), rng.uniform(0.05, 1.2))


def _chain(rng: np.random.Generator) -> Floats:
    parts = []
    for _ in range(int(rng.integers(4, 11))):
        parts += [np.full(int(rng.integers(1, 4)), rng.uniform(0.05, 1.0)), np.zeros(int(rng.integers(1, 6)))]
    return np.concatenate(parts)


def _snow(rng: np.random.Generator) -> Floats:
    """Falls, settles by a third, is cleared by degrees."""
    high_m = rng.uniform(0.03, 0.20)
    fall = np.linspace(0.0, high_m, int(60.0 * max(high_m / 0.03, rng.uniform(3.0, 10.0))))
    settle = np.linspace(high_m, 0.67 * high_m, int(rng.integers(600, 3000)))
    return np.concatenate([fall, settle, np.linspace(0.67 * high_m, 0.0, 60)])


def _ice(rng: np.random.Generator) -> Floats:
    return np.full(int(rng.integers(120, 720)), rng.uniform(0.05, 0.5))


_SHAPES = {"blip": _blip, "box": _box, "pulse-chain": _chain, "snow": _snow, "ice": _ice}
