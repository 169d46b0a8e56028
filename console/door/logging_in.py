"""Logging in: password, second factor, links that work once; each step gives the browser a new session."""

import math
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from segno import make as make_qr

from console.door.paper import Paper
from console.gate import form_of, secure, session_cookie, visitor_of
from lifeline.clock import Clock
from lifeline.credential import new_totp_secret, totp_address, totp_step
from lifeline.errors import CredentialError, NotFoundError, StoreError
from lifeline.person import Person, Role
from lifeline.store import people, sessions
from lifeline.store.people import Purpose
from lifeline.store.pool import Store


class LoggingIn:
    """The pages that lead to a session. Every way ends in `_let_in`."""

    def __init__(self, store: Store, clock: Clock, paper: Paper) -> None:
        self._store = store
        self._clock = clock
        self._paper = paper

    def install(self, app: FastAPI) -> None:
        """Adds the pages to `app`."""
        routes = APIRouter()
        for path, show, take in (
            ("/login", self._login, self._take_login),
            ("/code", self._code, self._take_code),
            ("/factor", self._factor, self._take_factor),
            ("/first/{secret}", self._first, self._take_first),
            ("/setup/{secret}", self._setup, self._take_setup),
            ("/enter/{secret}", self._enter, self._take_enter),
        ):
            routes.add_api_route(path, show, methods=["GET"], response_class=Response, include_in_schema=False)
            routes.add_api_route(path, take, methods=["POST"], response_class=Response, include_in_schema=False)
        routes.add_api_route(
            "/logout", self._logout, methods=["POST"], response_class=Response, include_in_schema=False
        )
        app.include_router(routes)

    def _login(self, request: Request) -> Response:
        return self._paper.page(request, "login.html", fault="", login="", next=_next(request))

    def _take_login(self, request: Request) -> Response:
        form = form_of(request)
        login = form.get("login", "").strip().lower()
        try:
            who = sessions.check_password(
                self._store, login, form.get("password", ""), address=_address(request), now=self._clock.now()
            )
        except (CredentialError, StoreError) as error:
            return self._again(request, "login.html", error, login=login, next=_next(request))
        return self._let_in(request, who)

    def _code(self, request: Request) -> Response:
        return self._paper.page(request, "code.html", fault="", next=_next(request))

    def _take_code(self, request: Request) -> Response:
        who = visitor_of(request).person
        try:
            sessions.check_code(
                self._store, who, form_of(request).get("code", ""), address=_address(request), now=self._clock.now()
            )
        except (CredentialError, StoreError) as error:
            return self._again(request, "code.html", error, next=_next(request))
        return self._let_in(request, who, proven=True)

    def _factor(self, request: Request) -> Response:
        visitor = visitor_of(request)
        if visitor.person.has_totp and not visitor.complete:
            return RedirectResponse("/code", 303)
        return self._factor_page(request, new_totp_secret())

    def _factor_page(self, request: Request, secret: str, *, fault: str = "", status: int = 200) -> Response:
        picture = make_qr(totp_address(secret, visitor_of(request).person.login), micro=False)
        return self._paper.page(
            request,
            "factor.html",
            status=status,
            fault=fault,
            secret=secret,
            picture=picture.svg_data_uri(scale=5, border=3, light="#ffffff"),
            next=_next(request),
        )

    def _take_factor(self, request: Request) -> Response:
        visitor, form, now = visitor_of(request), form_of(request), self._clock.now()
        if visitor.person.has_totp and not visitor.complete:
            return RedirectResponse("/code", 303)
        secret = form.get("secret", "")
        try:
            totp_address(secret, visitor.person.login)
            step = totp_step(form.get("code", ""), secret, at_s=now.timestamp(), after_step=0)
        except ValueError:  # no base32: not what the page sent
            return RedirectResponse("/factor", 303)
        if step is None:
            return self._factor_page(request, secret, fault=self._paper.texts(request)("door.code_wrong"), status=422)
        people.set_totp(self._store, visitor.person, secret, step, now=now)
        return self._let_in(request, visitor.person, proven=True)

    def _first(self, request: Request, secret: str) -> Response:
        return self._with_link(request, secret, Purpose.FIRST, "first.html", login="", name="")

    def _take_first(self, request: Request, secret: str) -> Response:
        form, now = form_of(request), self._clock.now()
        login, name = form.get("login", "").strip().lower(), form.get("name", "").strip()
        try:
            people.link(self._store, secret, now=now)
            password = _chosen(form)
            taken = {one.login for one in people.people(self._store)} | {one.name for one in people.people(self._store)}
            if login in taken or name in taken:
                raise CredentialError("taken", advice="")
            people.check(login, name, password)
            people.use_link(self._store, secret, Purpose.FIRST, now=now)
            who = people.add(self._store, login=login, name=name, roles=[Role.SUPERVISOR], by=people.SYSTEM, now=now)
            people.set_password(self._store, who, password, by=who.name, now=now)
        except (CredentialError, StoreError) as error:
            return self._again(request, "first.html", error, login=login, name=name)
        return self._let_in(request, who)

    def _setup(self, request: Request, secret: str) -> Response:
        return self._with_link(request, secret, Purpose.SETUP, "setup.html")

    def _take_setup(self, request: Request, secret: str) -> Response:
        form, now = form_of(request), self._clock.now()
        try:
            found = people.link(self._store, secret, now=now)
            password = _chosen(form)
            if found.person is not None:
                people.check(found.person.login, found.person.name, password)
            who = people.use_link(self._store, secret, Purpose.SETUP, now=now)
            if who is None:
                raise AssertionError("a set-up link belongs to somebody")
            people.set_password(self._store, who, password, by=who.name, now=now)
        except (CredentialError, StoreError) as error:
            try:
                name = people.link(self._store, secret, now=now)
            except (CredentialError, StoreError):
                return self._again(request, "stop.html", error)
            return self._again(request, "setup.html", error, link=name)
        return self._let_in(request, who)

    def _enter(self, request: Request, secret: str) -> Response:
        return self._with_link(request, secret, Purpose.ENTER, "enter.html")

    def _take_enter(self, request: Request, secret: str) -> Response:
        try:
            who = people.use_link(self._store, secret, Purpose.ENTER, now=self._clock.now())
        except (CredentialError, StoreError) as error:
            return self._again(request, "stop.html", error)
        if who is None:
            raise AssertionError("such a link belongs to somebody")
        return self._let_in(request, who)

    def _logout(self, request: Request) -> Response:
        if visit := visitor_of(request).visit:
            sessions.end_session(self._store, visit, now=self._clock.now())
        request.state.known.forget()
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(session_cookie(https=secure(request.scope)), path="/", secure=secure(request.scope))
        return answer

    def _with_link(self, request: Request, secret: str, purpose: Purpose, template: str, **values: Any) -> Response:
        try:
            found = people.link(self._store, secret, now=self._clock.now())
            if found.purpose is not purpose:
                raise NotFoundError("another kind of link", advice="")
        except (CredentialError, StoreError) as error:
            return self._again(request, "stop.html", error)
        return self._paper.page(request, template, fault="", link=found, **values)

    def _let_in(self, request: Request, who: Person, *, proven: bool = False) -> Response:
        """A new session in place of whatever the browser sent; `proven`: the second factor was given."""
        https = secure(request.scope)
        complete = proven or not who.needs_totp
        secret = sessions.open_session(
            self._store,
            who,
            complete=complete,
            address=_address(request),
            now=self._clock.now(),
            instead_of=request.cookies.get(session_cookie(https=https)),
        )
        request.state.known.forget()
        target = _next(request) or "/"
        if not complete:
            target = "/code" if who.has_totp else "/factor"
        answer = RedirectResponse(target, 303)
        answer.set_cookie(
            session_cookie(https=https),
            secret,
            max_age=int(sessions.SESSION.total_seconds()),
            path="/",
            httponly=True,
            samesite="lax",  # strict would make whoever comes by a link in a notice log in again
            secure=https,
        )
        return answer

    def _again(self, request: Request, template: str, error: CredentialError | StoreError, **values: Any) -> Response:
        """The page once more, saying in the person's language what was wrong."""
        return self._paper.page(
            request, template, status=_status(error), fault=fault_of(self._paper, request, error), **values
        )


def fault_of(paper: Paper, request: Request, error: CredentialError | StoreError) -> str:
    """What was wrong, for people."""
    texts = paper.texts(request)
    if isinstance(error, CredentialError):
        if error.retry_after_s is not None:
            return texts("door.wait", n=math.ceil(error.retry_after_s))
        return texts.known("door.fault", error.kind) if error.kind else str(error)
    return texts("door.link_gone") if isinstance(error, NotFoundError) else texts("error.store")


def _status(error: CredentialError | StoreError) -> int:
    if isinstance(error, CredentialError):
        return 429 if error.retry_after_s is not None else 422
    return 404 if isinstance(error, NotFoundError) else 503


def _chosen(form: dict[str, str]) -> str:
    password = form.get("password", "")
    if password != form.get("again", ""):
        raise CredentialError("the two passwords differ", kind="differ", advice="type it twice the same")
    return password


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _next(request: Request) -> str:
    """Where the person wanted to go, if it is one of our own pages."""
    asked = request.query_params.get("next", "") or (
        request.state.form.get("next", "") if request.method == "POST" else ""
    )
    ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked[:500] if ours and "\\" not in asked else ""
