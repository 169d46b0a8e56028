"""Shelters for a plan: water at the site and on its last 500 m, places by season, who is covered. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from alerts.assignment import Barrier, Need, Outcome, Site, assign
from alerts.assignment_roads import RoadMap, Water
from alerts.shelters_rules import Rules
from lifeline.asset import PopulationCell, Position
from lifeline.city.roads import distance_m
from lifeline.shelter import Assignment, Evacuation, Exposure, Places, Season, ShelterState, Standing, WaterAt

_USABLE = {ShelterState.STANDBY, ShelterState.OPENING, ShelterState.OPEN, ShelterState.FULL}
_TAKING = {ShelterState.OPENING, ShelterState.OPEN}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for a plan now: the season of each city with its reason, the roads, the water."""

    seasons: Mapping[str, tuple[Season, str]]
    roads: RoadMap
    water: Sequence[WaterAt]
    now: datetime


def exposure(standing: Standing, water: Sequence[WaterAt], rules: Rules, now: datetime) -> Exposure:
    """Water at the site and on its last metres, now and within the hour, from the sensors that are near.

    `unknown` where no sensor near says anything: that is not dry.
    """
    ways, here = rules.ways, standing.shelter.position
    near = [(distance_m(here, one.position), one) for one in water]
    site = [one for metres, one in near if metres <= ways.site_within_m]
    way = [one for metres, one in near if metres <= ways.last_m]
    site_m, way_m = _deepest(one.depth_m for one in site), _deepest(one.depth_m for one in way)
    site_60, way_60 = _deepest(one.expected_60_m for one in site), _deepest(one.expected_60_m for one in way)
    if (site_m or 0.0) >= ways.slow_from_m:
        verdict, reason = "flooded", "water-at-site"
    elif (way_m or 0.0) >= ways.closed_from_m:
        verdict, reason = "threatened", "water-on-way"
    elif (site_60 or 0.0) >= ways.slow_from_m or (way_60 or 0.0) >= ways.closed_from_m:
        verdict, reason = "threatened", "water-expected"
    elif way_m is None:
        verdict, reason = "unknown", "no-sensor-near" if not way else "sensors-silent"
    else:
        verdict, reason = "dry", "measured"
    return Exposure(standing.shelter.shelter_id, now, site_m, way_m, site_60, way_60, verdict, reason)


def places(standing: Standing, rules: Rules, around: Circumstances) -> Places:
    """How many people a shelter takes in the season of its city: what everybody is told of it, and what is planned."""
    season, reason = around.seasons[standing.shelter.city_code]
    return Places(standing.shelter.shelter_id, around.now, season, reason, rules.places(standing.shelter, season))


def site_of(standing: Standing, rules: Rules, around: Circumstances) -> Site:
    """The shelter as the plan sees it. Occupied places are those last counted; a shelter that nobody has counted since
    it opened has nobody in it as far as we know, and `count_age` of the report says so."""
    shelter = standing.shelter
    season = around.seasons[shelter.city_code][0]
    barrier = Barrier.NONE
    if standing.state is ShelterState.UNSAFE or standing.exposure == "flooded":
        barrier = Barrier.UNSAFE
    elif standing.state not in _USABLE:
        barrier = Barrier.CLOSED
    elif season is Season.COLD and not shelter.heated:
        barrier = Barrier.UNHEATED
    held = rules.places(shelter, season)
    free = 0 if standing.state is ShelterState.FULL else max(held - (standing.people or 0), 0)
    reserve = min(int(rules.reserve_share * held), free)
    return Site(shelter.shelter_id, shelter.city_code, free, reserve, standing.state in _TAKING, barrier)


def plan(
    evacuation: Evacuation,
    standings: Sequence[Standing],
    rules: Rules,
    around: Circumstances,
    before: Sequence[Assignment] = (),
) -> Outcome:
    """Who of an evacuation goes where; shelters of all cities are looked at, the way decides."""
    arrived: dict[tuple[str, bool], int] = {}
    for move in evacuation.moves:
        arrived[move.cell_id, move.special] = arrived.get((move.cell_id, move.special), 0) + move.arrived
    needs, homes = [], []
    for cell in evacuation.cells:
        special = max(cell.special_needs - arrived.get((cell.cell_id, True), 0), 0)
        others = max(cell.people - cell.special_needs - arrived.get((cell.cell_id, False), 0), 0)
        needs.append(Need(cell.cell_id, evacuation.city_code, special + others, special))
        homes.append(cell.position)
    return _assigned(needs, homes, standings, rules, around, moves=evacuation.moves, before=before)


