"""CSV files of a pack: rows whose every cell knows its place. One row is one line."""

import csv
import math
from collections.abc import Iterator
from typing import TypeVar

from lifeline.asset import Name, Position
from lifeline.city import value
from lifeline.city.fault import Faults, Place
from lifeline.city.value import E

T = TypeVar("T")


class Row:
    """One data row; `sound` stays true as long as none of its cells had a fault."""

    def __init__(self, file: str, line: int, columns: dict[str, int], cells: list[str], faults: Faults) -> None:
        self._file = file
        self._columns = columns
        self._cells = cells
        self._faults = Faults(faults)
        self.line = line

    @property
    def sound(self) -> bool:
        return len(self._faults) == 0

    def place(self, column: str) -> Place:
        return Place(self._file, self.line, self._columns.get(column, 0) + 1, column)

    def fault(self, column: str, expected: str) -> None:
        """Notes a fault at this cell."""
        self._faults.add(self.place(column), expected, self.raw(column))

    def raw(self, column: str) -> str:
        """The cell as it stands; empty where the file lacks the column (a fault of its own)."""
        index = self._columns.get(column)
        return "" if index is None else self._cells[index]

    def _present(self, column: str) -> bool:
        return column in self._columns

    def words(self, column: str) -> str:
        return value.words(self.raw(column), self.place(column), self._faults) if self._present(column) else ""

    def identifier(self, column: str) -> str:
        return value.identifier(self.raw(column), self.place(column), self._faults) if self._present(column) else ""

    def division(self, column: str) -> str:
        return value.division(self.raw(column), self.place(column), self._faults) if self._present(column) else ""

    def number(self, column: str, *, low: float = -math.inf, high: float = math.inf) -> float:
        if not self._present(column):
            return 0.0
        return value.number(self.raw(column), self.place(column), self._faults, low=low, high=high)

    def integer(self, column: str, *, low: int = 0) -> int:
        if not self._present(column):
            return 0
        return value.integer(self.raw(column), self.place(column), self._faults, low=low)

    def choice(self, column: str, kind: type[E]) -> E:
        if not self._present(column):
            return next(iter(kind))
        return value.choice(self.raw(column), self.place(column), self._faults, kind)

    def yes_no(self, column: str) -> bool:
        if self._present(column) and self.raw(column) not in {"yes", "no"}:
            self.fault(column, "yes or no")
        return self.raw(column) == "yes"

    def name(self) -> Name:
        return Name(self.words("name_zh"), self.words("name_en"))

    def position(self, centre: Position | None) -> Position:
        before = len(self._faults)
        lon, lat = self.number("lon"), self.number("lat")
        if len(self._faults) > before or not (self._present("lon") and self._present("lat")):
            return Position(lon, lat)
        value.check_near(centre, lon, self.place("lon"), self._faults, "lon")
        value.check_near(centre, lat, self.place("lat"), self._faults, "lat")
        return Position(lon, lat)


def rows(text: str, file: str, columns: tuple[str, ...], faults: Faults) -> Iterator[Row]:
    """The rows of a CSV text with exactly these columns, in any order.

    Header faults: a column missing, unknown or twice. A row with another number of cells is a fault and not given.
    Blank lines are passed over.
    """
    lines = text.splitlines()
    if not lines or not text.strip():
        return
    header = _cells(lines[0], file, 1, faults) or []
    found: dict[str, int] = {}
    for index, name in enumerate(header):
        place = Place(file, 1, index + 1, name)
        if name in found:
            faults.add(place, "each column once", name)
        elif name not in columns:
            faults.add(place, f"one of the columns {', '.join(columns)}", name)
        else:
            found[name] = index
    for name in columns:
        if name not in found:
            faults.add(Place(file, 1, len(header) + 1, name), f"the column {name}", None)
    if not found:
        return
    for line, content in enumerate(lines[1:], start=2):
        if not content.strip():
            continue
        cells = _cells(content, file, line, faults)
        if cells is None:
            continue
        if len(cells) != len(header):
            place = Place(file, line, min(len(cells), len(header)) + 1)
            faults.add(place, f"{len(header)} cells", len(cells))
            continue
        yield Row(file, line, found, cells, faults)


def unique(row: Row, column: str, key: T, seen: dict[T, int]) -> None:
    """Notes a fault where `key` stood on an earlier line."""
    if key in seen:
        row.fault(column, f"each {column} once (it stands on line {seen[key]} too)")
    else:
        seen[key] = row.line


def _cells(content: str, file: str, line: int, faults: Faults) -> list[str] | None:
    try:
        return next(csv.reader([content], strict=True))
    except (csv.Error, StopIteration):
        column = content.count(",") + 1 if content.count('"') == 0 else content[: content.index('"')].count(",") + 1
        faults.add(Place(file, line, column), "cells separated by `,`, quotes in pairs, each row on one line", content)
        return None
