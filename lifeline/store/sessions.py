"""Who is there: sessions of browsers, tokens of programs, and the limits on guessing a password.

A pair of login and address that was right once is held up by its own failures only: neither a stranger who guesses at
a login nor a colleague who forgot his password locks others out, also where a whole centre shares one address.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lifeline.credential import digest, new_secret, password_fits, totp_step
from lifeline.errors import CredentialError, NotFoundError
from lifeline.person import Person, Role
from lifeline.store import audit, people
from lifeline.store.pool import Store
from lifeline.store.queries import queries

_SQL = queries("sessions")
_PEOPLE = queries("people")
SESSION = timedelta(days=30)
"""A session ends after this; a wall of screens is logged in once a month."""
IDLE = timedelta(days=7)
HALF = timedelta(minutes=10)
"""How long a second factor may take."""
_SEEN_EVERY = timedelta(minutes=1)
_WINDOW = timedelta(minutes=15)
_OF_PAIR, _OF_LOGIN, _OF_ADDRESS = 5, 20, 50
_LONGEST_WAIT_S = 900.0
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request's session: who, the key that its actions must carry, and whether the second factor was given."""

    person: Person
    form_key: str
    complete: bool
    digest: bytes


@dataclass(frozen=True, slots=True)
class Bearer:
    """A request's token: its person, with the token's roles as far as the person still has them."""

    person: Person
    read_only: bool
    token_id: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is listed; the secret itself is kept nowhere."""

    token_id: int
    login: str
    name: str
    roles: tuple[str, ...]
    read_only: bool
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def check_password(store: Store, login: str, password: str, *, address: str, now: datetime) -> Person:
    """The person whose password it is. Raises CredentialError (also where it was tried too often), StoreError."""
    _hold(store, login, address, now)
    with store.transaction() as connection:
        row: Any = connection.execute(_PEOPLE["proofs"], {"login": login}).fetchone()
    fits = password_fits(password, row.password_hash if row else None)
    who = people.person(store, login) if fits else None
    if who is None or who.disabled_at:
        _attempted(store, login, address, now, succeeded=False)
        raise CredentialError("login or password is wrong", kind="wrong", advice="a supervisor can reset your password")
    if not who.needs_totp:
        _attempted(store, login, address, now, succeeded=True)
    return who


def confirm_password(store: Store, who: Person, password: str, *, address: str, now: datetime) -> None:
    """Somebody who is logged in shows once more who he is. Raises CredentialError, StoreError."""
    _hold(store, who.login, address, now)
    with store.transaction() as connection:
        row: Any = connection.execute(_PEOPLE["proofs"], {"login": who.login}).fetchone()
    if not password_fits(password, row.password_hash if row else None):
        _attempted(store, who.login, address, now, succeeded=False)
        raise CredentialError("the present password is wrong", kind="wrong", advice="a supervisor can reset it")


def check_code(store: Store, who: Person, code: str, *, address: str, now: datetime) -> None:
    """Takes the second factor. Raises CredentialError (also where it was tried too often), StoreError."""
    _hold(store, who.login, address, now)
    with store.transaction() as connection:
        row: Any = connection.execute(_PEOPLE["proofs"], {"login": who.login}).fetchone()
        step = totp_step(code, row.totp_secret or "", at_s=now.timestamp(), after_step=row.totp_step)
        values = {"person_id": who.person_id, "step": step}
        used = step is not None and connection.execute(_PEOPLE["use_step"], values).fetchone() is not None
    _attempted(store, who.login, address, now, succeeded=used)
    if not used:
        raise CredentialError(
            "this code is wrong", kind="code", advice="wait for the next one and see that the clock is right"
        )


def open_session(
    store: Store, who: Person, *, complete: bool, address: str, now: datetime, instead_of: str | None = None
) -> str:
    """The secret of a new session; the one before it ends, so that nobody can plant one. Raises StoreError."""
    secret = new_secret()
    with store.transaction() as connection:
        if instead_of:
            connection.execute(_SQL["end"], {"digest": digest(instead_of)})
        connection.execute(_SQL["tidy"], {"now": now, "idle_since": now - IDLE, "old": now - _KEPT})
        connection.execute(
            _SQL["add"],
            {
                "digest": digest(secret),
                "person_id": who.person_id,
                "form_key": new_secret(),
                "complete": complete,
                "address": address,
                "now": now,
                "expires_at": now + (SESSION if complete else HALF),
            },
        )
        if complete:
            audit.record(
                connection, who=who.name, action="session.open", subject=f"person:{who.login}",
                detail={"address": address}, at=now,
            )  # fmt: skip
    return secret


def visit(store: Store, secret: str, *, now: datetime) -> Visit | None:
    """The session of a cookie; None where there is none in force. Raises StoreError."""
    key = digest(secret)
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["session"], {"digest": key, "now": now, "idle_since": now - IDLE}).fetchone()
        if row is None:
            return None
        if now - row.seen_at > _SEEN_EVERY:
            connection.execute(_SQL["seen"], {"digest": key, "now": now})
        return Visit(people.person_of(row), row.form_key, row.complete, key)


def end_session(store: Store, visit: Visit, *, now: datetime) -> None:
    """Logs out. Raises StoreError."""
    who = visit.person
    with store.transaction() as connection:
        connection.execute(_SQL["end"], {"digest": visit.digest})
        audit.record(connection, who=who.name, action="session.end", subject=f"person:{who.login}", detail={}, at=now)


def bearer(store: Store, secret: str, *, now: datetime) -> Bearer | None:
    """Who a token stands for; None where it is not in force. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["token"], {"digest": digest(secret), "now": now}).fetchone()
        if row is None:
            return None
        if row.used_at is None or now - row.used_at > _SEEN_EVERY:
            connection.execute(_SQL["token_used"], {"token_id": row.token_id, "now": now})
        full = people.person_of(row)
    narrowed = people.person_of(row._replace(roles=[role for role in row.token_roles if role in set(full.roles)]))
    return Bearer(narrowed, row.read_only, row.token_id)


