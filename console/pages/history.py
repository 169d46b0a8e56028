"""The history of alarms: what there was, by state, level, kind and words, newest first."""

import asyncio
from typing import Any

from fastapi import Request
from nicegui import ui

from console.feed import Change
from console.pages.desk import Desk
from console.pages.frame import Frame
from console.pages.parts import Listing
from console.words import moment
from lifeline.alarm import ENDED, Alarm, AlarmState, Level
from lifeline.errors import StoreError
from lifeline.finding import FindingKind
from lifeline.store import views

_PAGE = 50
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
        query = request.query_params
        self._chosen = {
            "state": query.get("state", "") if query.get("state") in _STATES else "",
            "level": query.get("level", "") if query.get("level") in {str(one.value) for one in Level} else "",
            "kind": query.get("kind", "") if query.get("kind") in {one.value for one in FindingKind} else "",
            "words": query.get("words", "").replace("\x00", "")[:64],
        }
        self._alarms: list[Alarm] = []
        self._ends = False
        texts = desk.texts
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path="/history", city=city, chosen=lambda _: self._again())
            self._listing = Listing()
        self._listing.show(
            title=texts("page.history"),
            older=texts("list.older"),
            empty=texts("list.empty"),
            more=False,
            rows=[],
            columns=[
                {"key": "level_word", "label": texts("list.level"), "kind": "level"},
                {"key": "title", "label": texts("list.alarm"), "kind": "link"},
                {"key": "place", "label": texts("detail.zone")},
                {"key": "state_word", "label": texts("list.state")},
                {"key": "opened", "label": texts("list.opened")},
                {"key": "closed", "label": texts("list.closed")},
            ],
            filters=self._filters(),
        )
        self._listing.told("filter", self._filter)
        self._listing.told("more", lambda _: self._frame.later(self._load(more=True)))
        self._frame.client.on_delete(desk.feed.subscribe(self._follow))
        self._frame.later(self._load())

    def _filters(self) -> list[Json]:
        texts = self._desk.texts
        anything = {"value": "", "label": texts("list.any")}
        choices = {
            "state": [{"value": key, "label": texts(f"list.{key}")} for key in ("live", "ended")],
            "level": [{"value": str(one.value), "label": texts(f"level.full.{one.value}")} for one in Level],
            "kind": [{"value": one.value, "label": texts(f"kind.{one.value}")} for one in FindingKind],
        }
        return [
            *(
                {"key": key, "label": texts(f"list.{key}"), "value": self._chosen[key], "options": [anything, *some]}
                for key, some in choices.items()
            ),
            {"key": "words", "label": texts("list.words"), "value": self._chosen["words"], "options": None},
        ]

    def _filter(self, told: Json) -> None:
        if told["key"] in self._chosen:
            self._chosen[told["key"]] = str(told["value"]).replace("\x00", "").strip()[:64]
        self._again()

    def _again(self) -> None:
        self._frame.remember(**self._chosen)
        self._listing.show(filters=self._filters())
        self._frame.later(self._load())

    def _follow(self, change: Change) -> None:
        if (change.alarms or change.ended) and len(self._alarms) <= _PAGE:
            self._frame.later(self._load())

    async def _load(self, *, more: bool = False) -> None:
        before = self._alarms[-1].alarm_id if more and self._alarms else None
        chosen = dict(self._chosen)
        try:
            page = await asyncio.to_thread(
                views.alarms,
                self._desk.store,
                states=_STATES.get(chosen["state"], tuple(AlarmState)),
                city=self._frame.scope,
                kind=chosen["kind"] or None,
                level=int(chosen["level"]) if chosen["level"].isdigit() else None,
                words=chosen["words"] or None,
                before=before,
                limit=_PAGE,
            )
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")
            return
        self._alarms = [*self._alarms, *page] if more else page
        self._listing.show(rows=[self._row(alarm) for alarm in self._alarms], more=len(page) == _PAGE)

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
