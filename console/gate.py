"""The gate: finds out who asks, holds the rule of the address against the roles, and wants the key of the session's
pages with whatever changes something. Nothing behind it asks again."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

from anyio import to_thread
from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.access import Rule, methods_of, rule_of
from console.api import problem
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.person import Person
from lifeline.store import sessions
from lifeline.store.pool import Store

SESSION_COOKIE, FORM_COOKIE = "lifeline_session", "lifeline_form"
FORM_FIELD, FORM_HEADER = "form_key", "x-lifeline-form"
_SAFE = frozenset({"GET", "HEAD"})
_API = "/api/"
_FORM_BYTES = 65_536
_FRESH_S = 2.0
"""how long somebody who was locked out may still be taken for somebody who is not"""
_OVERDUE_S = 600.0
"""who looked before the database went away may look on; nobody may act"""
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a request comes from."""

    person: Person
    form_key: str = ""
    complete: bool = True
    visit: sessions.Visit | None = None
    """of a browser; None: a program with a token"""
    read_only: bool = False


class Gate:
    """Refuses with 401, 403, 404, 405 in the form that who asks can read; else passes on with `state.visitor`."""

    def __init__(self, app: ASGIApp, *, store: Store, clock: Clock) -> None:
        self._app = app
        self._known = Known(store, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), scope["path"]
        method = scope.get("method", "GET")
        rule = rule_of(method, path)
        if rule is None:
            await _refuse(405 if methods_of(path) else 404, scope, receive, send)
            return
        try:
            visitor = await to_thread.run_sync(self._known.visitor, headers, path, method in _SAFE, secure(scope))
        except StoreError as error:
            visitor = None
            if rule.roles is not None:
                await _refuse(503, scope, receive, send, error)
                return
        state = scope.setdefault("state", {})
        state["visitor"], state["known"] = visitor, self._known
        state["recheck"] = self._recheck(rule, headers, path, https=secure(scope))
        if (status := _verdict(rule, visitor, method)) is not None:
            await _refuse(status, scope, receive, send)
            return
        if scope["type"] == "http" and method not in _SAFE and (visitor is None or visitor.visit is not None):
            key = visitor.form_key if visitor else cookies(headers).get(FORM_COOKIE, "")
            if path.startswith(_API):
                if visitor is not None and headers.get(FORM_HEADER, "") != key:
                    await _refuse(403, scope, receive, send)
                    return
            else:
                body = await _body(receive)
                state["form"] = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)) if body else {}
                if not key or state["form"].get(FORM_FIELD, "") != key:
                    await _refuse(403, scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _recheck(self, rule: Rule, headers: Headers, path: str, *, https: bool) -> Callable[[], Awaitable[bool]]:
        """Asks again, for what stays open long, whether the visitor may be here; a database away changes nothing."""

        async def still() -> bool:
            try:
                visitor = await to_thread.run_sync(self._known.visitor, headers, path, True, https)
            except StoreError:
                return True
            return _verdict(rule, visitor, "GET") is None

        return still


class Known:
    """Who was recognised a moment ago: a page of many parts asks the database once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[str, tuple[float, Visitor | None]] = {}

    def visitor(self, headers: Headers, path: str, safe: bool, https: bool) -> Visitor | None:
        """Who sends this request. Blocks. Raises StoreError."""
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._recall(f"token {secret}", safe, self._bearer, secret) if path.startswith(_API) else None
        cookie = cookies(headers).get(session_cookie(https=https), "")
        return self.of_session(cookie, safe=safe) if cookie else None

    def of_session(self, secret: str, *, safe: bool = False) -> Visitor | None:
        """Who a session's cookie stands for. Blocks. Raises StoreError."""
        return self._recall(f"session {secret}", safe, self._session, secret)

    def forget(self) -> None:
        """Asks anew about everybody: somebody's rights have just changed."""
        self._kept.clear()

    def _recall(self, key: str, safe: bool, look: Callable[[str], Visitor | None], secret: str) -> Visitor | None:
        now = time.monotonic()
        at, visitor = self._kept.get(key, (-1e9, None))
        if now - at < _FRESH_S:
            return visitor
        try:
            visitor = look(secret)
        except StoreError:
            if safe and visitor is not None and now - at < _OVERDUE_S:
                return visitor
            raise
        if len(self._kept) > 2000:
            self._kept.clear()
        self._kept[key] = now, visitor
        return visitor

    def _session(self, secret: str) -> Visitor | None:
        visit = sessions.visit(self._store, secret, now=self._clock.now())
        return Visitor(visit.person, visit.form_key, visit.complete, visit) if visit else None

    def _bearer(self, secret: str) -> Visitor | None:
        found = sessions.bearer(self._store, secret, now=self._clock.now())
        return Visitor(found.person, read_only=found.read_only) if found else None


def visitor_of(request: Request) -> Visitor:
    """Who sends a request to an address that is not for anybody."""
    visitor: Visitor | None = request.state.visitor
    if visitor is None:
        raise AssertionError(f"{request.url.path} is open to anybody")
    return visitor


def secure(scope: Scope) -> bool:
    """Whether the person's browser speaks TLS, to us or to the proxy in front."""
    return scope.get("scheme") in {"https", "wss"}


def session_cookie(*, https: bool) -> str:
    """With TLS the name binds the cookie to this very host (RFC 6265bis, `__Host-`)."""
    return f"__Host-{SESSION_COOKIE}" if https else SESSION_COOKIE


def cookies(headers: Headers) -> dict[str, str]:
    """What the browser kept for us."""
    return cookie_parser(headers.get("cookie", ""))


def _verdict(rule: Rule, visitor: Visitor | None, method: str) -> int | None:
    if rule.roles is None:
        return None
    if visitor is None or not (visitor.complete or rule.half):
        return 401
    if rule.roles.isdisjoint(visitor.person.roles) or (visitor.read_only and method not in _SAFE):
        return 403
    return None


async def _refuse(status: int, scope: Scope, receive: Receive, send: Send, error: StoreError | None = None) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": str(status)})
        return
    path, visitor = scope["path"], scope.get("state", {}).get("visitor")
    answer: Response
    if path.startswith(_API):
        answer = problem.refused(status, error)
    elif status == 401 and scope["method"] in _SAFE:
        asked = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        target = "/login" if visitor is None else "/code" if visitor.person.has_totp else "/factor"
        answer = RedirectResponse(f"{target}?next={quote(asked)}" if asked != "/" else target, 303)
    else:
        answer = PlainTextResponse(_WORDS[status] + "\n", status)
    answer.headers["Cache-Control"] = "no-store"
    await answer(scope, receive, send)


_WORDS = {
    401: "请先登录 / log in first: /login",
    403: "无权进行此操作，或页面已过期，请重新打开 / not for your role, or the page is out of date: open it again",
    404: "没有此页面 / there is no such page",
    405: "此地址不接受该方法 / this address does not take that method",
    503: "数据库无响应，请稍后再试 / the database does not answer: try again",
}


async def _body(receive: Receive) -> bytes:
    """The whole of a form; of a longer one nothing, which then lacks its key."""
    body, more = b"", True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _FORM_BYTES:
            return b""
    return body


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, whose key the gate has compared."""
    form: dict[str, Any] = request.state.form
    return {name: str(value).replace("\x00", "")[:2000] for name, value in form.items()}
