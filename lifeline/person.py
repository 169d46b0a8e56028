"""People who use the console: what they are called, what they may do, and for which cities."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
"""What a person types to log in."""


class Role(StrEnum):
    """What a person does; console/access.py says what each role may."""

    OPERATOR = "operator"
    """sits in the operations centre: acknowledges, dispatches, verifies, closes"""
    SUPERVISOR = "supervisor"
    """what an operator does, and people, and what the public is told; needs a second factor"""
    CREW = "crew"
    """in the field: accepts, arrives, mends"""
    WARDEN = "warden"
    """looks after shelters"""
    ENGINEER = "engineer"
    """sensors, networks and models; acts on no alarm"""
    AUDITOR = "auditor"
    """reads everything, changes nothing"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. `cities`: GB/T 2260, empty for all; `crew_id`, `shelter_ids`: of crew and warden."""

    person_id: int
    login: str
    name: str
    roles: frozenset[Role]
    cities: frozenset[str] = frozenset()
    crew_id: str | None = None
    shelter_ids: frozenset[str] = field(default_factory=frozenset)
    has_password: bool = False
    has_totp: bool = False
    disabled_at: datetime | None = None

    def serves(self, city: str | None) -> bool:
        """Whether what belongs to `city` is this person's business; what belongs to no city is everybody's."""
        return not self.cities or city is None or city in self.cities

    @property
    def needs_totp(self) -> bool:
        """Whether a password alone is not enough."""
        return Role.SUPERVISOR in self.roles or self.has_totp
