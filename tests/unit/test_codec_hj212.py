"""HJ 212-2017: packets as the standard shows them, data flags, splitting, answers, and streams that are damaged."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Decoded
from ingest.cutter import Cutter, cut
from ingest.hj212.codec import Hj212
from ingest.hj212.packet import FRAMING, answer, build, crc, parse
from lifeline.errors import WireError
from tests.codec_samples import LOCAL_S, NOW_S, SAMPLES

MN, UPLOAD, *_ = SAMPLES["hj212"]
STANDARD = (
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&RtdInterval=30&&1C80\r\n"
)
ANSWER = b"##0087QN=20261123100500123;ST=91;CN=9014;PW=123456;MN=220102A8900016F00016002A;Flag=4;CP=&&&&D4C1\r\n"
PART_1 = (
    b"##0201QN=20261123110000001;ST=32;CN=2061;PW=123456;MN=220102A8900016F00016002A;Flag=7;PNUM=2;PNO=1;CP=&&"
    b"DataTime=20261123100000;w00000-Cou=63.0,w00000-Min=16.4,w00000-Avg=17.5,w00000-Max=20.1,w00000-Flag=N&&6B80\r\n"
)
PART_2 = (
    b"##0200QN=20261123110000002;ST=32;CN=2061;PW=123456;MN=220102A8900016F00016002A;Flag=7;PNUM=2;PNO=2;CP=&&"
    b"DataTime=20261123100000;w01018-Cou=2.5,w01018-Min=40.1,w01018-Avg=40.1,w01018-Max=40.1,w01018-Flag=N&&65C0\r\n"
)


def decode(*packets: bytes) -> Decoded:
    return Hj212().decode(b"".join(packets), device_id=MN, received_s=NOW_S)


def upload(content: str, cn: str = "2011", flag: str = "4") -> bytes:
    return build(f"QN=20261123100500123;ST=32;CN={cn};PW=123456;MN={MN};Flag={flag};CP=&&{content}&&")


def reasons(decoded: Decoded) -> list[str]:
    return [fault.reason.value for fault in decoded.faults]


@pytest.mark.parametrize("packet", [STANDARD, UPLOAD, ANSWER, PART_1, PART_2])
def test_the_worked_packets_have_a_right_length_and_crc(packet: bytes) -> None:
    assert [piece.is_frame for piece in cut(FRAMING, packet)] == [True]
    assert build(packet[6:-6].decode()) == packet


def test_the_crc_is_not_that_of_modbus_and_has_256_forms() -> None:
    assert crc(STANDARD[6:-6]) == 0x1C80
    assert len({crc(bytes((a, b))) for a in range(256) for b in range(256)}) <= 256


def test_the_parts_of_a_split_packet_are_told_together() -> None:
    decoded = decode(PART_2, PART_1)
    assert decoded.channels == [
        f"{code}-{kind}" for code in ("w01018", "w00000") for kind in ("Cou", "Min", "Avg", "Max")
    ]
    assert decoded.values == [2.5, 40.1, 40.1, 40.1, 63.0, 16.4, 17.5, 20.1]
    assert decoded.units == ["kg", "mg/l", "mg/l", "mg/l", "m3", "l/s", "l/s", "l/s"]
    assert set(decoded.times_s) == {LOCAL_S - 300}
    assert not decoded.faults


@pytest.mark.parametrize("flag", ["F", "M", "S", "D", "C", "T", "B", "n", "?", ""])
def test_only_what_is_flagged_normal_is_a_reading(flag: str) -> None:
    decoded = decode(upload(f"DataTime=20261123100500;a-Rtd=1,a-Flag={flag};b-Rtd=2,b-Flag=N;c-Rtd=3"))
    assert decoded.channels == ["b-Rtd", "c-Rtd"]
    assert reasons(decoded) == ["flagged"]
    assert f"'{flag}'" in decoded.faults[0].detail


@pytest.mark.parametrize("text", ["", "--", "1,2", "nan", "inf", "1_0", "0x1", "1e5", "١", "12.5L/s"])
def test_a_value_that_is_no_number_is_a_fault(text: str) -> None:
    decoded = decode(upload(f"DataTime=20261123100500;a-Rtd={text}".replace("1,2", "1.2.3") + ";b-Rtd=-.5"))
    assert decoded.values == [-0.5]
    assert reasons(decoded) == ["no-value"]


@pytest.mark.parametrize(
    "time", ["", "DataTime=;", "DataTime=2026112310050;", "DataTime=20261323100500;", "DateTime=1;"]
)
def test_without_a_time_nothing_is_a_reading(time: str) -> None:
    decoded = decode(upload(f"{time}a-Rtd=1,a-Flag=N"))
    assert decoded.values == []
    assert set(reasons(decoded)) == {"malformed"}


@pytest.mark.parametrize("cn", ["9014", "1013", "2081", "3020"])
def test_commands_without_data_leave_no_row(cn: str) -> None:
    assert decode(upload("DataTime=20261123100500;RestartTime=20261123100000", cn)) == Decoded()


@pytest.mark.parametrize(
    "data",
    ["nonsense&&", "ST=32;CP=&&a=1&&", "MN=D1;Flag=x;CP=&&a=1&&", "MN=D1;Flag=256;CP=&&&&", "MN=a b;Flag=4;CP=&&&&"],
)
def test_a_packet_whose_data_segment_is_wrong_is_a_fault(data: str) -> None:
    decoded = decode(build(data), UPLOAD)
    assert reasons(decoded) == ["malformed"]
    assert len(decoded.values) == 3


def test_an_upload_that_wants_it_is_answered_with_its_qn() -> None:
    assert answer(parse(UPLOAD[:-2])) == ANSWER
    assert b"Flag=4;" in (answer(parse(PART_1[:-2])) or b"")
    assert answer(parse(upload("a=1", flag="4")[:-2])) is None
    assert answer(parse(ANSWER[:-2])) is None
    assert b"CN=9013;" in (answer(parse(upload("", "1013", "5")[:-2])) or b"")
    assert b"Flag=0;" in (answer(parse(upload("a=1", flag="1")[:-2])) or b"")


@given(st.lists(st.one_of(st.just(UPLOAD), st.just(PART_1), st.binary(max_size=40), st.just(b"##02"), st.just(b"#"))))
def test_no_good_packet_is_lost_among_garbage_and_no_byte_vanishes(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    frames = [part[:-2] for part in parts if part in (UPLOAD, PART_1)]
    pieces = cut(FRAMING, stream)
    assert [piece.data for piece in pieces if piece.is_frame and b"MN=2201" in piece.data] == frames
    assert re.sub(rb"[\r\n]", b"", b"".join(piece.data for piece in pieces)) == re.sub(rb"[\r\n]", b"", stream)


@given(st.lists(st.integers(1, 300), max_size=40))
def test_a_stream_is_cut_alike_however_it_comes(sizes: list[int]) -> None:
    stream = b"\x00#" + UPLOAD + b"##9" + PART_1 + PART_2 + b"##0200QN=torn" + STANDARD
    cutter, frames = Cutter(FRAMING), []
    for size in [*sizes, len(stream)]:
        part, stream = stream[:size], stream[size:]
        frames += [piece.data for piece in cutter.feed(part) if piece.is_frame]
        assert cutter.kept < 10_020
    assert frames == [packet[:-2] for packet in (UPLOAD, PART_1, PART_2, STANDARD)]


def test_a_payload_without_a_good_packet_is_refused() -> None:
    for payload in (b"", b"\r\n", UPLOAD[:-3], UPLOAD.replace(b"12.5", b"12.6")):
        with pytest.raises(WireError, match="no packet"):
            decode(payload)
