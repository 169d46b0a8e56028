"""The situation page: where the city's networks stand, what is wrong, and what to do about it."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlencode

from fastapi import Request
from nicegui import background_tasks, ui

from console.curves import Curve, options
from console.dossier import measured
from console.feed import Change
from console.pages.alarm_view import actor as by_whom
from console.pages.alarm_view import panel, row
from console.pages.desk import Desk
from console.pages.parts import AlarmPanel, AlarmQueue, NetworkMap, SensorPanel, StatusBar
from console.sensing import SensorNow, SensorState
from console.words import moment, value, zone
from lifeline import log
from lifeline.alarm import AlarmAction, AlarmState
from lifeline.errors import IllegalTransitionError, LifelineError, NotFoundError, StaleVersionError, StoreError
from lifeline.store import alarms as alarm_store

ACTOR_COOKIE = "lifeline_actor"
REASON = "person"
_STATUS_S = 2.0
_PANEL_S = 5.0
Json = dict[str, Any]


class Situation:
    """One open page. Built within a page function; follows the feed until its client is gone."""

    def __init__(self, desk: Desk, request: Request, *, city: str, alarm_id: int | None) -> None:
        self._desk = desk
        self._texts = desk.texts
        self._city = city if any(one.code == city for one in desk.feed.cities) else ""
        self._alarm_id = alarm_id
        self._sensor_id: str | None = None
        self._actor = unquote(request.cookies.get(ACTOR_COOKIE, ""))[:64]
        self._client = ui.context.client
        texts = self._texts
        with ui.element("main").classes("ll-page"):
            self._bar = StatusBar()
            self._map = NetworkMap()
            with ui.element("div").style("min-height: 0; display: flex"):
                self._alarm_panel = AlarmPanel()
                self._sensor_panel = SensorPanel()
            self._queue = AlarmQueue()
        self._bar.show(texts=texts.part("app", "bar", "level", "age"), actor=self._actor)
        self._bar.show(otherCode=texts.language.other.value)
        self._map.show(
            texts=texts.part("map", "level", "quantity", "sensor"),
            language=texts.language.value,
            tiles=desk.settings.console.tile_url,
        )
        self._queue.show(texts=texts.part("queue", "level", "state", "age"))
        self._alarm_panel.show(texts=texts.part("detail", "level", "state", "queue", "act", "age"), message="")
        self._sensor_panel.show(texts=texts.part("detail", "sensor"))
        self._listen()
        self._draw_cities()
        self._draw_alarms()
        ui.timer(_STATUS_S, self._draw_status)
        ui.timer(_PANEL_S, self._draw_panel)
        if alarm_id is not None:
            self._later(self._draw_alarm())

    def _listen(self) -> None:
        self._bar.told("city", self._choose_city)
        self._bar.told("actor", self._rename)
        self._map.told("city", self._choose_city)
        self._map.told("alarm", self._choose_alarm)
        self._map.told("sensor", self._choose_sensor)
        self._queue.told("select", self._choose_alarm)
        self._queue.told("acknowledge", self._acknowledge)
        self._alarm_panel.told("act", self._act_as_told)
        self._alarm_panel.told("close", lambda _: self._choose_alarm(None))
        self._sensor_panel.told("close", lambda _: self._choose_sensor(None))
        unsubscribe = self._desk.feed.subscribe(self._follow)
        self._client.on_delete(unsubscribe)

    def _follow(self, change: Change) -> None:
        with self._client:
            if change.cities:
                self._draw_cities()
                self._map.reload_layers()
            if change.alarms or change.ended or change.cities:
                self._draw_alarms()
            if change.sensors:
                self._map.update_sensors([_symbol(now) for now in change.sensors if self._here(now.sensor.city_code)])
            if not change.answering or change.alarms or change.ended or change.sensors:
                self._draw_status()
            if self._alarm_id is not None and (
                self._alarm_id in change.ended
                or self._alarm_id in change.noticed
                or any(alarm.alarm_id == self._alarm_id for alarm in change.alarms)
            ):
                self._later(self._draw_alarm())

    def _here(self, city: str) -> bool:
        return self._city in ("", city)

    def _choose_city(self, city: str) -> None:
        self._city = city
        self._draw_cities()
        self._draw_alarms()
        self._remember()

    def _rename(self, name: str) -> None:
        self._actor = str(name).strip()[:64]

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
            self._later(self._draw_alarm())
        self._remember()

    def _choose_sensor(self, sensor_id: str | None) -> None:
        self._choose_alarm(None)
        self._sensor_id = sensor_id
        self._later(self._draw_sensor())

    async def _acknowledge(self, asked: Json) -> None:
        await self._act(int(asked["id"]), int(asked["version"]), AlarmAction.ACKNOWLEDGE)

    async def _act_as_told(self, asked: Json) -> None:
        await self._act(
            int(asked["id"]),
            int(asked["version"]),
            AlarmAction(asked["action"]),
            note=str(asked["note"])[:2000],
            hours=float(asked["hours"] or 0),
        )

    async def _act(
        self, alarm_id: int, version: int, action: AlarmAction, *, note: str = "", hours: float = 0.0
    ) -> None:
        """Does it on the version that the person saw, or says in plain words why it was not done."""
        if not self._actor:
            self._say(self._texts("act.who"), "warning")
            ui.run_javascript("document.querySelector('.ll-person input').focus()")
            return
        now = self._desk.clock.now()
        try:
            await asyncio.to_thread(
                alarm_store.act,
                self._desk.store,
                alarm_id,
                action,
                actor=self._actor,
                version=version,
                now=now,
                reason=REASON,
                note=note,
                until=now + timedelta(hours=hours) if hours else None,
            )
        except (StaleVersionError, IllegalTransitionError):
            await self._explain_refusal(alarm_id)
        except NotFoundError:
            self._say(self._texts("detail.gone", n=alarm_id), "warning")
        except StoreError as error:
            log.logger("console").warning("an action was not recorded", alarm_id=alarm_id, error=str(error))
            self._say(self._texts("act.away"), "negative")
        else:
            self._alarm_panel.show(message="")
            self._alarm_panel.run_method("written")
            self._say(self._texts("act.done", action=self._texts(f"action.{action.value}")), "positive")

    async def _explain_refusal(self, alarm_id: int) -> None:
        """Somebody was first: shows the alarm as it is now, and who did what."""
        if self._alarm_id != alarm_id:
            self._choose_alarm(alarm_id)
        dossier = await self._draw_alarm(fresh=True)
        if dossier is None:
            return
        last = dossier.events[-1]
        self._alarm_panel.show(
            message=self._texts(
                "act.stale_by",
                actor=by_whom(self._desk, last.actor),
                action=self._texts(f"action.{last.action.value}"),
            )
        )

    async def _draw_alarm(self, *, fresh: bool = False) -> Any:
        alarm_id = self._alarm_id
        if alarm_id is None:
            return None
        try:
            dossier = await asyncio.to_thread(self._desk.dossiers.read, alarm_id, fresh=fresh)
        except NotFoundError:
            self._say(self._texts("detail.gone", n=alarm_id), "warning")
            self._choose_alarm(None)
            return None
        except StoreError:
            self._say(self._texts("error.store"), "negative")
            return None
        if self._alarm_id == alarm_id:
            self._alarm_panel.show(alarm=panel(self._desk, dossier, now=self._desk.clock.now()))
            self._map.show(selected=alarm_id)
            self._queue.show(selected=alarm_id)
        return dossier

    async def _draw_sensor(self) -> None:
        now = self._desk.feed.sensor(self._sensor_id) if self._sensor_id else None
        if now is None:
            self._sensor_panel.show(sensor=None)
            return
        at = self._desk.clock.now()
        try:
            points = await asyncio.to_thread(measured, self._desk.store, now.sensor, at - timedelta(days=1), at)
        except StoreError:
            self._say(self._texts("error.store"), "negative")
            return
        if self._sensor_id == now.sensor.sensor_id:
            self._sensor_panel.show(sensor=self._sensor_view(now, Curve(now.sensor.sensor_id, points)))

    def _sensor_view(self, now: SensorNow, curve: Curve) -> Json:
        texts, sensor, latest = self._texts, now.sensor, now.latest
        timezone = self._desk.timezone(sensor.city_code)
        last = moment(latest.observed_at, timezone, now=self._desk.clock.now()) if latest else ""
        quantity = texts(f"quantity.{sensor.quantity.value}")
        unknown = now.state is SensorState.SILENT or latest is None
        facts = [
            (quantity, texts("sensor.unknown") if unknown or latest is None else value(sensor.quantity, latest.value)),
            (texts("bar.newest"), f"{value(sensor.quantity, latest.value)} · {last}" if latest else ""),
            (texts("detail.reason"), texts(f"sensor.reason.{now.reason.value}")),
            (texts("detail.where"), f"{sensor.position.lon:.5f}, {sensor.position.lat:.5f}"),
        ]
        return {
            "id": sensor.sensor_id,
            "name": texts.name(sensor.name.zh, sensor.name.en),
            "place": self._desk.place(sensor.city_code, sensor.zone_id),
            "state": texts(f"sensor.state.{now.state.value}"),
            "good": now.state is SensorState.GOOD,
            "facts": [{"label": label, "text": text} for label, text in facts if text],
            "picture": options(sensor.quantity, quantity, [curve], [], timezone),
        }

    def _draw_cities(self) -> None:
        cities = self._desk.feed.cities
        live: dict[str, int] = {}
        for alarm in self._desk.feed.alarms:
            live[alarm.city_code] = live.get(alarm.city_code, 0) + 1
        named = [
            {
                "code": one.code,
                "name": self._texts.name(one.name.zh, one.name.en),
                "lon": one.centre.lon,
                "lat": one.centre.lat,
                "live": live.get(one.code, 0),
            }
            for one in cities
        ]
        everywhere = {"code": "", "name": self._texts("city.all"), "live": sum(live.values())}
        self._bar.show(cities=[everywhere, *named], city=self._city)
        self._map.show(cities=named, city=self._city)
        self._draw_status()

    def _draw_alarms(self) -> None:
        rows = [row(self._desk, alarm) for alarm in self._desk.feed.alarms if self._here(alarm.city_code)]
        self._queue.show(alarms=rows, selected=self._alarm_id)
        self._map.show(alarms=rows, selected=self._alarm_id)
        self._draw_cities()

    def _draw_status(self) -> None:
        feed, city = self._desk.feed, self._city or None
        alarms = [alarm for alarm in feed.alarms if self._here(alarm.city_code)]
        intake, watch = feed.intake(city), feed.watch(city)
        now = self._desk.clock.now()
        offset = now.astimezone(zone(self._desk.timezone(city))).utcoffset()
        self._bar.show(
            status={
                "levels": {str(n): sum(alarm.level.value == n for alarm in alarms) for n in (1, 2, 3, 4)},
                "open": sum(alarm.state is AlarmState.OPEN for alarm in alarms),
                "silent": watch.silent,
                "sensors": watch.sensors,
                "stale_after_s": watch.stale_after_s,
                "per_minute": intake.per_minute,
                "newest_ms": 1000 * intake.newest_at.timestamp() if intake.newest_at else None,
                "answering": feed.answering,
                "at_ms": 1000 * now.timestamp(),
                "utc_offset_s": offset.total_seconds() if offset else 0.0,
            },
            otherLanguage=self._address(self._texts.language.other.value),
        )

    async def _draw_panel(self) -> None:
        if self._sensor_id:
            await self._draw_sensor()
        elif self._alarm_id is not None:
            await self._draw_alarm()

    def _address(self, language: str) -> str:
        query = {"city": self._city, "alarm": self._alarm_id}
        kept = urlencode({key: one for key, one in query.items() if one})
        return f"/{language}?{kept}" if kept else f"/{language}"

    def _remember(self) -> None:
        """Keeps what is chosen in the address, so that it can be kept and sent."""
        self._bar.show(otherLanguage=self._address(self._texts.language.other.value))
        ui.navigate.history.replace(self._address(self._texts.language.value))

    def _say(self, words: str, kind: Any) -> None:
        with self._client:
            ui.notify(words, type=kind, position="bottom-left", timeout=6000)

    def _later(self, work: Coroutine[Any, Any, Any]) -> None:
        async def within_client() -> None:
            with self._client:
                try:
                    await work
                except LifelineError as error:
                    log.logger("console").warning("a page could not be drawn", error=str(error))

        background_tasks.create(within_client(), name="draw")


def _symbol(now: SensorNow) -> Json:
    return {
        "id": now.sensor.sensor_id,
        "state": now.state.value,
        "reason": now.reason.value,
        "level": now.level.value if now.level else None,
    }
