"""The elements that stations report: identifier, name, unit; source: SL 651-2014, annex C.

Rain that fell in an interval is told as the mean intensity of that interval, which is what the system stores; `minutes`
is the interval's length. Everything else is told as it is sent.
"""

from enum import IntFlag
from typing import NamedTuple


class Element(NamedTuple):
    """What an identifier stands for."""

    name: str
    unit: str | None = None
    """None: the unit that the city pack names"""
    minutes: int = 0
    """length of the interval in which that much rain (mm) fell; 0: no rain of an interval"""
    outliers: tuple[int, ...] = ()
    """values that are codes, no measurements"""


class Series(NamedTuple):
    """Twelve unsigned numbers of an hour in steps of 5 minutes."""

    element: Element
    bytes_: int
    decimals: int


class Status(IntFlag):
    """The station's status; here every bit says that it is so, also those two that the standard sends inverted."""

    MAINS_LOST = 1 << 0
    BATTERY_LOW = 1 << 1
    LEVEL_ALARM = 1 << 2
    FLOW_ALARM = 1 << 3
    QUALITY_ALARM = 1 << 4
    FLOW_METER_FAULT = 1 << 5
    LEVEL_METER_FAULT = 1 << 6
    DOOR_OPEN = 1 << 7
    MEMORY_FAULT = 1 << 8
    IC_CARD_VALID = 1 << 9
    PUMP_RUNNING = 1 << 10
    QUOTA_EXCEEDED = 1 << 11


INVERTED = Status.DOOR_OPEN | Status.PUMP_RUNNING
POINTS, POINT_S = 12, 300.0
STEP, STATUS = 0x04, 0x45
STATUS_ELEMENT = Element("ZT")

_DRY_OR_FLOODED = (0, 444)
_SHUT_LIFTED_OPEN = (444, 888, 999)

ELEMENTS: dict[int, Element] = {
    0x02: Element("AI", "Cel"),
    0x03: Element("C", "Cel"),
    0x05: Element("DT", "h.min"),
    0x08: Element("FL", "hPa"),
    0x09: Element("GH", "m", outliers=_SHUT_LIFTED_OPEN),
    0x0A: Element("GN"),
    0x0C: Element("GT"),
    0x0E: Element("H", "m", outliers=_DRY_OR_FLOODED),
    0x18: Element("MST", "%RH"),
    0x19: Element("NS"),
    0x1A: Element("P1", "mm/h", 60),
    0x1B: Element("P2", "mm/h", 120),
    0x1C: Element("P3", "mm/h", 180),
    0x1D: Element("P6", "mm/h", 360),
    0x1E: Element("P12", "mm/h", 720),
    0x1F: Element("PD", "mm"),
    0x20: Element("PJ", "mm"),
    0x21: Element("PN01", "mm/h", 1),
    0x22: Element("PN05", "mm/h", 5),
    0x23: Element("PN10", "mm/h", 10),
    0x24: Element("PN30", "mm/h", 30),
    0x25: Element("PR", "mm"),
    0x26: Element("PT", "mm"),
    0x27: Element("Q", "m3/s"),
    **{0x27 + i: Element(f"Q{i}", "m3/s") for i in range(1, 9)},
    0x33: Element("UC"),
    0x34: Element("UE"),
    0x35: Element("US", "m/s"),
    0x36: Element("VA", "m/s"),
    0x37: Element("VJ", "m/s"),
    0x38: Element("VT", "V"),
    0x39: Element("Z", "m"),
    0x3A: Element("ZB", "m"),
    0x3B: Element("ZU", "m"),
    **{0x3B + i: Element(f"Z{i}", "m") for i in range(1, 9)},
    0x46: Element("PH", "pH"),
    0x47: Element("DO", "mg/l"),
    0x48: Element("COND", "uS/cm"),
    0x49: Element("TURB"),
    0x4A: Element("CODMN", "mg/l"),
    0x4C: Element("NH4N", "mg/l"),
    0x4D: Element("TP", "mg/l"),
    0x4E: Element("TN", "mg/l"),
    **{0x57 + i: Element(f"WP{i}", "kPa") for i in range(1, 9)},
    **{0x5F + i: Element(f"SYL{i}", "m3") for i in range(1, 9)},
    **{0x67 + i: Element(f"SBL{i}", "m3/h") for i in range(1, 9)},
    **{0x70 + i: Element(f"VT{phase}", "V") for i, phase in enumerate("ABC")},
    **{0x73 + i: Element(f"VI{phase}", "A") for i, phase in enumerate("ABC")},
}
SERIES: dict[int, Series] = {
    0xF4: Series(Element("DRP", "mm/h", 5), 1, 1),
    **{0xF4 + i: Series(Element(f"DRZ{i}", "m"), 2, 2) for i in range(1, 9)},
}
BY_NAME = {element.name: element for element in ELEMENTS.values()}
SERIES_BY_NAME = {series.element.name: series for series in SERIES.values()}
