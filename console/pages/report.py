"""How the centre does, over a chosen time: answers by level, floods of alarms, what rings most, channels."""

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import Request
from nicegui import ui

from console.pages import export
from console.pages.desk import Desk
from console.pages.frame import Frame
from console.pages.leaves import sheets
from console.pages.parts import Leaf
from lifeline.errors import StoreError
from lifeline.kpi import Limits
from lifeline.store.alarm_figures import Report, report

_SPANS = (1, 7, 30, 365)
Json = dict[str, Any]


class ReportPage:
    """One open page; the span is in the address."""

    def __init__(self, desk: Desk, request: Request, *, city: str) -> None:
        self._desk = desk
        days = request.query_params.get("days", "")
        self._days = int(days) if days in {str(one) for one in _SPANS} else 7
        with ui.element("main").classes("ll-page"):
            self._frame = Frame(desk, request, path="/report", city=city, chosen=lambda _: self._again())
            self._leaf = Leaf()
        self._leaf.show(texts=desk.texts.part("detail", "act", "list"), leaf=self._page(None))
        self._leaf.told("act", self._choose)
        self._leaf.told("csv", lambda _: self._take_along())
        self._frame.later(self._draw())

    def _choose(self, told: Json) -> None:
        days = str(told.get("action", "")).removeprefix("days-")
        if days in {str(one) for one in _SPANS}:
            self._days = int(days)
        self._again()

    def _take_along(self) -> None:
        export.give(f"report-{self._days}d", sheets(self._leaf.shown("leaf")), now=self._desk.clock.now())

    def _again(self) -> None:
        self._frame.remember(days=self._days)
        self._frame.later(self._draw())

    async def _draw(self) -> None:
        end = self._desk.clock.now()
        try:
            found = await asyncio.to_thread(
                report,
                self._desk.store,
                begin=end - timedelta(days=self._days),
                end=end,
                limits=Limits(),
                cities=self._frame.scope,
            )
        except StoreError:
            self._frame.say(self._desk.texts("error.store"), "negative")
            return
        self._leaf.show(leaf=self._page(found))

    def _page(self, found: Report | None) -> Json:
        texts = self._desk.texts
        page: Json = {
            "id": "report", "title": texts("page.report"), "sub": texts("list.days", n=self._days), "chip": "",
            "version": None, "facts": [], "pictures": [], "tables": [], "number": "", "hint": "",
            "actions": [
                {"action": f"days-{n}", "label": texts("list.days", n=n), "main": n == self._days, "confirm": ""}
                for n in _SPANS
            ],
        }  # fmt: skip
        if found is None:
            return page
        listed = found.listed
        facts = [
            ("report.alarms", str(listed.told)),
            ("report.per_ten", f"{listed.mean:.3f}"),
            ("report.worst", str(listed.worst)),
            ("report.flooded", f"{100 * listed.flood_share:.2f} %"),
        ]
        return page | {
            "facts": [{"label": texts(key), "text": text} for key, text in facts],
            "tables": [
                {
                    "title": texts("report.answers"),
                    "columns": [
                        texts(key)
                        for key in (
                            "list.level", "report.alarms", "report.seen", "report.seen_s", "report.sent",
                            "report.sent_s", "report.mended", "report.closed",
                        )
                    ],
                    "rows": [
                        [
                            texts(f"level.full.{level}"), own.alarms, own.acknowledged, _span(own.to_acknowledge_s),
                            own.dispatched, _span(own.to_dispatch_s), own.mitigated, own.closed,
                        ]
                        for level, own in found.levels.items()
                    ],
                },
                {
                    "title": texts("report.sources"),
                    "columns": [texts("list.alarm"), texts("list.number"), texts("report.alarms")],
                    "rows": [
                        [texts.name(found.titles[subject].zh, found.titles[subject].en), subject, number]
                        for subject, number, _ in listed.top
                    ],
                },
                {
                    "title": texts("report.channels"),
                    "columns": [
                        texts(key)
                        for key in (
                            "report.channel", "report.notices", "notice.delivered", "notice.dead", "report.delivered_s",
                        )
                    ],
                    "rows": [
                        [row.channel, row.notices, row.delivered, row.dead, _span(row.delivered_s)]
                        for row in found.channels
                    ],
                },
            ],
        }  # fmt: skip


def _span(seconds: float | None) -> str:
    """Seconds as one reads them.

    >>> _span(150.0)
    '2.5 min'
    """
    if seconds is None:
        return "–"
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.1f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )
