"""What the addresses of the API have in common: parameters, time spans, the address of the next part of a list."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Query, Request

from lifeline.clock import Clock

_BIG = 2**62
City = Annotated[str | None, Query(pattern=r"^\d{6}$", description="GB/T 2260; none: all")]
Kind = Annotated[str | None, Query(pattern=r"^[^\x00]{0,64}$")]
Limit = Annotated[int, Query(ge=1, le=1000, description="items of a page")]
Before = Annotated[int | None, Query(ge=1, le=_BIG, description="only what is older than this number")]
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
