"""Recorded Parquet files in chunks, as `ingest.recorded` has them of CSV; wants the extra `parquet`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.contract import Fault
from ingest.recorded import COLUMNS, OPTIONAL_COLUMN, Chunk
from lifeline.errors import ReplayError
from lifeline.reading import RejectReason

CHUNK_ROWS = 100_000


def count_rows(path: Path) -> int:
    """Rows of the file. Raises ReplayError."""
    return int(_open(path).metadata.num_rows)


def read_parquet(path: Path, *, rows_done: int = 0) -> Iterator[Chunk]:
    """`path` in chunks, from a row on: sensor_id text, observed_at timestamp with a time zone, value a number, perhaps
    unit text. In a chunk `lines` and `lines_done` count rows from 1, `bytes_done` is the rows done.

    Raises ReplayError where the file or its columns cannot be read.
    """
    file = _open(path)
    names = _columns(path, file.schema_arrow)
    done = 0
    for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=names):
        skip = min(max(rows_done - done, 0), batch.num_rows)
        done += batch.num_rows
        if skip < batch.num_rows:
            yield _chunk(batch.slice(skip).to_pydict(), done - batch.num_rows + skip, done)


def _open(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ReplayError(
            f"{path}: reading Parquet wants pyarrow", advice="pip install 'lifeline[parquet]', or write CSV"
        ) from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise ReplayError(f"{path}: {error}", advice="see that it is a whole Parquet file") from error


def _columns(path: Path, schema: Any) -> list[str]:
    import pyarrow.types as kinds

    names = [name for name in (*COLUMNS, OPTIONAL_COLUMN) if name in schema.names]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ReplayError(f"{path}: no column {', '.join(missing)}", advice=f"write {', '.join(COLUMNS)}")
    observed_at, value = schema.field("observed_at").type, schema.field("value").type
    if not kinds.is_timestamp(observed_at) or observed_at.tz is None:
        raise ReplayError(f"{path}: observed_at is {observed_at}", advice="write timestamps with a time zone")
    if not (kinds.is_floating(value) or kinds.is_integer(value)):
        raise ReplayError(f"{path}: value is {value}", advice="write numbers")
    return names


def _chunk(columns: dict[str, list[Any]], before: int, done: int) -> Chunk:
    chunk = Chunk(bytes_done=done, lines_done=done)
    units = columns.get(OPTIONAL_COLUMN) or [None] * (done - before)
    rows = zip(columns["sensor_id"], columns["observed_at"], columns["value"], units, strict=True)
    for number, (sensor_id, observed_at, value, unit) in enumerate(rows, before + 1):
        text = f"{sensor_id},{observed_at},{value}" + (f",{unit}" if unit else "")
        if sensor_id is None or observed_at is None or value is None:
            chunk.faults.append((number, text, Fault(RejectReason.NO_VALUE, "a value is missing")))
            continue
        chunk.sensor_ids.append(str(sensor_id))
        chunk.units.append(unit or "")
        chunk.times_s.append(observed_at.timestamp())
        chunk.values.append(value)
        chunk.lines.append(number)
        chunk.texts.append(text)
    return chunk
