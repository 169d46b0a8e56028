"""The sensors as a list, the unknown ones first, and each on a page of its own with its readings over a year."""

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import Request
from nicegui import ui

from console.curves import Curve
from console.gate import visitor_of
from console.pages import export
from console.pages.desk import Desk
from console.pages.filters import Filters
from console.pages.frame import Frame
from console.pages.parts import Listing, SensorPlot, tag
from console.pages.sensor_view import panel, row
from console.pages.silence_box import SilenceBox
from console.sensing import SensorNow, SensorState
from lifeline.errors import StoreError
from lifeline.store import views
from lifeline.units import Quantity

_PAGE = 100
_REFRESH_S = 5.0
_SPANS = (1, 7, 30, 365)
_STEPS = 800
_WORST_FIRST = (SensorState.SILENT, SensorState.DOUBTFUL, SensorState.GOOD)
_COLUMNS = (
    ("state_word", "list.state", "sensor"), ("name", "list.sensor", "link"), ("id", "list.number", ""),
    ("place", "detail.zone", ""), ("quantity", "list.quantity", ""), ("value", "list.value", ""),
    ("newest", "bar.newest", ""), ("why", "list.why", ""),
)  # fmt: skip
Json = dict[str, Any]


class SensorList:
    """One open page of all sensors."""

    def __init__(self, desk: Desk, request: Request, *, city: str) -> None:
        self._desk = desk
        texts = desk.texts
        self._filters = Filters(
            texts,
            request.query_params,
            {
                "state": [(one.value, texts(f"sensor.state.{one.value}")) for one in _WORST_FIRST],
                "quantity": [(one.value, texts(f"quantity.{one.value}")) for one in Quantity],
            },
        )
        self._limit = _PAGE
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path="/sensors", city=city, chosen=lambda _: self._again())
            self._listing = Listing()
        self._listing.show(
            title=texts("page.sensors"),
            older=texts("list.more"),
            empty=texts("list.empty"),
            csv=texts("list.csv"),
            columns=[{"key": key, "label": texts(word), "kind": kind} for key, word, kind in _COLUMNS],
            filters=self._filters.shown(),
        )
        self._listing.told("filter", self._filter)
        self._listing.told("more", self._more)
        self._listing.told("csv", lambda _: self._take_along())
        self._draw()
        ui.timer(_REFRESH_S, self._draw)

    def _filter(self, told: Json) -> None:
        self._filters.take(told)
        self._limit = _PAGE
        self._again()

    def _more(self, _told: object) -> None:
        self._limit += _PAGE
        self._draw()

    def _again(self) -> None:
        self._frame.remember(**self._filters.chosen)
        self._listing.show(filters=self._filters.shown())
        self._draw()

    def _draw(self) -> None:
        found = self._found()
        self._listing.show(rows=self._rows(found[: self._limit]), more=len(found) > self._limit)

    def _found(self) -> list[SensorNow]:
        """What is wanted, the unknown ones first."""
        everything = self._desk.feed.sensors(self._frame.city or None)
        found = [now for now in everything if self._frame.here(now.sensor.city_code) and self._fits(now)]
        return sorted(found, key=lambda now: (_WORST_FIRST.index(now.state), now.sensor.sensor_id))

    def _rows(self, found: list[SensorNow]) -> list[Json]:
        at, texts = self._desk.clock.now(), self._desk.texts
        return [row(self._desk, now, at=at) | {"state_word": texts(f"sensor.state.{now.state.value}")} for now in found]

    def _take_along(self) -> None:
        rows = self._rows(self._found())
        table = [[self._desk.texts(word) for _, word, _ in _COLUMNS]]
        table += [[one[key] for key, _, _ in _COLUMNS] for one in rows]
        export.give("sensors", table, now=self._desk.clock.now())

    def _fits(self, now: SensorNow) -> bool:
        sensor = now.sensor
        return self._filters.fits(
            {"state": now.state.value, "quantity": sensor.quantity.value},
            (sensor.sensor_id, sensor.name.zh, sensor.name.en, sensor.device_id),
        )


class SensorPage:
    """One open page of one sensor."""

    def __init__(self, desk: Desk, request: Request, sensor_id: str) -> None:
        self._desk = desk
        now = desk.feed.sensor(sensor_id)
        if now is not None and not visitor_of(request).person.serves(now.sensor.city_code):
            now = None
        days = request.query_params.get("days", "")
        self._days = int(days) if days in {str(one) for one in _SPANS} else _SPANS[0]
        self._sensor_id = sensor_id
        texts = desk.texts
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(
                desk, request, path=f"/sensors/{sensor_id}" if now else "/sensors", city="", chosen=self._leave
            )
            if now is None:
                tag("p", texts("list.no_sensor", id=sensor_id), "ll-empty")
                return
            with ui.element("div").classes("ll-both"):
                self._plot = SensorPlot()
                SilenceBox(desk, self._frame, sensor_id)
        self._plot.show(spans=[{"days": one, "label": texts("list.days", n=one)} for one in _SPANS])
        self._plot.told("days", self._choose)
        self._show(now, [])
        ui.timer(_REFRESH_S * 4, self._draw)
        self._frame.later(self._draw())

    def _leave(self, city: str) -> None:
        ui.navigate.to(f"/{self._desk.texts.language.value}/sensors" + (f"?city={city}" if city else ""))

    def _choose(self, days: Any) -> None:
        if days in _SPANS:
            self._days = int(days)
            self._frame.remember(days=days)
            self._frame.later(self._draw())

    async def _draw(self) -> None:
        now, days = self._desk.feed.sensor(self._sensor_id), self._days
        if now is None:
            return
        end = self._desk.clock.now()
        start = end - timedelta(days=days)
        step_s = max(now.sensor.interval_s, days * 86400 / _STEPS)
        try:
            rows = await asyncio.to_thread(
                views.series, self._desk.store, now.sensor.sensor_key, start=start, end=end, step_s=step_s
            )
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")
            return
        if days == self._days:
            self._show(now, rows)

    def _show(self, now: SensorNow, rows: list[Any]) -> None:
        texts = self._desk.texts
        curves = [Curve(texts("list.mean"), [(at, mean) for at, mean, *_ in rows])]
        if any(least != greatest for _, _, least, greatest, _ in rows):
            curves.append(Curve(texts("list.least"), [(at, least) for at, _, least, _, _ in rows], other=True))
            curves.append(Curve(texts("list.greatest"), [(at, greatest) for at, _, _, greatest, _ in rows], other=True))
        at = self._desk.clock.now()
        start = (at - timedelta(days=self._days)).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._plot.show(
            sensor=panel(self._desk, now, *curves, at=at),
            days=self._days,
            csv=f"/api/v1/sensors/{now.sensor.sensor_id}/readings.csv?start={start}",
        )
