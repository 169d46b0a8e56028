"""The `$filter` and `$orderby` language of OGC 18-088 clause 9.3.3: text in, an expression that judges an entity out.

An expression never runs anything but what is written here. Pure.

>>> parse("result gt 0.15 and not endswith(Datastream/name,'x')").value(
...     {("result",): 0.2, ("Datastream", "name"): "Underpass"}.get)
True
"""

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from lifeline.errors import LifelineError

Resolve = Callable[[tuple[str, ...]], Any]
"""What a path means for the entity that is judged; None where it has no such property."""

_LONGEST = 4000
_DEEPEST = 40
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w:])
    | (?P<geography>geography'(?:[^']|'')*')
    | (?P<text>'(?:[^']|'')*')
    | (?P<word>[@A-Za-z_][\w.@]*(?:/[@A-Za-z_][\w.@]*)*)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)


class QueryError(LifelineError):
    """A query option is not what the standard or this service understands; the message names the place."""


class Several(tuple[Any, ...]):
    """What a path through a link to many means: a comparison holds where it holds for one of them."""

    __slots__ = ()


class Expression(Protocol):
    """Part of a filter."""

    def value(self, resolve: Resolve) -> Any:
        """What it says about the entity behind `resolve`; None is unknown, as in SQL."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written."""

    held: Any

    def value(self, resolve: Resolve) -> Any:  # noqa: ARG002
        return self.held


@dataclass(frozen=True, slots=True)
class Path:
    """A property of the entity, or of one that it belongs to."""

    names: tuple[str, ...]

    def value(self, resolve: Resolve) -> Any:
        return resolve(self.names)


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function on its arguments."""

    name: str
    arguments: tuple[Expression, ...]

    def value(self, resolve: Resolve) -> Any:
        if self.name in {"and", "or"}:
            return self._logic(resolve)
        return self._of([argument.value(resolve) for argument in self.arguments])

    def _of(self, values: list[Any]) -> Any:
        for place, value in enumerate(values):
            if isinstance(value, Several):
                said = [self._of([*values[:place], one, *values[place + 1 :]]) for one in value]
                return Several(said) if any(not isinstance(one, bool) for one in said) else any(said)
        if self.name in {"eq", "ne"} and None in values:  # null may be asked for; unknown is never equal to a value
            return (values[0] is values[1]) == (self.name == "eq")
        if any(value is None for value in values):
            return None
        try:
            return _FUNCTIONS[self.name][1](*values)
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            return None

    def _logic(self, resolve: Resolve) -> Any:
        decisive = self.name == "or"
        unknown = False
        for argument in self.arguments:
            said = argument.value(resolve)
            if said is decisive:
                return decisive
            unknown = unknown or said is None
        return None if unknown else not decisive


def parse(text: str) -> Expression:
    """The expression that `text` is. Raises QueryError with the place where it stops to make sense."""
    if len(text) > _LONGEST:
        raise QueryError(f"$filter is longer than {_LONGEST} characters", advice="ask in parts")
    reader = _Reader(text)
    found = reader.either(0)
    if reader.kind:
        raise reader.fault("an operator or the end")
    return found


def conjuncts(expression: Expression) -> Iterator[Expression]:
    """The parts that must all hold."""
    if isinstance(expression, Call) and expression.name == "and":
        for argument in expression.arguments:
            yield from conjuncts(argument)
    else:
        yield expression


class _Reader:
    """Recursive descent; each method is one level of precedence, the loosest first."""

    def __init__(self, text: str) -> None:
        self._text, self._place = text, 0
        self.kind, self.word = "", ""
        self._step()

    def fault(self, wanted: str) -> QueryError:
        seen = repr(self.word) if self.kind else "the end"
        return QueryError(
            f"$filter, character {self._place + 1}: {wanted} expected, {seen} found",
            advice="docs/sensorthings.md lists what is understood",
        )

    def _step(self) -> None:
        self._place += len(self.word)
        rest = self._text[self._place :]
        self._place += len(rest) - len(rest.lstrip())
        match = _TOKEN.match(self._text, self._place)
        if match:
            self.kind, self.word = str(match.lastgroup), match[0].strip()
        else:
            self.kind, self.word = ("unknown", self._text[self._place]) if rest.strip() else ("", "")

    def _takes(self, *words: str) -> str:
        if self.kind in {"word", "mark"} and self.word in words:
            taken = self.word
            self._step()
            return taken
        return ""

    def either(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise QueryError(f"$filter is nested deeper than {_DEEPEST}", advice="write it flatter")
        return self._chain(depth, ("or",), self._both)

    def _both(self, depth: int) -> Expression:
        return self._chain(depth, ("and",), self._not)

    def _not(self, depth: int) -> Expression:
        negations = 0
        while self._takes("not"):
            negations += 1
        held = self._compared(depth)
        return Call("not", (held,)) if negations % 2 else held

    def _compared(self, depth: int) -> Expression:
        left = self._sum(depth)
        if name := self._takes("eq", "ne", "gt", "ge", "lt", "le"):
            return Call(name, (left, self._sum(depth)))
        return left

    def _sum(self, depth: int) -> Expression:
        return self._chain(depth, ("add", "sub"), self._product)

    def _product(self, depth: int) -> Expression:
        return self._chain(depth, ("mul", "div", "mod"), self._single)

    def _chain(self, depth: int, words: tuple[str, ...], inner: Callable[[int], Expression]) -> Expression:
        found = inner(depth)
        while name := self._takes(*words):
            found = Call(name, (found, inner(depth)))
        return found

    def _single(self, depth: int) -> Expression:
        if self._takes("("):
            held = self.either(depth + 1)
            self._close()
            return held
        kind, word = self.kind, self.word
        if kind in {"", "mark", "unknown"}:
            raise self.fault("a value")
        if kind == "word" and word in _FUNCTIONS and "/" not in word:
            return self._function(word, depth)
        self._step()
        match kind:
            case "time":
                return Literal(instant(word))
            case "number":
                return Literal(float(word))
            case "text":
                return Literal(word[1:-1].replace("''", "'"))
            case "geography":
                return Literal(_shape(word[len("geography'") : -1]))
        if word in _CONSTANTS:
            return Literal(_CONSTANTS[word])
        return Path(tuple("id" if name == "@iot.id" else name for name in word.split("/")))

    def _function(self, name: str, depth: int) -> Expression:
        self._step()
        if not self._takes("("):
            raise self.fault("(")
        arguments: list[Expression] = []
        while not self._takes(")"):
            arguments.append(self.either(depth + 1))
            if not self._takes(","):
                self._close()
                break
        counts = _FUNCTIONS[name][0]
        if len(arguments) not in counts:
            raise QueryError(f"$filter: {name} takes {counts} arguments", advice="see OGC 18-088, table 24")
        return Call(name, tuple(arguments))

    def _close(self) -> None:
        if not self._takes(")"):
            raise self.fault(")")


def instant(text: str) -> datetime:
    """An ISO 8601 instant with its offset. Raises QueryError."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{text!r} is no instant", advice="write 2026-11-23T08:00:00Z") from error


