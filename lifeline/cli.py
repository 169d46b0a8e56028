"""The command line: every verb puts parts together in a few lines and loads only the parts that it needs."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lifeline import log, metrics
from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import LifelineError
from lifeline.settings import Settings
from lifeline.supervise import Supervisor, follow_supervisor, stop_on_signals

if TYPE_CHECKING:
    from lifeline.store.pool import Store

app = typer.Typer(
    help="Lifeline: a city's pipe-network and flood sensors, from the reading to the crew.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
city_app = typer.Typer(help="City packs: a city as data (docs/city-pack.md).", no_args_is_help=True)
app.add_typer(city_app, name="city")

out = Console(soft_wrap=True, highlight=False)
Folder = Annotated[Path, typer.Argument(help="folder of the city pack")]
Code = Annotated[str | None, typer.Argument(help="GB/T 2260 code of one city; none: all")]


def main() -> None:
    """Runs the verb; an error of ours is one line and exit code 1, never a trace."""
    try:
        app()
    except LifelineError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"lifeline: {error}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _stage(name: str, run: Callable[..., None], settings: Settings) -> None:
    follow_supervisor()
    log.configure(settings, stage=name)
    metrics.serve(settings.metrics_port)
    stop = threading.Event()
    stop_on_signals(stop)
    run(settings, stop=stop, clock=SystemClock())


@app.command()
def ingest() -> None:
    """Run the stage that takes readings from the broker into the store."""
    from ingest.worker import run

    _stage("ingest", run, settings_module.load())


@app.command()
def detect() -> None:
    """Run the stage that finds leaks, bursts and water in the readings."""
    from detect.runner import run

    _stage("detect", run, settings_module.load())


@app.command()
def alerts() -> None:
    """Run the stage that turns findings into alarms and tells people."""
    from alerts.engine import run

    _stage("alerts", run, settings_module.load())


@app.command()
def console() -> None:
    """Run the operations page and the REST API."""
    from console.app import run

    _stage("console", run, settings_module.load())


@app.command()
def run() -> None:
    """Run all stages under one supervisor, against the broker and the database of the settings."""
    from deploy.stages import stage_commands

    settings = settings_module.load()
    settings.require_database()
    settings.require_mqtt()
    log.configure(settings, stage="supervisor")
    metrics.serve(settings.metrics_port)
    stop = threading.Event()
    stop_on_signals(stop)
    own_port = {"LIFELINE_METRICS_PORT": "0"}
    Supervisor(stage_commands(own_port), clock=SystemClock(), report=log.logger("supervise").warning).run(stop)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from lifeline.store.migrate import migrate as bring_up_to_date

    applied = bring_up_to_date(settings_module.load().require_database())
    out.print("applied: " + ", ".join(applied) if applied else "the schema is up to date")


@app.command()
def doctor() -> None:
    """Check every part and say what to do; exit code 1 where something is at fault."""
    from lifeline.doctor import Verdict, examine

    marks = {Verdict.OK: "[green]ok     [/]", Verdict.WARNING: "[yellow]warning[/]", Verdict.FAULT: "[red]FAULT  [/]"}
    faults = 0
    for check in examine(settings_module.load(), clock=SystemClock()):
        faults += check.verdict is Verdict.FAULT
        advice = f" -> {check.advice}" if check.advice else ""
        out.print(f"{marks[check.verdict]} {check.part:<13}", end="")
        out.print(f"{check.seen}{advice}", markup=False)
    raise typer.Exit(1 if faults else 0)


@app.command("settings")
def show_settings() -> None:
    """Print every setting that is in force."""
    table = Table("setting", "value")

    def add(values: dict[str, Any], prefix: str) -> None:
        for name, value in values.items():
            if isinstance(value, dict):
                add(value, f"{prefix}{name}.")
            else:
                table.add_row(prefix + name, _without_password(str(value)))

    add(settings_module.load().model_dump(), "")
    out.print(table)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="data folder; default: the user's own data folder")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="forget what earlier runs stored and start anew")] = False,
    scenario: Annotated[str, typer.Option(help="what happens: see `lifeline simulate`")] = "demo",
    for_s: Annotated[float, typer.Option("--for", help="stop after so many seconds; 0: run until Ctrl-C")] = 0.0,
) -> None:
    """Start a living city on this machine: broker, database, all stages and simulated devices."""
    from deploy.demo import Demo

    stop = threading.Event()
    stop_on_signals(stop)
    Demo(settings_module.load(), data=data, fresh=fresh, scenario=scenario, clock=SystemClock(), out=out).run(
        stop, for_s=for_s
    )


@city_app.command("check")
def city_check(folder: Folder) -> None:
    """Name every fault of a pack with file, line, column and what was expected."""
    from lifeline.city_verbs import check_command

    raise typer.Exit(check_command(folder, out))


@city_app.command("load")
def city_load(folder: Folder) -> None:
    """Put a pack into the store; the same pack twice changes nothing."""
    from lifeline.city_verbs import load_command

    with _store() as store:
        raise typer.Exit(load_command(folder, store, out, now=SystemClock().now()))


@city_app.command("show")
def city_show(code: Code = None) -> None:
    """Say which cities are loaded, or what one consists of."""
    from lifeline.city_verbs import show_command

    with _store() as store:
        raise typer.Exit(show_command(store, out, code))


def _store() -> "Store":
    from lifeline.store.pool import Store

    return Store(settings_module.load().require_database())


def _without_password(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    if not mark or "@" not in rest or ":" not in rest.split("@")[0]:
        return text
    user, _, place = rest.partition("@")
    return f"{scheme}://{user.split(':')[0]}:***@{place}"


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
