"""A list of what the city has, with filters in the address and a file to take along: one page, told what it lists."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request
from nicegui import ui

from console.pages import export
from console.pages.desk import Desk
from console.pages.filters import Filters
from console.pages.frame import Frame
from console.pages.parts import Listing
from lifeline.errors import StoreError

MOST = 2000
_PAGE = 100
_REFRESH_S = 5.0
Json = dict[str, Any]
Cities = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Register:
    """A list: `columns` are keys of the catalogue by key of the row; `read` blocks and gives rows with id and href;
    a row's `filters` are compared with what is chosen of `choices`. `hint`: a catalogue key, said under the title."""

    path: str
    columns: tuple[tuple[str, str, str], ...]
    read: Callable[[Desk, Cities, datetime], list[Json]]
    choices: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """key, catalogue group of its words, values"""
    hint: str = ""
    empty: str = "list.empty"


class RegisterPage:
    """One open page of a register; follows the tables every few seconds."""

    def __init__(self, desk: Desk, request: Request, register: Register, *, city: str) -> None:
        self._desk, self._register = desk, register
        self._limit = _PAGE
        self._rows: list[Json] = []
        texts = desk.texts
        choices = {key: [(one, texts(f"{group}.{one}")) for one in values] for key, group, values in register.choices}
        self._filters = Filters(texts, request.query_params, choices)
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path=register.path, city=city, chosen=lambda _: self._again())
            self._listing = Listing()
        self._listing.show(
            title=texts(f"page.{register.path[1:]}"),
            hint=texts(register.hint) if register.hint else "",
            csv=texts("list.csv"),
            older=texts("list.more"),
            empty=texts("list.loading"),
            more=False,
            rows=[],
            columns=[{"key": key, "label": texts(word), "kind": kind} for key, word, kind in register.columns],
            filters=self._filters.shown(),
        )
        self._listing.told("filter", self._filter)
        self._listing.told("more", self._more)
        self._listing.told("csv", lambda _: self._take_along())
        ui.timer(_REFRESH_S, self._draw)
        self._frame.later(self._draw())

    def _filter(self, told: Json) -> None:
        self._filters.take(told)
        self._limit = _PAGE
        self._again()

    def _more(self, _told: object) -> None:
        self._limit += _PAGE
        self._show()

    def _again(self) -> None:
        self._frame.remember(**self._filters.chosen)
        self._listing.show(filters=self._filters.shown())
        self._frame.later(self._draw())

    async def _draw(self) -> None:
        desk, scope = self._desk, self._frame.scope
        try:
            rows = await asyncio.to_thread(self._register.read, desk, scope, desk.clock.now())
        except StoreError:
            self._frame.say(desk.texts("error.store"), "negative")
            return
        self._rows = [row for row in rows if self._fits(row)]
        self._show()

    def _show(self) -> None:
        shown = self._rows[: self._limit]
        self._listing.show(rows=shown, more=len(self._rows) > len(shown), empty=self._desk.texts(self._register.empty))

    def _take_along(self) -> None:
        labels = [self._desk.texts(word) for _, word, _ in self._register.columns]
        rows = [[row.get(key, "") for key, _, _ in self._register.columns] for row in self._rows]
        export.give(self._register.path[1:], [labels, *rows], now=self._desk.clock.now())

    def _fits(self, row: Json) -> bool:
        shown = [row["id"], *(str(row.get(key, "")) for key, _, _ in self._register.columns)]
        return self._filters.fits(row["filters"], shown)
