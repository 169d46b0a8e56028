"""The page behind an answer link: shows the alarms as they are now, takes "I take it" or "I cannot", once, no log-in.

Looking changes nothing, since programs that check mails open every link; a person taps a button. What is refused is
logged and kept.
"""

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from console.door.paper import Paper
from console.gate import form_of
from console.words import moment
from lifeline import log
from lifeline.alarm import AlarmState
from lifeline.answer_link import AnswerLinkError, Refusal, verify
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.store import answers
from lifeline.store.pool import Store

_OPEN = frozenset({AlarmState.OPEN, AlarmState.CANDIDATE, AlarmState.SUPPRESSED})
_TIMEZONE = "Asia/Shanghai"
_log = log.logger("answers")


class Answers:
    """The page at /answer/{token}; without a secret every link is refused."""

    def __init__(self, store: Store, clock: Clock, paper: Paper, *, secret: str) -> None:
        self._store = store
        self._clock = clock
        self._paper = paper
        self._secret = secret

    def install(self, app: FastAPI) -> None:
        """Adds the page to `app`."""
        routes = APIRouter()
        for method, handler in (("GET", self._show), ("POST", self._take)):
            routes.add_api_route(
                "/answer/{token}", handler, methods=[method], response_class=Response, include_in_schema=False
            )
        app.include_router(routes)

    def _show(self, request: Request, token: str) -> Response:
        now = self._clock.now()
        try:
            link, alarms = answers.look(self._store, verify(token, self._secret, now).link_id)
            if link.used_at is not None:
                raise AnswerLinkError(Refusal.USED, link_id=link.link_id)
        except AnswerLinkError as error:
            return self._refused(request, error, keep=False)
        except StoreError as error:
            return self._paper.page(request, "answer.html", status=503, fault=str(error), **_empty())
        texts = self._paper.texts(request)
        shown = [
            {
                "level": alarm.level.name.lower(),
                "colour": texts(f"level.{alarm.level.value}"),
                "title": texts.name(alarm.title_zh, alarm.title_en),
                "state": texts(f"state.{alarm.state.value}"),
                "began": moment(alarm.began_at, _TIMEZONE, now=now),
                "open": alarm.state in _OPEN,
            }
            for alarm in alarms
        ]
        return self._paper.page(request, "answer.html", fault="", name=link.name, alarms=shown, outcome="")

    def _take(self, request: Request, token: str) -> Response:
        now, takes = self._clock.now(), form_of(request).get("answer", "") == "take"
        try:
            link_id = verify(token, self._secret, now).link_id
            outcome, moved = answers.answer(self._store, link_id, takes=takes, remote=_address(request), now=now)
        except AnswerLinkError as error:
            return self._refused(request, error, keep=True)
        except StoreError as error:
            return self._paper.page(request, "answer.html", status=503, fault=str(error), **_empty())
        _log.info("answered", outcome=outcome.value, link=str(link_id), alarms=[alarm.alarm_id for alarm in moved])
        return self._paper.page(request, "answer.html", fault="", name="", alarms=[], outcome=outcome.value)

    def _refused(self, request: Request, error: AnswerLinkError, *, keep: bool) -> Response:
        _log.warning("answer link refused", refusal=error.refusal.value, remote=_address(request))
        if keep or error.refusal is Refusal.FORGED:
            try:
                answers.refused(self._store, error, remote=_address(request), now=self._clock.now())
            except StoreError:
                _log.warning("the refusal is not kept: the database does not answer")
        fault = self._paper.texts(request)(f"answer.{error.refusal.value}")
        return self._paper.page(request, "answer.html", status=403, fault=fault, **_empty())


def _empty() -> dict[str, object]:
    return {"name": "", "alarms": [], "outcome": ""}


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
