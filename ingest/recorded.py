"""Recorded files row by row: every line is a row with its place, or a fault with its place and its bytes."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from ingest.contract import Fault
from lifeline.errors import ReplayError
from lifeline.reading import RejectReason

COLUMNS = ("sensor_id", "observed_at", "value")
OPTIONAL_COLUMN = "unit"
CHUNK_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class Chunk:
    """A part of a file, column by column, and where it ends."""

    sensor_ids: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    """empty: SI"""
    times_s: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """line number of each row"""
    texts: list[str] = field(default_factory=list)
    """the line of each row as it stands in the file"""
    faults: list[tuple[int, str, Fault]] = field(default_factory=list)
    """line number, text and fault of each line that is no row"""
    bytes_done: int = 0
    lines_done: int = 0


def read_csv(path: Path, *, bytes_done: int = 0, lines_done: int = 0) -> Iterator[Chunk]:
    """`path` in chunks of whole lines, from a place that an earlier chunk named.

    UTF-8, comma, a header with sensor_id, observed_at, value and perhaps unit, in any order; other columns are left
    alone. Times are ISO 8601 with an offset or Z. Raises ReplayError where the file or its header cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.readline()
            layout = _Layout(path, header)
            if bytes_done:
                file.seek(bytes_done)
            else:
                lines_done = 1
            while text := _whole_lines(file):
                chunk = layout.parse(text, lines_done + 1)
                lines_done = chunk.lines_done
                chunk.bytes_done = file.tell()
                yield chunk
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror}", advice="see that the file is there and may be read") from error


def _whole_lines(file: IO[bytes]) -> str:
    data = file.read(CHUNK_BYTES)
    if data and not data.endswith(b"\n"):
        data += file.readline()
    return data.decode("utf-8", "surrogateescape")


class _Layout:
    """Which column is where."""

    def __init__(self, path: Path, header: bytes) -> None:
        names = next(csv.reader([header.decode("utf-8-sig", "replace").strip("\r\n")]), [])
        names = [name.strip() for name in names]
        missing = [column for column in COLUMNS if names.count(column) != 1]
        if missing:
            raise ReplayError(
                f"{path}:1: the header does not name {', '.join(missing)} once",
                advice=f"write {','.join(COLUMNS)} and, where values are not SI, {OPTIONAL_COLUMN}",
            )
        self._width = len(names)
        self._sensor_id, self._observed_at, self._value = (names.index(column) for column in COLUMNS)
        self._unit = names.index(OPTIONAL_COLUMN) if OPTIONAL_COLUMN in names else None

    def parse(self, text: str, first_line: int) -> Chunk:
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        chunk = Chunk(lines_done=first_line - 1 + len(lines))
        times: dict[str, float] = {}
        for number, raw in enumerate(lines, first_line):
            line = raw.rstrip("\r")
            if not line:
                continue
            fields = next(csv.reader([line])) if '"' in line else line.split(",")
            try:
                if len(fields) != self._width:
                    raise ValueError(f"{len(fields)} columns, expected {self._width}")
                time_s = times.get(fields[self._observed_at])
                if time_s is None:
                    time_s = times[fields[self._observed_at]] = _time(fields[self._observed_at])
                value = _number(fields[self._value])
            except ValueError as error:
                chunk.faults.append((number, line, Fault(RejectReason.MALFORMED, str(error))))
                continue
            chunk.sensor_ids.append(fields[self._sensor_id])
            chunk.units.append(fields[self._unit] if self._unit is not None else "")
            chunk.times_s.append(time_s)
            chunk.values.append(value)
            chunk.lines.append(number)
            chunk.texts.append(line)
        return chunk


def _time(text: str) -> float:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(f"observed_at {text!r} is not ISO 8601 with an offset or Z")
    return instant.timestamp()


def _number(text: str) -> float:
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise ValueError(f"value {text!r} is not a number") from None
