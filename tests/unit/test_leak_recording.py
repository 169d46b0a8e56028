"""Recorded years: the layout is read as it is written, and every fault is named with file and line."""

import gzip
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detect.leak.recording import read_recording, read_table
from lifeline.errors import ReplayError

PRESSURES = "Timestamp;n1;n2\n2021-01-01 00:00:00;30,5;41,25\n2021-01-01 00:05:00;30,4;\n2021-01-01 00:10:00;30;41\n"


def test_plain_gzipped_missing_parts_and_gaps(tmp_path: Path) -> None:
    (tmp_path / "2021_SCADA_Pressures.csv").write_text(PRESSURES)
    with gzip.open(tmp_path / "2021_SCADA_Flows.csv.gz", "wt") as file:
        file.write("Timestamp;p1\n2021-01-01 00:00:00;12,5\n2021-01-01 00:10:00;13\n")
    (tmp_path / "2021_SCADA_Demands.csv").write_text("Timestamp;n1\n2021-01-01 00:05:00;500\n")
    recording = read_recording(tmp_path)
    assert recording.sensors.pressure == ("n1", "n2")
    assert recording.sensors.level == ()
    assert recording.step_s == 300
    assert recording.leaks is None
    np.testing.assert_array_equal(
        recording.samples, [[30.5, 41.25, 12.5, np.nan], [30.4, np.nan, np.nan, 0.5], [30.0, 41.0, 13.0, np.nan]]
    )


def test_truth_of_both_files(tmp_path: Path) -> None:
    (tmp_path / "2021_SCADA_Pressures.csv").write_text(PRESSURES)
    (tmp_path / "2021_Leakages.csv").write_text(
        "Timestamp;p7;p8\n2021-01-01 00:00:00;0;0\n2021-01-01 00:05:00;2,5;0\n2021-01-01 00:10:00;2,5;1\n"
    )
    (tmp_path / "truth.csv").write_text(
        "linkID,startTime,endTime\np8,2021-01-01 00:05:00,2021-12-31 00:00:00\n", encoding="utf-8"
    )
    leaks = read_recording(tmp_path).leaks
    assert leaks is not None
    assert [(leak.pipe, leak.start, leak.end) for leak in leaks] == [("p7", 1, 2), ("p8", 1, 2)]


def test_naive_times_are_utc_unless_a_zone_is_given(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(PRESSURES)
    utc, china = read_table(path).times_s, read_table(path, ZoneInfo("Asia/Shanghai")).times_s
    assert set((utc - china).tolist()) == {8 * 3600}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ":1:"),
        ("Timestamp;n1\n", "no line of data"),
        ("Timestamp;n1\n2021-01-01 00:00:00;1;2\n", ":2: 3 columns"),
        ("Timestamp;n1\n2021-01-01 00:00:00;1\nyesterday;2\n", ":3:"),
        ("Timestamp;n1\n2021-01-01 00:00:00;high\n", ":2:"),
        ("Timestamp;n1\n2021-01-01 00:05:00;1\n2021-01-01 00:00:00;1\n", ":3: time"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "2021_SCADA_Pressures.csv"
    path.write_text(text)
    with pytest.raises(ReplayError) as error:
        read_recording(tmp_path)
    assert place in str(error.value)
    assert path.name in str(error.value)
    assert error.value.advice


def test_folder_faults(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="no such folder"):
        read_recording(tmp_path / "none")
    with pytest.raises(ReplayError, match="no \\*_SCADA_Pressures"):
        read_recording(tmp_path)
    for year in (2021, 2022):
        (tmp_path / f"{year}_SCADA_Pressures.csv").write_text(PRESSURES)
    with pytest.raises(ReplayError, match="several files"):
        read_recording(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "2021_SCADA_Pressures.csv.gz").write_bytes(gzip.compress(PRESSURES.encode())[:40])
    with pytest.raises(ReplayError, match="cannot be read"):
        read_recording(broken)
