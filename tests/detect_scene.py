"""A made-up supply for tests of detectors: zones with daily demand, noise on every scale, bursts; a function of time.

No network is solved: pressures fall with the square of the zone's flow, and near a burst more than elsewhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.port import Batch, History, Scope
from lifeline.asset import Asset, AssetKind, Name, Position, Sensor, Site, Zone, ZoneKind
from lifeline.city import Levels, Thresholds
from lifeline.units import Quantity

Floats = NDArray[np.float64]

DAY_S = 86_400.0
START_S = 1_793_577_600.0
"""Monday 2026-11-02 00:00 UTC"""
TIMEZONE = "Asia/Shanghai"
SOURCE = "made for tests"
LEVELS = Levels(
    "1",
    {
        Site.ROAD: Thresholds(0.05, 0.15, 0.27, 0.40, SOURCE),
        Site.UNDERPASS: Thresholds(0.03, 0.10, 0.20, 0.25, SOURCE),
    },
    Thresholds(2.0, 10.0, 40.0, 150.0, SOURCE),
    {},
)
_OCTAVES = ((60.0, 0.012), (600.0, 0.015), (7_200.0, 0.015), (DAY_S, 0.015))
"""period in s and standard deviation of the demand's noise: 3 % altogether"""
_LON, _LAT = 125.30, 43.86


@dataclass(frozen=True)
class Burst:
    """Water lost at one of a zone's pressure sensors."""

    zone: int
    sensor: int
    begin_s: float
    end_s: float
    flow_m3_per_h: float


