"""`python -m benchmarks [NAME ...] [--json FILE]`: runs the benchmarks and prints a table each."""

import argparse
import importlib
from pathlib import Path

from benchmarks.table import Figure, show, write_json

NAMES = (
    "ingest",
    "alarm_delay",
    "console",
    "grafana",
    "startup",
    "shelters",
    "renewal",
    "flood_cycle",
    "flood_storm",
    "alerts",
    "leak_step",
)
LONG = ("ingest_sustained", "ingest_ceiling", "ingest_growth", "alerts_outbox", "alerts_year")
"""Ten minutes and more each, run by name alone; `--share` makes a trial of them."""


def main() -> None:
    """Runs what is named, or all."""
    parser = argparse.ArgumentParser(description="measure Lifeline on this machine")
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(NAMES)} (none: all of these), and the long {', '.join(LONG)}"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the stated time or size of the long ones")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - {*NAMES, *LONG}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*NAMES, *LONG))}")
    results: list[tuple[str, list[Figure]]] = []
    for name in arguments.names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        options = {"share": arguments.share} if name in LONG else {}
        results.append((module.TITLE, module.measure(**options)))
        show(*results[-1])
    if arguments.json:
        write_json(results, arguments.json)


if __name__ == "__main__":
    main()