def cover(
    cells: Sequence[PopulationCell], standings: Sequence[Standing], rules: Rules, around: Circumstances
) -> Outcome:
    """The same for everybody of a city, as if all had to leave now and all sites were open."""
    needs = [Need(cell.cell_id, cell.city_code, cell.people, cell.special_needs) for cell in cells]
    opened = [replace(one, state=ShelterState.OPEN) if one.state is ShelterState.STANDBY else one for one in standings]
    return _assigned(needs, [cell.position for cell in cells], opened, rules, around)


def gap_map(
    cells: Sequence[PopulationCell],
    standings: Sequence[Standing],
    outcome: Outcome,
    rules: Rules,
    around: Circumstances,
) -> dict[str, Any]:
    """GeoJSON: each cell with people without a place and the reasons, each shelter with whom it would take."""
    features: list[dict[str, Any]] = []
    for cell in cells:
        lines = [one for one in outcome.assignments if one.cell_id == cell.cell_id]
        left = sum(one.people for one in lines if one.shelter_id is None)
        far = sum(one.people for one in lines if one.distance_m is not None and one.distance_m > rules.ways.covered_m)
        features.append(
            _point(
                cell.position, kind="cell", id=cell.cell_id, people=cell.people, unassigned=left, beyond_walk=far,
                reasons=sorted({one.reason for one in lines if one.shelter_id is None}),
            )
        )  # fmt: skip
    for standing in standings:
        sent = sum(one.people for one in outcome.assignments if one.shelter_id == standing.shelter.shelter_id)
        held = places(standing, rules, around)
        features.append(
            _point(
                standing.shelter.position, kind="shelter", id=standing.shelter.shelter_id, state=standing.state.value,
                mode=standing.mode.value, exposure=standing.exposure, assigned=sent, places=held.places,
                season=held.season.value, heated=standing.shelter.heated,
            )
        )  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def coverage(outcome: Outcome, rules: Rules) -> dict[str, float]:
    """People, those with a place, those with one within walking distance; shares from 0 to 1."""
    people = sum(one.people for one in outcome.assignments)
    placed = sum(one.people for one in outcome.assignments if one.shelter_id is not None)
    near = sum(one.people for one in outcome.assignments if (one.distance_m or 1e9) <= rules.ways.covered_m)
    whole = max(people, 1)
    return {
        "people": people,
        "placed": placed,
        "near": near,
        "placed_share": placed / whole,
        "near_share": near / whole,
    }


def _assigned(
    needs: Sequence[Need], homes: Sequence[Position], standings: Sequence[Standing], rules: Rules,
    around: Circumstances, **more: Any,
) -> Outcome:  # fmt: skip
    ways, roads = rules.ways, around.roads
    now = [Water(one.position, one.depth_m) for one in around.water if one.depth_m is not None]
    soon = [Water(one.position, one.expected_60_m) for one in around.water if one.expected_60_m is not None]
    closed = roads.wet(now, depth_m=ways.closed_from_m, within_m=ways.closed_within_m)
    slow = roads.wet(now, depth_m=ways.slow_from_m, within_m=ways.closed_within_m)
    slow |= roads.wet(soon, depth_m=ways.closed_from_m, within_m=ways.closed_within_m)
    to = [standing.shelter.position for standing in standings]
    way_m = roads.ways(homes, to, closed=closed)
    cost_m = roads.ways(homes, to, closed=closed, slow=slow, slower=ways.slower) if slow.any() else way_m
    straight = np.array([[distance_m(a, b) for b in to] for a in homes], dtype=float).reshape(len(homes), len(to))
    sites = [site_of(standing, rules, around) for standing in standings]
    return assign(needs, sites, way_m, rules.weights, straight_m=straight, cost_m=cost_m, **more)


def _deepest(depths: Any) -> float | None:
    known = [depth for depth in depths if depth is not None]
    return max(known) if known else None


def _point(position: Position, **properties: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [position.lon, position.lat]}
    return {"type": "Feature", "geometry": place, "properties": properties}
