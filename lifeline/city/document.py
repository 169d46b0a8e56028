"""TOML files of a pack: values that know their line and column."""

import math
import re
import tomllib
from typing import Any

from lifeline.asset import Name, Position
from lifeline.city import value
from lifeline.city.fault import Faults, Place
from lifeline.city.value import E

Path = tuple[str | int, ...]
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def parse(text: str, file: str, faults: Faults) -> "Table | None":
    """The document; None where its syntax is broken (a fault that says where)."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _AT.search(str(error))
        line, column = (int(match[1]), int(match[2])) if match else (text.count("\n") + 1, 1)
        said = str(error).split(" (at ")[0]
        lines = text.splitlines()
        faults.add(Place(file, line, column), f"valid TOML ({said})", lines[line - 1] if line <= len(lines) else "")
        return None
    except RecursionError:
        faults.add(Place(file), "valid TOML", "brackets nested too deeply")
        return None
    return Table(content, file, (), _Positions(text).found, faults)


class Table:
    """One table of a document and where its keys stand; `sound` while none of its values had a fault."""

    def __init__(
        self, content: dict[str, Any], file: str, path: Path, positions: dict[Path, tuple[int, int]], faults: Faults
    ) -> None:
        self.content = content
        self._file = file
        self._path = path
        self._positions = positions
        self._faults = Faults(faults)

    @property
    def sound(self) -> bool:
        return len(self._faults) == 0

    def place(self, *key: str | int) -> Place:
        """Where `key` stands; where it is missing, where its table stands."""
        path = self._path + key
        while path and path not in self._positions:
            path = path[:-1]
        line, column = self._positions.get(path, (1, 1))
        return Place(self._file, line, column, ".".join(map(str, key)))

    def fault(self, *key: str | int, expected: str, got: Any = None) -> None:
        self._faults.add(self.place(*key), expected, got)

    def only(self, *keys: str) -> None:
        """Notes every key that is not one of `keys`."""
        for key in self.content:
            if key not in keys:
                self.fault(key, expected=f"one of the keys {', '.join(keys)}", got=key)

    def text(self, key: str) -> str:
        got = self.content.get(key)
        if not isinstance(got, str) or not got.strip():
            self.fault(key, expected="text in quotes", got=got)
            return ""
        return got

    def identifier(self, key: str) -> str:
        text = self.text(key)
        return value.identifier(text, self.place(key), self._faults) if text else ""

    def division(self, key: str) -> str:
        text = self.text(key)
        return value.division(text, self.place(key), self._faults) if text else ""

    def choice(self, key: str, kind: type[E]) -> E:
        text = self.text(key)
        return value.choice(text, self.place(key), self._faults, kind) if text else next(iter(kind))

    def number(self, *key: str | int, low: float = -math.inf, high: float = math.inf) -> float:
        got: Any = self.content
        for part in key:
            got = got.get(part) if isinstance(got, dict) else got[part]
        if (
            isinstance(got, bool)
            or not isinstance(got, int | float)
            or not math.isfinite(got)
            or not low <= got <= high
        ):
            self.fault(*key, expected=f"a number{value.bounds(low, high)}", got=got)
            return 0.0
        return float(got)

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of text; empty where the key is missing."""
        got = self.content.get(key, [])
        if not isinstance(got, list):
            self.fault(key, expected='an array of text: ["...", "..."]', got=got)
            return ()
        for index, entry in enumerate(got):
            if not isinstance(entry, str):
                self.fault(key, index, expected="text in quotes", got=entry)
        return tuple(entry for entry in got if isinstance(entry, str))

    def texts_at(self, key: str) -> list[str | None]:
        """The array as it stands, None for what is no text; notes nothing."""
        got = self.content.get(key, [])
        return [entry if isinstance(entry, str) else None for entry in got] if isinstance(got, list) else []

    def name(self, key: str) -> Name:
        table = self.table(key, example='{ zh = "...", en = "..." }')
        if table is None:
            return Name("", "")
        table.only("zh", "en")
        return Name(table.text("zh"), table.text("en"))

    def position(self, key: str) -> Position | None:
        table = self.table(key, example="{ lon = 125.32, lat = 43.88 }")
        if table is None:
            return None
        table.only("lon", "lat")
        lon, lat = table.number("lon", low=-180, high=180), table.number("lat", low=-90, high=90)
        return Position(lon, lat) if table.sound else None

    def polygon(self, key: str, centre: Position | None) -> tuple[tuple[float, float], ...]:
        """A closed ring of [lon, lat]; every vertex that is wrong is named."""
        ring = self.content.get(key)
        if not isinstance(ring, list) or len(ring) < 4:
            self.fault(key, expected="a closed ring of at least four [lon, lat]", got=ring)
            return ()
        found: list[tuple[float, float]] = []
        for index, vertex in enumerate(ring):
            if not isinstance(vertex, list) or len(vertex) != 2:
                self.fault(key, index, expected="[lon, lat]", got=vertex)
                continue
            before = len(self._faults)
            lon, lat = self.number(key, index, 0), self.number(key, index, 1)
            if len(self._faults) == before:
                value.check_near(centre, lon, self.place(key, index, 0), self._faults, "lon")
                value.check_near(centre, lat, self.place(key, index, 1), self._faults, "lat")
                found.append((lon, lat))
        if len(found) == len(ring) and found[0] != found[-1]:
            self.fault(key, len(ring) - 1, expected=f"the ring to close at its first vertex {ring[0]}", got=ring[-1])
        elif len(found) == len(ring) and len(set(found)) < 3:
            self.fault(key, expected="a ring around an area", got=ring)
        return tuple(found)

    def table(self, key: str, *, example: str) -> "Table | None":
        got = self.content.get(key)
        if not isinstance(got, dict):
            self.fault(key, expected=f"a table: {example}", got=got)
            return None
        return Table(got, self._file, (*self._path, key), self._positions, self._faults)

    def tables(self, key: str) -> "list[Table]":
        """The tables of `[[key]]`; none where the key is missing."""
        got = self.content.get(key, [])
        if not isinstance(got, list) or not all(isinstance(entry, dict) for entry in got):
            self.fault(key, expected=f"tables: [[{key}]]", got=got)
            return []
        return [
            Table(entry, self._file, (*self._path, key, index), self._positions, self._faults)
            for index, entry in enumerate(got)
        ]


