"""The verbs that run stages: `lifeline ingest|detect|alerts|console`, and `lifeline run` for all of them."""

import threading
from functools import partial

import typer

from lifeline import log, metrics
from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.supervise import Supervisor, stop_on_signals
from lifeline.verbs.terminal import run_stage

app = typer.Typer()


@app.command()
def ingest() -> None:
    """Run the stage that takes readings from the broker into the store."""
    from ingest.share import run

    run_stage("ingest", run, settings_module.load())


@app.command()
def detect() -> None:
    """Run the stage that finds leaks, bursts and water in the readings."""
    from detect.runner import run

    run_stage("detect", run, settings_module.load())


@app.command()
def alerts() -> None:
    """Run the stage that turns findings into alarms and tells people."""
    from alerts.engine import run

    run_stage("alerts", run, settings_module.load())


@app.command()
def console() -> None:
    """Run the operations page and the REST API."""
    from alerts.field import rules_of
    from console.app import run

    settings = settings_module.load()
    _, of_shelters = rules_of(settings.field)
    run_stage("console", partial(run, checklist=of_shelters.checklist), settings)


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
    commands = stage_commands(own_port, ingests=settings.ingest.partitions)
    Supervisor(commands, clock=SystemClock(), report=log.logger("supervise").warning).run(stop)
