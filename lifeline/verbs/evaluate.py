"""The verbs `lifeline evaluate leak|flood`."""

from pathlib import Path
from typing import Annotated

import typer

from lifeline.verbs.terminal import out, progress_bar, time_zone

app = typer.Typer(help="Recorded data through the detectors, scored by the truth.", no_args_is_help=True)


@app.command("leak")
def evaluate_leak(
    folder: Annotated[Path, typer.Argument(help="a recorded year, the layout of docs/leak.md")],
    network: Annotated[Path, typer.Option(help="EPANET file of the network")],
    reports: Annotated[Path | None, typer.Option(help="write each report to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="write the scores to this file")] = None,
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
) -> None:
    """Replay a recorded year through the leak core, strictly causal, and score it by the competition's rules."""
    from detect.leak.evaluate import evaluate

    with progress_bar(folder.name) as progress:
        found = evaluate(folder, network=network, reports_csv=reports, json=json, tz=time_zone(zone), progress=progress)
    out.print(found.table, markup=False)


@app.command("flood")
def evaluate_flood(
    events: Annotated[Path, typer.Argument(help="flood events, the layout of docs/flood.md")],
    train_on: Annotated[Path | None, typer.Option(help="earlier events to learn from; none: the first 70 %")] = None,
    forecasts: Annotated[Path | None, typer.Option(help="write each forecast to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="write the figures to this file")] = None,
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
) -> None:
    """Replay recorded street floods through the nowcast, strictly causal, and score its warnings."""
    from detect.flood.evaluate import evaluate

    with progress_bar(events.name) as progress:
        found = evaluate(
            events, train_on=train_on, json=json, forecasts=forecasts, zone=time_zone(zone), progress=progress
        )
    out.print(found.table, markup=False)
