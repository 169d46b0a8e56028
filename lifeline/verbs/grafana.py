"""The verb `lifeline grafana push`: shows what differs in a Grafana, then brings it to what this release ships."""

from typing import Annotated

import typer
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.errors import SettingsError
from lifeline.verbs.terminal import out

app = typer.Typer(help="Dashboards in a Grafana (docs/grafana.md).", no_args_is_help=True)


@app.callback()
def grafana() -> None:
    """Dashboards in a Grafana."""


@app.command()
def push(
    yes: Annotated[bool, typer.Option("--yes", help="do it without asking")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only show what differs; exit code 1 where it does")
    ] = False,
) -> None:
    """Data source, folder, dashboards and contact point; the same push twice changes nothing."""
    from deploy.grafana.client import ClientGrafana
    from deploy.grafana.push import Step, Wanted, differences
    from deploy.grafana.push import push as bring

    settings = settings_module.load().grafana
    if not settings.url or not settings.token:
        raise SettingsError("grafana.url and grafana.token are not set", advice="set both (docs/grafana.md)")
    wanted = Wanted.of(database_url=settings.database_url, contact_url=settings.contact_url)
    there = ClientGrafana(settings.url, settings.token)
    found = differences(there, wanted)
    table = Table("what", "step", "where it differs")
    for one in found:
        more = f" and {len(one.places) - 3} more" if len(one.places) > 3 else ""
        table.add_row(one.what, one.step.value, ", ".join(one.places[:3]) + more)
    out.print(table)
    changes = sum(one.step is not Step.SAME for one in found)
    if not changes:
        out.print("everything is as this release has it; only the password of the data source is sent again")
    if dry_run:
        raise typer.Exit(1 if changes else 0)
    if changes and not yes and not typer.confirm(f"bring {changes} things to what this release ships?"):
        raise typer.Exit(1)
    bring(there, wanted, found)
    out.print(f"{changes} things changed")
