"""The verbs of reports: `lifeline report supervision|renewal`."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import NotFoundError
from lifeline.verbs.terminal import open_store, out

if TYPE_CHECKING:
    from alerts.renewal import Ranked

app = typer.Typer(help="Reports from the record (docs/audit.md).", no_args_is_help=True)
_SHOWN = 20


@app.command("supervision")
def supervision(
    year: Annotated[int, typer.Option(min=2000, max=2100, help="the calendar year, local time")],
    file: Annotated[Path, typer.Option("--out", help="HTML file to write; the PDF stands beside it")] = Path(
        "supervision.html"
    ),
    with_pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="write the PDF too")] = True,
) -> None:
    """Write the yearly supervision report, from the audit trail: every provision and its figures; HTML and PDF."""
    from alerts.field import rules_of
    from alerts.supervision_page import page
    from alerts.supervision_pdf import pdf
    from alerts.supervision_record import report

    _, rules = rules_of(settings_module.load().field)
    with open_store() as store:
        made = report(store, rules, year, SystemClock().now())
    text = page(made)
    file.write_text(text, encoding="utf-8")
    out.print(f"{file}: supervision report {year}, {made.found.entries:,} entries of the trail", markup=False)
    if with_pdf:
        beside = file.with_suffix(".pdf")
        beside.write_bytes(pdf(text))
        out.print(str(beside), markup=False)
    if not made.extras.trail_sound:
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


def _line(place: int, one: "Ranked") -> tuple[str, ...]:
    pipe = one.pipe
    return (
        str(place), pipe.asset_id, pipe.material, "?" if one.age is None else str(one.age), str(pipe.breaks),
        str(pipe.leaks), f"{one.per_km_year:.3f}", f"{one.share:.1%}", ", ".join(r.value for r in one.reasons),
    )  # fmt: skip
