"""The query options of a request, `$expand` with its own options inside. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from console.sensorthings.expression import Expression, Path, QueryError, parse

TOP_LIMIT = 1000
TOP_DEFAULT = 100
_EXPAND_DEPTH = 4
_EXPAND_WIDTH = 16
_KNOWN = ("$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$skiptoken", "$count", "$resultFormat")


@dataclass(frozen=True, slots=True)
class Order:
    """One key of `$orderby`."""

    by: Path
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What a request, or one part of its `$expand`, asks for."""

    filter: Expression | None = None
    expand: dict[str, "Options"] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    order: tuple[Order, ...] = ()
    top: int = TOP_DEFAULT
    skip: int = 0
    token: str = ""
    count: bool = False


def read_options(pairs: Iterable[tuple[str, str]], *, depth: int = 0) -> Options:
    """The options in `pairs` of name and text. Raises QueryError for one that is unknown, given twice or wrong."""
    if depth > _EXPAND_DEPTH:
        raise QueryError(f"$expand is nested deeper than {_EXPAND_DEPTH}", advice="follow the links instead")
    given: dict[str, str] = {}
    for name, text in pairs:
        if name not in _KNOWN:
            raise QueryError(f"{name!r} is no query option here", advice=f"there are {', '.join(_KNOWN)}")
        if name in given:
            raise QueryError(f"{name} is given twice", advice="give it once")
        given[name] = text
    if given.get("$resultFormat", "default") != "default":
        raise QueryError("$resultFormat is not offered", advice="leave it out; readings.csv of /api/v1 is a table")
    return Options(
        filter=parse(given["$filter"]) if "$filter" in given else None,
        expand=_expand(given.get("$expand", ""), depth),
        select=tuple(part for part in _split(given.get("$select", ""), ",") if part),
        order=tuple(_order(part) for part in _split(given.get("$orderby", ""), ",") if part),
        top=_number(given, "$top", TOP_DEFAULT, TOP_LIMIT),
        skip=_number(given, "$skip", 0, 10**9),
        token=given.get("$skiptoken", ""),
        count=_flag(given.get("$count", "false")),
    )


def _number(given: dict[str, str], name: str, default: int, limit: int) -> int:
    text = given.get(name, str(default))
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII):
        raise QueryError(f"{name}={text[:20]!r} is no whole number", advice="write one from 0 on")
    return min(int(text), limit)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise QueryError(f"$count={text[:20]!r}", advice="write true or false")
    return text == "true"


def _order(text: str) -> Order:
    path, _, direction = text.partition(" ")
    if direction.strip() not in {"", "asc", "desc"} or not isinstance(by := parse(path), Path):
        raise QueryError(f"$orderby={text[:60]!r}", advice="write a property, then asc or desc")
    return Order(by, direction.strip() == "desc")


def _expand(text: str, depth: int) -> dict[str, Options]:
    """`A($top=1;$expand=B),C/D`: what is inside brackets are options of their own, a slash is an expand inside."""
    if depth > _EXPAND_DEPTH:
        raise QueryError(f"$expand is nested deeper than {_EXPAND_DEPTH}", advice="follow the links instead")
    found: dict[str, Options] = {}
    for part in filter(None, _split(text, ",")):
        match = re.fullmatch(r"(\w+)(?:/(?P<deeper>.+)|\((?P<options>.*)\))?", part, re.DOTALL)
        pairs = [pair.split("=", 1) for pair in _split(match["options"] or "", ";") if pair] if match else []
        if match is None or any(len(pair) != 2 for pair in pairs):
            raise QueryError(
                f"$expand: {part[:60]!r} is not understood", advice="write Name, Name/Name or Name($top=1;...)"
            )
        if match["deeper"]:
            inner = Options(expand=_expand(match["deeper"], depth + 1))
        else:
            inner = read_options([(name, words) for name, words in pairs], depth=depth + 1)
        if match[1] in found:
            found[match[1]].expand.update(inner.expand)
        else:
            found[match[1]] = inner
    if len(found) > _EXPAND_WIDTH:
        raise QueryError("$expand names too much", advice="follow the links instead")
    return found


def _split(text: str, mark: str) -> list[str]:
    """Parts between `mark`s that stand outside brackets and quotes."""
    parts, depth, quoted, begin = [], 0, False, 0
    for place, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == mark and depth == 0:
            parts.append(text[begin:place].strip())
            begin = place + 1
    if depth or quoted:
        raise QueryError(f"{text[:60]!r}: a bracket or quote is not closed", advice="close it")
    return [*parts, text[begin:].strip()]
