"""The table of who may use what holds every route that there is, and nothing else."""

import re
from collections.abc import Iterable, Iterator

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from console.access import ACTIONS, RULES, rule_of
from console.app import application
from console.feed import Feed
from lifeline.alarm import SYSTEM_ACTIONS, AlarmAction
from lifeline.clock import SystemClock
from lifeline.settings import Settings
from lifeline.store.pool import Store


def _routes(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            inner = list(getattr(route.app, "routes", None) or [])
            if not inner:
                yield "GET", f"{prefix}{route.path}/{{path:path}}"
            yield from _routes(inner, f"{prefix}{route.path}")
        elif isinstance(route, APIRoute | Route):
            for method in (route.methods or {"GET"}) - {"HEAD"}:
                yield method, prefix + route.path
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from _routes(included.routes, prefix)


def _closed(path: str) -> str:
    return re.sub(r"\{\w+:path\}", "a/b", re.sub(r"\{\w+\}", "x", path))


def test_every_route_has_its_rule_and_every_rule_its_route() -> None:
    store = Store("postgresql://127.0.0.1:1/nowhere", name="test")
    clock = SystemClock()
    app = application(Settings(), store, Feed(store, clock, refresh_s=1, silent_intervals=3), clock, port=8080)
    found = set(_routes(app.routes))
    assert len(found) > 40
    open_routes = [one for one in found if rule_of(one[0], _closed(one[1])) is None]
    assert open_routes == []
    shapes = {(method, re.sub(r"\{\w+(:path)?\}", "*", path).rstrip("/")) for method, path in found}
    actions = {action.value for action in ACTIONS}
    idle = [
        (method, rule.path)
        for rule in RULES
        for method in rule.methods
        if "{path:path}" not in rule.path
        and rule.path.rpartition("/")[2] not in actions
        and rule.path != "/favicon.ico"
        and (method, re.sub(r"\{\w+\}", "*", rule.path).rstrip("/")) not in shapes
    ]
    assert idle == []
    store.close()


def test_every_action_of_people_has_its_roles() -> None:
    people = set(AlarmAction) - SYSTEM_ACTIONS - {AlarmAction.SUPERSEDE}
    assert set(ACTIONS) == people
