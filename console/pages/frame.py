"""What every page has: the bar with the city, the figures and the person's name; the rest of the page is its own."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from nicegui import background_tasks, ui

from console.access import is_for
from console.feed import Change
from console.gate import visitor_of
from console.pages.desk import Desk
from console.pages.parts import StatusBar
from console.words import zone
from lifeline import log
from lifeline.alarm import AlarmState
from lifeline.errors import LifelineError

PAGES = (
    "",
    "/history",
    "/sensors",
    "/shelters",
    "/orders",
    "/crews",
    "/zones",
    "/storms",
    "/past",
    "/evacuations",
    "/silences",
    "/report",
    "/audit",
)
"""Paths behind the language; the first three stand in the bar, the rest in a menu."""
_IN_BAR = 3
_STATUS_S = 2.0
_RECHECK_S = 5.0
Json = dict[str, Any]


class Frame:
    """The bar of one open page, kept up to date until its client is gone."""

    def __init__(self, desk: Desk, request: Request, *, path: str, city: str, chosen: Callable[[str], None]) -> None:
        """`path` is the page's own, behind the language; `chosen` is called when the person chooses another city."""
        self.desk = desk
        self.city = ""
        visitor = visitor_of(request)
        self.person = visitor.person
        self._recheck = request.state.recheck
        self.city = self._known(city)
        self.client = ui.context.client
        self._path = path
        self._pages = [one for one in PAGES if is_for(f"/zh{one}", self.person.roles)]
        self._query = dict(request.query_params)
        self._query.pop("city", None)
        self._chosen = chosen
        texts = desk.texts
        self.bar = StatusBar()
        self.bar.show(
            texts=texts.part("app", "bar", "level", "age", "page"),
            person=self.person.name,
            formKey=visitor.form_key,
            otherCode=texts.language.other.value,
            in_bar=_IN_BAR,
            search=f"/{texts.language.value}/search",
            pages=[
                {"name": texts(f"page{one.replace('/', '.') or '.situation'}"), "here": one == path}
                for one in self._pages
            ],
        )
        self.bar.told("city", self.choose_city)
        self.client.on_delete(desk.feed.subscribe(self._follow))
        ui.timer(_STATUS_S, self.draw_status)
        ui.timer(_RECHECK_S, self._still_here)
        self.draw_cities()

    @property
    def scope(self) -> frozenset[str] | None:
        """The cities that the page shows; None: all."""
        return frozenset({self.city}) if self.city else self.person.cities or None

    def here(self, city: str) -> bool:
        """Whether something of `city` belongs on the page."""
        return self.city in ("", city) and self.person.serves(city)

    def remember(self, **query: object) -> None:
        """Keeps what is chosen in the address, so that it can be kept and sent; empty values are left out."""
        self._query = {key: str(value) for key, value in query.items() if value not in (None, "")}
        self._draw_links()
        ui.navigate.history.replace(self._address(self._path, self.desk.texts.language.value))

    def say(self, words: str, kind: Any) -> None:
        """A short word to the person; `kind` as Quasar has it."""
        with self.client:
            ui.notify(words, type=kind, position="bottom-left", timeout=6000)

    def later(self, work: Any) -> None:
        """Runs a coroutine for this page."""

        async def within_client() -> None:
            with self.client:
                try:
                    await work
                except LifelineError as error:
                    log.logger("console").warning("a page could not be drawn", error=str(error))

        background_tasks.create(within_client(), name="draw")

    def draw_cities(self) -> None:
        """Cities with what is live and unseen in each."""
        feed, texts = self.desk.feed, self.desk.texts
        mine = [alarm for alarm in feed.alarms if self.person.serves(alarm.city_code)]
        open_in = [alarm.city_code for alarm in mine if alarm.state is AlarmState.OPEN]
        live_in = [alarm.city_code for alarm in mine]
        named = [
            {
                "code": one.code,
                "name": texts.name(one.name.zh, one.name.en),
                "live": live_in.count(one.code),
                "open": open_in.count(one.code),
            }
            for one in feed.cities
            if self.person.serves(one.code)
        ]
        everywhere = {"code": "", "name": texts("city.all"), "live": len(live_in), "open": len(open_in)}
        self.bar.show(cities=[everywhere, *named], city=self.city)
        self.draw_status()

    def draw_status(self) -> None:
        """The figures."""
        feed, scope = self.desk.feed, self.scope
        alarms = [alarm for alarm in feed.alarms if self.here(alarm.city_code)]
        intake, watch = feed.intake(scope), feed.watch(scope)
        now = self.desk.clock.now()
        self.bar.show(
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
                "utc_offset_s": _utc_offset_s(self.desk.timezone(self.city), now),
            }
        )
        self._draw_links()

    def _draw_links(self) -> None:
        texts = self.desk.texts
        own = texts.language.value
        self.bar.show(
            otherLanguage=self._address(self._path, texts.language.other.value),
            links=[self._address(page, own, only_city=True) for page in self._pages],
        )

    def _address(self, path: str, language: str, *, only_city: bool = False) -> str:
        query = {} if only_city else self._query
        kept = urlencode(({"city": self.city} if self.city else {}) | query)
        return f"/{language}{path}" + (f"?{kept}" if kept else "")

    def _follow(self, change: Change) -> None:
        with self.client:
            if change.cities or change.alarms or change.ended:
                self.draw_cities()
            elif change.sensors or not change.readings:
                self.draw_status()

    def choose_city(self, city: Any) -> None:
        """The person chooses a city; '' is all."""
        self.city = self._known(city)
        self.draw_cities()
        self._chosen(self.city)

    async def still(self) -> bool:
        """Whether the person is still logged in and may be here; else the page is left."""
        if await self._recheck():
            return True
        with self.client:
            ui.navigate.to("/login")
        return False

    async def _still_here(self) -> None:
        await self.still()

    def _known(self, city: Any) -> str:
        """A city that is loaded and the person's, else ''; who has one city only is always there."""
        codes = [one.code for one in self.desk.feed.cities if self.person.serves(one.code)]
        return str(city) if city in codes else codes[0] if self.person.cities and len(codes) == 1 else ""


def _utc_offset_s(timezone: str, now: datetime) -> float:
    offset = now.astimezone(zone(timezone)).utcoffset()
    return offset.total_seconds() if offset else 0.0
