"""Who may use what: every page and every call of the console with the roles that it is for. What is not here is closed.

One table, so that it can be read as a whole; a test holds it against every route that there is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from lifeline.alarm import AlarmAction
from lifeline.person import Role

Roles = frozenset[Role]

EVERYBODY: Roles = frozenset(Role)
"""Whoever is logged in."""
DESK: Roles = frozenset({Role.OPERATOR, Role.SUPERVISOR})
"""Who leads in the operations centre."""
READERS: Roles = DESK | {Role.ENGINEER, Role.AUDITOR}
"""Who sees the whole city."""
FIELD: Roles = DESK | {Role.CREW}
SHELTERS: Roles = DESK | {Role.WARDEN}
CHIEF: Roles = frozenset({Role.SUPERVISOR})
AUDIT: Roles = frozenset({Role.SUPERVISOR, Role.AUDITOR})

ACTIONS: dict[AlarmAction, Roles] = {
    AlarmAction.CONFIRM: DESK,
    AlarmAction.ACKNOWLEDGE: FIELD,
    AlarmAction.DISPATCH: DESK,
    AlarmAction.ACCEPT: FIELD,
    AlarmAction.ARRIVE: FIELD,
    AlarmAction.MITIGATE: FIELD,
    AlarmAction.VERIFY: DESK,
    AlarmAction.SHELVE: DESK,
    AlarmAction.UNSHELVE: DESK,
    AlarmAction.CLOSE: DESK,
    AlarmAction.CANCEL: DESK,
    AlarmAction.NOTE: FIELD | {Role.ENGINEER, Role.WARDEN},
}
"""Who may do what to an alarm; only a finding or the system does the rest."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Some methods of an address, as its route writes it, and who may use them; `roles` None: anybody, unasked.

    `half`: also while the second factor is still missing.
    """

    methods: frozenset[str]
    path: str
    roles: Roles | None
    half: bool = False


def _rule(methods: str, path: str, roles: Roles | None, *, half: bool = False) -> Rule:
    return Rule(frozenset(methods.split()), path, roles, half)


def _pages(path: str, roles: Roles) -> list[Rule]:
    return [_rule("GET", f"/{language}{path}", roles) for language in ("zh", "en")]


RULES: tuple[Rule, ...] = (
    # the door
    _rule("GET POST", "/login", None),
    _rule("GET POST", "/first/{secret}", None),
    _rule("GET POST", "/setup/{secret}", None),
    _rule("GET POST", "/enter/{secret}", None),
    _rule("GET POST", "/answer/{token}", None),
    _rule("GET POST", "/code", EVERYBODY, half=True),
    _rule("GET POST", "/factor", EVERYBODY, half=True),
    _rule("POST", "/logout", EVERYBODY, half=True),
    _rule("GET POST", "/me", EVERYBODY),
    _rule("GET POST", "/people", CHIEF),
    # what pages are made of, the same for everybody and free of data
    _rule("GET", "/static/{path:path}", None),
    _rule("GET", "/_nicegui/{path:path}", None),
    _rule("GET", "/favicon.ico", None),
    _rule("GET", "/sw.js", None),
    # pages
    _rule("GET", "/", EVERYBODY),
    _rule("GET", "/alarms/{alarm_id}", EVERYBODY),
    _rule("GET", "/_nicegui_ws/{path:path}", READERS),
    *_pages("", READERS),
    *_pages("/history", READERS),
    *_pages("/sensors", READERS),
    *_pages("/sensors/{sensor_id}", READERS),
    *_pages("/shelters", READERS),
    *_pages("/shelters/{key}", READERS),
    *_pages("/orders", READERS),
    *_pages("/orders/{key}", READERS),
    *_pages("/crews", READERS),
    *_pages("/crews/{key}", READERS),
    *_pages("/zones", READERS),
    *_pages("/zones/{key}", READERS),
    *_pages("/storms", READERS),
    *_pages("/past", READERS),
    *_pages("/past/{key}", READERS),
    *_pages("/evacuations", READERS),
    *_pages("/evacuations/{key}", READERS),
    *_pages("/silences", READERS),
    *_pages("/report", READERS),
    *_pages("/search", READERS),
    *_pages("/audit", AUDIT),
    *_pages("/crew", FIELD),
    *_pages("/warden", SHELTERS),
    # REST
    _rule("GET", "/api/v1/health", None),
    _rule("GET", "/api/v1/openapi.json", EVERYBODY),
    _rule("GET", "/api/v1/alarms", READERS | FIELD),
    _rule("GET", "/api/v1/alarms/{alarm_id}", READERS | FIELD),
    _rule("POST", "/api/v1/alarms/{alarm_id}/photos", FIELD),
    _rule("GET", "/api/v1/photos/{photo_id}", READERS | FIELD),
    *(_rule("POST", f"/api/v1/alarms/{{alarm_id}}/{action.value}", roles) for action, roles in ACTIONS.items()),
    _rule("POST", "/api/v1/alarms/{alarm_id}/publish", CHIEF),
    _rule("POST", "/api/v1/alarms/{alarm_id}/{action}", DESK),
    _rule("GET", "/api/v1/work-orders", READERS | FIELD),
    _rule("GET", "/api/v1/work-orders/{order_id}", READERS | FIELD),
    _rule("POST", "/api/v1/work-orders/{order_id}/{action}", FIELD),
    _rule("GET", "/api/v1/shelters", READERS | SHELTERS),
    _rule("GET", "/api/v1/shelters/{shelter_id}", READERS | SHELTERS),
    _rule("POST", "/api/v1/shelters/{shelter_id}/state", SHELTERS),
    _rule("POST", "/api/v1/shelters/{shelter_id}/count", SHELTERS),
    _rule("GET", "/api/v1/conversions", READERS | SHELTERS),
    _rule("GET", "/api/v1/conversions/{conversion_id}", READERS | SHELTERS),
    _rule("POST", "/api/v1/conversions", DESK),
    _rule("POST", "/api/v1/conversions/{conversion_id}/tasks/{task}/done", SHELTERS),
    _rule("POST", "/api/v1/conversions/{conversion_id}/cancel", DESK),
    _rule("GET", "/api/v1/evacuations", READERS | SHELTERS),
    _rule("GET", "/api/v1/evacuations/{evacuation_id}", READERS | SHELTERS),
    _rule("POST", "/api/v1/evacuations", DESK),
    _rule("POST", "/api/v1/evacuations/{evacuation_id}/moves", SHELTERS),
    _rule("POST", "/api/v1/evacuations/{evacuation_id}/end", DESK),
    _rule("GET", "/api/v1/field", FIELD | SHELTERS),
    _rule("POST", "/api/v1/field/actions", FIELD | SHELTERS),
    _rule("POST", "/api/v1/calls/{call_id}/answer", DESK),
    _rule("GET", "/api/v1/sensors", READERS),
    _rule("GET", "/api/v1/sensors/{sensor_id}", READERS),
    _rule("GET", "/api/v1/sensors/{sensor_id}/readings", READERS),
    _rule("GET", "/api/v1/sensors/{sensor_id}/readings.csv", READERS),
    _rule("GET", "/api/v1/sensors/{sensor_id}/series", READERS),
    _rule("GET", "/api/v1/findings", READERS),
    _rule("GET", "/api/v1/findings/{finding_id}", READERS),
    _rule("GET", "/api/v1/layers/{layer}.geojson", READERS),
    _rule("GET", "/api/v1/events", READERS),
    _rule("GET", "/api/v1/sensors/{sensor_id}/rollups", READERS),
    _rule("GET", "/api/v1/kpis", READERS),
    _rule("GET", "/api/v1/zone-days", READERS),
    _rule("GET", "/api/v1/flood-forecasts", READERS),
    _rule("GET", "/api/v1/verdicts", READERS),
    _rule("POST", "/api/v1/verdicts", DESK | {Role.ENGINEER}),
    _rule("GET", "/api/v1/devices", READERS),
    _rule("GET", "/api/v1/devices/quarantine", READERS),
    _rule("GET", "/api/v1/silences", READERS),
    _rule("POST", "/api/v1/silences", DESK),
    _rule("POST", "/api/v1/silences/{silence_id}/end", DESK),
    _rule("GET", "/api/v1/cap/feed.atom", READERS),
    _rule("GET", "/api/v1/cap/public/feed.atom", None),  # these two only where console.public_warnings is on
    _rule("GET", "/api/v1/cap/public/{identifier}.xml", None),
    _rule("GET", "/api/v1/cap/{identifier}.xml", READERS),
    _rule("GET", "/api/sensorthings/v1.1/{path:path}", READERS),
)


def rule_of(method: str, path: str) -> Rule | None:
    """The first rule for a request; None where there is none. HEAD is GET."""
    method = "GET" if method == "HEAD" else method
    return next((rule for rule in RULES if method in rule.methods and _matches(rule.path, path)), None)


def methods_of(path: str) -> frozenset[str]:
    """What an address takes; empty where there is no such address."""
    return frozenset().union(*(rule.methods for rule in RULES if _matches(rule.path, path)))


def may(roles: Iterable[Role], action: AlarmAction) -> bool:
    """Whether somebody of these roles may do `action` to an alarm."""
    return not ACTIONS.get(action, frozenset()).isdisjoint(roles)


def is_for(page: str, roles: Iterable[Role]) -> bool:
    """Whether somebody of these roles may open a page that asks who one is."""
    rule = rule_of("GET", page)
    return rule is not None and rule.roles is not None and not rule.roles.isdisjoint(roles)


def first_page(roles: Iterable[Role]) -> str:
    """Where somebody of these roles begins, behind the language."""
    held = frozenset(roles)
    if READERS & held:
        return ""
    return "/crew" if Role.CREW in held else "/warden"


def _matches(template: str, path: str) -> bool:
    return _pattern(template).fullmatch(path) is not None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+(?::path)?\})", template)
    return re.compile(
        "".join(
            re.escape(part) if not part.startswith("{") else ".*" if part.endswith(":path}") else "[^/]+"
            for part in parts
        )
    )
