"""What a depth sensor shows when there is no water: a dry datum that wanders slowly, and snow that lies on the street.

The datum is a recursive median of dry readings (it moves by a fixed small rate towards each), with a temperature
coefficient found the same way. Snow is what rises slowly below 0 Cel without rain; it becomes the ground on which
water is measured, and goes down with its own lowest readings.
"""

from dataclasses import dataclass, field
from typing import Any

WET_M = 0.02
_HOUR_S = 3600.0
_REFERENCE_C = 10.0


@dataclass(frozen=True, slots=True)
class Weather:
    """What is known at a reading; None is not known."""

    temperature_c: float | None = None
    rain_1h_mm: float | None = None
    water_near: bool = False
    """trusted water stands at a neighbour, or the drain below is full"""


UNKNOWN_WEATHER = Weather()


@dataclass(frozen=True, slots=True)
class DatumLimits:
    """How fast the datum may move, and what snow is."""

    drift_m_per_h: float = 0.0005
    """1.2 cm a day: slower than any water"""
    coefficient_m_per_k: float = 0.002
    """the most that is believed; ultrasonic sensors compensate to about 1 mm per K at 3 m"""
    snow_c: float = 0.5
    snow_m_per_h: float = 0.06
    """heavy snowfall brings 5 cm in an hour, a burst main that in minutes"""
    snow_least_m: float = 0.01
    snow_span_s: float = 1800.0
    snow_every_s: float = 300.0
    dry_rain_mm: float = 0.2


@dataclass(slots=True)
class _Memory:
    at_s: float = 0.0
    datum_m: float = 0.0
    coefficient_m_per_k: float = 0.0
    snow_m: float = 0.0
    half_hour: list[tuple[float, float]] = field(default_factory=list)
    """lowest reading of each five minutes"""


class Datum:
    """Follows one sensor's ground. Cost of a reading: microseconds."""

    def __init__(self, limits: DatumLimits | None = None) -> None:
        self._limits = limits or DatumLimits()
        self._memory = _Memory()

    @property
    def datum_m(self) -> float:
        """What the dry sensor shows at 10 Cel."""
        return self._memory.datum_m

    @property
    def snow_m(self) -> float:
        """Snow that is taken to lie under the sensor."""
        return self._memory.snow_m

    def above(self, at_s: float, value_m: float, weather: Weather) -> tuple[float, bool]:
        """Depth above datum and snow, m, at least 0; and whether the reading is snow rather than water."""
        limits, m = self._limits, self._memory
        gap_s = max(at_s - m.at_s, 0.0) if m.at_s else 0.0
        hours = min(gap_s / _HOUR_S, 1.0)
        m.at_s = at_s
        warmth_k = 0.0 if weather.temperature_c is None else weather.temperature_c - _REFERENCE_C
        bare_m = value_m - m.datum_m - m.coefficient_m_per_k * warmth_k
        rain = weather.rain_1h_mm is not None and weather.rain_1h_mm >= limits.dry_rain_mm
        snow = self._snow(at_s, gap_s, bare_m, rain, weather.temperature_c)
        if abs(bare_m) < WET_M and not rain and m.snow_m == 0.0:
            sign = (bare_m > 0.0) - (bare_m < 0.0)
            m.datum_m += sign * min(limits.drift_m_per_h * hours, abs(bare_m))
            most = limits.coefficient_m_per_k
            turn = sign * (1 if warmth_k > 0.0 else -1) * (limits.drift_m_per_h * hours / 20.0 if warmth_k else 0.0)
            m.coefficient_m_per_k = min(max(m.coefficient_m_per_k + turn, -most), most)
        return max(bare_m - m.snow_m, 0.0), snow

    def state(self) -> list[Any]:
        """What is remembered; goes through JSON unchanged."""
        return values(self._memory)

    def restore(self, state: list[Any]) -> None:
        """Goes on from what `state` gave."""
        self._memory = _Memory(*state)
        self._memory.half_hour = [(t, d) for t, d in self._memory.half_hour]

    def _snow(self, at_s: float, gap_s: float, bare_m: float, rain: bool, temperature_c: float | None) -> bool:
        limits, m = self._limits, self._memory
        if m.half_hour and at_s - m.half_hour[-1][0] < limits.snow_every_s:
            began_s, low_m = m.half_hour[-1]
            m.half_hour[-1] = (began_s, min(low_m, bare_m))
        else:
            m.half_hour = [(t, d) for t, d in m.half_hour if at_s - t <= limits.snow_span_s] + [(at_s, bare_m)]
        ground_m = max(min(d for _, d in m.half_hour), 0.0)
        if m.snow_m and ground_m < m.snow_m:
            m.snow_m = ground_m if ground_m >= limits.snow_least_m / 2.0 else 0.0
        cold = temperature_c is not None and temperature_c <= limits.snow_c
        if not cold or rain or bare_m < limits.snow_least_m:
            return False
        # what stands higher above the snow than could have fallen since is water, however long it stands
        span_s = max(gap_s, limits.snow_span_s)
        if bare_m - m.snow_m > limits.snow_m_per_h * span_s / _HOUR_S:
            return False
        m.snow_m = max(m.snow_m, ground_m if gap_s < limits.snow_span_s else bare_m)
        return True


def values(memory: Any) -> list[Any]:
    """The fields of a slotted dataclass in order, lists copied: much cheaper than `asdict`."""
    fields = (getattr(memory, name) for name in memory.__slots__)
    return [list(v) if isinstance(v, list) else v for v in fields]
