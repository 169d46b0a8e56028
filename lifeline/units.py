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


SI_UNIT: dict[Quantity, str] = {
    Quantity.PRESSURE: "Pa",
    Quantity.FLOW: "m3/s",
    Quantity.LEVEL: "m",
    Quantity.WATER_DEPTH: "m",
    Quantity.RAIN_INTENSITY: "m/s",
    Quantity.TEMPERATURE: "Cel",
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
}
"""Units legal in SenML without a version."""

SECONDARY: dict[str, Scale] = {
    "hPa": Scale("Pa", 100.0),
    "mm": Scale("m", 1e-3),
    "cm": Scale("m", 1e-2),
    "km": Scale("m", 1e3),
    "mm/h": Scale("m/s", 1e-3 / SECONDS_PER_HOUR),
    "m/h": Scale("m/s", 1.0 / SECONDS_PER_HOUR),
}
"""Units legal in SenML with feature 4, `bver` 26 (RFC 8798)."""

FIELD: dict[str, Scale] = {
    "bar": Scale("Pa", 1e5),
    "kPa": Scale("Pa", 1e3),
    "MPa": Scale("Pa", 1e6),
    "mH2O": Scale("Pa", PASCAL_PER_METRE_OF_WATER),
    "m3/h": Scale("m3/s", 1.0 / SECONDS_PER_HOUR),
    "in": Scale("m", 0.0254),
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
