"""`lifeline policy check|diff|try`: a policy is checked, compared and tried before it goes live."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import SettingsError
from lifeline.finding import Finding
from lifeline.verbs.terminal import open_store, out

app = typer.Typer(help="The policy of levels, telling and calling (docs/alarms.md).", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="policy file, TOML")]
_SHOWN = 20
_PAGE = 2000


@app.command("check")
def check(file: File) -> None:
    """Name every fault of a policy file with line and field."""
    from alerts import policy

    faults = policy.check(file)
    for fault in faults:
        out.print(fault, markup=False)
    if faults:
        raise typer.Exit(1)
    made = policy.load(file)
    out.print(
        f"{file}: version {made.version}, {len(made.rule)} rules, {len(made.raising)} raising rules, "
        f"{len(made.inhibit)} inhibitions: sound",
        markup=False,
    )


@app.command("diff")
def diff(
    file: File,
    against: Annotated[Path | None, typer.Option(help="the other file; none: the policy of the settings")] = None,
) -> None:
    """Say field by field what a policy file changes."""
    from alerts import policy

    before = policy.load(against or _in_force()).model_dump(mode="json", by_alias=True)
    after = policy.load(file).model_dump(mode="json", by_alias=True)
    changes = list(differences(before, after))
    table = Table("field", "now", "then")
    for place, old, new in changes:
        table.add_row(*map(escape, (place, _shown(old), _shown(new))))
    out.print(table if changes else "nothing changes")


@app.command("try")
def try_out(
    file: File,
    findings: Annotated[
        Path | None, typer.Option(help="recorded findings, one JSON object a line; none: the store's")
    ] = None,
    days: Annotated[float, typer.Option(help="of the store's findings, those of so many days")] = 30.0,
    against: Annotated[Path | None, typer.Option(help="the other policy; none: that of the settings")] = None,
) -> None:
    """Judge recorded findings by the policy in force and by this one, and show what would change."""
    from alerts import exposure, policy, trial
    from alerts.assess import assess
    from alerts.surroundings import Surroundings
    from lifeline.store.places import Places

    settings = settings_module.load()
    before, after = policy.load(against or _in_force()), policy.load(file)
    users = exposure.users_of(Path(settings.alerts.users_file)) if settings.alerts.users_file else ()
    now = SystemClock().now()
    with open_store() as store, store.transaction() as connection:
        places, around = Places(connection), Surroundings(store)

        def judge(finding: Finding, by: policy.Policy) -> Any:
            place = places.place(finding)
            near = around.around(finding.city_code, place.timezone, users, now)
            return assess(finding, by, place.levels, place.site, near, place.zone_kind)

        recorded = _from_file(findings) if findings else _from_store(store, now - timedelta(days=days))
        found = trial.run(recorded, before, after, judge)
    _show(found, before.version, after.version)


def differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every field that two documents have differently; entries of lists are told apart by kind, name or level.

    >>> list(differences({"a": 1, "b": [{"kind": "x", "s": 1}]}, {"a": 2, "b": [{"kind": "x", "s": 3}]}))
    [('a', 1, 2), ('b[x].s', 1, 3)]
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), f"{place}.{key}" if place else str(key))
    elif _named(before) and _named(after):
        yield from _of_lists(_keyed(before), _keyed(after), place)
    elif before != after:
        yield place, before, after


def _of_lists(before: dict[str, Any], after: dict[str, Any], place: str) -> Iterator[tuple[str, Any, Any]]:
    for key in [*before, *(key for key in after if key not in before)]:
        yield from differences(before.get(key), after.get(key), f"{place}[{key}]")


def _named(entries: Any) -> bool:
    return isinstance(entries, list) and bool(entries) and all(isinstance(one, dict) for one in entries)


def _keyed(entries: list[dict[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for number, one in enumerate(entries):
        key = str(one.get("kind") or one.get("name") or one.get("level") or f"{one.get('by', '')}{number}")
        made[key if key not in made else f"{key} {number}"] = one
    return made


def _in_force() -> Path:
    from alerts.policy import BUILT_IN

    named = settings_module.load().alerts.policy_file
    return Path(named) if named else BUILT_IN


def _from_store(store: Any, since: datetime) -> Iterator[Finding]:
    from lifeline.store.findings import findings_after

    last = 0
    while page := findings_after(store, last, _PAGE):
        last = page[-1].finding_id
        yield from (one for one in page if one.detected_at >= since)


def _from_file(path: Path) -> Iterator[Finding]:
    """Findings as a file has them (docs/alarms.md), times in ISO 8601. Raises SettingsError with the line."""
    from alerts import rulefile
    from lifeline.asset import Position
    from lifeline.finding import FindingKind, Phase

    for number, line in enumerate(rulefile.read(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            yield Finding(
                subject=str(said["subject"]),
                kind=FindingKind(said["kind"]),
                phase=Phase(said["phase"]),
                city_code=str(said["city_code"]),
                detector=str(said.get("detector", "recorded")),
                reason=str(said.get("reason", "recorded")),
                began_at=_instant(said.get("began_at", said["detected_at"])),
                detected_at=_instant(said["detected_at"]),
                probability=float(said.get("probability", 1.0)),
                zone_id=said.get("zone_id"),
                sensor_ids=tuple(said.get("sensor_ids", ())),
                position=Position(float(said["lon"]), float(said["lat"])) if "lon" in said else None,
                flow_m3_per_h=said.get("flow_m3_per_h"),
                depth_m=said.get("depth_m"),
                finding_id=number,
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"{path}:{number}: {type(error).__name__}: {error}", advice="see docs/alarms.md, trying a policy"
            ) from error


def _instant(words: str) -> datetime:
    at = datetime.fromisoformat(words)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _show(found: Any, before: str, after: str) -> None:
    table = Table("", f"now ({before})", f"then ({after})", title=f"{found.findings:,} recorded findings")
    for level in (1, 2, 3, 4):
        name = ("red", "orange", "yellow", "blue")[level - 1]
        table.add_row(f"alarms opened {name}", str(found.before.opened[level]), str(found.after.opened[level]))
    table.add_row("of them held back at first", str(found.before.held), str(found.after.held))
    for step in ("escalate", "lower", "clear", "return", "update", "ignore"):
        table.add_row(f"steps: {step}", str(found.before.steps[step]), str(found.after.steps[step]))
    out.print(table)
    moved = [one for one in found.changes if one.before.level is not one.after.level]
    alike = [one for one in found.changes if one.before.level is one.after.level]
    out.print(f"{len(moved):,} findings get another level, {len(alike):,} the same for another reason")
    for change in [*moved, *alike][:_SHOWN]:
        one = change.finding
        out.print(
            f"  {one.detected_at:%Y-%m-%d %H:%M} {one.subject}: {change.before.reason} -> {change.after.reason}",
            markup=False,
        )
    if len(found.changes) > _SHOWN:
        out.print(f"  and {len(found.changes) - _SHOWN:,} more")


def _shown(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