Shape = tuple[tuple[float, float], ...]
"""One (lon, lat): a point; several: the ring of a polygon."""
_PAIR = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)\s*")


def _shape(text: str) -> Shape:
    match = re.fullmatch(r"\s*(POINT\s*\((?P<point>[^()]*)\)|POLYGON\s*\(\s*\((?P<ring>[^()]*)\)\s*\))\s*", text)
    pairs = [_PAIR.fullmatch(pair) for pair in (match["point"] or match["ring"] or "").split(",")] if match else []
    if match is None or not all(pairs) or (match["point"] is not None and len(pairs) != 1):
        raise QueryError(
            f"geography'{text[:60]}' is no POINT or POLYGON without holes",
            advice="write geography'POINT (125.3 43.9)' or geography'POLYGON ((lon lat, ...))'",
        )
    return tuple((float(pair[1]), float(pair[2])) for pair in pairs if pair)


def _points(given: Any) -> Shape:
    if isinstance(given, dict):  # GeoJSON point
        lon, lat = given["coordinates"]
        return ((lon, lat),)
    return tuple(given)


def _within(one: Any, other: Any) -> bool:
    """Even-odd rule: whether the point lies inside the ring."""
    (lon, lat), *_ = _points(one)
    ring = _points(other)
    inside = False
    for (lon_a, lat_a), (lon_b, lat_b) in zip(ring, (*ring[1:], ring[0]), strict=True):
        if (lat_a > lat) != (lat_b > lat) and lon < lon_a + (lat - lat_a) * (lon_b - lon_a) / (lat_b - lat_a):
            inside = not inside
    return inside


def _distance(one: Any, other: Any) -> float:
    """In degrees, as the standard has it for geographic coordinates."""
    (lon_a, lat_a), *_ = _points(one)
    (lon_b, lat_b), *_ = _points(other)
    return math.hypot(lon_a - lon_b, lat_a - lat_b)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def judge(one: Any, other: Any) -> Any:
        if isinstance(one, str) != isinstance(other, str) or isinstance(one, datetime) != isinstance(other, datetime):
            return None
        return compare(one, other)

    return judge


_CONSTANTS = {"true": True, "false": False, "null": None}
_FUNCTIONS: dict[str, tuple[tuple[int, ...], Callable[..., Any]]] = {
    "eq": ((2,), _ordered(operator.eq)),
    "ne": ((2,), _ordered(operator.ne)),
    "gt": ((2,), _ordered(operator.gt)),
    "ge": ((2,), _ordered(operator.ge)),
    "lt": ((2,), _ordered(operator.lt)),
    "le": ((2,), _ordered(operator.le)),
    "not": ((1,), lambda one: not one if isinstance(one, bool) else None),
    "add": ((2,), operator.add),
    "sub": ((2,), operator.sub),
    "mul": ((2,), lambda one, other: float(one) * float(other)),
    "div": ((2,), lambda one, other: float(one) / float(other)),
    "mod": ((2,), lambda one, other: math.fmod(float(one), float(other))),
    "substringof": ((2,), lambda part, whole: part in whole),
    "contains": ((2,), lambda whole, part: part in whole),
    "startswith": ((2,), str.startswith),
    "endswith": ((2,), str.endswith),
    "length": ((1,), len),
    "indexof": ((2,), str.find),
    "substring": (
        (2, 3),
        lambda text, begin, length=None: text[int(begin) :][: None if length is None else int(length)],
    ),
    "tolower": ((1,), str.lower),
    "toupper": ((1,), str.upper),
    "trim": ((1,), str.strip),
    "concat": ((2,), lambda one, other: str(one) + str(other)),
    "year": ((1,), lambda at: at.year),
    "month": ((1,), lambda at: at.month),
    "day": ((1,), lambda at: at.day),
    "hour": ((1,), lambda at: at.hour),
    "minute": ((1,), lambda at: at.minute),
    "second": ((1,), lambda at: at.second),
    "round": ((1,), lambda number: math.floor(number + 0.5)),
    "floor": ((1,), math.floor),
    "ceiling": ((1,), math.ceil),
    "geo.distance": ((2,), _distance),
    "st_distance": ((2,), _distance),
    "st_within": ((2,), _within),
}
"""Name -> how many arguments, and what it does; operators are functions of two."""
