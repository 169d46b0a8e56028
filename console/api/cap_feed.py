"""Public messages for other systems: an Atom feed of what is in force, each message as CAP 1.2 or in national form.

Who may read the city reads all of them. Below /cap/public anybody reads what is Actual, where `console.public_warnings`
says so; else there is no such address.
"""

import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from console.api import atom
from console.api.parameters import Before, City, cities_of, following, require_city
from console.api.problem import responses
from console.api.tagging import has
from lifeline.clock import Clock
from lifeline.errors import NotFoundError
from lifeline.settings import Settings
from lifeline.store import bulletins
from lifeline.store.bulletins import Published
from lifeline.store.pool import Store

_IDENTIFIER = re.compile(r"[^\s,<&\x00]{1,256}")
_SETTLED = timedelta(minutes=1)
"""Only what has been so for a minute is dated: two changes may share a whole second (RFC 9110, 8.8.2)."""
_PUBLIC_AGE_S = 30


class Status(StrEnum):
    """Whether a message is meant."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


class Form(StrEnum):
    """How a message is written."""

    CAP = "cap"
    NATIONAL = "national"


History = Annotated[bool, Query(description="every message ever, cancelled and expired ones too")]
Items = Annotated[int, Query(ge=1, le=500, description="entries of a page")]
InForm = Annotated[Form, Query(description="CAP 1.2 or the national early-warning form")]
_FEED: dict[int | str, dict[str, Any]] = {200: {"content": {atom.MEDIA_TYPE: {}}}, 304: {"description": "Not changed"}}
_MESSAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {atom.CAP_MEDIA_TYPE: {}, "application/xml": {}}},
    304: {"description": "Not changed"},
}


def router(store: Store, clock: Clock, settings: Settings) -> APIRouter:
    """The addresses below /cap."""
    routes = APIRouter(tags=["public messages"])

    def feed_of(
        request: Request, status: Status | None, cities: Collection[str] | None, history: bool, before: int | None,
        limit: int, cache: str,
    ) -> Response:  # fmt: skip
        now = clock.now()
        changed = bulletins.changed_at(store, now=now, status=status, cities=cities)
        rows = bulletins.feed(
            store, now=now, status=status, cities=cities, in_force=not history, before=before, limit=limit
        )
        base = _address(request, settings)
        query = f"?{request.url.query}" if request.url.query else ""
        more = len(rows) == limit and following(request, before=rows[-1].bulletin_id).partition("?")[2]
        heading = atom.Heading(
            feed_id=f"urn:lifeline:warnings:{settings.alerts.sender_id}{':history' if history else ''}",
            author=settings.alerts.sender_name,
            base=base,
            self_url=f"{base}feed.atom{query}",
            next_url=f"{base}feed.atom?{more}" if more else None,
            updated=changed or atom.NEVER,
            history=history,
        )
        return _answer(request, atom.feed(heading, rows), atom.MEDIA_TYPE, changed, now, cache)

    def message(request: Request, found: Published, form: Form, cache: str) -> Response:
        text, media = (found.cap, atom.CAP_MEDIA_TYPE) if form is Form.CAP else (found.national, "application/xml")
        return _answer(request, text.encode(), media, found.sent, clock.now(), cache)

    @routes.get("/cap/feed.atom", response_class=Response, responses={**responses(), **_FEED})
    def feed(
        request: Request,
        *,
        city: City = None,
        status: Status | None = None,
        history: History = False,
        before: Before = None,
        limit: Items = 100,
    ) -> Response:
        """Public messages as an Atom feed, newest first: those in force, one for each event, or the whole history."""
        return feed_of(request, status, cities_of(request, city), history, before, limit, "private, no-cache")

    @routes.get("/cap/{identifier}.xml", response_class=Response, responses={**responses(404), **_MESSAGE})
    def one(request: Request, identifier: str, form: InForm = Form.CAP) -> Response:
        """One public message as it was sent."""
        found = _published(store, identifier)
        require_city(request, found.city_code)
        return message(request, found, form, "private, no-cache")

    @routes.get("/cap/public/feed.atom", response_class=Response, responses={**responses(404), **_FEED})
    def public_feed(
        request: Request,
        *,
        city: City = None,
        history: History = False,
        before: Before = None,
        limit: Items = 100,
    ) -> Response:
        """The Actual messages for anybody, without a log-in, where `console.public_warnings` is on."""
        _open(settings)
        cities = None if city is None else {city}
        return feed_of(request, Status.ACTUAL, cities, history, before, limit, f"public, max-age={_PUBLIC_AGE_S}")

    @routes.get("/cap/public/{identifier}.xml", response_class=Response, responses={**responses(404), **_MESSAGE})
    def public_one(request: Request, identifier: str, form: InForm = Form.CAP) -> Response:
        """One Actual message for anybody, without a log-in, where `console.public_warnings` is on."""
        _open(settings)
        found = _published(store, identifier)
        if found.status != Status.ACTUAL:
            raise _none(identifier)
        return message(request, found, form, f"public, max-age={_PUBLIC_AGE_S}")

    return routes


def _not_changed(request: Request, tag: str, changed: datetime | None) -> bool:
    """Whether who asks has it already: by the tag, or where none was sent by the time (RFC 9110, 13.2.2)."""
    if (told := request.headers.get("if-none-match")) is not None:
        return has(told, tag)
    since = request.headers.get("if-modified-since")
    if since is None or changed is None:
        return False
    try:
        known = parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):
        return False
    return known.tzinfo is not None and changed.replace(microsecond=0) <= known


def _answer(
    request: Request, content: bytes, media: str, changed: datetime | None, now: datetime, cache: str
) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = {"ETag": tag, "Cache-Control": cache}
    if changed is not None and changed > now - _SETTLED:
        changed = None
    if changed is not None:
        headers["Last-Modified"] = format_datetime(changed.astimezone(UTC).replace(microsecond=0), usegmt=True)
    if _not_changed(request, tag, changed):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media, headers=headers)


def _published(store: Store, identifier: str) -> Published:
    if not _IDENTIFIER.fullmatch(identifier):
        raise _none(identifier)
    return bulletins.published(store, identifier)


def _open(settings: Settings) -> None:
    if not settings.console.public_warnings:
        raise NotFoundError(
            "public messages are not given out without a log-in",
            advice="send a token to /api/v1/cap/feed.atom, or set console.public_warnings",
        )


def _none(identifier: str) -> NotFoundError:
    return NotFoundError(f"there is no message {identifier[:80]!r}", advice="look at the feed")


def _address(request: Request, settings: Settings) -> str:
    """Where the messages are, as seen by who asks: below the address that people are told, else the one asked."""
    base = settings.alerts.console_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
    return f"{base}{request.url.path.rpartition('/')[0]}/"
