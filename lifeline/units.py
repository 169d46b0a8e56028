"""Quantities, their SI units, and the one place where units are converted.

Unit names are those of the SenML registry (RFC 8428, RFC 8798). Everything behind the gate is SI.
"""

from dataclasses import dataclass
from enum import StrEnum

from lifeline.errors import UnitError

PASCAL_PER_METRE_OF_WATER = 9806.65
"""Pressure of one metre of water at standard gravity, 1000 kg/m3."""
SECONDS_PER_HOUR = 3600.0


class Quantity(StrEnum):
    """What a sensor measures."""

    PRESSURE = "pressure"
    FLOW = "flow"
    LEVEL = "level"
    WATER_DEPTH = "water_depth"
    RAIN_INTENSITY = "rain_intensity"
    TEMPERATURE = "temperature"
    # of stations of SL 651-2014 (annex C) and HJ 212-2017 (annex B)
    VELOCITY = "velocity"
    WIND_SPEED = "wind_speed"
    AIR_PRESSURE = "air_pressure"
    HUMIDITY = "humidity"
    RAIN_DEPTH = "rain_depth"
    """accumulated"""
    GROUNDWATER_DEPTH = "groundwater_depth"
    OPENING = "opening"
    """of a gate"""
    VOLUME = "volume"
    MASS = "mass"
    """discharged in an interval"""
    VOLTAGE = "voltage"
    CURRENT = "current"
    POWER = "power"
    BATTERY = "battery"
    STATUS = "status"
    """a word of bits, or the state of a machine"""
    COUNT = "count"
    PH = "ph"
    CONDUCTIVITY = "conductivity"
    TURBIDITY = "turbidity"
    DISSOLVED_OXYGEN = "dissolved_oxygen"
    COD = "cod"
    PERMANGANATE_INDEX = "permanganate_index"
    BOD5 = "bod5"
    TOC = "toc"
    AMMONIA_NITROGEN = "ammonia_nitrogen"
    TOTAL_NITROGEN = "total_nitrogen"
    TOTAL_PHOSPHORUS = "total_phosphorus"
    SUSPENDED_SOLIDS = "suspended_solids"
    DISSOLVED_SOLIDS = "dissolved_solids"
    PETROLEUM = "petroleum"
    COPPER = "copper"
    ZINC = "zinc"


CONCENTRATIONS = (
    Quantity.DISSOLVED_OXYGEN, Quantity.COD, Quantity.PERMANGANATE_INDEX, Quantity.BOD5, Quantity.TOC,
    Quantity.AMMONIA_NITROGEN, Quantity.TOTAL_NITROGEN, Quantity.TOTAL_PHOSPHORUS, Quantity.SUSPENDED_SOLIDS,
    Quantity.DISSOLVED_SOLIDS, Quantity.PETROLEUM, Quantity.COPPER, Quantity.ZINC,
)  # fmt: skip
"""Quantities of something dissolved or suspended in water."""

SI_UNIT: dict[Quantity, str] = {
    Quantity.PRESSURE: "Pa",
    Quantity.FLOW: "m3/s",
    Quantity.LEVEL: "m",
    Quantity.WATER_DEPTH: "m",
    Quantity.RAIN_INTENSITY: "m/s",
    Quantity.TEMPERATURE: "Cel",
    Quantity.VELOCITY: "m/s",
    Quantity.WIND_SPEED: "m/s",
    Quantity.AIR_PRESSURE: "Pa",
    Quantity.HUMIDITY: "%RH",
    Quantity.RAIN_DEPTH: "m",
    Quantity.GROUNDWATER_DEPTH: "m",
    Quantity.OPENING: "m",
    Quantity.VOLUME: "m3",
    Quantity.MASS: "kg",
    Quantity.VOLTAGE: "V",
    Quantity.CURRENT: "A",
    Quantity.POWER: "W",
    Quantity.BATTERY: "%EL",
    Quantity.STATUS: "count",
    Quantity.COUNT: "count",
    Quantity.PH: "pH",
    Quantity.CONDUCTIVITY: "S/m",
    Quantity.TURBIDITY: "NTU",
    **dict.fromkeys(CONCENTRATIONS, "kg/m3"),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """value_si = value * factor + offset."""

    si: str
    factor: float
    offset: float = 0.0


PRIMARY: dict[str, Scale] = {
    "Pa": Scale("Pa", 1.0),
    "m3/s": Scale("m3/s", 1.0),
    "l/s": Scale("m3/s", 1e-3),
    "m": Scale("m", 1.0),
    "m/s": Scale("m/s", 1.0),
    "Cel": Scale("Cel", 1.0),
    "K": Scale("Cel", 1.0, -273.15),
    **{unit: Scale(unit, 1.0) for unit in ("m3", "kg", "kg/m3", "V", "A", "W", "%RH", "%EL", "count", "pH", "S/m")},
    "l": Scale("m3", 1e-3),
}
"""Units legal in SenML without a version."""

SECONDARY: dict[str, Scale] = {
    "hPa": Scale("Pa", 100.0),
    "mm": Scale("m", 1e-3),
    "cm": Scale("m", 1e-2),
    "km": Scale("m", 1e3),
    "mm/h": Scale("m/s", 1e-3 / SECONDS_PER_HOUR),
    "m/h": Scale("m/s", 1.0 / SECONDS_PER_HOUR),
    "mV": Scale("V", 1e-3),
    "mA": Scale("A", 1e-3),
    "kW": Scale("W", 1e3),
    "g/l": Scale("kg/m3", 1.0),
    "mg/l": Scale("kg/m3", 1e-3),
    "ug/l": Scale("kg/m3", 1e-6),
}
"""Units legal in SenML with feature 4, `bver` 26 (RFC 8798)."""

FIELD: dict[str, Scale] = {
    "bar": Scale("Pa", 1e5),
    "kPa": Scale("Pa", 1e3),
    "MPa": Scale("Pa", 1e6),
    "mH2O": Scale("Pa", PASCAL_PER_METRE_OF_WATER),
    "m3/h": Scale("m3/s", 1.0 / SECONDS_PER_HOUR),
    "in": Scale("m", 0.0254),
    "uS/cm": Scale("S/m", 1e-4),
    "NTU": Scale("NTU", 1.0),
}
"""Units of other wire formats and recorded files; not legal in SenML."""

ALL: dict[str, Scale] = PRIMARY | SECONDARY | FIELD


def scale_to_si(unit: str, quantity: Quantity) -> Scale:
    """The scale that brings `unit` to the SI unit of `quantity`.

    Raises UnitError where the unit is unknown or measures something else.

    >>> scale_to_si("mm/h", Quantity.RAIN_INTENSITY).factor * 3.6e6
    1.0
    """
    scale = ALL.get(unit)
    if scale is None:
        raise UnitError(f"unknown unit {unit!r}", advice=f"use one of {', '.join(sorted(ALL))}")
    if scale.si != SI_UNIT[quantity]:
        raise UnitError(f"{unit!r} does not measure {quantity.value}", advice=f"send {SI_UNIT[quantity]}")
    return scale


def to_si(value: float, unit: str, quantity: Quantity) -> float:
    """`value` in `unit` as SI. Raises UnitError."""
    scale = scale_to_si(unit, quantity)
    return value * scale.factor + scale.offset


def head_m(pressure_pa: float) -> float:
    """Pressure as metres of water."""
    return pressure_pa / PASCAL_PER_METRE_OF_WATER


def m3_per_h(flow_m3_per_s: float) -> float:
    """Flow as m3/h, the unit in which leaks are spoken of."""
    return flow_m3_per_s * SECONDS_PER_HOUR
