"""The command line: every verb puts parts together in a few lines and loads only the parts that it needs."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from lifeline import log, metrics
from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import LifelineError, SettingsError
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
evaluate_app = typer.Typer(help="Recorded data through the detectors, scored by the truth.", no_args_is_help=True)
app.add_typer(evaluate_app, name="evaluate")

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


@app.command()
def retention(
    apply_now: Annotated[bool, typer.Option("--apply", help="roll up and remove what is too old now")] = False,
) -> None:
    """Show what is kept of readings and roll-ups, how long, and how much there is of it."""
    from lifeline.retention_verb import retention_command

    settings = settings_module.load()
    with _store() as store:
        raise typer.Exit(
            retention_command(store, settings.retention, out, apply_now=apply_now, now=SystemClock().now())
        )


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


@app.command()
def simulate(
    scenario: Annotated[str, typer.Option(help="name of a shipped scenario, or a TOML file")] = "quiet",
    pack: Annotated[list[Path] | None, typer.Option(help="city pack, may be repeated; none: the demo cities")] = None,
    crew: Annotated[str, typer.Option(help="URL of the console: a simulated crew acknowledges its alarms")] = "",
    every_s: Annotated[float, typer.Option(help="seconds between samples; 0: as often as the pack says")] = 5.0,
    speed: Annotated[float, typer.Option(help="how much faster than the clock the world runs")] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed gives the same city")] = 20261123,
) -> None:
    """Simulate cities on hydraulic and drainage models, their devices publishing over MQTT."""
    from lifeline.mqtt import BrokerAddress
    from simulators.packs import PACKS
    from simulators.run import run
    from simulators.scenario import load_scenario

    def simulated(settings: Settings, *, stop: threading.Event, clock: SystemClock) -> None:
        run(
            pack or PACKS,
            BrokerAddress.parse(settings.require_mqtt()),
            load_scenario(scenario),
            seed=seed,
            clock=clock,
            stop=stop,
            report=lambda line: print(f"  {line}", flush=True),
            console_url=crew or None,
            sample_every_s=every_s or None,
            speed=speed,
        )

    _stage("simulate", simulated, settings_module.load())


@app.command()
def replay(
    source: Annotated[Path, typer.Argument(help="recorded file or folder")],
    layout: Annotated[str, typer.Option(help="battledim, floodnet or long: docs/replay.md")],
    speed: Annotated[str, typer.Option(help="a factor of the recorded speed, or max")] = "max",
    begin: Annotated[str, typer.Option("--from", help="leave out what was recorded before")] = "",
    end: Annotated[str, typer.Option("--to", help="leave out what was recorded from here on")] = "",
    start_at: Annotated[str, typer.Option(help="shift the times so that they begin here; may be now")] = "",
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
    pack: Annotated[Path | None, typer.Option(help="pack of the recording's city")] = None,
    city: Annotated[str, typer.Option(help="code of the city; default: that of the pack or of the layout")] = "",
    make_pack: Annotated[Path | None, typer.Option(help="only write a minimal city pack into this folder")] = None,
    network: Annotated[Path | None, typer.Option(help="EPANET file for --make-pack")] = None,
    faults: Annotated[Path | None, typer.Option(help="write every fault of the recording to this file")] = None,
) -> None:
    """Send recorded data through the broker, as its devices would."""
    from simulators import replay_verb
    from simulators.recorded.layouts import layout_named

    known = layout_named(layout)
    if make_pack:
        raise typer.Exit(replay_verb.make_pack_command(source, known, make_pack, out=out, network=network, zone=zone))
    stop = threading.Event()
    stop_on_signals(stop)
    code = replay_verb.replay_command(
        source,
        known,
        mqtt_url=settings_module.load().require_mqtt(),
        out=out,
        clock=SystemClock(),
        stop=stop,
        speed=speed,
        begin=begin,
        end=end,
        start_at=start_at,
        zone=zone,
        pack=pack,
        city_code=city,
        faults_file=faults,
    )
    raise typer.Exit(code)


@app.command()
def backfill(file: Annotated[Path, typer.Argument(help="CSV: sensor_id,observed_at,value[,unit]")]) -> None:
    """Store a file of readings through the gate and the writer, without the broker; start again to go on."""
    from rich.progress import Progress

    from ingest.backfill import backfill as fill

    settings = settings_module.load()
    with _store() as store, Progress(console=out) as bar:
        task = bar.add_task(file.name, total=1.0)
        written = fill(store, settings.ingest, file, progress=lambda share: bar.update(task, completed=share))
    out.print(
        f"{written.stored:,} stored, {written.duplicate:,} duplicate, {written.conflict:,} conflict, "
        f"{written.rejected:,} rejected",
        markup=False,
    )


@app.command()
def resend(channel: Annotated[str, typer.Option(help="only notices of this channel; none: of all")] = "") -> None:
    """Send again the notices that were given up, after their channel was mended."""
    from lifeline.store.notices import revive

    with _store() as store:
        out.print(f"{revive(store, now=SystemClock().now(), channel=channel or None)} notices are sent again")


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


@evaluate_app.command("leak")
def evaluate_leak(
    folder: Annotated[Path, typer.Argument(help="a recorded year, the layout of docs/leak.md")],
    network: Annotated[Path, typer.Option(help="EPANET file of the network")],
    reports: Annotated[Path | None, typer.Option(help="write each report to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="write the scores to this file")] = None,
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
) -> None:
    """Replay a recorded year through the leak core, strictly causal, and score it by the competition's rules."""
    from detect.leak.evaluate import evaluate

    with _bar(folder.name) as progress:
        found = evaluate(folder, network=network, reports_csv=reports, json=json, tz=_zone(zone), progress=progress)
    out.print(found.table, markup=False)


@evaluate_app.command("flood")
def evaluate_flood(
    events: Annotated[Path, typer.Argument(help="flood events, the layout of docs/flood.md")],
    train_on: Annotated[Path | None, typer.Option(help="earlier events to learn from; none: the first 70 %")] = None,
    forecasts: Annotated[Path | None, typer.Option(help="write each forecast to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="write the figures to this file")] = None,
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
) -> None:
    """Replay recorded street floods through the nowcast, strictly causal, and score its warnings."""
    from detect.flood.evaluate import evaluate

    with _bar(events.name) as progress:
        found = evaluate(events, train_on=train_on, json=json, forecasts=forecasts, zone=_zone(zone), progress=progress)
    out.print(found.table, markup=False)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[float], None]]:
    from rich.progress import Progress

    with Progress(console=out) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise SettingsError(f"--tz {name!r} is no time zone", advice="write it as Asia/Shanghai") from error


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
