"""Numbers and times as people read them: field units, local time, never more digits than a sensor has. Pure."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from lifeline.units import ALL, CONCENTRATIONS, Quantity


@dataclass(frozen=True, slots=True)
class Shown:
    """The unit that people read a quantity in."""

    unit: str
    per_si: float
    digits: int


def _shown(unit: str, name: str, digits: int) -> Shown:
    return Shown(name, 1.0 / ALL[unit].factor, digits)


SHOWN: dict[Quantity, Shown] = {
    Quantity.PRESSURE: _shown("kPa", "kPa", 0),
    Quantity.FLOW: _shown("m3/h", "m³/h", 1),
    Quantity.LEVEL: _shown("m", "m", 2),
    Quantity.WATER_DEPTH: _shown("cm", "cm", 1),
    Quantity.RAIN_INTENSITY: _shown("mm/h", "mm/h", 1),
    Quantity.TEMPERATURE: _shown("Cel", "°C", 1),
    Quantity.VELOCITY: _shown("m/s", "m/s", 2),
    Quantity.WIND_SPEED: _shown("m/s", "m/s", 1),
    Quantity.AIR_PRESSURE: _shown("hPa", "hPa", 0),
    Quantity.HUMIDITY: _shown("%RH", "%", 0),
    Quantity.RAIN_DEPTH: _shown("mm", "mm", 1),
    Quantity.GROUNDWATER_DEPTH: _shown("m", "m", 2),
    Quantity.OPENING: _shown("m", "m", 2),
    Quantity.VOLUME: _shown("m3", "m³", 1),
    Quantity.MASS: _shown("kg", "kg", 2),
    Quantity.VOLTAGE: _shown("V", "V", 2),
    Quantity.CURRENT: _shown("A", "A", 2),
    Quantity.POWER: _shown("kW", "kW", 1),
    Quantity.BATTERY: _shown("%EL", "%", 0),
    Quantity.STATUS: Shown("", 1.0, 0),
    Quantity.COUNT: Shown("", 1.0, 0),
    Quantity.PH: Shown("", 1.0, 2),
    Quantity.CONDUCTIVITY: _shown("uS/cm", "µS/cm", 0),
    Quantity.TURBIDITY: _shown("NTU", "NTU", 0),
    **dict.fromkeys(CONCENTRATIONS, _shown("mg/l", "mg/L", 2)),
}


def value(quantity: Quantity, value_si: float) -> str:
    """A value with its unit.

    >>> value(Quantity.PRESSURE, 310_400.0)
    '310 kPa'
    """
    shown = SHOWN[quantity]
    return f"{value_si * shown.per_si:.{shown.digits}f} {shown.unit}".rstrip()


def percent(probability: float) -> int:
    """A probability for people: certainty is not claimed.

    >>> percent(0.9999)
    99
    """
    return max(1, min(99, round(100 * probability)))


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone `name`."""
    return ZoneInfo(name)


def moment(at: datetime, timezone: str, *, now: datetime) -> str:
    """Local time; with the date unless it is today's.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 11, 23, 2, 5, tzinfo=UTC), "Asia/Shanghai", now=datetime(2026, 11, 23, 9, tzinfo=UTC))
    '10:05:00'
    """
    local, today = at.astimezone(zone(timezone)), now.astimezone(zone(timezone))
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%m-%d %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"