class _Positions:
    """Where each key and array element of a TOML text stands. The text must be valid TOML."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._scanned = 0
        self._count: dict[Path, int] = {}
        self.found: dict[Path, tuple[int, int]] = {}
        self._document()

    def _document(self) -> None:
        table: Path = ()
        while self._skip("\n"):
            start = self._at
            if self._peek() == "[":
                many = self._text.startswith("[[", start)
                self._at += 2 if many else 1
                table = self._resolve(self._key(), many=many)
                self._note(table, start)
                self._at += 2 if many else 1
            else:
                self._pair(table)

    def _resolve(self, key: Path, *, many: bool) -> Path:
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self._count:
                path = (*path, self._count[path])
        path = (*path, key[-1])
        if many:
            self._count[path] = self._count.get(path, -1) + 1
            return (*path, self._count[path])
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table + self._key()
        for depth in range(len(table) + 1, len(path) + 1):
            self._note(path[:depth], start)
        self._skip("")
        self._at += 1  # =
        self._skip("")
        self._value(path)

    def _key(self) -> Path:
        parts: list[str | int] = []
        while True:
            self._skip("")
            if self._peek() in "\"'":
                start = self._at
                self._string()
                quoted = self._text[start : self._at]
                parts.append(str(tomllib.loads(f"k = {quoted}")["k"]))
            else:
                match = _BARE.match(self._text, self._at)
                assert match is not None, "the text is valid TOML"
                parts.append(match[0])
                self._at = match.end()
            self._skip("")
            if self._peek() != ".":
                return tuple(parts)
            self._at += 1

    def _value(self, path: Path) -> None:
        first = self._peek()
        if first in "\"'":
            self._string()
        elif first == "[":
            self._at += 1
            index = 0
            while self._skip("\n,") and self._peek() != "]":
                self._note((*path, index), self._at)
                self._value((*path, index))
                index += 1
            self._at += 1
        elif first == "{":
            self._at += 1
            while self._skip(",") and self._peek() != "}":
                self._pair(path)
            self._at += 1
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}#\n":
                self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        mark = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(mark)
        while not self._text.startswith(mark, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(mark)
        while len(mark) == 3 and self._peek() == quote:  # a quote may stand before the closing three
            self._at += 1

    def _skip(self, more: str) -> bool:
        """Passes blanks, comments and `more`; False at the end of the text. Comments end only where lines may."""
        while self._at < len(self._text):
            here = self._text[self._at]
            if here == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif here in " \t\r" or here in more:
                self._at += 1
            else:
                return True
        return False

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _note(self, path: Path, at: int) -> None:
        self._line += self._text.count("\n", self._scanned, at)
        self._scanned = at
        self.found.setdefault(path, (self._line, at - self._text.rfind("\n", 0, at)))
