"""The resource path of a request: `Things('pump-1')/Datastreams('CC-P-01')/Observations`. Pure."""

import re
from dataclasses import dataclass

from lifeline.errors import NotFoundError

_SEGMENT = re.compile(r"(?P<name>[$A-Za-z][A-Za-z]*)(?:\((?P<id>'(?:[^']|'')*'|-?\d{1,18})\))?")
_LONGEST = 12


@dataclass(frozen=True, slots=True)
class Segment:
    """A name, with the id in its brackets."""

    name: str
    entity_id: str | None = None


def read_address(path: str) -> list[Segment]:
    """The segments of `path`, none for the root. Raises NotFoundError where it is no path of this service."""
    segments = []
    for part in filter(None, path.split("/")):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            raise NotFoundError(f"{part[:60]!r} is no part of an address here", advice="write Name or Name('id')")
        given = match["id"]
        if given is not None and given.startswith("'"):
            given = given[1:-1].replace("''", "'")
        segments.append(Segment(match["name"], given))
    if len(segments) > _LONGEST:
        raise NotFoundError("the address is too long", advice="begin at the entity itself")
    return segments
