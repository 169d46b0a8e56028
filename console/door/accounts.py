"""One's own account, and for supervisors everybody's: add, change, lock out, reset, tokens for programs."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from console.door.logging_in import fault_of
from console.door.paper import Paper
from console.gate import form_of, visitor_of
from lifeline.clock import Clock
from lifeline.errors import CredentialError, NotFoundError, StoreError
from lifeline.person import Person, Role
from lifeline.store import people, sessions
from lifeline.store.cities import cities
from lifeline.store.pool import Store

_TOKEN_DAYS = (30, 90, 365)


class Accounts:
    """The pages /me and /people."""

    def __init__(self, store: Store, clock: Clock, paper: Paper) -> None:
        self._store = store
        self._clock = clock
        self._paper = paper
        self._acts: dict[str, Callable[[dict[str, str], Person], str]] = {
            "add": self._add,
            "change": self._change,
            "disable": self._disable,
            "enable": self._enable,
            "reset": self._reset,
            "token": self._token,
            "revoke": self._revoke,
        }

    def install(self, app: FastAPI) -> None:
        """Adds the pages to `app`."""
        routes = APIRouter()
        for path, show, take in (("/me", self._me, self._take_me), ("/people", self._people, self._take_people)):
            routes.add_api_route(path, show, methods=["GET"], response_class=Response, include_in_schema=False)
            routes.add_api_route(path, take, methods=["POST"], response_class=Response, include_in_schema=False)
        app.include_router(routes)

    def _me(self, request: Request) -> Response:
        return self._own(request)

    def _own(self, request: Request, *, fault: str = "", done: str = "", status: int = 200) -> Response:
        return self._paper.page(request, "me.html", status=status, fault=fault, done=done)

    def _take_me(self, request: Request) -> Response:
        visitor, form, now = visitor_of(request), form_of(request), self._clock.now()
        who = visitor.person
        try:
            if who.has_password:
                address = request.client.host if request.client else ""
                sessions.confirm_password(self._store, who, form.get("old", ""), address=address, now=now)
            if form.get("password") != form.get("again"):
                raise CredentialError("the two passwords differ", kind="differ", advice="type it twice the same")
            keep = visitor.visit.digest if visitor.visit else None
            people.set_password(self._store, who, form.get("password", ""), by=who.name, now=now, keep_session=keep)
        except (CredentialError, StoreError) as error:
            return self._own(request, fault=fault_of(self._paper, request, error), status=422)
        request.state.known.forget()
        return self._own(request, done=self._paper.texts(request)("door.password_changed"))

    def _people(self, request: Request) -> Response:
        return self._everybody(request)

    def _everybody(self, request: Request, *, fault: str = "", secret: str = "", status: int = 200) -> Response:
        everybody = [one for one in people.people(self._store) if _governs(visitor_of(request).person, one)]
        logins = {one.login for one in everybody}
        return self._paper.page(
            request,
            "people.html",
            status=status,
            fault=fault,
            secret=secret,
            everybody=everybody,
            tokens=[one for one in sessions.tokens(self._store) if one.revoked_at is None and one.login in logins],
            roles=list(Role),
            cities=[one for one in cities(self._store) if visitor_of(request).person.serves(one.code)],
            days=_TOKEN_DAYS,
        )

    def _take_people(self, request: Request) -> Response:
        form, by = form_of(request), visitor_of(request).person
        act = self._acts.get(form.get("act", ""))
        if act is None:
            return RedirectResponse("/people", 303)
        try:
            secret = act(form, by)
        except (CredentialError, StoreError) as error:
            status = 404 if isinstance(error, NotFoundError) else 422
            return self._everybody(request, fault=fault_of(self._paper, request, error), status=status)
        request.state.known.forget()
        if secret.startswith("/"):
            secret = str(request.base_url).rstrip("/") + secret
        return self._everybody(request, secret=secret) if secret else RedirectResponse("/people", 303)

    def _add(self, form: dict[str, str], by: Person) -> str:
        now, login = self._clock.now(), form.get("login", "").strip().lower()
        duties = self._duties(form, by)
        people.add(self._store, login=login, name=form.get("name", "").strip(), by=by.name, now=now, **duties)
        return f"/setup/{people.reset(self._store, login, by=by.name, now=now)}"

    def _change(self, form: dict[str, str], by: Person) -> str:
        login = self._governed(form, by)
        people.change(self._store, login, by=by.name, now=self._clock.now(), **self._duties(form, by))
        return ""

    def _disable(self, form: dict[str, str], by: Person) -> str:
        login = self._governed(form, by)
        if login == by.login:
            raise CredentialError("nobody locks himself out", kind="self", advice="ask another supervisor")
        people.disable(self._store, login, by=by.name, now=self._clock.now())
        return ""

    def _enable(self, form: dict[str, str], by: Person) -> str:
        people.disable(self._store, self._governed(form, by), by=by.name, now=self._clock.now(), again=True)
        return ""

    def _reset(self, form: dict[str, str], by: Person) -> str:
        secret = people.reset(self._store, self._governed(form, by), by=by.name, now=self._clock.now())
        return f"/setup/{secret}"

    def _token(self, form: dict[str, str], by: Person) -> str:
        days = form.get("days", "")
        return sessions.add_token(
            self._store,
            self._governed(form, by),
            name=form.get("name", "").strip()[:64] or "-",
            read_only=form.get("read_only") == "yes",
            days=float(days) if days.isascii() and days.isdigit() else 0,
            by=by.name,
            now=self._clock.now(),
        )

    def _revoke(self, form: dict[str, str], by: Person) -> str:
        number = form.get("token_id", "")
        mine = {
            one.token_id for one in sessions.tokens(self._store) if _governs(by, people.person(self._store, one.login))
        }
        if not (number.isascii() and number.isdigit() and int(number) in mine):
            raise NotFoundError(f"there is no token {number}", advice="look at the list")
        sessions.revoke_token(self._store, int(number), by=by.name, now=self._clock.now())
        return ""

    def _governed(self, form: dict[str, str], by: Person) -> str:
        """The login that a form is about. Raises NotFoundError where `by` has no say over that person."""
        found = people.person(self._store, form.get("login", ""))
        if not _governs(by, found):
            raise NotFoundError(f"{found.login} is not of your cities", advice="ask who looks after all cities")
        return found.login

    def _duties(self, form: dict[str, str], by: Person) -> dict[str, Any]:
        """Roles and places; nobody gives more cities than he has."""
        roles = [role for role in Role if form.get(f"role_{role.value}") == "yes"]
        if not roles:
            raise CredentialError("no role", kind="role", advice="choose one")
        given = {key.removeprefix("city_") for key, value in form.items() if key.startswith("city_") and value == "yes"}
        if by.cities and not given:
            given = set(by.cities)
        if by.cities and not given <= by.cities:
            raise CredentialError("not your cities", kind="city", advice="ask who looks after all cities")
        return {
            "roles": roles,
            "cities": given,
            "crew_id": form.get("crew_id", "").strip()[:64] or None,
            "shelter_ids": {one for one in form.get("shelter_ids", "").replace(",", " ").split() if len(one) <= 64},
        }


def _governs(by: Person, other: Person) -> bool:
    """Whether a supervisor looks after `other`: all of whose cities are his."""
    return not by.cities or bool(other.cities and other.cities <= by.cities)
