"""The verbs of shelters: `lifeline shelters list|open|count|state|convert|done|evacuate|moved|end|plan|coverage`."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.asset import Position
from lifeline.city.roads import distance_m
from lifeline.clock import SystemClock
from lifeline.errors import NotFoundError
from lifeline.shelter import EvacuationCell, Move, ShelterMode, ShelterState
from lifeline.store import cities, evacuations, shelters
from lifeline.store.pool import Store
from lifeline.verbs.terminal import open_store, out

app = typer.Typer(
    help="Shelters (平急两用): how they stand, evacuations, coverage (docs/shelters.md).", no_args_is_help=True
)
Id = Annotated[str, typer.Argument(help="shelter id")]
Who = Annotated[str, typer.Option(help="who does it, for the record")]
Code = Annotated[str | None, typer.Option("--city", help="GB/T 2260 code; none: all")]
_NOBODY = "terminal"


@app.command("list")
def list_shelters(city: Code = None) -> None:
    """Say how shelters stand: mode, state, people inside and how old that count is, water near."""
    now = SystemClock().now()
    table = Table("shelter", "name", "grade", "mode", "state", "people", "places", "season", "counted", "water")
    with open_store() as store:
        for one in shelters.standings(store, city):
            age, held = one.count_age_s(now), one.takes(now)
            season = f"{one.season or '?'}{'' if one.shelter.heated else ', unheated'}"
            table.add_row(
                one.shelter.shelter_id, one.shelter.name.zh, one.shelter.grade, one.mode.value, one.state.value,
                "?" if one.people is None else str(one.people), "?" if held is None else str(held),
                season, "never" if age is None else f"{age / 60:.0f} min ago",
                f"{one.exposure} ({one.exposure_reason})",
            )  # fmt: skip
        running = evacuations.evacuations(store, running=True, cities=[city] if city else None)
    out.print(table)
    for one_of in running:
        people = sum(cell.people for cell in one_of.cells)
        drill = " Exercise" if one_of.exercise else ""
        out.print(f"evacuation {one_of.evacuation_id}{drill}: {one_of.city_code}, {people:,} people, {one_of.reason}")


@app.command("state")
def state(
    shelter_id: Id,
    to: Annotated[ShelterState, typer.Argument(help="standby, opening, open, full, closed, unsafe")],
    who: Who = _NOBODY,
    note: Annotated[str, typer.Option(help="why")] = "",
) -> None:
    """Open a shelter, say that it is full, closed or unsafe."""
    with open_store() as store:
        now = SystemClock().now()
        done = shelters.set_state(store, shelter_id, to, who=who, now=now, reason="by-person", note=note)
    out.print(f"{shelter_id}: {done.state.value}, {done.mode.value}", markup=False)


@app.command("count")
def count(shelter_id: Id, people: Annotated[int, typer.Argument(min=0)], who: Who = _NOBODY) -> None:
    """Note how many people are inside."""
    with open_store() as store:
        shelters.count(store, shelter_id, people, who=who, now=SystemClock().now())
    out.print(f"{shelter_id}: {people} people inside", markup=False)


@app.command("convert")
def convert(
    shelter_id: Id,
    to: Annotated[ShelterMode, typer.Argument(help="急 or 平")],
    who: Who = _NOBODY,
    exercise: Annotated[bool, typer.Option(help="a drill")] = False,
) -> None:
    """Order the conversion of a dual-use site and print its checklist."""
    from alerts.field import rules_of

    _, rules = rules_of(settings_module.load().field)
    with open_store() as store:
        shelter = shelters.standing(store, shelter_id).shelter
        made = shelters.convert(
            store, shelter_id, to, rules.checklist(shelter, to), who=who, now=SystemClock().now(), exercise=exercise
        )
    out.print(f"{shelter_id}: 转换中 to {to.value}, promised in {made.promised_hours:g} h", markup=False)
    for task in made.tasks:
        out.print(f"  {task.task:<12} {task.promised_hours:5.1f} h  {task.title.zh} / {task.title.en}", markup=False)


@app.command("done")
def done(
    shelter_id: Id, task: Annotated[str, typer.Argument(help="line of the checklist")], who: Who = _NOBODY
) -> None:
    """Tick a line of a conversion's checklist."""
    with open_store() as store:
        running = shelters.conversions(store, shelter_id=shelter_id, running=True)
        if not running:
            raise NotFoundError(f"shelter {shelter_id} is not being converted", advice="`lifeline shelters convert`")
        after = shelters.do_task(store, running[0], task, who=who, now=SystemClock().now())
    left = [line.task for line in after.tasks if line.done_at is None]
    if after.actual_hours is None:
        out.print(f"{shelter_id}: left: {', '.join(left)}", markup=False)
    else:
        out.print(f"{shelter_id}: converted in {after.actual_hours:.2f} h, promised {after.promised_hours:g} h")


