"""Reads a rain forecast from a file: CSV with `member`, `minute`, `mm`, where `minute` is the end of each step."""

import csv
from pathlib import Path

from lifeline.errors import ReplayError

_LAYOUT = "docs/flood.md says what a rain forecast looks like"


def read_rain(path: Path) -> tuple[float, tuple[tuple[float, ...], ...]]:
    """The step in s, and mm in each step of each member. Raises ReplayError with file and line."""
    members: dict[str, list[tuple[float, float]]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"member", "minute", "mm"} - set(reader.fieldnames or ())
            if missing:
                raise ReplayError(f"{path}:1: expected the columns {', '.join(sorted(missing))} too", advice=_LAYOUT)
            for row in reader:
                place = f"{path}:{reader.line_num}"
                try:
                    minute, mm = float(row["minute"]), float(row["mm"])
                except (TypeError, ValueError) as error:
                    raise ReplayError(f"{place}: minute, mm: {error}", advice=_LAYOUT) from error
                if not (0.0 < minute <= 1440.0 and 0.0 <= mm <= 500.0):
                    raise ReplayError(f"{place}: expected 0 < minute <= 1440 and 0 <= mm <= 500", advice=_LAYOUT)
                members.setdefault(row["member"], []).append((minute, mm))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReplayError(f"{path}: cannot be read: {error}", advice="check the file") from error
    if not members:
        raise ReplayError(f"{path}: holds no forecast", advice=_LAYOUT)
    ends = {tuple(sorted(minute for minute, _ in rows)) for rows in members.values()}
    minutes = next(iter(ends))
    step = minutes[0]
    even = all(abs(m - step * (n + 1)) < 1e-6 for n, m in enumerate(minutes))
    if len(ends) != 1 or not even:
        raise ReplayError(f"{path}: expected the same even steps for each member", advice=_LAYOUT)
    return 60.0 * step, tuple(tuple(mm for _, mm in sorted(rows)) for rows in members.values())
