"""The verbs `lifeline evaluate leak|flood`."""

import json as json_module
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from lifeline.errors import SettingsError
from lifeline.verbs.flood import stages_bar
from lifeline.verbs.terminal import out, progress_bar, time_zone

app = typer.Typer(help="Recorded data through the detectors, scored by the truth.", no_args_is_help=True)


@app.command("leak")
def evaluate_leak(
    folder: Annotated[Path, typer.Argument(help="a recorded year, the layout of docs/leak.md")],
    network: Annotated[
        Path | None, typer.Option(help="EPANET file of the network; a folder with flows only may do without")
    ] = None,
    reports: Annotated[Path | None, typer.Option(help="write each report to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="write the scores to this file")] = None,
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
    damage: Annotated[int | None, typer.Option(help="seed: replay again with damaged input, and compare")] = None,
    holidays: Annotated[str, typer.Option(help="flows only: country whose public holidays count, such as CN")] = "",
) -> None:
    """Replay a recorded year through the leak core, strictly causal, and score it by the competition's rules.

    A folder without pressures goes through the flow watch alone: which zone, since when, how much.
    """
    from detect.leak.evaluate import evaluate
    from detect.leak.evaluate_flow import evaluate_folder, has_pressures

    if not has_pressures(folder):
        with progress_bar(folder.name) as progress:
            of_flow = evaluate_folder(
                folder, network=network, country=holidays, reports_csv=reports, json=json, tz=time_zone(zone),
                progress=progress,
            )  # fmt: skip
        out.print(of_flow.table, markup=False)
        return
    if network is None:
        raise SettingsError(f"{folder} has pressures", advice="name the network that they stand on: --network FILE.inp")
    with progress_bar(folder.name) as progress:
        found = evaluate(
            folder, network=network, reports_csv=reports, json=json, tz=time_zone(zone), progress=progress,
            damage_seed=damage,
        )  # fmt: skip
    out.print(found.table, markup=False)


@app.command("flood")
def evaluate_flood(
    events: Annotated[Path | None, typer.Argument(help="flood events, the layout of docs/flood.md")] = None,
    train_on: Annotated[Path | None, typer.Option(help="earlier events to learn from; none: the first 70 %")] = None,
    swmm: Annotated[Path | None, typer.Option(help="SWMM 5 model: simulated storms over it")] = None,
    swmm_train_on: Annotated[Path | None, typer.Option(help="another model to learn from; none: the same")] = None,
    storms: Annotated[Path | None, typer.Option(help="CSV of storms to judge on; none: they are made up")] = None,
    train_storms: Annotated[int, typer.Option(min=40, help="made-up storms to learn from")] = 200,
    test_storms: Annotated[int, typer.Option(min=1, help="made-up storms to judge on")] = 50,
    forecast_error: Annotated[
        str, typer.Option(help="one factor a forecast (common), one a step (per-step); none: both, side by side")
    ] = "",
    processes: Annotated[int, typer.Option(min=0, help="processes side by side; 0: one for each core")] = 0,
    forecasts: Annotated[Path | None, typer.Option(help="write each forecast to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="write the figures to this file")] = None,
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
) -> None:
    """Replay recorded street floods, or storms over a drainage model, through the nowcast, and score its warnings."""
    from detect.flood.campaign import ForecastError
    from detect.flood.evaluate import evaluate
    from detect.flood.simulated import evaluate_swmm

    if events is None and swmm is None:
        raise SettingsError("nothing to evaluate", advice="name a file of events, or --swmm FILE.inp, or both")
    for path in (json, forecasts):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise SettingsError(f"{path}: cannot be written there", advice="name a file in a folder that exists")
    if forecast_error not in ("", *ForecastError):
        raise SettingsError(f"--forecast-error {forecast_error}", advice=f"expected {' or '.join(ForecastError)}")
    errors = (ForecastError(forecast_error),) if forecast_error else tuple(ForecastError)
    figures: dict[str, Any] = {}
    if events is not None:
        of_events = None if swmm is not None else forecasts
        with progress_bar(events.name) as progress:
            found = evaluate(events, train_on=train_on, forecasts=of_events, zone=time_zone(zone), progress=progress)
        out.print(found.table, markup=False)
        figures |= found.figures()
    if swmm is not None:
        with stages_bar() as report:
            judged = evaluate_swmm(
                swmm, train_on=swmm_train_on, train_storms=train_storms, storms=test_storms, storms_csv=storms,
                errors=errors, forecasts=forecasts, processes=processes or os.cpu_count() or 1, progress=report,
            )  # fmt: skip
        out.print(("\n" if figures else "") + judged.table(), markup=False)
        if events is None:
            out.print("real: not measured in this run; name a file of recorded floods beside --swmm", markup=False)
        figures = {"recorded": figures or None, "simulated": judged.figures()}
    if json is not None:
        json.write_text(json_module.dumps(figures, indent=2) + "\n", encoding="utf-8")