@app.command("evacuate")
def evacuate(
    city: Annotated[str, typer.Argument(help="GB/T 2260 code")],
    reason: Annotated[str, typer.Option(help="why, for the record")],
    cell: Annotated[list[str] | None, typer.Option(help="population cell, may be repeated")] = None,
    near: Annotated[str, typer.Option(help="LON,LAT: cells around this place")] = "",
    radius_m: Annotated[float, typer.Option(min=1, help="how far around")] = 500.0,
    who: Who = _NOBODY,
    exercise: Annotated[bool, typer.Option(help="a drill")] = False,
) -> None:
    """Order that people leave; the alerts stage plans who goes where and plans again when something changes."""
    with open_store() as store:
        made = evacuations.order(
            store, city, chosen_cells(store, city, cell or (), near, radius_m), who=who, reason=reason,
            now=SystemClock().now(), exercise=exercise,
        )  # fmt: skip
    people = sum(one.people for one in made.cells)
    out.print(f"evacuation {made.evacuation_id}: {len(made.cells)} cells, {people:,} people; `lifeline shelters plan`")


@app.command("moved")
def moved(
    evacuation_id: Annotated[int, typer.Argument()],
    cell: Annotated[str, typer.Argument(help="population cell")],
    shelter_id: Id,
    under_way: Annotated[int, typer.Option(min=0)] = 0,
    arrived: Annotated[int, typer.Option(min=0)] = 0,
    special: Annotated[bool, typer.Option(help="people with special needs")] = False,
    who: Who = _NOBODY,
) -> None:
    """Note who of a cell has set out for a shelter and who has arrived, in all so far."""
    with open_store() as store:
        evacuations.evacuation(store, evacuation_id)
        move = Move(cell, shelter_id, special, under_way, arrived)
        evacuations.moved(store, evacuation_id, [move], who=who, now=SystemClock().now())
    out.print(f"{cell} -> {shelter_id}: {under_way} under way, {arrived} arrived", markup=False)


@app.command("end")
def end(evacuation_id: Annotated[int, typer.Argument()], who: Who = _NOBODY) -> None:
    """End an evacuation."""
    with open_store() as store:
        over = evacuations.end(store, evacuation_id, who=who, now=SystemClock().now())
    out.print("ended" if over else "it is over already, or there is none of that number")


@app.command("plan")
def show_plan(
    evacuation_id: Annotated[int, typer.Argument()],
    now_too: Annotated[bool, typer.Option("--now", help="plan now instead of waiting for the alerts stage")] = False,
) -> None:
    """Print who goes where and why."""
    with open_store() as store:
        if now_too:
            plan_now(store, SystemClock().now())
        plan = evacuations.newest_plan(store, evacuation_id)
    if plan is None:
        out.print("there is no plan yet -> see that the alerts stage runs, or add --now")
        raise typer.Exit(1)
    table = Table("cell", "who", "to", "people", "way", "reason", "looked at")
    for one in plan.assignments:
        way = "" if one.distance_m is None else f"{one.distance_m:.0f} m"
        special = "special needs" if one.special else ""
        table.add_row(one.cell_id, special, one.shelter_id or "-", str(one.people), way, one.reason, one.detail)
    out.print(table)
    figures = plan.figures
    out.print(
        f"plan {plan.plan_id} of {plan.at:%Y-%m-%d %H:%M}Z ({plan.reason}): {figures['people']:.0f} people, "
        f"{figures['unassigned']:.0f} without a place, {figures['reserve_used']:.0f} on reserve; "
        f"opens {', '.join(plan.opens) or 'nothing'} (at least {figures['opens_at_least']:.0f})",
        markup=False,
    )


