"""Storms over a drainage model: made up by chance, or given in a file; and what goes wrong meanwhile.

A storm is rain at each gauge by the minute. Made-up ones are design storms of Chicago type (Keifer and Chu 1957),
cells that move, and showers in a row, after dry or wet hours; pipes may be blocked, gauges fall out, sensors go wrong.
How much falls is drawn from what the region knows between twice a year and once in a century, whatever the drains.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.flood.drains import Drains
from detect.port import Floats
from lifeline.errors import ReplayError

BEFORE_MIN, AFTER_MIN = 180, 120
"""dry or wet hours before a made-up storm, and the time it is followed after its end"""
_HOUR_MM = (6.0, 110.0)
"""rain of the wettest hour, log-uniform: a summer shower to once in a century in the north-east of China"""
_FALL = 0.76
_WET_SHARE = 0.5
_BLOCKED_SHARE, _FAULT_SHARE = 0.4, 0.3


@dataclass(frozen=True)
class Storm:
    """Rain mm/h by minute and gauge, `(n_minutes, n_gauges)`; share of its flow that each blocked pipe still takes.

    `silent` (n_minutes, n_gauges): the gauge does not report; `faults`: seed of what goes wrong with depth sensors,
    None where nothing does.
    """

    name: str
    mm_per_h: Floats
    silent: np.ndarray
    blocked: dict[str, float]
    faults: int | None


def made_up(drains: Drains, seed: int) -> Storm:
    """One storm by chance; the same seed gives the same storm."""
    rng = np.random.default_rng([20261123, seed])
    n = len(drains.gauges)
    kind = rng.choice(["design", "cell", "showers"], p=[0.4, 0.35, 0.25])
    hour_mm = float(np.exp(rng.uniform(*np.log(_HOUR_MM))))
    length = int(rng.uniform(30.0, 180.0))
    minutes = BEFORE_MIN + length + AFTER_MIN
    rain = np.zeros((minutes, n))
    if rng.random() < _WET_SHARE:
        end = BEFORE_MIN - int(rng.uniform(10.0, 120.0))
        begin = max(end - int(rng.uniform(30.0, 150.0)), 0)
        rain[begin:end] += rng.uniform(3.0, 25.0) / max(end - begin, 1) * 60.0
    storm = slice(BEFORE_MIN, BEFORE_MIN + length)
    if kind == "design":
        rain[storm] += chicago(length, float(rng.uniform(0.2, 0.7)))[:, None]
    elif kind == "cell":
        rain[storm] += _cell(drains.gauge_km, length, rng)
    else:
        for _ in range(int(rng.integers(2, 5))):
            part = int(rng.uniform(15.0, 45.0))
            begin = BEFORE_MIN + int(rng.uniform(0.0, max(length - part, 1)))
            shower = chicago(part, float(rng.uniform(0.2, 0.7))) * float(rng.uniform(0.3, 1.0))
            rain[begin : begin + part] += shower[: minutes - begin, None]
    of_storm = rain[BEFORE_MIN:]
    window = min(60, len(of_storm))
    sums = np.cumsum(np.vstack([np.zeros((1, n)), of_storm]), axis=0)
    wettest_mm = float((sums[window:] - sums[:-window]).max()) / 60.0
    rain[BEFORE_MIN:] *= hour_mm / max(wettest_mm, 1e-6)
    rain *= np.exp(rng.normal(0.0, 0.08, (1, n)))
    silent = np.zeros((minutes, n), dtype=bool)
    if n > 1 and rng.random() < _FAULT_SHARE:
        begin = int(rng.uniform(0.0, minutes))
        silent[begin : begin + int(rng.uniform(30.0, 180.0)), int(rng.integers(n))] = True
    blocked = {}
    if rng.random() < _BLOCKED_SHARE and drains.full_m3_per_s:
        pipes = rng.choice(list(drains.full_m3_per_s), size=max(1, len(drains.full_m3_per_s) // 25), replace=False)
        blocked = {str(pipe): float(rng.uniform(0.2, 0.7)) for pipe in pipes}
    faults = int(rng.integers(2**31)) if rng.random() < _FAULT_SHARE else None
    return Storm(f"{kind}-{seed}", rain, silent, blocked, faults)


def chicago(minutes: int, peak_share: float) -> Floats:
    """Intensity by minute of a design storm whose mean over any span t around its peak is that of 1 / (t + 5)^0.76.

    Of no unit: the caller scales it. Length n is the Chinese storm formula's with b = 5 min.
    """
    peak = peak_share * minutes
    at = np.arange(minutes) + 0.5
    t = np.where(at < peak, (peak - at) / peak_share, (at - peak) / (1.0 - peak_share))
    shape: Floats = ((1.0 - _FALL) * t + 5.0) / (t + 5.0) ** (_FALL + 1.0)
    return shape / float(shape.max())


def given(path: Path, drains: Drains) -> tuple[Storm, ...]:
    """Storms of a CSV file: `storm`, `minute`, `mm_per_h`; the same rain falls everywhere.

    Minutes count from the first row of a storm; what lies between rows holds until the next. Two dry hours are put
    after each. Raises `ReplayError`.
    """
    rows: dict[str, list[tuple[float, float]]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"storm", "minute", "mm_per_h"} - set(reader.fieldnames or ())
            if missing:
                raise ReplayError(f"{path}:1: expected the columns {', '.join(sorted(missing))} too", advice=_LAYOUT)
            for row in reader:
                try:
                    minute, rain = float(row["minute"]), float(row["mm_per_h"])
                except (TypeError, ValueError) as error:
                    raise ReplayError(f"{path}:{reader.line_num}: minute, mm_per_h: {error}", advice=_LAYOUT) from error
                if not (0.0 <= minute < 1e5 and 0.0 <= rain < 1000.0):
                    raise ReplayError(
                        f"{path}:{reader.line_num}: expected 0 <= minute < 100000 and 0 <= mm_per_h < 1000",
                        advice=_LAYOUT,
                    )
                rows.setdefault(row["storm"], []).append((minute, rain))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReplayError(f"{path}: cannot be read: {error}", advice="check the file") from error
    if not rows:
        raise ReplayError(f"{path}: holds no storm", advice=_LAYOUT)
    storms = []
    for name, points in rows.items():
        points.sort()
        first, last = points[0][0], points[-1][0]
        times = np.array([t - first for t, _ in points])
        place = np.searchsorted(times, np.arange(int(last - first) + 1), side="right") - 1
        fallen = np.concatenate([np.zeros(60), np.array([r for _, r in points])[place], np.zeros(AFTER_MIN)])
        whole = np.repeat(fallen[:, None], len(drains.gauges), axis=1)
        storms.append(Storm(name, whole, np.zeros(whole.shape, dtype=bool), {}, None))
    return tuple(storms)


_LAYOUT = "docs/flood.md says what a file of storms looks like"


def _cell(gauge_km: Floats, length: int, rng: np.random.Generator) -> Floats:
    """A round cell passes over or beside the middle; strength grows and falls within a tenth of its life."""
    heading = rng.uniform(0.0, 2.0 * np.pi)
    radius_km = rng.uniform(0.6, 4.0)
    speed_km_per_min = 2.0 * (radius_km + 1.0) / length * rng.uniform(0.5, 1.5)
    aside_km = rng.normal(0.0, 0.5 * radius_km)
    along = gauge_km @ np.array([np.sin(heading), np.cos(heading)])
    across = gauge_km @ np.array([np.cos(heading), -np.sin(heading)])
    at = np.arange(length)[:, None]
    away_km = np.hypot(along[None, :] - speed_km_per_min * (at - length / 2.0), across[None, :] - aside_km)
    edge = np.minimum(1.0, np.minimum(at / (0.1 * length), (length - at) / (0.1 * length)))
    shape: Floats = edge * 0.5 ** ((away_km / radius_km) ** 2)
    return shape
