"""Errors as problem+json (RFC 9457): what was wrong, where, and what to do about it."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from lifeline import log
from lifeline.errors import (
    AccessError,
    IllegalTransitionError,
    LifelineError,
    NotFoundError,
    StaleVersionError,
    StoreError,
)

MEDIA_TYPE = "application/problem+json"
_ADVICE = {
    404: "the addresses are listed in /api/v1/openapi.json",
    405: "the methods of each address are listed in /api/v1/openapi.json",
}


_REFUSED = {
    401: (
        "log-in-needed",
        "nobody is logged in",
        "log in, or send a token: `lifeline people token`",
    ),
    403: (
        "not-for-you",
        "your role does not do this, or the session's key is missing",
        "see docs/console.md, who may what",
    ),
    404: ("not-found", "there is no such address", _ADVICE[404]),
    405: ("method-not-allowed", "the address does not take this method", _ADVICE[405]),
    503: ("store-away", "the database does not answer", "try again; `lifeline doctor` says what is wrong"),
}


class Fault(BaseModel):
    """One wrong value of a request."""

    place: str = Field(description="where it stands, e.g. query.limit")
    message: str


class Problem(BaseModel):
    """RFC 9457; `advice` says what to do."""

    type: str = Field(description="what kind of problem, for programs")
    title: str
    status: int
    detail: str
    advice: str = ""
    faults: list[Fault] = []


RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "Not done; `advice` says what to do"},
    401: {"model": Problem, "description": "Log in, or send `Authorization: Bearer TOKEN`"},
    403: {"model": Problem, "description": "Not for your role, not in your cities, or without the key of your session"},
    404: {"model": Problem, "description": "There is no such thing"},
    405: {"model": Problem, "description": "The address does not take this method"},
    409: {"model": Problem, "description": "Somebody was first, or the life cycle does not allow it now"},
    422: {"model": Problem, "description": "A value of the request is wrong; `faults` names each"},
    503: {"model": Problem, "description": "The database does not answer"},
}
"""For the OpenAPI document."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Those of RESPONSES that an address may give, some of them always."""
    return {status: RESPONSES[status] for status in (*statuses, 400, 401, 403, 422, 503)}


def refused(status: int, error: StoreError | None = None) -> JSONResponse:
    """What the gate answers to a program that it does not let in."""
    kind, detail, advice = _REFUSED[status]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return _answer(status, kind, error.args[0] if error else detail, advice, headers)


def install(api: FastAPI) -> None:
    """Makes every error of `api` a problem+json answer."""
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]] = {
        RequestValidationError: _wrong_request,
        HTTPException: _http,
        LifelineError: _own,
        Exception: _unexpected,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


async def _wrong_request(_request: Request, error: RequestValidationError) -> JSONResponse:
    faults = [Fault(place=".".join(map(str, one["loc"])), message=str(one["msg"])) for one in error.errors()]
    return _answer(422, "wrong-request", "The request has wrong values", "correct what `faults` names", faults=faults)


async def _http(_request: Request, error: HTTPException) -> JSONResponse:
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    return _answer(error.status_code, kind, str(error.detail), _ADVICE.get(error.status_code, ""), error.headers)


async def _own(_request: Request, error: LifelineError) -> JSONResponse:
    detail = error.args[0]
    match error:
        case AccessError():
            return _answer(403, "not-for-you", detail, error.advice)
        case NotFoundError():
            return _answer(404, "not-found", detail, error.advice)
        case StaleVersionError():
            return _answer(409, "stale-version", detail, error.advice)
        case IllegalTransitionError():
            return _answer(409, "not-allowed-now", detail, error.advice)
        case StoreError():
            return _answer(503, "store-away", detail, error.advice)
    return _answer(400, "refused", detail, error.advice)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.logger("console").error("a request failed", path=request.url.path, exc_info=error)
    return _answer(500, "unexpected", "the console failed on this request", "see the console's log")


def _answer(
    status: int,
    kind: str,
    detail: str,
    advice: str,
    headers: Any = None,
    *,
    faults: list[Fault] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"urn:lifeline:problem:{kind}",
        title=kind.replace("-", " "),
        status=status,
        detail=detail,
        advice=advice,
        faults=faults or [],
    )
    return JSONResponse(problem.model_dump(), status, headers, media_type=MEDIA_TYPE)
