"""Who may look around in a demo: an operator, a crew, a warden, each with a link that works once and a password."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lifeline.city import CityPack
from lifeline.errors import NotFoundError
from lifeline.person import Person, Role
from lifeline.store import people, sessions
from lifeline.store.pool import Store

_BY = "system:demo"
_TOKEN_DAYS = 30.0
_NAMES = {Role.OPERATOR: "王芳", Role.CREW: "李强", Role.WARDEN: "赵敏"}
_SIMULATED = ("simulated-crew", "模拟抢修队")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who may log in; link and password are new at every start."""

    role: Role
    login: str
    password: str
    secret: str


@dataclass(frozen=True, slots=True)
class Guests:
    """Everybody, and the token of the simulated crew."""

    people: Sequence[Guest]
    crew_token: str


def invite(store: Store, pack: CityPack, *, now: datetime) -> Guests:
    """Makes whoever is missing; the warden looks after a shelter of `pack` that holds people in winter too.

    Raises StoreError.
    """
    shelter_ids = [one.shelter_id for one in sorted(pack.shelters, key=lambda one: not one.heated)[:1]]
    guests = []
    for role, name in _NAMES.items():
        who = _somebody(store, role.value, name, role, shelter_ids=shelter_ids, now=now)
        password = secrets.token_urlsafe(9)
        people.set_password(store, who, password, by=_BY, now=now)
        guests.append(Guest(role, who.login, password, people.enter_link(store, who.login, by=_BY, now=now)))
    simulated = _somebody(store, *_SIMULATED, Role.CREW, shelter_ids=(), now=now)
    token = sessions.add_token(store, simulated.login, name="demo", read_only=False, days=_TOKEN_DAYS, by=_BY, now=now)
    return Guests(guests, token)


def _somebody(store: Store, login: str, name: str, role: Role, *, shelter_ids: Sequence[str], now: datetime) -> Person:
    try:
        return people.person(store, login)
    except NotFoundError:
        return people.add(
            store,
            login=login,
            name=name,
            roles=[role],
            shelter_ids=shelter_ids if role is Role.WARDEN else (),
            by=_BY,
            now=now,
        )
