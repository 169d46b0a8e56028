"""The history of alarms: what there was, by state, level, kind and words, newest first."""

import asyncio
from typing import Any

from fastapi import Request
from nicegui import ui

from console.feed import Change
from console.pages import export
from console.pages.desk import Desk
from console.pages.filters import Filters
from console.pages.frame import Frame
from console.pages.parts import Listing
from console.words import moment
from lifeline.alarm import ENDED, Alarm, AlarmState, Level
from lifeline.errors import StoreError
from lifeline.finding import FindingKind
from lifeline.store import views

_PAGE = 50
_MOST = 10_000
"""alarms of a file"""
_COLUMNS = (
    ("level_word", "list.level", "level"), ("title", "list.alarm", "link"), ("place", "detail.zone", ""),
    ("state_word", "list.state", ""), ("opened", "list.opened", ""), ("closed", "list.closed", ""),
)  # fmt: skip
_STATES = {
    "": tuple(AlarmState),
    "live": tuple(state for state in AlarmState if state not in ENDED),
    "ended": tuple(state for state in AlarmState if state in ENDED),
}
Json = dict[str, Any]


class History:
    """One open page."""

    def __init__(self, desk: Desk, request: Request, *, city: str) -> None:
        self._desk = desk
        texts = desk.texts
        self._filters = Filters(
            texts,
            request.query_params,
            {
                "state": [(key, texts(f"list.{key}")) for key in ("live", "ended")],
                "level": [(str(one.value), texts(f"level.full.{one.value}")) for one in Level],
                "kind": [(one.value, texts(f"kind.{one.value}")) for one in FindingKind],
            },
        )
        self._alarms: list[Alarm] = []
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path="/history", city=city, chosen=lambda _: self._again())
            self._listing = Listing()
        self._listing.show(
            title=texts("page.history"),
            csv=texts("list.csv"),
            older=texts("list.older"),
            empty=texts("list.loading"),
            more=False,
            rows=[],
            columns=[{"key": key, "label": texts(word), "kind": kind} for key, word, kind in _COLUMNS],
            filters=self._filters.shown(),
        )
        self._listing.told("filter", self._filter)
        self._listing.told("csv", lambda _: self._take_along())
        self._listing.told("more", lambda _: self._frame.later(self._load(more=True)))
        self._frame.client.on_delete(desk.feed.subscribe(self._follow))
        self._frame.later(self._load())

    def _filter(self, told: Json) -> None:
        self._filters.take(told)
        self._again()

    def _again(self) -> None:
        self._frame.remember(**self._filters.chosen)
        self._listing.show(filters=self._filters.shown())
        self._frame.later(self._load())

    def _follow(self, change: Change) -> None:
        if (change.alarms or change.ended) and len(self._alarms) <= _PAGE:
            self._frame.later(self._load())

    async def _load(self, *, more: bool = False) -> None:
        before = self._alarms[-1].alarm_id if more and self._alarms else None
        try:
            page = await asyncio.to_thread(self._read, before=before, limit=_PAGE)
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")
            return
        self._alarms = [*self._alarms, *page] if more else page
        rows = [self._row(alarm) for alarm in self._alarms]
        self._listing.show(rows=rows, more=len(page) == _PAGE, empty=self._desk.texts("list.empty"))

    def _read(self, *, before: int | None, limit: int) -> list[Alarm]:
        chosen = self._filters.chosen
        return views.alarms(
            self._desk.store, states=_STATES[chosen["state"]], city=self._frame.scope, kind=chosen["kind"] or None,
            level=int(chosen["level"]) if chosen["level"] else None, words=chosen["words"] or None, before=before,
            limit=limit,
        )  # fmt: skip

    async def _take_along(self) -> None:
        """Everything that fits what is chosen, not only what is shown yet."""
        try:
            found = await asyncio.to_thread(self._read, before=None, limit=_MOST)
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")
            return
        rows = [self._row(alarm) for alarm in found]
        columns = [("id", "list.number", ""), *_COLUMNS]
        table = [
            [self._desk.texts(word) for _, word, _ in columns],
            *([row[key] for key, _, _ in columns] for row in rows),
        ]
        export.give("alarms", table, now=self._desk.clock.now())

    def _row(self, alarm: Alarm) -> Json:
        texts, timezone = self._desk.texts, self._desk.timezone(alarm.city_code)
        now = self._desk.clock.now()
        return {
            "id": alarm.alarm_id,
            "href": f"/{texts.language.value}?alarm={alarm.alarm_id}",
            "level": alarm.level.value,
            "level_word": texts(f"level.full.{alarm.level.value}"),
            "title": texts.name(alarm.title_zh, alarm.title_en),
            "place": self._desk.place(alarm.city_code, alarm.zone_id),
            "state_word": texts(f"state.{alarm.state.value}"),
            "opened": moment(alarm.opened_at, timezone, now=now),
            "closed": moment(alarm.closed_at, timezone, now=now) if alarm.closed_at else "",
        }
