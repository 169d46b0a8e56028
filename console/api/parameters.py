"""What the addresses of the API have in common: parameters, time spans, the address of the next part of a list."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Query, Request

from console.api.documents import Item, Page
from console.gate import visitor_of
from lifeline.clock import Clock
from lifeline.errors import AccessError

_BIG = 2**62
City = Annotated[str | None, Query(pattern=r"^\d{6}$", description="GB/T 2260; none: all")]
Kind = Annotated[str | None, Query(pattern=r"^[^\x00]{0,64}$")]
Limit = Annotated[int, Query(ge=1, le=1000, description="items of a page")]
Before = Annotated[int | None, Query(ge=1, le=_BIG, description="only what is older than this number")]
After = Annotated[
    str, Query(max_length=140, pattern=r"^[^\x00]*$", description="only what sorts after this; `next` has it")
]
Id = Annotated[int, Path(ge=1, le=_BIG)]
SensorId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


def span(clock: Clock, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """[start, end): where they are not given, the last day up to a little ahead of now, for clocks that are."""
    end = end or clock.now() + timedelta(hours=1)
    return start or end - timedelta(days=1), end


def following(request: Request, **values: object) -> str:
    """The address of `request` with `values` in place of its own."""
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in values]
    return f"{request.url.path}?{urlencode([*kept, *values.items()])}"


def page_of(
    request: Request, rows: Sequence[tuple[str, Item]], *, after: str, limit: int, **values: object
) -> Page[Item]:
    """The part of `rows`, sorted by their keys, that follows `after`; `values` go into the address of the next one."""
    found = [row for row in rows if row[0] > after]
    more = following(request, after=found[limit - 1][0], **values) if len(found) > limit else None
    return Page(items=[item for _, item in found[:limit]], next=more)


def cities_of(request: Request, city: str | None) -> frozenset[str] | None:
    """The cities that an answer may be about: the person's, narrowed to `city`; None: all. Raises AccessError."""
    person = visitor_of(request).person
    if city is None:
        return person.cities or None
    require_city(request, city)
    return frozenset({city})


def require_city(request: Request, city: str | None) -> None:
    """Raises AccessError where `city` is not the person's."""
    if not visitor_of(request).person.serves(city):
        raise AccessError(f"{city} is not one of your cities", advice="ask a supervisor")
