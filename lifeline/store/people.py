"""People with an account: who there is, what each may do, and the links that let somebody in once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lifeline.credential import digest, hash_password, new_secret
from lifeline.errors import CredentialError, NotFoundError
from lifeline.person import LOGIN, Person, Role
from lifeline.store import audit
from lifeline.store.pool import Connection, Store
from lifeline.store.queries import queries

_SQL = queries("people")
LONGEST_NAME = 64
FIRST_LINK_HOURS, SETUP_LINK_HOURS, ENTER_LINK_HOURS = 24, 72, 24
SYSTEM = "system:console"
TERMINAL = "system:terminal"
"""Who acts where somebody has the machine itself."""


class Purpose(StrEnum):
    """What a link lets somebody do, once."""

    FIRST = "first"
    """make the first supervisor"""
    SETUP = "setup"
    """choose a password"""
    ENTER = "enter"
    """log in"""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that works now; `person` is empty for the first supervisor's."""

    purpose: Purpose
    person: Person | None


def people(store: Store) -> list[Person]:
    """Everybody by login, those who are locked out last. Raises StoreError."""
    with store.transaction() as connection:
        return [person_of(row) for row in connection.execute(_SQL["people"], {"login": None, "person_id": None})]


def person(store: Store, login: str) -> Person:
    """One person. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        return one(connection, login=login)


def anybody(store: Store) -> bool:
    """Whether there is somebody who can look after the others. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["anybody"]).fetchone()
        return bool(row.found)


def add(
    store: Store,
    *,
    login: str,
    name: str,
    roles: Collection[Role],
    cities: Collection[str] = (),
    crew_id: str | None = None,
    shelter_ids: Collection[str] = (),
    by: str,
    now: datetime,
) -> Person:
    """A new person, who cannot log in before a link was used or a password set. Raises CredentialError, StoreError."""
    with store.transaction() as connection:
        values = _checked(login, name, roles) | _duties(roles, cities, crew_id, shelter_ids)
        row: Any = connection.execute(_SQL["add"], values | {"now": now}).fetchone()
        if row is None:
            raise CredentialError(
                f"the login {login} or the name {name} is taken", kind="taken", advice="choose another"
            )
        made = one(connection, person_id=row.person_id)
        detail = {key: values[key] for key in ("name", "roles", "cities", "crew_id", "shelter_ids")}
        audit.record(connection, who=by, action="person.add", subject=f"person:{login}", detail=detail, at=now)
        return made


def check(login: str, name: str, password: str) -> None:
    """Raises CredentialError where a login, a name or a password would not be taken."""
    _checked(login, name, [Role.AUDITOR])
    hash_password(password, login=login)


def change(
    store: Store,
    login: str,
    *,
    roles: Collection[Role],
    cities: Collection[str],
    crew_id: str | None,
    shelter_ids: Collection[str],
    by: str,
    now: datetime,
) -> Person:
    """Gives a person other roles and cities, at once. Raises NotFoundError, CredentialError, StoreError."""
    with store.transaction() as connection:
        found = one(connection, login=login)
        values = _duties(roles, cities, crew_id, shelter_ids)
        connection.execute(_SQL["change"], values | {"person_id": found.person_id})
        audit.record(connection, who=by, action="person.change", subject=f"person:{login}", detail=values, at=now)
        return one(connection, login=login)


def disable(store: Store, login: str, *, by: str, now: datetime, again: bool = False) -> Person:
    """Locks a person out: sessions and tokens end at once. `again`: lets in again. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        found = one(connection, login=login)
        person_id = found.person_id
        connection.execute(_SQL["disable"], {"person_id": person_id, "disabled_at": None if again else now})
        if not again:
            connection.execute(_SQL["end_sessions"], {"person_id": person_id, "but": None})
            connection.execute(_SQL["end_tokens"], {"person_id": person_id, "now": now})
        action = "person.enable" if again else "person.disable"
        audit.record(connection, who=by, action=action, subject=f"person:{login}", detail={}, at=now)
        return one(connection, login=login)


def set_password(
    store: Store, who: Person, password: str, *, by: str, now: datetime, keep_session: bytes | None = None
) -> None:
    """A new password; every session but `keep_session` ends. Raises CredentialError, StoreError."""
    hashed = hash_password(password, login=who.login)
    with store.transaction() as connection:
        connection.execute(_SQL["set_password"], {"person_id": who.person_id, "password_hash": hashed})
        connection.execute(_SQL["end_sessions"], {"person_id": who.person_id, "but": keep_session})
        audit.record(connection, who=by, action="person.password", subject=f"person:{who.login}", detail={}, at=now)


def set_totp(store: Store, who: Person, secret: str, step: int, *, now: datetime) -> None:
    """A second factor that its owner has confirmed by the code of time step `step`. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(_SQL["set_totp"], {"person_id": who.person_id, "totp_secret": secret, "step": step})
        audit.record(connection, who=who.name, action="person.totp", subject=f"person:{who.login}", detail={}, at=now)


