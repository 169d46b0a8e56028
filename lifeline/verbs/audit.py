"""The verbs of the audit trail: `lifeline audit verify|anchor|show`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lifeline.clock import SystemClock
from lifeline.errors import StoreError
from lifeline.store import audit
from lifeline.store.audit import Anchor
from lifeline.store.pool import Store
from lifeline.verbs.terminal import open_store, out

app = typer.Typer(help="The audit trail: who did what, and the proof that nobody changed it.", no_args_is_help=True)

_SHOWN_FAULTS = 50


@app.command("verify")
def verify(
    anchors: Annotated[Path | None, typer.Option("--anchors", help="file of `lifeline audit anchor`")] = None,
) -> None:
    """Go through the whole trail; name every row that was altered, deleted or inserted; exit code 1 if any was."""
    with open_store() as store:
        raise typer.Exit(verify_command(store, out, read_anchors(anchors) if anchors else []))


@app.command("anchor")
def anchor(
    file: Annotated[Path | None, typer.Argument(help="file to add it to; none: print it")] = None,
) -> None:
    """Write down how the trail stands; kept outside the database, it proves later that nothing was rewritten."""
    with open_store() as store:
        line = anchor_line(audit.head(store), SystemClock().now())
    if file is None:
        out.print(line, markup=False)
        return
    with file.open("a", encoding="utf-8") as added:
        added.write(line + "\n")
    out.print(f"{file}: {line}", markup=False)


@app.command("show")
def show(
    subject: Annotated[str | None, typer.Option(help="only about this, e.g. alarm:7")] = None,
    action: Annotated[str | None, typer.Option(help="only such acts, e.g. alarm.acknowledge or alarm.%")] = None,
    who: Annotated[str | None, typer.Option(help="only acts of this person or stage")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="how many")] = 50,
) -> None:
    """Show the newest acts."""
    with open_store() as store:
        show_command(store, out, subject=subject, action=action, who=who, limit=limit)


def verify_command(store: Store, to: Console, anchors: list[Anchor]) -> int:
    """Prints the proof or the faults; 0 where the trail is sound, else 1. Raises StoreError."""
    proof = audit.verify(store, anchors)
    for fault in proof.faults[:_SHOWN_FAULTS]:
        to.print(f"{fault.flaw.value}: {fault.words}", markup=False)
    if len(proof.faults) > _SHOWN_FAULTS:
        to.print(f"... and {len(proof.faults) - _SHOWN_FAULTS:,} more")
    if proof.sound:
        against = f", {proof.anchors} anchors met" if proof.anchors else ""
        to.print(f"the trail is sound: {proof.rows:,} rows{against}; it stands at {proof.head}", markup=False)
        return 0
    to.print(
        f"{len(proof.faults):,} faults in {proof.rows:,} rows -> keep the database as it is, compare with a backup",
        markup=False,
    )
    return 1


def show_command(
    store: Store, to: Console, *, subject: str | None, action: str | None, who: str | None, limit: int
) -> None:
    """Prints acts as a table, newest first. Raises StoreError."""
    table = Table("row", "at", "who", "act", "about", "reason", "note")
    for entry in audit.entries(store, subject=subject, action=action, who=who, limit=limit):
        reason, note = (str(entry.detail.get(name) or "") for name in ("reason", "note"))
        at = f"{entry.at:%Y-%m-%d %H:%M:%S}Z"
        table.add_row(str(entry.seq), at, *map(_plain, (entry.who, entry.action, entry.subject, reason, note)))
    to.print(table)


def anchor_line(anchor: Anchor, now: datetime) -> str:
    """One line of a file of anchors."""
    return f"{now.isoformat(timespec='seconds')} {anchor}"


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors of a file, one a line. Raises StoreError, which names the line."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read: {error}", advice="name a file of `lifeline audit anchor`") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            seq, digest = line.split()[-2:]
            anchor = Anchor(int(seq), bytes.fromhex(digest))
            if anchor.seq < 0 or len(anchor.hash) != len(audit.FIRST):
                raise ValueError
        except ValueError:
            raise StoreError(
                f"{path}:{number}: expected `TIME ROW HASH`, got {line[:80]!r}",
                advice="take the line as it was printed",
            ) from None
        found.append(anchor)
    return found


def _plain(words: str) -> str:
    return words.replace("[", r"\[")
