"""EPANET and SWMM input files as sections of rows whose every token knows its place."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lifeline.city import value
from lifeline.city.fault import Faults, Place

_TOKEN = re.compile(r'"[^"]*"|[^\s"]+')
_HEADING = re.compile(r"\s*\[([^\]]*)(\]?)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section: its tokens, each with its column."""

    file: str
    number: int
    tokens: tuple[str, ...]
    columns: tuple[int, ...]

    def place(self, index: int, name: str = "") -> Place:
        """Where token `index` stands, or would."""
        column = self.columns[index] if index < len(self.columns) else self.columns[-1] + len(self.tokens[-1])
        return Place(self.file, self.number, column, name)

    def text(self, index: int) -> str:
        return self.tokens[index] if index < len(self.tokens) else ""

    def number_at(
        self, index: int, name: str, faults: Faults, *, low: float = -math.inf, high: float = math.inf
    ) -> float:
        """Token `index` as a number; a fault and 0.0 where it is none or missing."""
        return value.number(self.text(index), self.place(index, name), faults, low=low, high=high)


@dataclass(slots=True)
class Model:
    """The sections of one file by canonical name, in their order of lines."""

    file: str
    sections: dict[str, list[Line]] = field(default_factory=dict)

    def lines(self, *names: str) -> Iterator[Line]:
        for name in names:
            yield from self.sections.get(name, [])

    def option(self, name: str, default: str) -> tuple[str, Place]:
        """The value of a one-word option in [OPTIONS], upper case."""
        for line in self.lines("OPTIONS"):
            if line.tokens[0].upper() == name and len(line.tokens) > 1:
                return line.tokens[1].upper(), line.place(1, name)
        return default, Place(self.file, 1, 1, name)


def parse(text: str, file: str, stems: dict[str, str], faults: Faults) -> Model:
    """Splits a file into sections. `stems` maps the beginning of each known heading to its canonical name.

    Faults: text before the first heading, a heading that is not known or not closed.
    """
    model = Model(file)
    section: str | None = None
    for number, content in enumerate(text.splitlines(), start=1):
        body = content.split(";", 1)[0]
        heading = _HEADING.match(body)
        if heading:
            word = heading[1].strip().upper()
            place = Place(file, number, heading.start(1) + 1)
            section = next((name for stem, name in stems.items() if word.startswith(stem)), None)
            if not heading[2]:
                faults.add(place, "a heading: [NAME]", body.strip())
            elif section is None:
                faults.add(place, f"one of the sections {', '.join(sorted(set(stems.values())))}", heading[1])
            section = section or ""
            if section == "END":
                break
            model.sections.setdefault(section, [])
            continue
        tokens = list(_TOKEN.finditer(body))
        if not tokens:
            continue
        if section is None:
            faults.add(Place(file, number, tokens[0].start() + 1), "a heading such as [TITLE]", body.strip())
            section = ""
        if section not in {"", "TITLE"}:
            words = tuple(token[0].strip('"') for token in tokens)
            columns = tuple(token.start() + 1 for token in tokens)
            model.sections[section].append(Line(file, number, words, columns))
    return model


@dataclass(frozen=True, slots=True)
class Element:
    """A node or a link of a model; `ends` is empty for a node."""

    name: str
    section: str
    line: Line
    ends: tuple[str, ...] = ()


class Elements:
    """What a model consists of; nodes and links share one set of names, because sensors and findings name them."""

    def __init__(self, model: Model, faults: Faults, taken: dict[str, Line]) -> None:
        self.nodes: dict[str, Element] = {}
        self.links: dict[str, Element] = {}
        self._model = model
        self._faults = faults
        self._taken = taken
        """names of all models of the pack and where each stands"""

    def define(self, section: str, *, link: bool = False, least: int) -> None:
        """Takes the elements of `section`; a line with fewer than `least` tokens is a fault."""
        for line in self._model.lines(section):
            if self.enough(line, least):
                name = line.tokens[0]
                if name in self._taken:
                    first = self._taken[name]
                    words = f"a name of its own ({first.file} line {first.number} has it too)"
                    self._faults.add(line.place(0, section), words, name)
                self._taken.setdefault(name, line)
                element = Element(name, section, line, line.tokens[1:3] if link else ())
                (self.links if link else self.nodes).setdefault(name, element)

    def enough(self, line: Line, least: int) -> bool:
        if len(line.tokens) >= least:
            return True
        self._faults.add(line.place(len(line.tokens)), f"at least {least} values", len(line.tokens))
        return False

    def refer_to_node(self, line: Line, index: int, section: str) -> None:
        if line.text(index) not in self.nodes:
            self._faults.add(line.place(index, section), "a node of this model", line.text(index))

    def refer(self, section: str, kind: str, names: "set[str] | dict[str, Element]", index: int = 0) -> None:
        """Every line of `section` names a `kind` that exists."""
        for line in self._model.lines(section):
            if line.text(index) not in names:
                self._faults.add(line.place(index, section), f"a {kind} of this model", line.text(index))
