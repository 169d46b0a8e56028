"""Conversions of shelters and evacuations as people order them: held against role, cities and shelters."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from console.access import DESK, SHELTERS
from console.doing import require_city
from lifeline.asset import Position, Shelter
from lifeline.city.roads import distance_m
from lifeline.errors import AccessError, IllegalTransitionError, NotFoundError
from lifeline.person import Person, Role
from lifeline.shelter import Conversion, Evacuation, EvacuationCell, Move, ShelterMode, Standing, Task
from lifeline.store import cities, evacuations, shelters
from lifeline.store.pool import Store

Checklist = Callable[[Shelter, ShelterMode], Sequence[Task]]
"""What it takes to convert a shelter to a mode."""
FARTHEST_M = 20_000


def looks_after(person: Person, standing: Standing) -> bool:
    """Whether a shelter is somebody's business: a warden has his own, or all where none is named; who leads has all."""
    if person.roles - {Role.WARDEN, Role.CREW} or not person.shelter_ids:
        return person.serves(standing.shelter.city_code)
    return standing.shelter.shelter_id in person.shelter_ids


def own_shelter(store: Store, shelter_id: str, *, person: Person) -> Standing:
    """A shelter that the person looks after. Raises AccessError, NotFoundError, StoreError."""
    found = shelters.standing(store, shelter_id)
    require_city(person, found.shelter.city_code)
    if not looks_after(person, found):
        raise AccessError(f"{shelter_id} is not one of your shelters", advice="ask a supervisor")
    return found


def convert(
    store: Store,
    shelter_id: str,
    to_mode: ShelterMode,
    checklist: Checklist | None,
    *,
    person: Person,
    now: datetime,
    exercise: bool = False,
) -> Conversion:
    """Orders a conversion; its checklist is laid out.

    Raises AccessError, IllegalTransitionError where it is in that mode or on its way, NotFoundError, StoreError.
    """
    _require(person, DESK, "operators order conversions")
    shelter = own_shelter(store, shelter_id, person=person).shelter
    if checklist is None:
        raise IllegalTransitionError(
            "this console has no checklists", reason="no-checklist", advice="`lifeline shelters convert`"
        )
    tasks = checklist(shelter, to_mode)
    return shelters.convert(store, shelter_id, to_mode, tasks, who=person.name, now=now, exercise=exercise)


def do_task(store: Store, conversion_id: int, task: str, *, person: Person, now: datetime) -> Conversion:
    """Ticks a line of a running checklist, once.

    Raises AccessError, IllegalTransitionError where it is over, NotFoundError, StoreError.
    """
    _require(person, SHELTERS, "this is for wardens and operators")
    return shelters.do_task(store, _running(store, conversion_id, person), task, who=person.name, now=now)


def cancel_conversion(store: Store, conversion_id: int, *, person: Person, now: datetime) -> Conversion:
    """Gives a running conversion up. Raises AccessError, IllegalTransitionError, NotFoundError, StoreError."""
    _require(person, DESK, "operators cancel conversions")
    return shelters.cancel_conversion(store, _running(store, conversion_id, person), who=person.name, now=now)


def population(store: Store, city: str) -> list[EvacuationCell]:
    """Who lives where in a city. Raises StoreError."""
    return [
        EvacuationCell(one.cell_id, one.position, one.people, one.special_needs)
        for one in cities.population(store, city)
    ]


def around(cells: Sequence[EvacuationCell], where: Position, radius_m: float) -> list[EvacuationCell]:
    """Those of `cells` whose middle lies within `radius_m` of a place."""
    return [one for one in cells if distance_m(one.position, where) <= radius_m]


def order_evacuation(
    store: Store,
    city: str,
    *,
    cell_ids: Collection[str] | None = None,
    where: Position | None = None,
    radius_m: float = 0.0,
    reason: str,
    exercise: bool,
    person: Person,
    now: datetime,
) -> Evacuation:
    """Orders that the people of some cells, or around a place, leave; the alerts stage plans who goes where.

    Raises AccessError, IllegalTransitionError without a reason or where nobody lives, NotFoundError for a cell that
    there is not, StoreError.
    """
    _require(person, DESK, "operators order evacuations")
    require_city(person, city)
    if not reason.strip():
        raise IllegalTransitionError("an evacuation needs a reason", reason="needs-reason", advice="say why people go")
    cells = population(store, city)
    if cell_ids is not None:
        if unknown := set(cell_ids) - {one.cell_id for one in cells}:
            named = ", ".join(sorted(unknown)[:5])
            raise NotFoundError(f"city {city} has no cells {named}", advice="see population.csv of its pack")
        cells = [one for one in cells if one.cell_id in set(cell_ids)]
    if where is not None:
        cells = around(cells, where, radius_m)
    if not cells:
        raise IllegalTransitionError(
            "nobody lives there", reason="nobody", advice="a larger radius, or load population.csv"
        )
    return evacuations.order(store, city, cells, who=person.name, reason=reason.strip(), now=now, exercise=exercise)


def note_moves(store: Store, evacuation_id: int, moves: Sequence[Move], *, person: Person, now: datetime) -> Evacuation:
    """Notes who has set out for a shelter and who has arrived there, in all so far; a warden for his shelters.

    Raises AccessError, IllegalTransitionError where it is over, NotFoundError for a cell or shelter that is none of it,
    StoreError.
    """
    _require(person, SHELTERS, "this is for wardens and operators")
    one = _own_evacuation(store, evacuation_id, person)
    if one.ended_at is not None:
        raise IllegalTransitionError(f"evacuation {evacuation_id} is over", reason="over", advice="look at the list")
    if unknown := {move.cell_id for move in moves} - {cell.cell_id for cell in one.cells}:
        named = ", ".join(sorted(unknown)[:5])
        raise NotFoundError(f"evacuation {evacuation_id} has no cells {named}", advice="look at its cells")
    for shelter_id in {move.shelter_id for move in moves}:
        own_shelter(store, shelter_id, person=person)
    evacuations.moved(store, evacuation_id, moves, who=person.name, now=now)
    return evacuations.evacuation(store, evacuation_id)


def end_evacuation(store: Store, evacuation_id: int, *, person: Person, now: datetime) -> Evacuation:
    """Ends an evacuation; ended twice is ended once. Raises AccessError, NotFoundError, StoreError."""
    _require(person, DESK, "operators end evacuations")
    _own_evacuation(store, evacuation_id, person)
    evacuations.end(store, evacuation_id, who=person.name, now=now)
    return evacuations.evacuation(store, evacuation_id)


def _running(store: Store, conversion_id: int, person: Person) -> Conversion:
    one = shelters.conversion(store, conversion_id)
    own_shelter(store, one.shelter_id, person=person)
    if one.ended_at is not None:
        raise IllegalTransitionError(f"conversion {conversion_id} is over", reason="over", advice="look at it again")
    return one


def _own_evacuation(store: Store, evacuation_id: int, person: Person) -> Evacuation:
    one = evacuations.evacuation(store, evacuation_id)
    require_city(person, one.city_code)
    return one


def _require(person: Person, roles: frozenset[Role], whose: str) -> None:
    if not person.roles & roles:
        raise AccessError(whose, advice="ask one of them, or a supervisor")
