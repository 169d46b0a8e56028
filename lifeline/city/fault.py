"""A fault in a city pack: where it stands, what was expected there, what stands there instead."""

from dataclasses import dataclass
from typing import Any

_LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: `line` counts from 1; `column` counts characters, in CSV cells; both 1 at the least.

    `field` is the name of the column or key, empty where there is none.
    """

    file: str
    line: int = 1
    column: int = 1
    field: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" + (f": {self.field}" if self.field else "")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong with a pack."""

    place: Place
    expected: str
    got: str

    @property
    def file(self) -> str:
        return self.place.file

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    @property
    def field(self) -> str:
        return self.place.field

    def __str__(self) -> str:
        return f"{self.place}: expected {self.expected}, got {self.got}"


class Faults:
    """Collects the faults of a pack, or of a part of it, which tells `whole`; checking goes on after each."""

    def __init__(self, whole: "Faults | None" = None) -> None:
        self._found: list[Fault] = []
        self._whole = whole

    def add(self, place: Place, expected: str, got: Any) -> None:
        """Notes that `got` stands at `place`; text is quoted and cut, an empty one is called nothing."""
        self._found.append(Fault(place, expected, quote(got)))
        if self._whole is not None:
            self._whole.add(place, expected, got)

    def __len__(self) -> int:
        return len(self._found)

    def sorted(self) -> list[Fault]:
        """All faults, by file, line and column."""
        return sorted(set(self._found))


def quote(value: Any) -> str:
    """`value` as a message shows it.

    >>> quote(""), quote(None), quote("a b"), quote(1.5)
    ('nothing', 'nothing', "'a b'", '1.5')
    """
    if value is None or value == "":
        return "nothing"
    words = repr(value)
    return words if len(words) <= _LONGEST_QUOTE else f"{words[:_LONGEST_QUOTE]}..."
