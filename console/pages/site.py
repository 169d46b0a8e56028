"""Which page is where: /zh and /en, and behind each the same paths."""

from pathlib import Path
from typing import Any

from fastapi import Request
from nicegui import ui

from console.pages.desk import Desk
from console.pages.history import History
from console.pages.leaves import KINDS, Kind, LeafPage
from console.pages.register import Register, RegisterPage
from console.pages.registers import REGISTERS
from console.pages.report import ReportPage
from console.pages.search import SearchPage
from console.pages.sensors import SensorList, SensorPage
from console.pages.situation import Situation
from console.pages.trail import TrailPage

_STYLE = Path(__file__).parent / "theme.css"
_CODES: dict[str, Any] = {"zh": "zh-CN", "en": "en-US"}


def pages(desk: Desk) -> None:
    """Registers all pages in the language of `desk`."""
    language = desk.texts.language.value
    code = _CODES[language]
    stamp = int(_STYLE.stat().st_mtime)

    def dress() -> None:
        ui.add_head_html(f'<link rel="stylesheet" href="/static/theme.css?{stamp}">')
        remembered = f"lifeline_language={language}; path=/; max-age=31536000; SameSite=Strict"
        ui.add_body_html(f"<script>document.cookie='{remembered}'</script>")

    @ui.page(f"/{language}", title=desk.texts("app.title"), language=code)
    def situation(request: Request, city: str = "", alarm: str = "") -> None:
        dress()
        number = int(alarm) if alarm.isascii() and alarm.isdigit() and len(alarm) < 19 else None
        Situation(desk, request, city=city, alarm_id=number)

    @ui.page(f"/{language}/history", title=desk.texts("page.history"), language=code)
    def history(request: Request, city: str = "") -> None:
        dress()
        History(desk, request, city=city)

    def listed(register: Register) -> None:
        @ui.page(f"/{language}{register.path}", title=desk.texts(f"page.{register.path[1:]}"), language=code)
        def page(request: Request, city: str = "") -> None:
            dress()
            RegisterPage(desk, request, register, city=city)

    def single(kind: Kind) -> None:
        @ui.page(f"/{language}{kind.path}/{{key}}", title=desk.texts(f"page.{kind.path[1:]}"), language=code)
        def page(request: Request, key: str) -> None:
            dress()
            LeafPage(desk, request, kind, key[:64])

    for register in REGISTERS:
        listed(register)
    for kind in KINDS:
        single(kind)

    @ui.page(f"/{language}/report", title=desk.texts("page.report"), language=code)
    def report(request: Request, city: str = "") -> None:
        dress()
        ReportPage(desk, request, city=city)

    @ui.page(f"/{language}/audit", title=desk.texts("page.audit"), language=code)
    def trail(request: Request) -> None:
        dress()
        TrailPage(desk, request)

    @ui.page(f"/{language}/search", title=desk.texts("page.search"), language=code)
    def search(request: Request) -> None:
        dress()
        SearchPage(desk, request)

    @ui.page(f"/{language}/sensors", title=desk.texts("page.sensors"), language=code)
    def sensors(request: Request, city: str = "") -> None:
        dress()
        SensorList(desk, request, city=city)

    @ui.page(f"/{language}/sensors/{{sensor_id}}", title=desk.texts("page.sensors"), language=code)
    def sensor(request: Request, sensor_id: str) -> None:
        dress()
        SensorPage(desk, request, sensor_id)
