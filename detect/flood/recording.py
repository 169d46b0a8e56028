"""Reads street-flood events as FloodNet publishes them: a depth profile of each, inches; plain or gzipped.

Only `sensor_id`, `flood_start_time` and the profile are read. Times have no offset and are UTC (docs/replay.md).
Places come from `sensor-metadata.csv` beside the file, where it is. A row that cannot be read is passed over and told.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np

from detect.port import Floats
from lifeline.asset import Position
from lifeline.errors import ReplayError
from lifeline.units import Quantity, scale_to_si

SENSORS = "sensor-metadata.csv"
_COLUMNS = ("sensor_id", "flood_start_time", "flood_profile_depth_inches", "flood_profile_time_secs")
_INCH = scale_to_si("in", Quantity.WATER_DEPTH).factor


@dataclass(frozen=True)
class Event:
    """One flood at one place: depths m `(n,)` at rising `times_s` (n,), seconds since 1970 UTC."""

    sensor_id: str
    times_s: Floats
    depths_m: Floats


@dataclass(frozen=True)
class Recording:
    """Events in order of their beginning; `faults` says what was passed over, with line and column."""

    events: tuple[Event, ...]
    positions: dict[str, Position]
    faults: tuple[str, ...]


def read_events(path: Path, *, zone: tzinfo = UTC) -> Recording:
    """Read a file of events. Raises `ReplayError` where it is missing or not of this layout."""
    events, faults = [], []
    for line, row in _rows(path, _COLUMNS):
        try:
            events.append(_event(row, zone))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            faults.append(f"{path.name}:{line}: {error}")
    if not events:
        raise ReplayError(f"{path}: holds no event with a profile", advice="see docs/replay.md for the layout")
    events.sort(key=lambda e: (e.times_s[0], e.sensor_id))
    beside = path.with_name(SENSORS)
    return Recording(tuple(events), _positions(beside) if beside.is_file() else {}, tuple(faults))


def _event(row: dict[str, str], zone: tzinfo) -> Event:
    depths, seconds = (_numbers(row, column) for column in _COLUMNS[2:])
    if len(depths) != len(seconds) or len(depths) < 2:
        raise ValueError(f"flood_profile_time_secs: {len(seconds)} times for {len(depths)} depths")
    seconds, first = np.unique(seconds, return_index=True)
    start = datetime.fromisoformat(row["flood_start_time"])
    begin_s = (start if start.tzinfo else start.replace(tzinfo=zone)).timestamp()
    if not row["sensor_id"].strip():
        raise ValueError("sensor_id: is empty")
    return Event(row["sensor_id"].strip(), begin_s + seconds, depths[first] * _INCH)


def _numbers(row: dict[str, str], column: str) -> Floats:
    try:
        found = np.array(json.loads(row[column]), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{column}: expected [number, ...], got {row[column][:40]!r}") from error
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError(f"{column}: expected [number, ...], got {row[column][:40]!r}")
    return found


def _positions(path: Path) -> dict[str, Position]:
    found = {}
    for _, row in _rows(path, ("sensor_id", "latitude", "longitude")):
        try:
            found[row["sensor_id"].strip()] = Position(float(row["longitude"]), float(row["latitude"]))
        except (ValueError, TypeError):
            continue
    return found


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig", newline="")
        ) as file:
            reader = csv.DictReader(file)
            missing = [c for c in columns if c not in (reader.fieldnames or ())]
            if missing:
                raise ReplayError(
                    f"{path}:1: expected the columns {', '.join(missing)} too", advice="see docs/replay.md"
                )
            for row in reader:
                yield reader.line_num, row
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ReplayError(f"{path}: cannot be read: {error}", advice="check the file") from error
