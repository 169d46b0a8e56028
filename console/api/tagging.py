"""Gives every JSON answer to a GET an ETag, and 304 to who has it already: a program that asks again pays little."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Tagging:
    """Holds back a JSON answer until it is whole; streams, pictures and answers that have a tag pass as they come.

    The tag is weak (RFC 9110, 8.8.1), because the same answer may go out compressed or not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _takes_tag(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    for one in _answer(start, bytes(body), Headers(scope=scope).get("if-none-match")):
                        await send(one)

        await self._app(scope, receive, tagged)


def has(told: str | None, tag: str) -> bool:
    """Whether If-None-Match names the tag, compared weakly (RFC 9110, 13.1.2).

    >>> has('"a", W/"b"', '"b"'), has("*", '"b"'), has('"a"', '"b"'), has(None, '"b"')
    (True, True, False, False)
    """
    if told is None:
        return False
    return told.strip() == "*" or tag.removeprefix("W/") in [one.strip().removeprefix("W/") for one in told.split(",")]


def _takes_tag(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return start["status"] == 200 and headers.get("content-type") == "application/json" and "etag" not in headers


def _answer(start: Message, body: bytes, told: str | None) -> list[Message]:
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = MutableHeaders(raw=list(start["headers"]))
    headers["ETag"] = tag
    headers.setdefault("Cache-Control", "private, no-cache")
    if has(told, tag):
        del headers["content-length"], headers["content-type"]
        return [{**start, "status": 304, "headers": headers.raw}, {"type": "http.response.body", "body": b""}]
    return [{**start, "headers": headers.raw}, {"type": "http.response.body", "body": body}]
