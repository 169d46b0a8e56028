"""`lifeline roster|warning|kpi`: who is on duty, what others and we warn of, the alarm figures."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import SettingsError
from lifeline.verbs.terminal import open_store, out

roster_app = typer.Typer(help="Who is on duty and who is called next (docs/alarms.md).", no_args_is_help=True)
warning_app = typer.Typer(help="Warnings of others, and our own public messages.", no_args_is_help=True)
app = typer.Typer()
_SHIFT_DAYS = 14


@roster_app.command("check")
def roster_check(file: Annotated[Path, typer.Argument(help="roster file, TOML")]) -> None:
    """Name every fault of a roster file with line and field, and the hours of two weeks when nobody is on duty."""
    from alerts import roster

    faults = roster.check(file, [one.name for one in settings_module.load().alerts.channels])
    for fault in faults:
        out.print(fault, markup=False)
    if faults:
        raise typer.Exit(1)
    made = roster.load(file)
    out.print(
        f"{file}: version {made.version}, {len(made.person)} people, {len(made.shift)} shifts: sound", markup=False
    )
    now = SystemClock().now()
    cities = sorted({city for shift in made.shift for city in shift.cities}) or ["000000"]
    for city in cities:
        for begin, end in roster.gaps(made, city, now.replace(minute=0, second=0, microsecond=0), _SHIFT_DAYS):
            out.print(f"  nobody is on duty for {city} from {begin:%m-%d %H:%MZ} to {end:%m-%d %H:%MZ}", markup=False)


@roster_app.command("show")
def roster_show(
    city: Annotated[str, typer.Option(help="GB/T 2260 code of a city")],
    at: Annotated[str, typer.Option(help="a time, ISO 8601; none: now")] = "",
) -> None:
    """Say who is called for a city at each level, one after the other."""
    from alerts import policy, roster
    from lifeline.alarm import Level

    settings = settings_module.load().alerts
    if not settings.roster_file:
        raise SettingsError("alerts.roster_file is not set", advice="name a roster file in the settings")
    known = roster.load(Path(settings.roster_file))
    rules = policy.load(Path(settings.policy_file)) if settings.policy_file else policy.load()
    when = datetime.fromisoformat(at) if at else SystemClock().now()
    table = Table("level", "after", "called", "as")
    for level in Level:
        rule = rules.escalation_of(level)
        for number, rung in enumerate(roster.rungs(known, rule.line, city, when)):
            names = ", ".join(f"{one.name.zh} ({one.id})" for one in rung.people)
            table.add_row(level.name.lower(), f"{number * rule.answer_s / 60:g} min", names, rung.role.value)
    out.print(table)


@warning_app.command("import")
def warning_import(
    files: Annotated[list[Path], typer.Argument(help="messages: CAP 1.2 or the national form, XML")],
    by: Annotated[str, typer.Option(help="who imports it, for the record")],
) -> None:
    """Import weather warnings; the policy listens to them from then on."""
    from alerts import weather
    from lifeline.store import warnings

    now = SystemClock().now()
    with open_store() as store:
        for file in files:
            try:
                raw = file.read_bytes()
            except OSError as error:
                raise SettingsError(f"{file}: {error.strerror}", advice="name a file that can be read") from error
            warning = weather.read(raw)
            new = warnings.put(store, warning, content=raw.decode("utf-8", "replace"), by=by, now=now)
            known = "imported" if new else "known already"
            level, areas = warning.level.name.lower(), " ".join(warning.areas) or "-"
            out.print(
                f"{file}: {known}: {warning.msg_type} {warning.status}: {warning.hazard.value} {level}", markup=False
            )
            out.print(f"  for {areas} until {warning.expires:%Y-%m-%d %H:%MZ}", markup=False)


@warning_app.command("list")
def warning_list() -> None:
    """Show the warnings of others that have not expired."""
    from lifeline.store import warnings

    now = SystemClock().now()
    table = Table("sent", "hazard", "level", "status", "areas", "until", "headline")
    with open_store() as store:
        for one in warnings.current(store, since=now):
            until = f"ended {one.ended_at:%m-%d %H:%MZ}" if one.ended_at else f"{one.expires:%m-%d %H:%MZ}"
            table.add_row(
                f"{one.sent:%m-%d %H:%MZ}", one.hazard.value, one.level.name.lower(), f"{one.msg_type} {one.status}",
                " ".join(one.areas), until, one.headline,
            )  # fmt: skip
    out.print(table)


@warning_app.command("approve")
def warning_approve(
    alarm: Annotated[int, typer.Argument(help="number of the alarm")],
    by: Annotated[str, typer.Option(help="name of the person who signs")],
) -> None:
    """Sign that the public is told of an alarm as it is now: one Actual message follows."""
    from lifeline.store import bulletins

    if not by.strip():
        raise SettingsError("--by is empty", advice="a message that is meant needs the name of who signs")
    with open_store() as store:
        bulletins.approve(store, alarm, by=by.strip(), now=SystemClock().now())
    out.print(f"signed by {by}: the alerts stage publishes it", markup=False)


@warning_app.command("show")
def warning_show(
    identifier: Annotated[str, typer.Argument(help="of one of our messages; none: lists them")] = "",
    form: Annotated[str, typer.Option(help="cap or national")] = "cap",
) -> None:
    """Print one of our public messages as XML, or list those in force."""
    from lifeline.store import bulletins

    if form not in {"cap", "national"}:
        raise SettingsError(f"--form {form!r}", advice="cap or national")
    with open_store() as store:
        if identifier:
            found = bulletins.published(store, identifier)
            out.print(found.cap if form == "cap" else found.national, markup=False, end="")
            return
        table = Table("identifier", "status", "type", "level", "until", "approved by", "headline")
        for one in bulletins.feed(store, now=SystemClock().now()):
            table.add_row(
                one.identifier, one.status, one.msg_type, one.level.name.lower(), f"{one.expires:%m-%d %H:%MZ}",
                one.approved_by, one.headline,
            )  # fmt: skip
    out.print(table)


@app.command("kpi")
def kpi(
    hours: Annotated[float, typer.Option(help="the last so many hours")] = 24.0,
    city: Annotated[str, typer.Option(help="of one city; none: of all")] = "",
    operators: Annotated[int, typer.Option(min=1, help="people who share the list")] = 1,
) -> None:
    """Show how much operators are asked to take in, beside the limits of EEMUA 191; exit code 1 beyond."""
    from alerts import policy
    from alerts.figures import limits_of
    from lifeline.store.alarm_figures import report

    settings = settings_module.load().alerts
    limits = limits_of(policy.load(Path(settings.policy_file)) if settings.policy_file else policy.load())
    now = SystemClock().now()
    with open_store() as store:
        found = report(
            store,
            begin=now - timedelta(hours=hours),
            end=now,
            limits=limits,
            cities=[city] if city else None,
            operators=operators,
        )
    table = Table("", "told (busiest receiver)", "on the list", "limit", title=f"last {hours:g} h")
    for what, limit, told, listed in (
        ("alarms", "", str(found.told.told), str(found.listed.told)),
        (
            "per 10 min and operator, mean",
            f"{limits.mean_at_most:g}",
            f"{found.told.mean:.3f}",
            f"{found.listed.mean:.3f}",
        ),
        ("worst 10 min", f"{limits.flood_above}", str(found.told.worst), str(found.listed.worst)),
        (
            "share of time in flood",
            f"{limits.flood_share_at_most:.0%}",
            f"{found.told.flood_share:.2%}",
            f"{found.listed.flood_share:.2%}",
        ),
        ("chattering subjects", "", str(len(found.told.chattering)), str(len(found.listed.chattering))),
        ("stale alarms", "", "", str(len(found.listed.stale))),
    ):
        table.add_row(what, told, listed, limit)
    out.print(table)
    for subject, number, share in found.listed.top:
        out.print(f"  {number:5d} {share:5.1%} {subject}", markup=False)
    answers = found.answers
    for what, value in (("acknowledged", answers.to_acknowledge_s), ("dispatched", answers.to_dispatch_s)):
        said = "-" if value is None else f"{value / 60:.1f} min"
        out.print(f"alarm -> {what}, median: {said}")
    raise typer.Exit(0 if found.told.meets(limits) else 1)
