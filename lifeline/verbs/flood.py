"""The verbs `lifeline train flood` and `lifeline flood forecasts|rain`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lifeline.clock import SystemClock
from lifeline.verbs.terminal import open_store, out

train_app = typer.Typer(help="Models that are learned before they are used.", no_args_is_help=True)
app = typer.Typer(help="Flood forecasts, and the rain forecasts that they may use.", no_args_is_help=True)


@contextmanager
def stages_bar() -> Iterator[Callable[[str, float], None]]:
    """A bar for each part of a long work, by name; what it gives takes the name and the share done."""
    from rich.progress import Progress, TaskID

    with Progress(console=out) as bar:
        tasks: dict[str, TaskID] = {}

        def report(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=1.0)
            bar.update(tasks[what], completed=share)

        yield report


@train_app.command("flood")
def train_flood(
    city: Annotated[Path, typer.Option(help="city pack, or a SWMM file: then nothing is stored")],
    storms: Annotated[int, typer.Option(min=40, help="made-up storms to learn from")] = 300,
    test_storms: Annotated[int, typer.Option(min=5, help="storms never seen to judge on")] = 50,
    processes: Annotated[int, typer.Option(min=0, help="processes side by side; 0: one for each core")] = 0,
    with_observed: Annotated[bool, typer.Option(help="correct the bias by the city's own readings")] = False,
    folder: Annotated[Path, typer.Option("--out", help="folder for the model and its report")] = Path("flood-model"),
    seed: Annotated[int, typer.Option(help="the same seed makes the same storms")] = 0,
    store: Annotated[bool, typer.Option("--store/--no-store", help="put the model in use in the database")] = True,
) -> None:
    """Learn a city's flood forecasts from storms over its own drainage model, and judge them on unseen storms."""
    from detect.flood.train import train_city

    opened = open_store() if (store or with_observed) and city.is_dir() else None
    try:
        with stages_bar() as progress:
            found = train_city(
                city,
                storms=storms,
                test_storms=test_storms,
                processes=processes or os.cpu_count() or 1,
                observed_from=opened if with_observed else None,
                folder=folder,
                seed=seed,
                now=SystemClock().now(),
                progress=progress,
            )
        out.print(found.judgement.table(), markup=False)
        for line in found.notes:
            out.print(line, markup=False)
        out.print(f"report: {found.report}", markup=False)
        if opened is not None and store and found.city_code:
            number = found.store(opened, now=SystemClock().now())
            out.print(
                f"stored as model {number} of {found.city_code}; the detect stage takes it within 10 s", markup=False
            )
    finally:
        if opened is not None:
            opened.close()


@app.command("forecasts")
def flood_forecasts(city: Annotated[str, typer.Argument(help="GB/T 2260 code of the city")]) -> None:
    """Print what is foreseen at each place that is wet or may become so."""
    from lifeline.store import flood_forecasts as noun

    table = Table("place", "made at", "rung", "now cm", "cm: chance within 60 min", "q10/50/90 cm", "warned", "advice")
    with open_store() as store:
        for f in noun.of_city(store, city):
            chances = " ".join(f"{100 * m:.0f}:{p:.2f}" for m, p in zip(f.levels_m, f.probability_60, strict=True))
            quantiles = "/".join(f"{100.0 * q:.0f}" for q in f.quantiles_60_m)
            advice = "" if f.closure is None else f"{f.closure['do']} at {100 * f.closure['depth_m']:.0f} cm"
            made = f.made_at.astimezone(UTC).isoformat(timespec="minutes")
            table.add_row(f.sensor_id, made, f.rung, f"{100 * f.depth_m:.0f}", chances, quantiles, f.warned, advice)
    out.print(table)


@app.command("rain")
def rain(
    file: Annotated[Path, typer.Argument(help="CSV: member,minute,mm; minute: end of the step after --issued-at")],
    city: Annotated[str, typer.Option(help="GB/T 2260 code of the city")],
    issued_at: Annotated[str, typer.Option(help="when the forecast was issued, with offset; none: now")] = "",
    source: Annotated[str, typer.Option(help="who made it")] = "file",
) -> None:
    """Hand a rain forecast, as an ensemble, to the flood forecasts; one that is older than half an hour is not used."""
    from detect.flood.rain_file import read_rain
    from lifeline.store import rain_forecasts

    now = SystemClock().now()
    issued = datetime.fromisoformat(issued_at) if issued_at else now
    step_s, members = read_rain(file)
    with open_store() as store:
        stored = rain_forecasts.StoredRain(city, issued, source, step_s, members)
        rain_forecasts.put(store, stored, now=now)
    out.print(f"{len(members)} members of {len(members[0])} steps of {step_s / 60:.0f} min", markup=False)
