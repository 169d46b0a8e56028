"""The verb `lifeline drill SCENARIO`: a whole exercise on the living system, and its scorecard."""

import time
from typing import Annotated

import typer
from rich.table import Table

from lifeline.clock import SystemClock
from lifeline.errors import NotFoundError
from lifeline.verbs.terminal import open_store, out

app = typer.Typer()


@app.command("drill")
def drill(
    scenario: Annotated[str, typer.Argument(help="flood or burst; see alerts/drill.toml")],
    city: Annotated[str, typer.Option(help="GB/T 2260 code")] = "220100",
    play: Annotated[bool, typer.Option("--play/--people", help="play the people too, or leave it to them")] = True,
    pace_s: Annotated[float, typer.Option(min=0, help="with --play: seconds between two acts")] = 2.0,
    for_s: Annotated[float, typer.Option("--for", min=1, help="give up after so many seconds")] = 120.0,
    who: Annotated[str, typer.Option(help="who runs it, for the record")] = "drill",
) -> None:
    """Run an exercise: a made-up finding goes the whole way, marked 【演练】; prints the scorecard."""
    from alerts.drill import scenarios
    from alerts.drill_run import DrillRun, run

    known = scenarios()
    if scenario not in known:
        raise NotFoundError(f"there is no scenario {scenario!r}", advice=f"one of {', '.join(known)}")
    clock = SystemClock()
    chosen = known[scenario]
    with open_store() as store:
        running = DrillRun(store, chosen, city, who=who, now=clock.now())
        out.print(f"【演练】drill {running.drill_id}: {chosen.title.zh} / {chosen.title.en}", markup=False)
        card = run(
            running, chosen, play=play, pace_s=pace_s, for_s=for_s, now=clock.now, wait=time.sleep,
            report=lambda line: out.print(line, markup=False),
        )  # fmt: skip
    table = Table("step", "seconds", "limit", "met")
    for step in card:
        seconds = "-" if step.seconds is None else f"{step.seconds:.1f}"
        table.add_row(step.step, seconds, f"{step.limit_s:g}", "yes" if step.met else "NO")
    out.print(table)
    if all(step.seconds is None for step in card):
        out.print("nothing happened -> see that the alerts stage runs (`lifeline doctor`)")
    raise typer.Exit(0 if all(step.met for step in card) else 1)
