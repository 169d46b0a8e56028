"""Recorded files: every line is a row or a fault with its place, and a chunk says where to go on."""

from pathlib import Path

import pytest

from ingest import recorded
from ingest.recorded import read_csv
from lifeline.errors import ReplayError

HEADER = "sensor_id,observed_at,value\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "history.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def test_rows_with_their_lines(tmp_path: Path) -> None:
    (chunk,) = read_csv(write(tmp_path, HEADER + 'A,2026-11-23T10:05:00Z,1.5\r\n\n"B",2026-11-23T18:05:00+08:00,-2e3'))
    assert chunk.sensor_ids == ["A", "B"]
    assert chunk.times_s == [1795428300.0, 1795428300.0]
    assert chunk.values == [1.5, -2000.0]
    assert chunk.lines == [2, 4]
    assert chunk.faults == []


def test_columns_in_any_order_and_others_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffnote,value,unit,observed_at,sensor_id\nx,3,bar,2026-11-23T10:05:00.25Z,A\n")
    (chunk,) = read_csv(path)
    assert (chunk.sensor_ids, chunk.units, chunk.times_s, chunk.values) == (["A"], ["bar"], [1795428300.25], [3.0])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("A,2026-11-23T10:05:00Z", "2 columns, expected 3"),
        ("A,2026-11-23T10:05:00Z,1,2", "4 columns, expected 3"),
        ("A,2026-11-23T10:05:00,1", "not ISO 8601 with an offset or Z"),
        ("A,yesterday,1", "not ISO 8601"),
        ("A,2026-13-23T10:05:00Z,1", "not ISO 8601"),
        ("A,2026-11-23T10:05:00Z,", "not a number"),
        ("A,2026-11-23T10:05:00Z,1_000", "not a number"),
        ("A,2026-11-23T10:05:00Z,\udcff", "not a number"),
    ],
)
def test_a_malformed_line_is_a_fault_and_the_rest_goes_on(tmp_path: Path, line: str, says: str) -> None:
    good = "A,2026-11-23T10:05:00Z,1\n"
    (chunk,) = read_csv(write(tmp_path, f"{HEADER}{good}{line}\n{good}"))
    assert chunk.lines == [2, 4]
    ((number, text, fault),) = chunk.faults
    assert (number, text) == (3, line)
    assert says in fault.detail


@pytest.mark.parametrize("header", ["", "a,b,c\n", "sensor_id,value\n", "sensor_id,sensor_id,observed_at,value\n"])
def test_a_file_without_its_header_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(ReplayError, match=r"history\.csv:1: the header does not name"):
        list(read_csv(write(tmp_path, header)))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="No such file"):
        list(read_csv(tmp_path / "none.csv"))


def test_chunks_end_at_lines_and_can_be_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "CHUNK_BYTES", 100)
    path = write(tmp_path, HEADER + "".join(f"A,2026-11-23T10:{m:02}:00Z,{m}\n" for m in range(30)))
    chunks = list(read_csv(path))
    assert len(chunks) > 5
    assert [value for chunk in chunks for value in chunk.values] == list(range(30))
    for i, chunk in enumerate(chunks):
        later = list(read_csv(path, bytes_done=chunk.bytes_done, lines_done=chunk.lines_done))
        assert later == chunks[i + 1 :]