def reset(store: Store, login: str, *, by: str, now: datetime) -> str:
    """Takes password, second factor, sessions and tokens away; the secret of a link to set them up anew.

    Raises NotFoundError, StoreError.
    """
    with store.transaction() as connection:
        found = one(connection, login=login)
        person_id = found.person_id
        connection.execute(_SQL["set_password"], {"person_id": person_id, "password_hash": None})
        connection.execute(_SQL["set_totp"], {"person_id": person_id, "totp_secret": None, "step": 0})
        connection.execute(_SQL["end_sessions"], {"person_id": person_id, "but": None})
        connection.execute(_SQL["end_tokens"], {"person_id": person_id, "now": now})
        audit.record(connection, who=by, action="person.reset", subject=f"person:{login}", detail={}, at=now)
        return _issue(connection, Purpose.SETUP, person_id, hours=SETUP_LINK_HOURS, now=now)


def first_link(store: Store, *, now: datetime) -> str | None:
    """The secret of a link to make the first supervisor; None where there is one. Raises StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["anybody"]).fetchone()
        return None if row.found else _issue(connection, Purpose.FIRST, None, hours=FIRST_LINK_HOURS, now=now)


def enter_link(store: Store, login: str, *, by: str, now: datetime) -> str:
    """The secret of a link that logs a person in, once. Raises NotFoundError, StoreError."""
    with store.transaction() as connection:
        found = one(connection, login=login)
        audit.record(connection, who=by, action="person.enter-link", subject=f"person:{login}", detail={}, at=now)
        return _issue(connection, Purpose.ENTER, found.person_id, hours=ENTER_LINK_HOURS, now=now)


def link(store: Store, secret: str, *, now: datetime) -> Link:
    """What a link would let somebody do now. Raises CredentialError, StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(_SQL["link"], {"digest": digest(secret), "now": now}).fetchone()
        if row is None:
            raise _worthless()
        who = one(connection, person_id=row.person_id) if row.person_id else None
    if who is not None and who.disabled_at:
        raise _worthless()
    return Link(Purpose(row.purpose), who)


def use_link(store: Store, secret: str, purpose: Purpose, *, now: datetime) -> Person | None:
    """Uses a link up: of two who come at once, one gets in. Raises CredentialError, StoreError."""
    with store.transaction() as connection:
        row: Any = connection.execute(
            _SQL["use_link"], {"digest": digest(secret), "purpose": purpose.value, "now": now}
        ).fetchone()
        if row is None:
            raise _worthless()
        who = one(connection, person_id=row.person_id) if row.person_id else None
        name = who.name if who else SYSTEM
        subject = f"person:{who.login}" if who else "person:first"
        audit.record(connection, who=name, action="link.use", subject=subject, detail={"purpose": purpose}, at=now)
        return who


def one(connection: Connection, *, login: str | None = None, person_id: int | None = None) -> Person:
    """The person of a login or a number. For the store's own modules. Raises NotFoundError."""
    row = connection.execute(_SQL["people"], {"login": login, "person_id": person_id}).fetchone()
    if row is None:
        raise NotFoundError(f"there is nobody called {login or person_id}", advice="see `lifeline people list`")
    return person_of(row)


def person_of(row: Any) -> Person:
    """The person in a row of sql/people.sql; a role that this version does not know gives no rights."""
    return Person(
        person_id=row.person_id,
        login=row.login,
        name=row.name,
        roles=frozenset(Role(role) for role in row.roles if role in set(Role)),
        cities=frozenset(row.cities),
        crew_id=row.crew_id,
        shelter_ids=frozenset(row.shelter_ids),
        has_password=row.has_password,
        has_totp=row.has_totp,
        disabled_at=row.disabled_at,
    )


def _issue(connection: Connection, purpose: Purpose, person_id: int | None, *, hours: float, now: datetime) -> str:
    secret = new_secret()
    values = {"purpose": purpose.value, "person_id": person_id}
    connection.execute(_SQL["withdraw_links"], values)
    connection.execute(
        _SQL["add_link"],
        values | {"digest": digest(secret), "now": now, "expires_at": now + timedelta(hours=hours)},
    )
    return secret


def _checked(login: str, name: str, roles: Collection[Role]) -> dict[str, Any]:
    if not LOGIN.fullmatch(login):
        raise CredentialError(
            f"{login!r} is no login", kind="login", advice="small letters, digits, . _ -; 32 at the most"
        )
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable() or name.startswith("system:"):
        raise CredentialError(f"{name!r} is no name", kind="name", advice=f"1 to {LONGEST_NAME} printable characters")
    if not roles:
        raise CredentialError(f"{login} would have no role", kind="role", advice=f"name one of {', '.join(Role)}")
    return {"login": login, "name": name.strip()}


def _duties(
    roles: Collection[Role], cities: Collection[str], crew_id: str | None, shelter_ids: Collection[str]
) -> dict[str, Any]:
    for city in cities:
        if len(city) != 6 or not (city.isascii() and city.isdigit()):
            raise CredentialError(
                f"{city!r} is no city", kind="city", advice="give six digits of GB/T 2260, e.g. 220100"
            )
    return {
        "roles": sorted(role.value for role in roles),
        "cities": sorted(cities),
        "crew_id": crew_id or None,
        "shelter_ids": sorted(shelter_ids),
    }


def _worthless() -> CredentialError:
    return CredentialError("this link does not work (any more)", kind="link", advice="ask a supervisor for a new one")
