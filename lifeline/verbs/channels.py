"""`lifeline channels test`: whether the ways to tell people work."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import SettingsError
from lifeline.verbs.terminal import open_store, out

app = typer.Typer(help="The ways to tell people (docs/alarms.md).", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A group with one verb."""


@app.command("test")
def test(
    names: Annotated[list[str] | None, typer.Argument(help="channels of the settings; none: all of them")] = None,
) -> None:
    """Send each channel a message that says that it is a test; exit code 1 where one does not take it."""
    from alerts.channel_trial import attempt
    from alerts.channels import channels_of
    from lifeline.store import channel_trials

    settings, clock = settings_module.load(), SystemClock()
    alerts = settings.alerts
    known = {one.name: one for one in alerts.channels}
    if unknown := sorted(set(names or ()) - known.keys()):
        raise SettingsError(f"no channel {', '.join(unknown)}", advice=f"there are: {', '.join(known) or 'none'}")
    channels = channels_of(alerts.channels, timeout_s=alerts.delivery_timeout_s, broker_url=settings.mqtt_url)
    table, failed = Table("channel", "kind", "address", "test"), False
    with open_store() as store:
        for name in names or known:
            one = known[name]
            error = attempt(channels[name], one, clock.now())
            channel_trials.record(store, name, error=error, now=clock.now())
            failed = failed or bool(error)
            table.add_row(*map(escape, (name, one.kind, one.address, error or "taken")))
    out.print(table if known else "the settings have no channels")
    raise typer.Exit(1 if failed else 0)
