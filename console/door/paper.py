"""Plain HTML pages that need no script: forms for people, filled from templates that escape whatever is put in."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.gate import FORM_COOKIE, secure
from console.texts import Language, Texts
from lifeline.credential import new_secret

LANGUAGE_COOKIE = "lifeline_language"
_FOLDER = Path(__file__).parent / "templates"
_CODES = {Language.ZH: "zh-CN", Language.EN: "en-US"}


class Paper:
    """Fills templates in the language of whoever asks."""

    def __init__(self, fallback: str) -> None:
        self._fallback = Language(fallback)
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    def language(self, request: Request) -> Language:
        """As asked for in the address, else as chosen last, else as set."""
        known = {one.value: one for one in Language}
        asked = request.query_params.get("language", "")
        return known.get(asked) or known.get(request.cookies.get(LANGUAGE_COOKIE, ""), self._fallback)

    def texts(self, request: Request) -> Texts:
        """The texts of that language."""
        return Texts.of(self.language(request))

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page. A form on it carries the key of the session, or of a cookie where nobody is logged in yet."""
        language = self.language(request)
        visitor = request.state.visitor
        key = visitor.form_key if visitor else request.cookies.get(FORM_COOKIE) or new_secret()
        text = self._templates.get_template(template).render(
            texts=Texts.of(language),
            language=language.value,
            other=language.other.value,
            code=_CODES[language],
            form_key=key,
            person=visitor.person if visitor and visitor.complete else None,
            path=request.url.path,
            **values,
        )
        answer = HTMLResponse(text, status)
        answer.headers["Cache-Control"] = "no-store"
        if "language" in request.query_params:
            answer.set_cookie(LANGUAGE_COOKIE, language.value, max_age=31_536_000, samesite="lax")
        if not visitor:
            answer.set_cookie(FORM_COOKIE, key, httponly=True, samesite="strict", secure=secure(request.scope))
        return answer