class Scene:
    """`zones` zones in a row, each with a meter and `pressures` sensors; the last is fed through the one before it."""

    def __init__(self, seed: int, *, zones: int = 3, pressures: int = 6, interval_s: float = 60.0) -> None:
        self._rng = np.random.default_rng(seed)
        self._seed, self._zones, self._pressures = seed, zones, pressures
        self._base_m3_per_s = self._rng.uniform(40.0, 60.0, zones) / 3600.0
        self._loss = self._rng.uniform(2e3, 1e4, (zones, pressures))
        self._noise: dict[tuple[int, int], Floats] = {}
        sensors, areas, pipes = [], [], []
        for z in range(zones):
            lon = _LON + 0.02 * z
            ring = ((lon, _LAT), (lon + 0.018, _LAT), (lon + 0.018, _LAT + 0.015), (lon, _LAT + 0.015), (lon, _LAT))
            fed = z == zones - 1 and zones > 1
            feeds = z == zones - 2 and zones > 1
            outflow = (f"T-F-{zones - 1}",) if feeds else ()
            name, meters = Name("区", "Zone"), (f"T-F-{z}",)
            areas.append(Zone(f"T-DMA-{z}", "220100", ZoneKind.DMA, name, "220104", ring, meters, outflow))
            of = None if fed else f"T-DMA-{z}"
            sensors.append(_sensor(f"T-F-{z}", Quantity.FLOW, Position(lon, _LAT), of, interval_s))
            for p in range(pressures):
                at = Position(lon + 0.003 + 0.004 * (p % 4), _LAT + 0.003 + 0.004 * (p // 4))
                sensors.append(_sensor(f"T-P-{z}-{p}", Quantity.PRESSURE, at, f"T-DMA-{z}", interval_s))
                line = [[at.lon - 0.0005, at.lat], [at.lon + 0.0005, at.lat]]
                geometry = {"type": "LineString", "coordinates": line}
                pipes.append(Asset(f"T-PIPE-{z}-{p}", "220100", AssetKind.PIPE, geometry, f"T-DMA-{z}"))
        self.scope = Scope("220100", TIMEZONE, tuple(sensors), tuple(areas), tuple(pipes), LEVELS)

    def values(self, at_s: Floats, bursts: tuple[Burst, ...] = ()) -> Floats:
        """What every sensor measures at every instant, SI, (n_times, n_sensors)."""
        hour = (at_s + 8 * 3600.0) % DAY_S / 3600.0
        weekend = ((at_s + 8 * 3600.0) // DAY_S + 3) % 7 >= 5
        shape = 1.0 + 0.5 * np.sin((hour - 9.0) / 24.0 * 2.0 * np.pi) + 0.35 * np.exp(-((hour - 7.5) ** 2) / 2.0)
        shape = np.where(weekend, 0.9 * shape + 0.1, shape)
        use = [
            base * shape * (1.0 + sum(s * self._noise_at(z, n, at_s) for n, (_, s) in enumerate(_OCTAVES)))
            for z, base in enumerate(self._base_m3_per_s)
        ]
        lost = [np.zeros(len(at_s)) for _ in range(self._zones)]
        near = np.zeros((self._zones, self._pressures, len(at_s)))
        for burst in bursts:
            flow = np.where((at_s >= burst.begin_s) & (at_s < burst.end_s), burst.flow_m3_per_h / 3600.0, 0.0)
            lost[burst.zone] = lost[burst.zone] + flow
            apart = np.abs(np.arange(self._pressures) - burst.sensor)
            near[burst.zone] += 1.5e6 * flow * np.exp(-apart)[:, None]
        taken = [u + loss for u, loss in zip(use, lost, strict=True)]
        head = 4e5 + 3e3 * self._noise_at(99, 0, at_s) - 2e5 * sum(taken)
        columns = []
        for z in range(self._zones):
            through = taken[z] + (taken[z + 1] if z == self._zones - 2 and self._zones > 1 else 0.0)
            columns.append(through * (1.0 + 0.005 * self._rng.standard_normal(len(at_s))))
            for p in range(self._pressures):
                fall = self._loss[z, p] * (through / self._base_m3_per_s[z]) ** 2
                columns.append(head - fall - near[z, p] + 200.0 * self._rng.standard_normal(len(at_s)))
        return np.stack(columns, axis=1)

    def history(self, days: float, *, start_s: float = START_S, step_s: float = 300.0) -> History:
        """Quiet history up to `start_s`, one reading per step."""
        batch = self.batch(every(step_s, days * DAY_S, begin_s=start_s - days * DAY_S))
        n = len(batch)
        return History(batch.sensor, batch.at_s, batch.value, np.ones(n, dtype=np.intp), np.zeros(n))

    def batch(self, at_s: Floats, bursts: tuple[Burst, ...] = (), *, spread_s: float = 0.0) -> Batch:
        """Readings at these instants; within `spread_s` each sensor has a moment of its own."""
        values = self.values(at_s, bursts)
        n = values.shape[1]
        own_s = spread_s * np.random.default_rng(self._seed).random(n)
        times: Floats = np.add.outer(at_s, own_s).ravel()
        sensor = np.tile(np.arange(n), len(at_s))
        order = np.lexsort((sensor, times))
        return Batch(sensor[order].astype(np.intp), times[order], values.ravel()[order])

    def _noise_at(self, stream: int, octave: int, at_s: Floats) -> Floats:
        period_s = _OCTAVES[octave][0] if stream < 99 else 1_800.0
        knots = self._noise.get((stream, octave))
        if knots is None:
            count = int(90 * DAY_S / period_s) + 2
            knots = np.random.default_rng([self._seed, stream, octave]).standard_normal(count)
            self._noise[stream, octave] = knots
        place = (at_s - START_S + 45 * DAY_S) / period_s
        step = place.astype(np.intp)
        share = place - step
        joined: Floats = (1.0 - share) * knots[step] + share * knots[step + 1]
        return joined / np.hypot(1.0 - share, share)


def every(step_s: float, length_s: float, *, begin_s: float = START_S) -> Floats:
    """Instants `step_s` apart."""
    at_s: Floats = begin_s + step_s * np.arange(round(length_s / step_s), dtype=np.float64)
    return at_s


def _sensor(sensor_id: str, quantity: Quantity, at: Position, zone_id: str | None, interval_s: float) -> Sensor:
    site = Site.PIPE if quantity is Quantity.FLOW else Site.JUNCTION
    unit = "m3/s" if quantity is Quantity.FLOW else "Pa"
    return Sensor(
        sensor_id=sensor_id,
        device_id=sensor_id,
        channel="v",
        quantity=quantity,
        unit=unit,
        site=site,
        position=at,
        name=Name(sensor_id, sensor_id),
        interval_s=interval_s,
        range_min=0.0,
        range_max=1e6,
        city_code="220100",
        zone_id=zone_id,
    )


def depth_sensor(sensor_id: str, *, site: Site = Site.ROAD, interval_s: float = 30.0) -> Sensor:
    """A water-depth sensor."""
    return Sensor(
        sensor_id=sensor_id,
        device_id=sensor_id,
        channel="depth",
        quantity=Quantity.WATER_DEPTH,
        unit="m",
        site=site,
        position=Position(_LON, _LAT),
        name=Name(sensor_id, sensor_id),
        interval_s=interval_s,
        range_min=0.0,
        range_max=3.0,
        city_code="220100",
    )
