"""The situation page: where the city's networks stand, what is wrong, and what to do about it."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import Request
from nicegui import ui

from console import base_map, doing
from console.access import DESK, may
from console.curves import Curve
from console.dossier import Dossier, measured
from console.feed import Change
from console.pages.alarm_view import PUBLISH, calls, panel, rows
from console.pages.alarm_view import actor as by_whom
from console.pages.desk import Desk
from console.pages.frame import Frame
from console.pages.parts import AlarmPanel, AlarmQueue, NetworkMap, SensorPanel
from console.pages.sensor_view import panel as sensor_panel
from console.sensing import SensorNow
from lifeline import log
from lifeline.alarm import AlarmAction
from lifeline.errors import AccessError, IllegalTransitionError, NotFoundError, StaleVersionError, StoreError
from lifeline.store import calls as call_store

_PANEL_S = 5.0
Json = dict[str, Any]


class Situation:
    """One open page. Built within a page function; follows the feed until its client is gone."""

    def __init__(self, desk: Desk, request: Request, *, city: str, alarm_id: int | None) -> None:
        self._desk = desk
        self._texts = texts = desk.texts
        self._alarm_id = alarm_id
        self._sensor_id: str | None = None
        with ui.element("main").classes("ll-page ll-situation"):
            self._frame = Frame(desk, request, path="", city=city, chosen=lambda _: self._city_chosen())
            _fetch_early(self._frame.city)
            self._map = NetworkMap()
            with ui.element("div").classes("ll-panels"):
                self._alarm_panel = AlarmPanel()
                self._sensor_panel = SensorPanel()
            self._queue = AlarmQueue()
        self._map.show(
            texts=texts.part("map", "level", "quantity", "sensor", "shelter"),
            language=texts.language.value,
            tiles=[asdict(one) for one in base_map.layers(desk.settings.console.tile_url)],
        )
        self._queue.show(
            texts=texts.part("queue", "level", "state", "age"),
            may_acknowledge=may(self._frame.person.roles, AlarmAction.ACKNOWLEDGE),
            calls=[],
        )
        self._alarm_panel.show(texts=texts.part("detail", "level", "state", "queue", "act", "age"), message="")
        self._sensor_panel.show(texts=texts.part("detail", "sensor"))
        self._listen()
        self._draw_map()
        self._draw_alarms()
        self._draw_calls()
        ui.timer(_PANEL_S, self._draw_panel)
        if alarm_id is not None:
            self._frame.later(self._draw_alarm())

    def _listen(self) -> None:
        self._map.told("city", self._frame.choose_city)
        self._map.told("alarm", self._choose_alarm)
        self._map.told("sensor", self._choose_sensor)
        self._queue.told("select", self._choose_alarm)
        self._queue.told("acknowledge", self._acknowledge)
        self._queue.told("call", lambda call_id: self._take_call(int(call_id)))
        self._alarm_panel.told("act", self._act_as_told)
        self._alarm_panel.told("close", lambda _: self._choose_alarm(None))
        self._sensor_panel.told("close", lambda _: self._choose_sensor(None))
        self._frame.client.on_delete(self._desk.feed.subscribe(self._follow))

    def _follow(self, change: Change) -> None:
        with self._frame.client:
            if change.cities:
                self._desk.rows.clear()  # names of places may be others now
                self._draw_map()
                self._map.reload_layers()
            if change.alarms or change.ended or change.cities:
                self._draw_alarms()
            if change.calls:
                self._draw_calls()
            if news := [_symbol(now) for now in change.sensors if self._frame.here(now.sensor.city_code)]:
                self._map.update_sensors(news)
            if self._alarm_id is not None and (
                self._alarm_id in change.ended
                or self._alarm_id in change.noticed
                or any(alarm.alarm_id == self._alarm_id for alarm in change.alarms)
            ):
                self._frame.later(self._draw_alarm())

    def _city_chosen(self) -> None:
        self._draw_map()
        self._draw_alarms()
        self._draw_calls()
        self._remember()

    def _choose_alarm(self, alarm_id: int | None) -> None:
        self._alarm_id = alarm_id
        self._sensor_id = None
        self._map.show(selected=alarm_id)
        self._queue.show(selected=alarm_id)
        self._sensor_panel.show(sensor=None)
        self._alarm_panel.show(message="")
        if alarm_id is None:
            self._alarm_panel.show(alarm=None)
        else:
            self._frame.later(self._draw_alarm())
        self._remember()

    def _choose_sensor(self, sensor_id: str | None) -> None:
        self._choose_alarm(None)
        self._sensor_id = sensor_id
        self._frame.later(self._draw_sensor())

    async def _acknowledge(self, asked: Json) -> None:
        await self._act(int(asked["id"]), int(asked["version"]), AlarmAction.ACKNOWLEDGE)

    async def _act_as_told(self, asked: Json) -> None:
        if asked["action"] == PUBLISH:
            await self._publish(int(asked["id"]))
            return
        await self._act(
            int(asked["id"]),
            int(asked["version"]),
            AlarmAction(asked["action"]),
            note=str(asked["note"]).replace("\x00", "")[:2000],
            hours=float(asked["hours"] or 0),
        )

    async def _act(
        self, alarm_id: int, version: int, action: AlarmAction, *, note: str = "", hours: float = 0.0
    ) -> None:
        """Does it on the version that the person saw, or says in plain words why it was not done."""
        frame, texts = self._frame, self._texts
        if not await frame.still():
            return
        now = self._desk.clock.now()
        try:
            await asyncio.to_thread(
                doing.act,
                self._desk.store,
                alarm_id,
                action,
                person=frame.person,
                version=version,
                now=now,
                note=note,
                until=now + timedelta(hours=hours) if hours else None,
            )
        except (StaleVersionError, IllegalTransitionError):
            await self._explain_refusal(alarm_id)
        except AccessError:
            frame.say(texts("act.not_yours"), "warning")
        except NotFoundError:
            frame.say(texts("detail.gone", n=alarm_id), "warning")
        except StoreError as error:
            log.logger("console").warning("an action was not recorded", alarm_id=alarm_id, error=str(error))
            frame.say(texts("act.away"), "negative")
        else:
            self._alarm_panel.show(message="")
            self._alarm_panel.run_method("written")
            frame.say(texts("act.done", action=texts(f"action.{action.value}")), "positive")

    async def _publish(self, alarm_id: int) -> None:
        """The public is told, because a named person signed it."""
        frame, texts = self._frame, self._texts
        if not await frame.still():
            return
        try:
            await asyncio.to_thread(
                doing.publish, self._desk.store, alarm_id, person=frame.person, now=self._desk.clock.now()
            )
        except (AccessError, NotFoundError):
            frame.say(texts("act.not_yours"), "warning")
        except StoreError:
            frame.say(texts("act.away"), "negative")
        else:
            frame.say(texts("act.recorded"), "positive")

    async def _explain_refusal(self, alarm_id: int) -> None:
        """Somebody was first: shows the alarm as it is now, and who did what."""
        if self._alarm_id != alarm_id:
            self._choose_alarm(alarm_id)
        dossier = await self._draw_alarm(fresh=True)
        if dossier is not None:
            last = dossier.events[-1]
            done = self._texts(f"action.{last.action.value}")
            who = by_whom(self._desk, last.actor)
            self._alarm_panel.show(message=self._texts("act.stale_by", actor=who, action=done))

    async def _draw_alarm(self, *, fresh: bool = False) -> Dossier | None:
        alarm_id = self._alarm_id
        if alarm_id is None:
            return None
        try:
            dossier = await asyncio.to_thread(self._desk.dossiers.read, alarm_id, fresh=fresh)
        except NotFoundError:
            self._frame.say(self._texts("detail.gone", n=alarm_id), "warning")
            self._choose_alarm(None)
            return None
        except StoreError:
            self._frame.say(self._texts("error.store"), "negative")
            return None
        if not self._frame.person.serves(dossier.alarm.city_code):
            self._frame.say(self._texts("act.not_yours"), "warning")
            self._choose_alarm(None)
            return None
        if self._alarm_id == alarm_id:
            roles = self._frame.person.roles
            self._alarm_panel.show(alarm=panel(self._desk, dossier, roles, now=self._desk.clock.now()))
            self._map.show(selected=alarm_id)
            self._queue.show(selected=alarm_id)
        return dossier

    async def _draw_sensor(self) -> None:
        now = self._desk.feed.sensor(self._sensor_id) if self._sensor_id else None
        if now is None or not self._frame.person.serves(now.sensor.city_code):
            self._sensor_panel.show(sensor=None)
            return
        at = self._desk.clock.now()
        try:
            points = await asyncio.to_thread(measured, self._desk.store, now.sensor, at - timedelta(days=1), at)
        except StoreError:
            self._frame.say(self._texts("error.store"), "negative")
            return
        if self._sensor_id == now.sensor.sensor_id:
            curve = Curve(now.sensor.sensor_id, points)
            self._sensor_panel.show(sensor=sensor_panel(self._desk, now, curve, at=at))

    def _draw_map(self) -> None:
        cities = [
            {
                "code": one.code,
                "name": self._texts.name(one.name.zh, one.name.en),
                "lon": one.centre.lon,
                "lat": one.centre.lat,
            }
            for one in self._desk.feed.cities
            if self._frame.person.serves(one.code)
        ]
        self._map.show(cities=cities, city=self._frame.city)

    def _draw_alarms(self) -> None:
        shown = [row for row in rows(self._desk) if self._frame.here(row.city)]
        self._queue.show(alarms=[row.listed for row in shown], selected=self._alarm_id)
        self._map.show(alarms=[row.drawn for row in shown], selected=self._alarm_id)

    def _draw_calls(self) -> None:
        shown = [one for one in self._desk.feed.calls if self._frame.here(one.city_code)]
        numbers = {one.call_id for one in shown}
        self._queue.show(calls=[one for one in calls(self._desk, self._frame.person) if one["id"] in numbers])

    async def _take_call(self, call_id: int) -> None:
        """Somebody in the centre takes up what the field asks for."""
        frame, store = self._frame, self._desk.store
        if not await frame.still() or not frame.person.roles & DESK:
            frame.say(self._texts("act.not_yours"), "warning")
            return
        try:
            city = await asyncio.to_thread(call_store.city_of, store, call_id)
            if frame.person.serves(city):
                await asyncio.to_thread(
                    call_store.answer, store, call_id, by=frame.person.name, now=self._desk.clock.now()
                )
        except NotFoundError:
            return
        except StoreError:
            frame.say(self._texts("act.away"), "negative")

    async def _draw_panel(self) -> None:
        if self._sensor_id:
            await self._draw_sensor()
        elif self._alarm_id is not None:
            await self._draw_alarm()

    def _remember(self) -> None:
        self._frame.remember(alarm=self._alarm_id)


def _fetch_early(city: str) -> None:
    """Lets the browser ask for the large layers while it still loads the scripts that draw them."""
    query = f"?city={city}" if city else ""
    for layer in ("zones", "pipes", "drains", "sensors"):
        href = f"/api/v1/layers/{layer}.geojson{query}"
        ui.add_head_html(f'<link rel="preload" as="fetch" crossorigin="anonymous" href="{href}">')


def _symbol(now: SensorNow) -> Json:
    return {
        "id": now.sensor.sensor_id,
        "state": now.state.value,
        "reason": now.reason.value,
        "level": now.level.value if now.level else None,
    }
