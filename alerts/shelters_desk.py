"""Shelters at work: looks at the water near them, plans every running evacuation again when something changed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.assignment_roads import RoadMap
from alerts.shelters import Circumstances, exposure, places, plan
from alerts.shelters_rules import Rules
from lifeline import log
from lifeline.shelter import Evacuation, Plan, Standing
from lifeline.store import cities, evacuations, shelters
from lifeline.store.pool import Store

ACTOR = "system:shelters"
_FRESH_WATER = timedelta(minutes=30)
_FRESH_AIR = timedelta(hours=6)

_log = log.logger("shelters")


class Warden:
    """Works through shelters and evacuations; what it decided is in the store."""

    def __init__(self, store: Store, rules: Rules, roads: Callable[[datetime], RoadMap]) -> None:
        self._store, self._rules, self._roads = store, rules, roads

    def tick(self, now: datetime) -> int:
        """One round; how many plans were made. Raises StoreError."""
        around = circumstances(self._store, self._rules, self._roads(now), now)
        standings = shelters.standings(self._store)
        shelters.put_exposures(
            self._store, [exposure(standing, around.water, self._rules, now) for standing in standings]
        )
        shelters.put_places(self._store, [places(standing, self._rules, around) for standing in standings])
        running = evacuations.evacuations(self._store, running=True)
        if not running:
            return 0
        standings = shelters.standings(self._store)
        return sum(self._plan(one, standings, around) for one in running)

    def _plan(self, evacuation: Evacuation, standings: list[Standing], around: Circumstances) -> bool:
        before = evacuations.newest_plan(self._store, evacuation.evacuation_id)
        earlier = before.assignments if before else ()
        outcome = plan(evacuation, standings, self._rules, around, earlier)
        if before is not None and set(outcome.assignments) == set(earlier) and outcome.opens == before.opens:
            return False
        made = Plan(
            0, evacuation.evacuation_id, around.now, "changed" if before else "first", outcome.opens, outcome.figures,
            outcome.assignments,
        )  # fmt: skip
        number = evacuations.put_plan(self._store, made, who=ACTOR)
        _log.info("evacuation planned", evacuation=evacuation.evacuation_id, plan=number, **outcome.figures)
        return True


def circumstances(store: Store, rules: Rules, roads: RoadMap, now: datetime) -> Circumstances:
    """What holds now, as far as the store knows. Raises StoreError."""
    seasons = {}
    for city in cities.cities(store):
        measured = shelters.temperature_c(store, city.code, since=now - _FRESH_AIR)
        seasons[city.code] = rules.season(measured, now.astimezone(ZoneInfo(city.timezone)).month)
    return Circumstances(seasons, roads, shelters.water(store, since=now - _FRESH_WATER), now)
