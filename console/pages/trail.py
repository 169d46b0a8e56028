"""The audit trail as auditors and supervisors read it: who did what, newest first, from the chained record alone."""

import asyncio
from functools import partial
from typing import Any

from fastapi import Request
from nicegui import ui

from console.pages.desk import FALLBACK_TIMEZONE, Desk
from console.pages.frame import Frame
from console.pages.parts import Listing
from console.pages.trail_words import done, particulars
from console.texts import Texts
from console.words import moment
from lifeline.errors import StoreError
from lifeline.store import audit

_PAGE = 100
Json = dict[str, Any]


class TrailPage:
    """One open page; what is looked for stands in the address."""

    def __init__(self, desk: Desk, request: Request) -> None:
        self._desk = desk
        query = request.query_params
        self._chosen = {key: query.get(key, "").replace("\x00", "")[:64] for key in ("who", "what", "subject")}
        self._entries: list[audit.Entry] = []
        texts = desk.texts
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path="/audit", city="", chosen=lambda _: None)
            self._listing = Listing()
        self._listing.show(
            title=texts("page.audit"),
            older=texts("list.older"),
            empty=texts("list.empty"),
            more=False,
            rows=[],
            columns=[
                {"key": key, "label": texts(f"list.{key}"), "kind": ""}
                for key in ("number", "at", "who", "what", "subject", "detail")
            ],
            filters=[
                {"key": key, "label": texts(f"list.{key}"), "value": self._chosen[key], "options": None}
                for key in self._chosen
            ],
        )
        self._listing.told("filter", self._filter)
        self._listing.told("more", lambda _: self._frame.later(self._load(more=True)))
        self._frame.later(self._load())

    def _filter(self, told: Json) -> None:
        if told["key"] in self._chosen:
            self._chosen[told["key"]] = str(told["value"]).replace("\x00", "").strip()[:64]
        self._frame.remember(**self._chosen)
        self._frame.later(self._load())

    async def _load(self, *, more: bool = False) -> None:
        chosen = self._chosen
        try:
            page = await asyncio.to_thread(
                audit.entries,
                self._desk.store,
                who=chosen["who"] or None,
                action=f"{chosen['what']}%" if chosen["what"] else None,
                subject=chosen["subject"] or None,
                before=self._entries[-1].seq if more and self._entries else None,
                limit=_PAGE,
            )
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")
            return
        self._entries = [*self._entries, *page] if more else page
        texts, now = self._desk.texts, self._desk.clock.now()
        time = partial(moment, timezone=FALLBACK_TIMEZONE, now=now)
        self._listing.show(
            more=len(page) == _PAGE,
            rows=[
                {
                    "id": entry.seq,
                    "number": entry.seq,
                    "at": moment(entry.at, FALLBACK_TIMEZONE, now=now),
                    "who": entry.who,
                    "what": _act(texts, entry.action),
                    "subject": entry.subject,
                    "detail": particulars(texts, entry, time=time, names={}),
                }
                for entry in self._entries
            ],
        )


def _act(texts: Texts, action: str) -> str:
    """In words, with the code that filters and programs go by."""
    words = done(texts, action)
    return words if words == action else f"{words} ({action})"
