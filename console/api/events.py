"""Server-sent events: what changes, as it changes, for programs that follow along."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from console.api.parameters import cities_of
from console.api.problem import responses
from console.feed import Change, Feed

_QUEUE = 1000
"""changes that a slow reader may be behind; then it is cut off and connects again"""
_COMMENT_S = 15.0
"""a line now and then keeps proxies from closing the stream"""


def router(feed: Feed) -> APIRouter:
    """The event stream."""
    routes = APIRouter()

    @routes.get(
        "/events",
        tags=["events"],
        response_class=StreamingResponse,
        responses={**responses(), 200: {"content": {"text/event-stream": {}}}},
    )
    async def events(
        request: Request, city: Annotated[str | None, Query(pattern=r"^\d{6}$", description="none: all")] = None
    ) -> StreamingResponse:
        """Events `alarm`, `ended`, `notice`, `finding`, `sensor` and `reading`, each with what to look up as JSON."""
        return StreamingResponse(
            _stream(feed, request, cities_of(request, city)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    return routes


def messages(change: Change, cities: Collection[str] | None) -> list[bytes]:
    """The events of one change, of some cities or of all."""
    found = [
        *(
            ("alarm", {"alarm_id": a.alarm_id, "version": a.version, "level": a.level.value, "state": a.state.value})
            for a in change.alarms
            if cities is None or a.city_code in cities
        ),
        *(
            (name, {"alarm_id": alarm_id})
            for name, numbers in (("ended", change.ended), ("notice", change.noticed))
            for alarm_id in numbers
            if cities is None or change.city_of[alarm_id] in cities
        ),
        *(("finding", finding) for finding in change.findings if cities is None or finding["city_code"] in cities),
        *(
            ("sensor", {"sensor_id": now.sensor.sensor_id, "state": now.state.value, "reason": now.reason.value})
            for now in change.sensors
            if cities is None or now.sensor.city_code in cities
        ),
    ]
    if change.readings:
        found.append(("reading", {"at": change.at}))
    return [b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data)) for name, data in found]


async def _stream(feed: Feed, request: Request, cities: Collection[str] | None) -> AsyncIterator[bytes]:
    queue: asyncio.Queue[Change | None] = asyncio.Queue(_QUEUE)

    def tell(change: Change) -> None:
        if queue.full():
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)
        else:
            queue.put_nowait(change)

    end = feed.subscribe(tell)
    try:
        yield b": connected\n\n"
        while not feed.stopped and not await request.is_disconnected():
            try:
                change = await asyncio.wait_for(queue.get(), _COMMENT_S)
            except TimeoutError:
                if not await request.state.recheck():
                    break  # logged out, locked out, or the token was taken back
                yield b": still here\n\n"
                continue
            if change is None:
                break
            for message in messages(change, cities):
                yield message
    finally:
        end()
