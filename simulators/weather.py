"""Weather of the simulated cities: air temperature by season, design storms, cloudburst cells that move."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from lifeline.asset import Position

MM_PER_H_PER_L_PER_S_HA = 0.36
"""1 l/(s ha) of rain is 0.36 mm/h."""
MM_PER_H_TO_M_PER_S = 1e-3 / 3600.0
KM_PER_DEGREE = 111.2


@dataclass(frozen=True, slots=True)
class IntensityFormula:
    """Rainstorm intensity formula in the Chinese form: q = A (1 + C lg P) / (t + b)^n in l/(s ha), t in minutes."""

    a: float
    c: float
    b: float
    n: float


CHANGCHUN_STORM = IntensityFormula(a=1600.0, c=0.8, b=5.0, n=0.76)
"""An assumption: the formula that design handbooks print for Changchun, not checked against the city's present one."""
INTENSITY_FORMULAS: dict[str, IntensityFormula] = {
    "220100": CHANGCHUN_STORM,
    "220200": CHANGCHUN_STORM,
    "220300": CHANGCHUN_STORM,
    "220400": CHANGCHUN_STORM,
}
"""By city code. The neighbours take Changchun's: an assumption, good enough to size an invented drain."""


def mean_intensity_mm_per_h(formula: IntensityFormula, years: float, minutes: float) -> float:
    """Mean intensity over `minutes` of a storm that returns every `years` years.

    >>> round(mean_intensity_mm_per_h(CHANGCHUN_STORM, 2.0, 60.0), 1)
    29.9
    """
    q_l_per_s_ha: float = formula.a * (1.0 + formula.c * math.log10(years)) / (minutes + formula.b) ** formula.n
    return q_l_per_s_ha * MM_PER_H_PER_L_PER_S_HA


def chicago_mm_per_h(formula: IntensityFormula, years: float, *, minutes: float, peak_share: float, at: float) -> float:
    """Intensity at `at` minutes of a design storm of Chicago type (Keifer and Chu 1957), 0 outside it.

    Over any span around the peak, which comes at `peak_share` of the duration, the storm has the formula's mean.
    """
    if not 0.0 <= at < minutes:
        return 0.0
    peak = peak_share * minutes
    t = (peak - at) / peak_share if at < peak else (at - peak) / (1.0 - peak_share)
    a: float = formula.a * (1.0 + formula.c * math.log10(years)) * MM_PER_H_PER_L_PER_S_HA
    intensity: float = a * ((1.0 - formula.n) * t + formula.b) / (t + formula.b) ** (formula.n + 1.0)
    return intensity


class Rain(Protocol):
    """Rain over the city."""

    def mm_per_h(self, when: datetime, position: Position) -> float:
        """Intensity at an instant and a place."""
        ...


@dataclass(frozen=True, slots=True)
class DesignStorm:
    """The same Chicago storm everywhere within `radius_km` of `over`."""

    begins: datetime
    over: Position
    formula: IntensityFormula
    years: float
    minutes: float = 60.0
    peak_share: float = 0.4
    radius_km: float = 25.0

    def mm_per_h(self, when: datetime, position: Position) -> float:
        if math.hypot(*_east_north_km(self.over, position)) > self.radius_km:
            return 0.0
        at = (when - self.begins).total_seconds() / 60.0
        return chicago_mm_per_h(self.formula, self.years, minutes=self.minutes, peak_share=self.peak_share, at=at)


@dataclass(frozen=True, slots=True)
class Cloudburst:
    """A round cell that crosses the city: `peak_mm_per_h` in its middle, half of it at `radius_km`.

    It passes over `over` in the middle of its life; it moves towards `heading_deg` (from north, clockwise), and its
    strength grows and falls within the first and the last tenth of its life.
    """

    begins: datetime
    over: Position
    peak_mm_per_h: float
    minutes: float
    radius_km: float = 3.0
    speed_km_per_h: float = 6.0
    heading_deg: float = 60.0

    def mm_per_h(self, when: datetime, position: Position) -> float:
        at = (when - self.begins).total_seconds() / 60.0
        if not 0.0 <= at < self.minutes:
            return 0.0
        moved_km = (at - self.minutes / 2.0) / 60.0 * self.speed_km_per_h
        heading = math.radians(self.heading_deg)
        east_km, north_km = _east_north_km(self.over, position)
        away_km = math.hypot(east_km - moved_km * math.sin(heading), north_km - moved_km * math.cos(heading))
        edge = min(1.0, at / (0.1 * self.minutes), (self.minutes - at) / (0.1 * self.minutes))
        share: float = 0.5 ** ((away_km / self.radius_km) ** 2)
        return self.peak_mm_per_h * edge * share


def _east_north_km(origin: Position, place: Position) -> tuple[float, float]:
    east_km = (place.lon - origin.lon) * KM_PER_DEGREE * math.cos(math.radians(origin.lat))
    return east_km, (place.lat - origin.lat) * KM_PER_DEGREE


def air_temperature_c(when: datetime, timezone: str) -> float:
    """Typical temperature in the region: January mean -15, July mean 23, warmest at 15 h, +-4.5 over the day.

    Orders of magnitude of the climate of central Jilin, an assumption good enough for a simulated gauge.
    """
    local = when.astimezone(ZoneInfo(timezone))
    day = local.timetuple().tm_yday
    hour = local.hour + local.minute / 60.0 + local.second / 3600.0
    season = 4.0 - 19.0 * math.cos(2.0 * math.pi * (day - 18) / 365.25)
    return season + 4.5 * math.cos(2.0 * math.pi * (hour - 15.0) / 24.0)
