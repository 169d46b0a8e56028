"""The silences of one sensor, below its readings."""

import asyncio
from typing import Any

from nicegui import ui

from console.pages import silencing
from console.pages.acting import acted
from console.pages.desk import Desk
from console.pages.frame import Frame
from console.pages.leaves import blank
from console.pages.parts import Leaf
from lifeline.errors import StoreError

_REFRESH_S = 10.0
Json = dict[str, Any]


class SilenceBox:
    """What is silent of a sensor, and until when; operators make it so and end it."""

    def __init__(self, desk: Desk, frame: Frame, sensor_id: str) -> None:
        self._desk, self._frame, self._sensor_id = desk, frame, sensor_id
        self._leaf = Leaf()
        self._leaf.show(texts=desk.texts.part("detail", "act", "list"), leaf=blank(sensor_id))
        self._leaf.told("act", self._act)
        self._leaf.told("csv", lambda _: None)
        ui.timer(_REFRESH_S, self._draw)
        frame.later(self._draw())

    async def _draw(self) -> None:
        try:
            found = await asyncio.to_thread(self._read)
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")
        else:
            self._leaf.show(leaf=blank(self._sensor_id) | found)

    def _read(self) -> Json:
        desk, now = self._desk, self._desk.clock.now()
        sensor = desk.feed.sensor(self._sensor_id)
        timezone = desk.timezone(sensor.sensor.city_code if sensor else None)
        return {
            **silencing.offered(desk, self._frame.person, sensor_id=self._sensor_id, now=now),
            "tables": [silencing.table(desk, sensor_id=self._sensor_id, timezone=timezone, now=now)],
        }

    async def _act(self, told: Json) -> None:
        def work(told: Json) -> None:
            desk, now = self._desk, self._desk.clock.now()
            silencing.act(desk, self._frame.person, told, sensor_id=self._sensor_id, now=now)

        if await acted(self._frame, self._leaf, told, work):
            await self._draw()
