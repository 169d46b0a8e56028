"""Reads a recorded year in the layout of the BattLeDIM competition: `*_SCADA_Pressures.csv`, `_Flows` and companions.

`;` between columns, a decimal comma, plain or gzipped, a first column `Timestamp` without zone. Pressures m, flows
m3/h, levels m, metered demands L/h. Pressures or flows must be there; the other parts may be
missing. Errors name file and line.
"""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np

from detect.leak.balance import Sensors
from detect.leak.score import TrueLeak
from lifeline.errors import ReplayError

LITRES_PER_M3 = 1000.0


@dataclass(frozen=True)
class Table:
    """One file: UTC seconds `(n,)`, column names, values `(n, n_columns)`; an empty cell is NaN."""

    path: Path
    times_s: np.ndarray
    columns: tuple[str, ...]
    values: np.ndarray


@dataclass(frozen=True)
class Recording:
    """A recorded stretch of time: samples `(n, n_sensors)` at `times_s`, and the truth where it is known."""

    times_s: np.ndarray
    sensors: Sensors
    samples: np.ndarray
    leaks: tuple[TrueLeak, ...] | None

    @property
    def step_s(self) -> int:
        """The usual time between samples."""
        return int(np.median(np.diff(self.times_s)))


def read_recording(folder: Path, *, zone: tzinfo = UTC) -> Recording:
    """Read a folder. Raises `ReplayError` when pressures and flows are missing or a file cannot be read."""
    if not folder.is_dir():
        raise ReplayError(f"{folder}: no such folder", advice="give the folder that holds *_SCADA_Pressures.csv")
    parts = [_find(folder, f"SCADA_{name}", zone) for name in ("Pressures", "Flows", "Levels", "Demands")]
    first = parts[0] or parts[1]
    if first is None:
        raise ReplayError(
            f"{folder}: no *_SCADA_Pressures.csv or *_SCADA_Flows.csv, plain or .gz",
            advice="give the folder that holds the recorded files",
        )
    times = first.times_s
    names, blocks = [], []
    for part, scale in zip(parts, (1.0, 1.0, 1.0, 1 / LITRES_PER_M3), strict=True):
        names.append(part.columns if part else ())
        blocks.append(_align(part, times) * scale if part else np.zeros((len(times), 0)))
    leakages = _find(folder, "Leakages", zone)
    if leakages is None and (folder / "truth.csv").exists():
        # begin and end are known, the flow is not
        names_known = tuple(_spans(folder / "truth.csv", zone))
        leakages = Table(folder / "truth.csv", times, names_known, np.zeros((len(times), len(names_known))))
    leaks = _truth(folder, leakages, times, zone) if leakages else None
    return Recording(times, Sensors(*names), np.hstack(blocks), leaks)


def _find(folder: Path, stem: str, zone: tzinfo) -> Table | None:
    paths = sorted(p for p in folder.iterdir() if p.name.removesuffix(".gz").endswith(f"{stem}.csv"))
    if not paths:
        return None
    if len(paths) > 1:
        names = ", ".join(p.name for p in paths)
        raise ReplayError(f"{folder}: several files for one part: {names}", advice="keep one year in a folder")
    return read_table(paths[0], zone)


def read_table(path: Path, zone: tzinfo = UTC) -> Table:
    """Read one file of the layout. Times must rise; raises `ReplayError` naming file and line."""
    times, rows = [], []
    try:
        lines = _lines(path)
        header = next(lines, "").rstrip("\r\n").split(";")
        width = len(header)
        if width < 2:
            raise ReplayError(f"{path}:1: expected a header 'Timestamp;name;...'", advice="separate columns by ';'")
        for number, line in enumerate(lines, start=2):
            cells = line.rstrip("\r\n").replace(",", ".").split(";")
            if cells == [""]:
                continue
            if len(cells) != width:
                raise ReplayError(
                    f"{path}:{number}: {len(cells)} columns, the header has {width}", advice="mend or drop the line"
                )
            try:
                times.append(_seconds(cells[0], zone))
                rows.append([float(c) if c else np.nan for c in cells[1:]])
            except ValueError as error:
                raise ReplayError(
                    f"{path}:{number}: {error}", advice="expected a time and numbers with a decimal comma"
                ) from error
            if len(times) > 1 and times[-1] <= times[-2]:
                raise ReplayError(
                    f"{path}:{number}: time {cells[0]} is not after the line before", advice="sort the file by time"
                )
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path}: cannot be read: {error}", advice="check the file") from error
    if not rows:
        raise ReplayError(f"{path}: holds no line of data", advice="check the file")
    return Table(path, np.array(times, dtype=np.int64), tuple(header[1:]), np.array(rows))


def _lines(path: Path) -> Iterator[str]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig") as file:
            yield from file
    else:
        with path.open(encoding="utf-8-sig") as file:
            yield from file


def _seconds(text: str, zone: tzinfo) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


def _align(part: Table, times: np.ndarray) -> np.ndarray:
    """Values at `times`, NaN where the part has none."""
    value = np.full((len(times), len(part.columns)), np.nan)
    _, here, there = np.intersect1d(times, part.times_s, return_indices=True)
    value[here] = part.values[there]
    return value


def _truth(folder: Path, leakages: Table, times: np.ndarray, zone: tzinfo) -> tuple[TrueLeak, ...]:
    """Flows of `*_Leakages.csv`; begin and end of `truth.csv` where there is one, else of the flow itself."""
    flow = np.nan_to_num(_align(leakages, times))
    spans = _spans(folder / "truth.csv", zone) if (folder / "truth.csv").exists() else {}
    leaks = []
    for name, column in zip(leakages.columns, flow.T, strict=True):
        running = np.flatnonzero(column > 0)
        if name in spans:
            start, end = spans[name]
            first = int(np.searchsorted(times, start))
            last = int(np.searchsorted(times, end, side="right")) - 1
        elif len(running):
            first, last = int(running[0]), int(running[-1])
        else:
            continue
        if first < len(times):
            leaks.append(TrueLeak(name, first, last, column))
    return tuple(leaks)


def _spans(path: Path, zone: tzinfo) -> dict[str, tuple[int, int]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        spans = {}
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                spans[row["linkID"]] = (_seconds(row["startTime"], zone), _seconds(row["endTime"], zone))
            except (KeyError, ValueError) as error:
                raise ReplayError(
                    f"{path}:{number}: {error}", advice="expected columns linkID, startTime, endTime"
                ) from error
    return spans
