"""The verbs `lifeline city check|load|show`: what they print and how they exit."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from lifeline.clock import SystemClock
from lifeline.verbs.terminal import open_store, out

if TYPE_CHECKING:
    from lifeline.city import CityPack
    from lifeline.store import cities
    from lifeline.store.pool import Store

app = typer.Typer(help="City packs: a city as data (docs/city-pack.md).", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(help="folder of the city pack")]
Code = Annotated[str | None, typer.Argument(help="GB/T 2260 code of one city; none: all")]


@app.command("check")
def city_check(folder: Folder) -> None:
    """Name every fault of a pack with file, line, column and what was expected."""
    raise typer.Exit(check_command(folder, out))


@app.command("load")
def city_load(folder: Folder) -> None:
    """Put a pack into the store; the same pack twice changes nothing."""
    with open_store() as store:
        raise typer.Exit(load_command(folder, store, out, now=SystemClock().now()))


@app.command("show")
def city_show(code: Code = None) -> None:
    """Say which cities are loaded, or what one consists of."""
    with open_store() as store:
        raise typer.Exit(show_command(store, out, code))


def check_command(folder: Path, out: Console) -> int:
    """Prints each fault on a line of its own, or what the sound pack holds; 1 where there are faults, else 0.

    Raises PackError where `folder` is no folder.
    """
    from lifeline import city

    faults = city.check(folder)
    if not faults:
        out.print(_contents(city.load(folder)))
        out.print(f"{folder}: sound", style="green", markup=False)
        return 0
    for fault in faults:
        out.print(f"{folder / fault.file}{str(fault)[len(fault.file) :]}", markup=False)
    files = Counter(fault.file for fault in faults)
    places = ", ".join(f"{count} in {file}" for file, count in sorted(files.items()))
    out.print(f"{folder}: {len(faults)} faults ({places}) -> docs/city-pack.md", style="red", markup=False)
    return 1


def load_command(folder: Path, store: "Store", out: Console, *, now: datetime) -> int:
    """Puts the pack into the store and prints what that changed; 0. Raises PackError and StoreError."""
    from lifeline import city
    from lifeline.store import cities

    pack = city.load(folder)
    report = cities.load_pack(store, pack, now=now)
    who = f"{pack.name.zh} {pack.name.en} {pack.code}, version {pack.version}"
    if not report.changed:
        out.print(f"{who}: this pack is loaded already, nothing changed", markup=False)
        return 0
    out.print(_contents(pack))
    out.print(f"{who}: loaded, {len(report.added)} sensors new, {len(report.retired)} retired", markup=False)
    for sensor_id in report.retired:
        out.print(f"  retired: {sensor_id} (its readings stay)", markup=False)
    return 0


def show_command(store: "Store", out: Console, city_code: str | None = None) -> int:
    """Prints what is loaded: all cities, or one in detail; 1 where that one is not loaded. Raises StoreError."""
    from lifeline.store import cities
    from lifeline.store.sensors import sensors

    loaded = cities.cities(store)
    if city_code is None:
        out.print(_cities(store, loaded) if loaded else "no city is loaded -> run `lifeline city load DIR`")
        return 0
    one = next((entry for entry in loaded if entry.code == city_code), None)
    if one is None:
        known = ", ".join(entry.code for entry in loaded) or "none"
        out.print(f"city {city_code} is not loaded (loaded: {known}) -> run `lifeline city load DIR`", markup=False)
        return 1
    out.print(_cities(store, [one]))
    zones = Table("zone", "kind", "name", "district", "inflow", "outflow", title="zones")
    for zone in cities.zones(store, city_code):
        name = f"{zone.name.zh} {zone.name.en}"
        zones.add_row(zone.zone_id, zone.kind, name, zone.district, " ".join(zone.inflow), " ".join(zone.outflow))
    rows = Table("sensor", "quantity", "unit", "site", "zone", "every", "name", title="sensors")
    for sensor in sensors(store, city_code=city_code):
        interval, name = f"{sensor.interval_s:g} s", f"{sensor.name.zh} {sensor.name.en}"
        rows.add_row(sensor.sensor_id, sensor.quantity, sensor.unit, sensor.site, sensor.zone_id or "", interval, name)
    levels = cities.levels(store, city_code)
    limits = Table("level", "blue", "yellow", "orange", "red", "source", title="levels")
    if levels is not None:
        for what, given in [(f"flood, {site}, m", t) for site, t in levels.flood.items()] + [
            ("leak, m3/h", levels.leak)
        ]:
            colours = (given.blue, given.yellow, given.orange, given.red)
            limits.add_row(what, *(f"{colour:g}" for colour in colours), given.source)
    for table in (zones, rows, limits):
        out.print(table)
    return 0


def _cities(store: "Store", loaded: "list[cities.City]") -> Table:
    from lifeline.store import cities
    from lifeline.store.sensors import sensors

    table = Table(
        "code", "city", "version", "zones", "sensors", "assets", "shelters", "crews", "people", "loaded at (UTC)"
    )
    for one in loaded:
        counts = (
            len(cities.zones(store, one.code)),
            len(sensors(store, city_code=one.code)),
            len(cities.assets(store, one.code)),
            len(cities.shelters(store, one.code)),
            len(cities.crews(store, one.code)),
            sum(cell.people for cell in cities.population(store, one.code)),
        )
        name, loaded_at = f"{one.name.zh} {one.name.en}", f"{one.loaded_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(one.code, name, one.version, *map(str, counts), loaded_at)
    return table


def _contents(pack: "CityPack") -> Table:
    table = Table(
        "part", "number", "of which", title=f"{pack.name.zh} {pack.name.en} {pack.code}", title_justify="left"
    )
    for part, kinds in (
        ("zones", [zone.kind for zone in pack.zones]),
        ("sensors", [sensor.quantity for sensor in pack.sensors]),
        ("assets", [asset.kind for asset in pack.assets]),
        ("shelters", [shelter.grade for shelter in pack.shelters]),
        ("crews", [skill for crew in pack.crews for skill in crew.skills]),
    ):
        number = len(getattr(pack, part))
        table.add_row(part, str(number), ", ".join(f"{count} {kind}" for kind, count in Counter(kinds).most_common()))
    people = sum(cell.people for cell in pack.population)
    special = sum(cell.special_needs for cell in pack.population)
    table.add_row("population", str(len(pack.population)), f"{people} people, {special} with special needs")
    return table
