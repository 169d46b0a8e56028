"""SL 651-2014: the worked frames in both encodings, what is no measurement, packets, answers, and damaged streams."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Decoded
from ingest.cutter import Cutter, cut
from ingest.sl651.codec import REPORTS, Sl651
from ingest.sl651.elements import Status
from ingest.sl651.frame import FRAMING, Control, Frame, answer, build, crc, parse
from lifeline.errors import WireError
from tests.codec_samples import LOCAL_S, NOW_S, SAMPLES

STATION, TIMED, *_ = SAMPLES["sl651"]
EXTRA = bytes.fromhex(
    "7E7E01220102002A1234330028020002261123100620F1F1220102002A4FF0F02611231006392BFF0000012545200000004438121190031936"
)
ANSWER = bytes.fromhex("7E7E220102002A01123432800802000126112310050304AA7E")
HOURLY = bytes.fromhex(
    "7E7E01220102002A1234340063020003261123110010F1F1220102002A4FF0F02611231005F4600000050C1E19080000FF0000"
    "F0F026112311002619001234F0F02611231005F5C0000C000C000D000F0014001F002300220021FFFF001E001D"
    "F0F026112311003923000015403812126003F9C1"
)
ASCII = (
    b"\x0101220102002A1234320048\x020001261123100500ST 220102002A O TT 2611231005 PN05 1.2 Z 1.250 VT 12.65 \x039FD8"
)
HEARTBEAT = bytes.fromhex("7E7E01001234567812342F0008020003591011155111036BCA")
EXTENDED_38 = bytes.fromhex(
    "7E7E05001122334403E838002A020035170718110128F1F1001122334448F0F017071810050418000005F460"
    "0500000014FFFFFFFFFF000003E8AB"
)
STATUS_46 = bytes.fromhex("7E7E0500112233441234460015020023170718102008F1F100112233444520000004000315C1")
HEAD = "0001261123100500"
GROUP = f"F1F1{STATION}4FF0F02611231005"


def decode(*frames: bytes, station: str = STATION) -> Decoded:
    return Sl651().decode(b"".join(frames), device_id=station, received_s=NOW_S)


def frame(function: int, body: bytes, **own: object) -> bytes:
    fields = {"is_ascii": False, "is_uplink": True, "centre": 1, "station": STATION, "password": "1234"}
    return build(Frame(**fields | {"function": function, "body": body, "end": Control.ETX} | own))  # type: ignore[arg-type]


def report(elements: str, function: int = 0x32, head: str = HEAD + GROUP) -> bytes:
    return frame(function, bytes.fromhex(head + elements))


def reasons(decoded: Decoded) -> list[str]:
    return [fault.reason.value for fault in decoded.faults]


def rows(decoded: Decoded) -> list[tuple[str, float, float]]:
    """channel, seconds since LOCAL_S, value"""
    times = [time - LOCAL_S for time in decoded.times_s]
    return list(zip(decoded.channels, times, decoded.values, strict=True))


@pytest.mark.parametrize("data", [TIMED, EXTRA, ANSWER, HOURLY, ASCII, HEARTBEAT, EXTENDED_38, STATUS_46])
def test_the_worked_frames_are_found_and_built_again(data: bytes) -> None:
    assert [piece.is_frame for piece in cut(FRAMING, data)] == [True]
    assert build(parse(data)) == data


def test_an_extra_report_with_a_negative_level_and_a_status() -> None:
    decoded = decode(EXTRA)
    status = Status.LEVEL_ALARM | Status.LEVEL_METER_FAULT | Status.DOOR_OPEN | Status.PUMP_RUNNING
    assert rows(decoded) == [("Z", 60, -0.125), ("ZT", 60, status), ("VT", 60, 11.9)]
    assert not decoded.faults


def test_an_hourly_report_with_its_five_minutes() -> None:
    decoded = decode(HOURLY)
    rain = {0: 0, 1: 0, 2: 0.5, 3: 1.2, 4: 3, 5: 2.5, 6: 0.8, 7: 0, 8: 0, 10: 0, 11: 0}
    level = {0: 0.12, 1: 0.12, 2: 0.13, 3: 0.15, 4: 0.2, 5: 0.31, 6: 0.35, 7: 0.34, 8: 0.33, 10: 0.3, 11: 0.29}
    assert rows(decoded) == [
        *(("DRP", 300 * i, pytest.approx(mm * 12)) for i, mm in rain.items()),
        ("PT", 3300, 123.4),
        *(("DRZ1", 300 * i, m) for i, m in level.items()),
        ("Z", 3300, 1.54),
        ("VT", 3300, 12.6),
    ]
    assert reasons(decoded) == ["no-value", "no-value"]


def test_ascii_says_the_same_as_bcd() -> None:
    decoded = decode(ASCII)
    assert rows(decoded) == [("PN05", 0, 14.4), ("Z", 0, 1.25), ("VT", 0, 12.65)]
    assert decoded.units == ["mm/h", "m", "V"]
    other = b"0001261123100500ST 220102002A O TT 2611231005 Z -0.125 ZT 00000044 DRP " + b"0A" * 11 + b"FF Q M X1 3 "
    decoded = decode(frame(0x33, other, is_ascii=True))
    assert rows(decoded)[:2] == [("Z", 0, -0.125), ("ZT", 0, 0x44 ^ 0x480)]
    assert decoded.values[2:] == [12.0] * 11 + [3.0]
    assert reasons(decoded) == ["no-value", "no-value"]


def test_public_frames_of_a_query_and_of_a_status() -> None:
    decoded = decode(EXTENDED_38, station="0011223344")
    assert decoded.channels == ["DRP"] * 7
    assert [round(value / 12, 1) for value in decoded.values] == [0.5, 0, 0, 0, 2.0, 0, 0]
    assert reasons(decoded) == ["no-value"] * 5
    decoded = decode(STATUS_46, station="0011223344")
    assert decoded.channels == ["ZT"]
    assert Status(int(decoded.values[0])) == Status.DOOR_OPEN


def test_a_heartbeat_leaves_no_row() -> None:
    assert decode(HEARTBEAT, station="0012345678") == Decoded()


def test_a_series_has_a_value_every_step() -> None:
    decoded = decode(report("0418000100" + "3923" + "00001250" + "FFFFFFFF" + "FF001250" + "00001A50", 0x31))
    assert rows(decoded) == [("Z", 0, 1.25), ("Z", 7200, -1.25)]
    assert reasons(decoded) == ["no-value", "no-value"]
    ascii_body = f"{HEAD}ST {STATION} O TT 2611231005 DRN05 Z VT 1.25 12.1 M 12.2 1.27 12.3 ".encode()
    decoded = decode(frame(0x31, ascii_body, is_ascii=True))
    assert rows(decoded) == [
        ("Z", 0, 1.25), ("VT", 0, 12.1), ("VT", 300, 12.2), ("Z", 600, 1.27), ("VT", 600, 12.3)
    ]  # fmt: skip
    assert reasons(decoded) == ["no-value"]


@pytest.mark.parametrize(
    ("element", "value"),
    [("0E1A044400", "444"), ("0E1A000000", "0"), ("091A044400", "444"), ("091A088800", "888"), ("091A099900", "999")],
)
def test_codes_are_no_measurements(element: str, value: str) -> None:
    decoded = decode(report(element + "38121265"))
    assert decoded.channels == ["VT"]
    assert reasons(decoded) == ["flagged"]
    assert value in decoded.faults[0].detail


def test_a_test_report_is_kept_apart() -> None:
    decoded = decode(report("39230000125038121265", 0x30))
    assert decoded.values == []
    assert reasons(decoded) == ["flagged", "flagged"]


def test_several_stations_and_times_in_one_report() -> None:
    relayed = "F1F1220102002B50F0F02611231010"
    decoded = decode(report("39230000125038121265" + relayed + "2219000002"))
    assert rows(decoded) == [("Z", 0, 1.25), ("VT", 0, 12.65), ("220102002B.PN05", 300, 2.4)]


def test_the_definition_byte_is_trusted_and_unknown_identifiers_are_told() -> None:
    decoded = decode(report("70190220037612" + "0123" + "FF0512" + "4567"))
    assert rows(decoded) == [("VTA", 0, 2200.3), ("76", 0, 1.23), ("FF05", 0, 45.67)]


@pytest.mark.parametrize(
    "elements", ["39230000125", "3923000012", "39", "3900", "FF", "FF05", "F0F026132310", "0418000000"]
)
def test_a_report_that_ends_too_early_or_has_no_true_time_is_refused_as_a_whole(elements: str) -> None:
    elements += "0" * (len(elements) % 2)
    if elements == "392300001250":
        elements = "39230000125038"
    decoded = decode(report("38121265" + elements), TIMED)
    assert len(decoded.values) == 4
    assert reasons(decoded) == ["malformed"]


def test_a_nibble_that_is_no_digit_spoils_its_element_alone() -> None:
    decoded = decode(report("39230000A25038121265"))
    assert rows(decoded) == [("VT", 0, 12.65)]
    assert reasons(decoded) == ["no-value"]


@pytest.mark.parametrize("function", [0x40, 0x49, 0x4C, 0x00, 0xE0])
def test_functions_that_are_not_taken_are_named(function: int) -> None:
    assert reasons(decode(report("", function))) == ["malformed"]


def test_what_the_centre_sends_is_no_report() -> None:
    assert reasons(decode(ANSWER)) == ["malformed"]


def packets(body: bytes, size: int) -> list[bytes]:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return [
        frame(0x34, piece, total=len(pieces), number=i, is_multipacket=True, end=Control.ETB if i < len(pieces) else 3)
        for i, piece in enumerate(pieces, 1)
    ]


def test_packets_are_put_together_in_any_order_and_missing_ones_are_told() -> None:
    parts = packets(parse(HOURLY).body, 30)
    assert len(parts) == 4
    assert rows(decode(parts[2], parts[0], parts[1], parts[0], parts[3])) == rows(decode(HOURLY))
    decoded = decode(parts[0], parts[3], TIMED)
    assert len(decoded.values) == 4
    assert reasons(decoded) == ["malformed"]
    assert "2 of 4 packets" in decoded.faults[0].detail


def test_the_answer_repeats_the_serial_number_and_lets_the_station_hang_up() -> None:
    now = datetime(2026, 11, 23, 2, 5, 3, tzinfo=UTC)
    assert answer(parse(TIMED), now) == ANSWER
    assert answer(parse(HEARTBEAT), now) is None
    assert answer(parse(ANSWER), now) is None
    assert answer(parse(frame(0x32, b"\0\1")), now) is None
    assert parse(answer(parse(frame(0x32, parse(TIMED).body, end=Control.ETB)), now) or b"").end == Control.ACK
    in_ascii = answer(parse(ASCII), now)
    assert in_ascii is not None
    assert in_ascii.startswith(b"\x01220102002A011234328010\x020001261123100503\x04")
    last = parse(answer(parse(packets(parse(HOURLY).body, 30)[3]), now) or b"")
    assert (last.total, last.number, last.is_uplink) == (4, 4, False)


@given(st.sampled_from(sorted(REPORTS)), st.binary(max_size=60), st.booleans(), st.booleans())
def test_any_body_in_a_good_frame_is_rows_or_faults(function: int, tail: bytes, is_ascii: bool, whole: bool) -> None:
    head = HEAD.encode() if is_ascii else bytes.fromhex(HEAD + GROUP)
    decoded = decode(frame(function, (head if whole else b"") + tail or b"\0", is_ascii=is_ascii))
    assert len(decoded.channels) == len(decoded.values) == len(decoded.units) == len(decoded.times_s)


WORDS = st.sampled_from(
    ["ST", "TT", "Z", "DRP", "DRN05", "DRN00", "ZT", "M", "1.2", "-3", "FF", "2611231005", "RGZS", "", "9" * 30]
)


@given(st.sampled_from(sorted(REPORTS)), st.lists(WORDS, max_size=12))
def test_any_words_in_a_good_frame_are_rows_or_faults(function: int, words: list[str]) -> None:
    decode(frame(function, (HEAD + " ".join(words)).encode(), is_ascii=True))


GOOD = [TIMED, EXTRA, HOURLY, ASCII, HEARTBEAT]


@given(
    st.lists(
        st.sampled_from(GOOD) | st.binary(max_size=30) | st.sampled_from([b"\x7e", b"\x01", TIMED[:20], ASCII[:40]])
    )
)
def test_no_good_frame_is_lost_among_garbage_and_no_byte_vanishes(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    pieces = cut(FRAMING, stream)
    assert b"".join(piece.data for piece in pieces) == stream
    assert [piece.data for piece in pieces if piece.data in GOOD] == [part for part in parts if part in GOOD]


@given(st.lists(st.integers(1, 120), max_size=40))
def test_a_stream_is_cut_alike_however_it_comes(sizes: list[int]) -> None:
    stream = b"\x7e" + TIMED + b"\x7e\x7e\x01\x22" + EXTRA + HOURLY + b"\x01" + ASCII + TIMED[:-1] + HEARTBEAT
    cutter, frames = Cutter(FRAMING), []
    for size in [*sizes, len(stream)]:
        part, stream = stream[:size], stream[size:]
        frames += [piece.data for piece in cutter.feed(part) if piece.is_frame]
        assert cutter.kept < 4112
    assert frames == [TIMED, EXTRA, HOURLY, ASCII, HEARTBEAT]


def test_the_check_value_goes_high_byte_first() -> None:
    assert crc(TIMED[:-2]) == 0x105D
    swapped = TIMED[:-2] + TIMED[:-3:-1]
    with pytest.raises(WireError, match="no frame"):
        decode(swapped)
