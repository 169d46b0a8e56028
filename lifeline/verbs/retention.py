"""The verb `lifeline retention`: what is kept, how much there is of it, and with `--apply` the job done now."""

from datetime import datetime

from rich.console import Console
from rich.table import Table

from lifeline.settings import RetentionSettings
from lifeline.store.health import edition
from lifeline.store.pool import Store
from lifeline.store.retention import APACHE, Kind, Outcome, apply, holdings, kept_for, purged
from lifeline.store.rollups import Width, roll_up

_NAMES = {
    Kind.READING: "readings",
    Kind.MINUTE: "1-minute",
    Kind.QUARTER: "15-minute",
    Kind.HOUR: "hourly",
}


def retention_command(
    store: Store, settings: RetentionSettings, out: Console, *, apply_now: bool, now: datetime
) -> int:
    """Prints what is kept of each kind; with `apply_now` rolls up and removes first, and says what went. 0.

    Raises StoreError.
    """
    if apply_now:
        _apply(store, settings, out, now)
    kept = kept_for(settings)
    table = Table("kind", "kept", "rows", "size", "chunks", "from")
    for holding in holdings(store):
        days = kept[holding.kind]
        table.add_row(
            _NAMES[holding.kind],
            "for good" if days is None else f"{days.days} days",
            f"{'' if holding.counted else 'about '}{holding.rows:,}",
            f"{holding.size_bytes / 1e6:,.1f} MB",
            str(holding.chunks),
            "" if holding.first_at is None else f"{holding.first_at:%Y-%m-%d}",
        )
    out.print(table)
    gone = purged(store)
    if gone.older_than is not None:
        out.print(f"{gone.readings:,} readings removed so far, the newest before {gone.older_than:%Y-%m-%d}")
    out.print(_edition(store, settings), markup=False)
    return 0


def _apply(store: Store, settings: RetentionSettings, out: Console, now: datetime) -> None:
    for width in Width:
        while roll_up(store, width).more:
            pass
    steps = apply(store, settings, now=now)
    for kind, name in _NAMES.items():
        removed = [step for step in steps if step.kind is kind and step.outcome is Outcome.REMOVED]
        waiting = [step for step in steps if step.kind is kind and step.outcome is Outcome.NOT_ROLLED_UP]
        if removed:
            readings = f", {sum(step.readings for step in removed):,} readings" if kind is Kind.READING else ""
            out.print(f"{name}: {len(removed)} chunks before {removed[-1].older_than:%Y-%m-%d} removed{readings}")
        if waiting:
            out.print(f"{name}: {len(waiting)} chunks stay until all of them is rolled up -> try again in a minute")
    if not steps:
        out.print("nothing is old enough to be removed")


def _edition(store: Store, settings: RetentionSettings) -> str:
    server = edition(store)
    head = f"TimescaleDB {server.timescaledb}, licence {server.license}:"
    tail = "ingest rolls up and removes"
    if server.license == APACHE:
        return f"{head} no compression; {tail}"
    if not settings.compress_days:
        return f"{head} compression is left as the server has it (retention.compress_days = 0); {tail}"
    return f"{head} the server compresses what is older than {settings.compress_days} days; {tail}"
