"""One box for everything: alarms, sensors, zones, shelters, crews and orders by a part of name or number."""

import asyncio
from typing import Any

from fastapi import Request
from nicegui import ui

from console.pages.desk import Desk
from console.pages.frame import Frame
from console.pages.parts import Leaf
from console.pages.registers import REGISTERS
from lifeline.alarm import AlarmState
from lifeline.errors import StoreError
from lifeline.store import views

_MOST = 30
Json = dict[str, Any]


class SearchPage:
    """What was found, once."""

    def __init__(self, desk: Desk, request: Request) -> None:
        self._desk = desk
        self._words = request.query_params.get("q", "").replace("\x00", "").strip()[:64]
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path="/search", city="", chosen=lambda _: None)
            self._leaf = Leaf()
        self._leaf.show(texts=desk.texts.part("detail", "act", "list"), leaf=self._page([]))
        self._frame.later(self._draw())

    async def _draw(self) -> None:
        try:
            self._leaf.show(leaf=self._page(await asyncio.to_thread(self._found) if self._words else []))
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")

    def _page(self, tables: list[Json]) -> Json:
        return {
            "id": "search", "title": self._desk.texts("page.search"), "sub": self._words, "chip": "", "version": None,
            "actions": [], "facts": [], "pictures": [], "tables": [one for one in tables if one["rows"]], "number": "",
        }  # fmt: skip

    def _found(self) -> list[Json]:
        desk, scope, texts = self._desk, self._frame.scope, self._desk.texts
        language, words = texts.language.value, self._words.casefold()
        alarms = views.alarms(
            desk.store, states=tuple(AlarmState), city=scope, kind=None, words=self._words, before=None, limit=_MOST
        )
        sensors = [
            now.sensor
            for now in desk.feed.sensors()
            if self._frame.here(now.sensor.city_code)
            and any(words in one.casefold() for one in (now.sensor.sensor_id, now.sensor.name.zh, now.sensor.name.en))
        ]
        tables = [
            {
                "title": texts("page.history"),
                "columns": [texts("list.alarm"), texts("list.state"), texts("detail.zone")],
                "rows": [
                    [
                        {"text": texts.name(one.title_zh, one.title_en), "href": f"/{language}?alarm={one.alarm_id}"},
                        texts(f"state.{one.state.value}"),
                        desk.place(one.city_code, one.zone_id),
                    ]
                    for one in alarms
                ],
            },
            {
                "title": texts("page.sensors"),
                "columns": [texts("list.sensor"), texts("list.number"), texts("detail.zone")],
                "rows": [
                    [
                        {"text": texts.name(one.name.zh, one.name.en), "href": f"/{language}/sensors/{one.sensor_id}"},
                        one.sensor_id,
                        desk.place(one.city_code, one.zone_id),
                    ]
                    for one in sensors[:_MOST]
                ],
            },
        ]
        for register in REGISTERS:
            name = next(key for key, _, kind in register.columns if kind == "link")
            rows = register.read(desk, scope, desk.clock.now())
            tables.append(
                {
                    "title": texts(f"page.{register.path[1:]}"),
                    "columns": [texts("list.name"), texts("list.number"), texts("detail.zone")],
                    "rows": [
                        [{"text": row[name], "href": row["href"]}, row["id"], row["place"]]
                        for row in rows
                        if words in row["id"].casefold() or words in row[name].casefold()
                    ][:_MOST],
                }
            )
        return tables
