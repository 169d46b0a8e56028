"""The verbs of reports: `lifeline report supervision|renewal`."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lifeline.clock import SystemClock
from lifeline.errors import NotFoundError
from lifeline.store import audit, cities, devices
from lifeline.store.audit import Entry
from lifeline.store.pool import Store
from lifeline.verbs.terminal import open_store, out

if TYPE_CHECKING:
    from alerts.renewal import Ranked

app = typer.Typer(help="Reports from the record (docs/audit.md).", no_args_is_help=True)
_PAGE = 5000
_SHOWN = 20


@app.command("supervision")
def supervision(
    year: Annotated[int, typer.Option(min=2000, max=2100, help="the year (UTC)")],
    file: Annotated[Path, typer.Option("--out", help="HTML file to write")] = Path("supervision.html"),
) -> None:
    """Write the yearly supervision report, from the audit trail: every provision and its figures."""
    now = SystemClock().now()
    with open_store() as store:
        text, sound = supervision_page(store, year, now)
    file.write_text(text, encoding="utf-8")
    out.print(f"{file}: supervision report {year}", markup=False)
    if not sound:
        out.print("the trail does not verify -> `lifeline audit verify` names the rows")
        raise typer.Exit(1)


@app.command("renewal")
def renewal(
    city: Annotated[str, typer.Argument(help="GB/T 2260 code")],
    csv_file: Annotated[Path | None, typer.Option("--csv", help="write all lines to this file")] = None,
    geojson: Annotated[Path | None, typer.Option(help="write all pipes to this file")] = None,
) -> None:
    """Rank a city's pipes by the breaks expected of them, with reasons."""
    from alerts.renewal import geojson as drawn
    from alerts.renewal_record import ledger

    with open_store() as store:
        ranked = ledger(store, city, SystemClock().now())
    if not ranked:
        raise NotFoundError(f"city {city} has no pipes", advice="load a pack with network.inp")
    heads = ("rank", "pipe", "material", "age", "breaks", "leaks", "per km and year", "length so far", "reasons")
    lines = [_line(place, one) for place, one in enumerate(ranked, start=1)]
    table = Table(*heads)
    for line in lines[:_SHOWN]:
        table.add_row(*line)
    out.print(table)
    if csv_file is not None:
        with csv_file.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows([heads, *lines])
        out.print(f"{csv_file}: {len(lines)} pipes", markup=False)
    if geojson is not None:
        geojson.write_text(json.dumps(drawn(ranked), ensure_ascii=False), encoding="utf-8")
        out.print(f"{geojson}: {len(lines)} pipes", markup=False)


def supervision_page(store: Store, year: int, now: datetime) -> tuple[str, bool]:
    """The report as HTML, and whether the trail verifies. Raises StoreError."""
    from alerts.renewal_record import ledger
    from alerts.shelters import cover, coverage
    from alerts.supervision import Extras, count, measures
    from alerts.supervision_page import page
    from lifeline.verbs.shelters import scene

    proof = audit.verify(store)
    covered, pipes, lines = [], [], list[tuple[str, ...]]()
    for city in cities.cities(store):
        if cities.population(store, city.code):
            rules, around, standings, cells = scene(store, city.code)
            share = coverage(cover(cells, standings, rules, around), rules)
            covered.append((city.name.zh, share["placed_share"], share["near_share"]))
        ranked = ledger(store, city.code, now)
        if ranked:
            first = ranked[0]
            why = ", ".join(reason.value for reason in first.reasons)
            pipes.append((city.name.zh, len(ranked), f"{first.pipe.asset_id} ({why})"))
            for place, one in enumerate(ranked[:10], start=1):
                cells_of = _line(place, one)
                lines.append((f"{city.name.zh} {place}", *cells_of[1:5], cells_of[-1]))
    found = count(_entries(store, year))
    extras = Extras(len(devices.devices(store)), covered, pipes, proof.rows, proof.sound, str(proof.head))
    return page(year, found, measures(found, extras), lines, now), proof.sound


def _entries(store: Store, year: int) -> Iterator[Entry]:
    """A year's entries, oldest first, read from the newest in pages."""
    since, until = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    pages: list[Entry] = []
    before = None
    while True:
        some = audit.entries(store, since=since, until=until, before=before, limit=_PAGE)
        pages += some
        if len(some) < _PAGE:
            return iter(pages[::-1])
        before = some[-1].seq


def _line(place: int, one: "Ranked") -> tuple[str, ...]:
    pipe = one.pipe
    return (
        str(place), pipe.asset_id, pipe.material, "?" if one.age is None else str(one.age), str(pipe.breaks),
        str(pipe.leaks), f"{one.per_km_year:.3f}", f"{one.share:.1%}", ", ".join(r.value for r in one.reasons),
    )  # fmt: skip
