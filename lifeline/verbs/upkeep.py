"""The verbs of upkeep: `lifeline migrate|doctor|retention|settings|backfill|resend`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.verbs.terminal import open_store, out

app = typer.Typer()


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
    from lifeline.verbs.retention import retention_command

    settings = settings_module.load()
    with open_store() as store:
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
                hidden = value and name in _SECRETS
                table.add_row(prefix + name, "***" if hidden else _without_password(str(value)))

    add(settings_module.load().model_dump(), "")
    out.print(table)


@app.command()
def backfill(file: Annotated[Path, typer.Argument(help="CSV: sensor_id,observed_at,value[,unit]")]) -> None:
    """Store a file of readings through the gate and the writer, without the broker; start again to go on."""
    from rich.progress import Progress

    from ingest.backfill import backfill as fill

    settings = settings_module.load()
    with open_store() as store, Progress(console=out) as bar:
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

    with open_store() as store:
        out.print(f"{revive(store, now=SystemClock().now(), channel=channel or None)} notices are sent again")


_SECRETS = ("token",)


def _without_password(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    if not mark or "@" not in rest or ":" not in rest.split("@")[0]:
        return text
    user, _, place = rest.partition("@")
    return f"{scheme}://{user.split(':')[0]}:***@{place}"