@app.command("coverage")
def coverage(
    city: Annotated[str, typer.Argument(help="GB/T 2260 code")],
    geojson: Annotated[Path | None, typer.Option(help="write the gap map to this file")] = None,
) -> None:
    """Say how many people would find a place, and how many within walking distance, if all had to leave now."""
    from alerts.shelters import cover, gap_map
    from alerts.shelters import coverage as covered

    with open_store() as store:
        rules, around, standings, cells = scene(store, city)
    outcome = cover(cells, standings, rules, around)
    share = covered(outcome, rules)
    season, why = around.seasons[city]
    out.print(
        f"{city}, {season.value} ({why}): {share['people']:.0f} people, {share['placed_share']:.1%} with a place, "
        f"{share['near_share']:.1%} within {rules.ways.covered_m:g} m; {share['people'] - share['placed']:.0f} without",
        markup=False,
    )
    reasons: dict[str, int] = {}
    for one in outcome.assignments:
        reasons[one.reason] = reasons.get(one.reason, 0) + one.people
    table = Table("reason", "people")
    for reason, people in sorted(reasons.items(), key=lambda pair: -pair[1]):
        table.add_row(reason, f"{people:,}")
    out.print(table)
    if geojson is not None:
        text = json.dumps(gap_map(cells, standings, outcome, rules, around), ensure_ascii=False)
        geojson.write_text(text, encoding="utf-8")
        out.print(f"{geojson}: {len(cells)} cells, {len(standings)} shelters", markup=False)


def plan_now(store: Store, now: datetime) -> int:
    """Plans every running evacuation; how many plans were made. Raises StoreError."""
    from alerts.assignment_roads import RoadMap
    from alerts.field import rules_of
    from alerts.shelters_desk import Warden

    _, rules = rules_of(settings_module.load().field)
    roads = RoadMap(cities.roads(store))
    return Warden(store, rules, lambda _: roads).tick(now)


def chosen_cells(store: Store, city: str, ids: Sequence[str], near: str, radius_m: float) -> list[EvacuationCell]:
    """The population cells that are named, or lie around a place; all where neither is said. Raises NotFoundError."""
    cells = cities.population(store, city)
    if unknown := set(ids) - {one.cell_id for one in cells}:
        raise NotFoundError(f"city {city} has no cells {', '.join(sorted(unknown))}", advice="see population.csv")
    if ids:
        cells = [one for one in cells if one.cell_id in ids]
    if near:
        try:
            lon, lat = (float(part) for part in near.split(","))
        except ValueError:
            raise NotFoundError(f"--near {near!r} is no place", advice="write it as 125.32,43.88") from None
        cells = [one for one in cells if distance_m(one.position, Position(lon, lat)) <= radius_m]
    if not cells:
        raise NotFoundError(f"nobody lives there in city {city}", advice="name another place, or load population.csv")
    return [EvacuationCell(one.cell_id, one.position, one.people, one.special_needs) for one in cells]


def scene(store: Store, city: str):  # type: ignore[no-untyped-def]  # four values of the alerts stage, imported late
    from alerts.assignment_roads import RoadMap
    from alerts.field import rules_of
    from alerts.shelters_desk import circumstances

    _, rules = rules_of(settings_module.load().field)
    cells = cities.population(store, city)
    if not cells:
        raise NotFoundError(f"city {city} has no population", advice="load a pack with population.csv")
    around = circumstances(store, rules, RoadMap(cities.roads(store)), SystemClock().now())
    return rules, around, shelters.standings(store), cells
