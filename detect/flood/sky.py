"""What a city's gauges, thermometers and manholes say around a flood, and what they make of its cause.

City-wide on purpose: the wettest gauge vouches for rain anywhere, since cells are smaller than the distance of gauges.
What no gauge has told lately is unknown, not dry.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from detect.flood.datum import Weather
from lifeline.asset import Sensor, Site
from lifeline.units import Quantity

_MINUTE_S, _HOUR_S = 60.0, 3600.0
_KEEP_S = 3 * _HOUR_S
_SLOT_S = 300.0
_FRESH_S = 2 * _HOUR_S
_MM_PER_M = 1000.0


class Cause(StrEnum):
    """Where the water comes from."""

    RAIN = "rain"
    MELT = "melt"
    BURST = "burst"
    """neither rain nor melt: a main may have burst"""
    BACKWATER = "backwater"
    """the drain below stands full without rain"""
    UNKNOWN = "unknown"
    """no gauge tells whether it rains"""


@dataclass(frozen=True, slots=True)
class CauseLimits:
    """Working values of this project."""

    rain_mm: float = 1.0
    """in three hours"""
    melt_c: float = 0.0
    melt_after_c: float = -1.0
    """thaw: above melt_c now, and below this within the last three days"""
    melt_memory_s: float = 72 * _HOUR_S
    full_share: float = 0.8


@dataclass(slots=True)
class _Memory:
    rain_m: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """per gauge, begin of each five minutes and the rain in them"""
    rain_at: dict[str, tuple[float, float]] = field(default_factory=dict)
    """per gauge, instant and intensity m/s of the latest reading"""
    temperature: dict[str, tuple[float, float]] = field(default_factory=dict)
    cold_s: float | None = None
    """when it last was clearly below zero"""
    fill: dict[str, tuple[float, float]] = field(default_factory=dict)


class Sky:
    """Follows rain, temperature and drains of one city; `sensors` may hold others, which are passed over."""

    def __init__(self, sensors: tuple[Sensor, ...], limits: CauseLimits | None = None) -> None:
        self._limits = limits or CauseLimits()
        self._sensors = {s.sensor_id: s for s in sensors if wanted(s)}
        self._memory = _Memory()
        self._minute: tuple[float, Weather] | None = None

    def hear(self, sensor: Sensor, at_s: float, value: float) -> None:
        """A reading of one of its sensors, SI."""
        m, key = self._memory, sensor.sensor_id
        self._minute = None
        if sensor.quantity is Quantity.RAIN_INTENSITY:
            before_s, _ = m.rain_at.get(key, (at_s - sensor.interval_s, 0.0))
            if at_s <= before_s:
                return
            slot_s = at_s - at_s % _SLOT_S
            fallen_m = max(value, 0.0) * min(at_s - before_s, 2.0 * sensor.interval_s)
            slots = [(t, r) for t, r in m.rain_m.get(key, []) if at_s - t <= _KEEP_S]
            if slots and slots[-1][0] == slot_s:
                slots[-1] = (slot_s, slots[-1][1] + fallen_m)
            else:
                slots.append((slot_s, fallen_m))
            m.rain_m[key], m.rain_at[key] = slots, (at_s, value)
        elif sensor.quantity is Quantity.TEMPERATURE:
            m.temperature[key] = (at_s, value)
            if value < self._limits.melt_after_c:
                m.cold_s = max(at_s, m.cold_s or at_s)
        else:
            m.fill[key] = (at_s, value / sensor.range_max if sensor.range_max > 0.0 else 0.0)

    def rain_mm(self, at_s: float, within_s: float) -> float | None:
        """Rain of the wettest gauge, mm; None where no gauge was heard lately."""
        heard = [key for key, (t, _) in self._memory.rain_at.items() if at_s - t <= _FRESH_S]
        if not heard:
            return None
        return max(
            _MM_PER_M * sum(r for t, r in self._memory.rain_m[key] if -_SLOT_S < at_s - t <= within_s) for key in heard
        )

    def temperature_c(self, at_s: float) -> float | None:
        """The middle one of the thermometers heard lately."""
        values = sorted(c for t, c in self._memory.temperature.values() if at_s - t <= _FRESH_S)
        return values[len(values) // 2] if values else None

    def fill(self, at_s: float) -> float | None:
        """How full the fullest manhole heard lately is, 0 to 1."""
        return max((share for t, share in self._memory.fill.values() if at_s - t <= _FRESH_S), default=None)

    def weather(self, at_s: float) -> Weather:
        """What the filter of a depth sensor asks, to the minute."""
        minute_s = at_s - at_s % _MINUTE_S
        if self._minute is None or self._minute[0] != minute_s:
            until_s = minute_s + _MINUTE_S
            self._minute = (minute_s, Weather(self.temperature_c(until_s), self.rain_mm(until_s, _HOUR_S)))
        return self._minute[1]

    def cause(self, at_s: float, zone_id: str | None, *, snow: bool = False) -> Cause:
        """Why there is water in `zone_id`; `snow`: snow lies where it stands."""
        limits, m = self._limits, self._memory
        rain_mm = self.rain_mm(at_s, _KEEP_S)
        if rain_mm is not None and rain_mm >= limits.rain_mm:
            return Cause.RAIN
        temperature_c = self.temperature_c(at_s)
        thaw = m.cold_s is not None and at_s - m.cold_s <= limits.melt_memory_s
        if temperature_c is not None and temperature_c > limits.melt_c and (thaw or snow):
            return Cause.MELT
        if rain_mm is None:
            return Cause.UNKNOWN
        return Cause.BACKWATER if self.full(at_s, zone_id) else Cause.BURST

    def full(self, at_s: float, zone_id: str | None) -> bool:
        """Whether a manhole of `zone_id` stands full."""
        return any(
            at_s - t <= _FRESH_S and share >= self._limits.full_share and self._sensors[key].zone_id == zone_id
            for key, (t, share) in self._memory.fill.items()
            if key in self._sensors
        )

    def state(self) -> dict[str, Any]:
        """What is remembered; goes through JSON unchanged."""
        m = self._memory
        return {"rain": m.rain_m, "rain_at": m.rain_at, "air": m.temperature, "cold_s": m.cold_s, "fill": m.fill}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave; sensors that have gone are forgotten."""
        self._minute = None

        def pairs(saved: dict[str, list[float]]) -> dict[str, tuple[float, float]]:
            return {key: (pair[0], pair[1]) for key, pair in saved.items() if key in self._sensors}

        rain = {k: [(t, r) for t, r in rows] for k, rows in state["rain"].items() if k in self._sensors}
        self._memory = _Memory(
            rain, pairs(state["rain_at"]), pairs(state["air"]), state["cold_s"], pairs(state["fill"])
        )


def wanted(sensor: Sensor) -> bool:
    """Whether a sensor tells something about the cause of floods."""
    return sensor.quantity in (Quantity.RAIN_INTENSITY, Quantity.TEMPERATURE) or (
        sensor.quantity is Quantity.LEVEL and sensor.site is Site.MANHOLE
    )
