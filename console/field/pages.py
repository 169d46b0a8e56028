"""The shells of the crew's and the warden's page, and the worker that keeps them on the phone."""

import hashlib
from pathlib import Path

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from console.gate import visitor_of
from console.texts import Language, Texts

_FOLDER = Path(__file__).parent
_STATIC = _FOLDER.parent / "pages"
_FILES = ("field.css", "field.js")
_CODES = {Language.ZH: "zh-CN", Language.EN: "en-US"}


def install(app: FastAPI) -> None:
    """Adds the pages to `app`."""
    templates = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    stamp = hashlib.sha256(b"".join((_STATIC / name).read_bytes() for name in _FILES)).hexdigest()[:12]
    routes = APIRouter()

    def shell(request: Request, language: Language, kind: str) -> Response:
        visitor, texts = visitor_of(request), Texts.of(language)
        needed = texts.part("field", "level", "state", "order", "shelter", "lack", "age", "city", "refused")
        data = {
            "kind": kind,
            "language": language.value,
            "texts": needed,
            "formKey": visitor.form_key,
            "login": visitor.person.login,
        }
        page = templates.get_template("shell.html").render(
            texts=texts,
            code=_CODES[language],
            other=language.other.value,
            kind=kind,
            stamp=stamp,
            person=visitor.person,
            form_key=visitor.form_key,
            # a script of JSON ends at "</": written so that no text can end it
            data=Markup(orjson.dumps(data).decode().replace("<", "\\u003c")),
        )
        answer = HTMLResponse(page)
        answer.headers["Cache-Control"] = "no-cache"
        answer.set_cookie("lifeline_language", language.value, max_age=31_536_000, samesite="lax")
        return answer

    def add(language: Language, kind: str) -> None:
        def page(request: Request) -> Response:
            return shell(request, language, kind)

        routes.add_api_route(
            f"/{language.value}/{kind}", page, methods=["GET"], response_class=Response, include_in_schema=False
        )

    for language in Language:
        for kind in ("crew", "warden"):
            add(language, kind)

    @routes.get("/sw.js", response_class=Response, include_in_schema=False)
    def worker() -> Response:
        """The worker; a new one whenever a file of the shell is another."""
        text = (_FOLDER / "worker.js").read_text(encoding="utf-8").replace("STAMP", stamp)
        return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    app.include_router(routes)
