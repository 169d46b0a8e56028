"""Single values of a pack: each parser gives the value, or notes a fault at its place and gives a stand-in.

Stand-ins let the check go on to the next fault; an object is built only where no fault was noted.
"""

import math
import re
from enum import StrEnum
from typing import Literal, TypeVar

from lifeline.asset import Position
from lifeline.city.fault import Faults, Place

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
DIVISION = re.compile(r"[0-9]{6}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
FARTHEST_DEGREES = 3.0
"""A city is not larger: farther from its centre is a slip of the pen (lon and lat swapped, metres, a typing error)."""

_NEXT_TO_NOTHING = 1e-5
E = TypeVar("E", bound=StrEnum)


def number(text: str, place: Place, faults: Faults, *, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite decimal number with `.`, low <= number <= high; 0.0 at a fault."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if math.isfinite(value) and low <= value <= high:
        return value
    faults.add(place, f"a number{bounds(low, high)}", text)
    return 0.0


def integer(text: str, place: Place, faults: Faults, *, low: int = 0) -> int:
    """A whole number >= low; 0 at a fault."""
    if re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= low:
        return int(text)
    faults.add(place, f"a whole number >= {low}", text)
    return 0


def words(text: str, place: Place, faults: Faults, *, expected: str = "some text") -> str:
    """Text that is not empty and does not begin or end with a blank."""
    if not text or text != text.strip():
        faults.add(place, f"{expected}, no blanks around it", text)
    return text


def identifier(text: str, place: Place, faults: Faults) -> str:
    """An identifier of docs/wire.md."""
    if not ID.fullmatch(text):
        faults.add(place, "an identifier: letters, digits, `_`, `.`, `-`, at most 64", text)
    return text


def division(text: str, place: Place, faults: Faults) -> str:
    """Six digits of GB/T 2260."""
    if not DIVISION.fullmatch(text):
        faults.add(place, "six digits of GB/T 2260", text)
    return text


def choice(text: str, place: Place, faults: Faults, kind: type[E]) -> E:
    """A member of `kind`; its first at a fault."""
    try:
        return kind(text)
    except ValueError:
        faults.add(place, f"one of {', '.join(kind)}", text)
        return next(iter(kind))


def check_near(
    centre: Position | None, degrees: float, place: Place, faults: Faults, axis: Literal["lon", "lat"]
) -> None:
    """Notes a longitude or latitude that is not near `centre`; where that is unknown, one that is not on Earth."""
    reach = FARTHEST_DEGREES if centre else {"lon": 180.0, "lat": 90.0}[axis]
    middle = getattr(centre, axis) if centre else 0.0
    if not middle - reach <= degrees <= middle + reach:
        words = {"lon": "a longitude", "lat": "a latitude"}[axis]
        near = " (near the centre of city.toml)" if centre else ""
        faults.add(place, f"{words} from {middle - reach:g} to {middle + reach:g} degrees{near}", degrees)


def bounds(low: float, high: float) -> str:
    """How a range is said.

    >>> bounds(0, math.inf), bounds(0, 5), bounds(-math.inf, math.inf)
    (' >= 0', ' from 0 to 5', '')
    >>> bounds(1e-9, math.inf)
    ' > 0'
    """
    if low == -math.inf and high == math.inf:
        return ""
    if high == math.inf:
        return " > 0" if 0 < low < _NEXT_TO_NOTHING else f" >= {low:g}"
    return f" <= {high:g}" if low == -math.inf else f" from {low:g} to {high:g}"
