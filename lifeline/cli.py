"""The command line, the composition root: registers the groups of verbs (verbs/) and turns errors into words."""

import os
import sys

import typer
from rich.console import Console

from lifeline.errors import (
    FormError,
    LifelineError,
    PackError,
    ReplayError,
    SettingsError,
    SimulationError,
    UnitError,
    WireError,
)
from lifeline.verbs import (
    audit,
    channels,
    city,
    devices,
    dispatch,
    drill,
    duty,
    evaluate,
    flood,
    grafana,
    leak,
    people,
    policy,
    report,
    shelters,
    stages,
    upkeep,
    world,
)

_BAD_INPUT = (SettingsError, PackError, UnitError, WireError, ReplayError, SimulationError, FormError)

app = typer.Typer(
    help="Lifeline: a city's pipe-network and flood sensors, from the reading to the crew.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(world.app)
app.add_typer(stages.app)
app.add_typer(upkeep.app)
app.add_typer(city.app, name="city")
app.add_typer(devices.app, name="devices")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(flood.train_app, name="train")
app.add_typer(flood.app, name="flood")
app.add_typer(people.app, name="people")
app.add_typer(policy.app, name="policy")
app.add_typer(duty.roster_app, name="roster")
app.add_typer(duty.warning_app, name="warning")
app.add_typer(duty.app)
app.add_typer(channels.app, name="channels")
app.add_typer(audit.app, name="audit")
app.add_typer(drill.app)
app.add_typer(dispatch.app, name="dispatch")
app.add_typer(report.app, name="report")
app.add_typer(shelters.app, name="shelters")
app.add_typer(leak.app)
app.add_typer(grafana.app, name="grafana")


def main() -> None:
    """Runs the verb; an error of ours is one line and an exit code, never a trace: 2 where what was given is wrong (as
    for an option that does not exist), else 1."""
    try:
        app()
    except LifelineError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"lifeline: {error}", markup=False)
        sys.exit(2 if isinstance(error, _BAD_INPUT) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
