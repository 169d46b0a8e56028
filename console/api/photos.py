"""Pictures from the place of an alarm: taken in as they are, judged by their bytes, given out as pictures only."""

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from console.api.parameters import Id, require_city
from console.api.problem import responses
from console.doing import live_order
from console.gate import visitor_of
from lifeline.clock import Clock
from lifeline.errors import CredentialError
from lifeline.store import alarms, work_orders
from lifeline.store import photos as photo_store
from lifeline.store.pool import Store
from lifeline.work_order import OrderPhoto

_PICTURES: dict[str, dict[str, str]] = {"image/jpeg": {}, "image/png": {}, "image/webp": {}}


class PhotoDocument(BaseModel):
    """A picture that was taken in."""

    photo_id: int


def router(store: Store, clock: Clock) -> APIRouter:
    """The addresses of pictures."""
    routes = APIRouter(tags=["alarms"])

    @routes.post(
        "/alarms/{alarm_id}/photos",
        responses=responses(404),
        openapi_extra={"requestBody": {"required": True, "content": _PICTURES}},
    )
    async def add(request: Request, alarm_id: Id) -> PhotoDocument:
        """Takes in a JPEG, PNG or WebP picture of at most 8 MiB, as the body; the same one twice is one."""
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > photo_store.LARGEST_BYTES:
                raise CredentialError("the picture is larger than 8 MiB", kind="photo", advice="send a smaller one")

        def keep() -> int:
            person, now = visitor_of(request).person, clock.now()
            require_city(request, alarms.alarm(store, alarm_id).city_code)
            number = photo_store.add_photo(store, alarm_id, bytes(content), by=person, now=now)
            if order := live_order(store, alarm_id):
                media_type, kept, _ = photo_store.photo(store, number)
                work_orders.add_photo(
                    store,
                    OrderPhoto(
                        order.order_id, photo_store.sha256_of(kept), now, now, person.name, media_type, len(kept)
                    ),
                )
            return number

        return PhotoDocument(photo_id=await to_thread.run_sync(keep))

    @routes.get(
        "/photos/{photo_id}",
        response_class=Response,
        responses={**responses(404), 200: {"content": _PICTURES}},
    )
    def one(request: Request, photo_id: Id) -> Response:
        """A picture."""
        media_type, content, city = photo_store.photo(store, photo_id)
        require_city(request, city)
        headers = {"Cache-Control": "private, max-age=86400", "Content-Disposition": "inline"}
        return Response(content, media_type=media_type, headers=headers)

    return routes
