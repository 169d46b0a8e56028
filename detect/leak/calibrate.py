"""Onboarding of a city's leak detection: is its model good enough, what can its sensors see, how small a leak is found.

The readings of a quiet time go through the detector itself; what is judged is what the detector would work with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from detect.leak.city import Instruments
from detect.leak.detector import LeakDetector, Plan, Report, Settings
from detect.leak.sight import Sight, look
from detect.leak.trust import Trust
from detect.port import Floats

SEEN_LEAK_M3_PER_H = 5.0
"""the leak for which it is said which part of the network a sensor sees"""
_GOOD_M, _USABLE_M = 0.10, 0.30
"""scatter of hourly residuals, m of water: measured on L-Town 0.03 to 0.08 with a model that is 10 % wrong"""


@dataclass(frozen=True)
class SensorCheck:
    """How one pressure sensor fits the model."""

    sensor_id: str
    known: float
    """part of the hours in which it can be used"""
    bias_m: float
    """measured less modelled pressure at mean flow: elevation or datum, taken out by the baseline"""
    scatter_m: float
    """standard deviation of what the baseline leaves over, hour by hour"""
    day_scatter_m: float
    """the same of daily means: what leaks are compared with"""
    seen_share: float
    """part of the network's length where it would see a leak of 5 m3/h by three deviations"""
    masked: dict[str, int]
    """samples that were not used, by reason"""

    @property
    def verdict(self) -> str:
        """`good`, `usable`, `poor`, or `silent` where it was hardly heard."""
        if self.known < 0.5:
            return "silent"
        return "good" if self.scatter_m <= _GOOD_M else "usable" if self.scatter_m <= _USABLE_M else "poor"


@dataclass(frozen=True)
class ZoneCheck:
    """What can be found in one zone of the network."""

    zone_id: str
    closed: bool
    """every way in and out, and every tank, is measured"""
    length_m: float
    mean_flow_m3_per_h: float
    """by the model's demands"""
    day_scatter_m3_per_h: float | None
    """of the balance; None where the zone is not closed"""
    half_m3_per_h: float
    """smallest leak that would be found on half of the zone's length; inf where none would"""
    most_m3_per_h: float
    """... on nine tenths"""


@dataclass(frozen=True)
class Calibration:
    """All that is said. `hours` (n_hours,) and `left_m` (n_hours, n_pressures) are what the baseline leaves over."""

    days: float
    measured: bool
    """False: there was too little data; scatter is what random demands would cause in the model"""
    trust: Trust | None
    """what the detector itself made of the model at the end of its calibration; None without enough data"""
    pattern_shift_days: int
    """by so many days the demand patterns of the model are shifted against the calendar"""
    sensors: tuple[SensorCheck, ...]
    zones: tuple[ZoneCheck, ...]
    reports: tuple[Report, ...]
    """leaks that the detector sees in this very time: a calibration over a leak takes it for normal"""
    sight: Sight
    hours: Floats
    left_m: Floats

    @property
    def verdict(self) -> str:
        """`model` where most sensors fit and the detector can judge by it, else `data`: for expected_pressure."""
        if self.trust is not None and not self.trust.usable:
            return "data"
        heard = [s for s in self.sensors if s.verdict != "silent"]
        fit = sum(s.verdict != "poor" for s in heard)
        return "model" if self.measured and heard and fit >= 0.8 * len(heard) else "data"


def calibrate(
    plan: Plan,
    instruments: Instruments,
    samples: Sequence[tuple[int, Floats]],
    *,
    timezone: str,
    zone_names: Callable[[int], str],
    settings: Settings | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Calibration:
    """Feeds the detector with samples (time_s, (n_sensors,) in its units) in order, and looks at what it makes of them.

    `zone_names` gives the name of a zone of the layout.
    """
    chosen = settings or Settings()
    core = LeakDetector(plan, zone=ZoneInfo(timezone), settings=chosen)
    reports: list[Report] = []
    hours: list[float] = []
    left: list[Floats] = []
    known: list[np.ndarray] = []
    n = plan.model.n_pressure
    for number, (time_s, sample) in enumerate(samples, start=1):
        before = core.last_hour
        reports += core.push(np.array([time_s]), sample[None, :])
        hour = core.last_hour
        if hour is None or hour is before:
            continue
        progress(0.8 * number / len(samples))
        known.append(np.isfinite(hour.pressure))
        if core.newest is not None:
            hours.append(hour.index * 3600.0)
            left.append(core.newest[:n])
    reports += core.finish()
    tracker = core.tracker
    measured = tracker is not None
    scatter = tracker.scatter if tracker is not None else core.assumed_scatter()
    sight = look(plan, scatter, chosen)
    progress(1.0)
    left_m = np.array(left).reshape(-1, n)
    length = plan.network.length_m[plan.network.pipes]
    usable = np.mean(known, axis=0) if known else np.zeros(n)
    offset = tracker.offset[:n] if tracker is not None else np.zeros(n)
    coefficient = core.baseline.coefficient if core.baseline is not None else np.zeros((n, 2))
    bias = coefficient[:n, 0] + coefficient[:n, 1]
    sensors = tuple(
        SensorCheck(
            sensor_id=instruments.sensors[i].sensor_id,
            known=round(float(usable[i]), 4),
            bias_m=round(float(bias[i]), 4),
            scatter_m=round(_scatter(left_m[:, i] - offset[i]), 4),
            day_scatter_m=round(float(np.sqrt(scatter[i, i])), 4),
            seen_share=round(_share(sight.seen_by(i, SEEN_LEAK_M3_PER_H), length), 4),
            masked={reason.value: int(count[i]) for reason, count in core.checks.counts.items() if count[i]},
        )
        for i in range(n)
    )
    return Calibration(
        days=round(len(known) / 24.0, 2),
        measured=measured,
        trust=core.trust,
        pattern_shift_days=core.pattern_shift_days,
        sensors=sensors,
        zones=tuple(_zone(plan, sight, scatter, length, z, zone_names(z)) for z in range(plan.model.n_zones)),
        reports=tuple(reports),
        sight=sight,
        hours=np.array(hours),
        left_m=left_m,
    )


def _zone(plan: Plan, sight: Sight, scatter: Floats, length_m: Floats, zone: int, name: str) -> ZoneCheck:
    model, own = plan.model, plan.layout.zones[zone]
    half, most = sight.of_zone(zone, length_m)
    balance = model.n_pressure + model.n_split + 2 * zone
    return ZoneCheck(
        zone_id=name,
        closed=own.closed,
        length_m=round(float(length_m[sight.zone == zone].sum()), 1),
        mean_flow_m3_per_h=round(float(model.mean_flow[zone]), 2),
        day_scatter_m3_per_h=round(float(np.sqrt(scatter[balance, balance])), 3) if own.closed else None,
        half_m3_per_h=round(half, 2),
        most_m3_per_h=round(most, 2),
    )


def _scatter(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.std(known)) if len(known) else 0.0


def _share(chosen: np.ndarray, length_m: Floats) -> float:
    return float(length_m[chosen].sum() / max(float(length_m.sum()), 1e-9))