def add_token(
    store: Store,
    login: str,
    *,
    name: str,
    roles: Collection[Role] = (),
    read_only: bool,
    days: float,
    by: str,
    now: datetime,
) -> str:
    """The secret of a new token for `roles` (none: all of the person). Raises NotFoundError, CredentialError."""
    with store.transaction() as connection:
        who = people.one(connection, login=login)
        if extra := set(roles) - who.roles:
            raise CredentialError(
                f"{login} is no {', '.join(sorted(extra))}",
                kind="role",
                advice="a token has no more rights than its person",
            )
        if not 0 < days <= 3660:
            raise CredentialError(f"{days:g} days is no term of a token", kind="days", advice="give 1 to 3660")
        secret = f"lifeline_{new_secret()}"
        given = sorted(role.value for role in roles or who.roles)
        row: Any = connection.execute(
            _SQL["add_token"],
            {
                "digest": digest(secret), "person_id": who.person_id, "name": name, "roles": given,
                "read_only": read_only, "now": now, "expires_at": now + timedelta(days=days),
            },
        ).fetchone()  # fmt: skip
        detail = {"name": name, "roles": given, "read_only": read_only, "days": days, "login": login}
        audit.record(connection, who=by, action="token.add", subject=f"token:{row.token_id}", detail=detail, at=now)
        return secret


def tokens(store: Store, login: str | None = None) -> list[Token]:
    """Tokens (of one person), those in force first. Raises StoreError."""
    with store.transaction() as connection:
        rows = connection.execute(_SQL["tokens"], {"login": login})
        return [Token(row[0], row[1], row[2], tuple(row[3]), *row[4:]) for row in rows]


def revoke_token(store: Store, token_id: int, *, by: str, now: datetime) -> None:
    """Takes a token back. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        if connection.execute(_SQL["revoke"], {"token_id": token_id, "now": now}).fetchone() is None:
            raise NotFoundError(f"there is no token {token_id} in force", advice="see `lifeline people list`")
        audit.record(connection, who=by, action="token.revoke", subject=f"token:{token_id}", detail={}, at=now)


def _hold(store: Store, login: str, address: str, now: datetime) -> None:
    """Raises CredentialError where this login, from here, must wait."""
    values = {"login": login, "address": address, "since": now - _WINDOW}
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["attempts"], values).fetchone()
    wait_s = 0.0
    if row.of_pair >= _OF_PAIR:
        waits = min(2.0 ** (row.of_pair - _OF_PAIR) * 15.0, _LONGEST_WAIT_S)
        wait_s = waits - (now - row.last_of_pair).total_seconds()
    if not row.known and (row.of_login >= _OF_LOGIN or row.of_address >= _OF_ADDRESS):
        wait_s = max(wait_s, 60.0)
    if wait_s > 0:
        raise CredentialError(
            f"too many wrong attempts: wait {wait_s:.0f} s", retry_after_s=wait_s, advice="then try again"
        )


def _attempted(store: Store, login: str, address: str, now: datetime, *, succeeded: bool) -> None:
    with store.transaction() as connection:
        values = {"login": login[:64], "address": address, "now": now, "succeeded": succeeded}
        connection.execute(_SQL["attempt"], values)
        if not succeeded:
            audit.record(
                connection, who=people.SYSTEM, action="session.refused", subject=f"person:{login[:64]}",
                detail={"address": address}, at=now,
            )  # fmt: skip
