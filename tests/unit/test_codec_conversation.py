"""What a connection says, however it is torn: whole messages in order, each with its answer, and no byte lost."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Decoded
from ingest.conversation import NOISE_LIMIT_BYTES, Conversation, Heard
from ingest.hj212.dialect import Hj212Dialect
from ingest.hj212.packet import build as hj212_packet
from ingest.sl651.codec import Sl651
from ingest.sl651.dialect import KEPT_BYTES, MOST_RESENDS, Sl651Dialect
from ingest.sl651.frame import Control, Frame, build, parse
from tests.codec_samples import NOW_S, SAMPLES

NOW = datetime(2026, 11, 23, 2, 5, 3, tzinfo=UTC)
STATION, TIMED, *_ = SAMPLES["sl651"]
MN, UPLOAD, *_ = SAMPLES["hj212"]
HEARTBEAT = bytes.fromhex("7E7E01001234567812342F0008020003591011155111036BCA")
NOISE = st.binary(max_size=20).filter(lambda noise: not set(noise) & set(b"\x01\x7e#\r\n"))


def answers(heard: list[Heard]) -> list[bytes]:
    said = [one.answer(NOW) for one in heard if one.answer is not None]
    return [data for data in said if data is not None]


def packets(count: int, size: int = 15, function: int = 0x34) -> list[bytes]:
    body = parse(TIMED).body
    body += bytes.fromhex("38121265") * (count * size // 4)
    return [
        build(
            Frame(
                False, True, 1, STATION, "1234", function, body[i * size : (i + 1) * size],
                Control.ETX if i == count - 1 else Control.ETB, count, i + 1, is_multipacket=True,
            )
        )
        for i in range(count)
    ]  # fmt: skip


@given(st.lists(st.sampled_from([TIMED, HEARTBEAT]) | NOISE), st.integers(1, 80))
def test_stations_of_sl651_are_heard_through_noise(parts: list[bytes], size: int) -> None:
    stream = b"".join(parts)
    conversation = Conversation(Sl651Dialect())
    heard: list[Heard] = []
    for at in range(0, len(stream), size):
        heard += conversation.feed(stream[at : at + size])
    heard += conversation.end()
    assert b"".join(one.payload for one in heard) == stream
    assert [one.payload for one in heard if one.answer] == [part for part in parts if part in (TIMED, HEARTBEAT)]
    assert len(answers(heard)) == parts.count(TIMED)


def test_noise_belongs_to_the_station_that_spoke_last() -> None:
    conversation = Conversation(Sl651Dialect())
    heard = conversation.feed(b"abc" + TIMED + TIMED[:-1] + b"\0" + HEARTBEAT)
    assert [one.device_id for one in heard] == ["", STATION, STATION, "0012345678"]
    assert heard[2].payload == TIMED[:-1] + b"\0"
    assert heard[2].answer is None


def test_the_packets_of_a_message_are_one_message_with_one_answer() -> None:
    conversation = Conversation(Sl651Dialect())
    first, second, third = packets(3)
    heard = [one for one in conversation.feed(third + first + TIMED + first + second) if one.payload]
    assert [one.payload for one in heard] == [TIMED, first + second + third]
    decoded = Sl651().decode(heard[1].payload, device_id=STATION, received_s=NOW_S)
    assert decoded.channels[:4] == ["PN05", "Z", "Q", "VT"]
    assert not decoded.faults
    answer = parse(answers(heard)[1])
    assert (answer.total, answer.number, answer.body[:2]) == (3, 3, parse(TIMED).body[:2])


def test_a_missing_packet_is_asked_for_by_its_number_twice_at_the_most() -> None:
    conversation = Conversation(Sl651Dialect())
    first, second, third = packets(3)
    assert conversation.feed(first) == []
    naks = [parse(answers(conversation.feed(third))[0]) for _ in range(MOST_RESENDS)]
    assert [(nak.end, nak.total, nak.number, nak.is_uplink) for nak in naks] == [(Control.NAK, 3, 2, False)] * 2
    assert naks[0].body[:2] == parse(TIMED).body[:2]
    assert conversation.feed(third) == []
    (whole,) = conversation.feed(second)
    assert whole.payload == first + second + third
    lost_first = Conversation(Sl651Dialect())
    (nak,) = answers(lost_first.feed(second + third))
    assert (parse(nak).number, parse(nak).body[:2]) == (1, b"\0\0")


def test_a_station_that_puts_itself_before_the_centre_is_known_by_what_it_said_before() -> None:
    uplink = parse(TIMED)
    turned = build(replace(uplink, function=0x50, centre=0x22, station="0102002A01"))
    (alone,) = Conversation(Sl651Dialect()).feed(turned)
    assert alone.device_id == "0102002A01"
    conversation = Conversation(Sl651Dialect())
    heard = conversation.feed(TIMED + turned)
    assert [one.device_id for one in heard] == [STATION, STATION]
    answered = parse(answers(heard)[1])
    assert (answered.station, answered.centre, answered.function) == (STATION, 1, 0x50)
    report = build(replace(uplink, centre=0x22, station="0102002A01"))
    assert Sl651().decode(report, device_id=STATION, received_s=NOW_S).channels == ["PN05", "Z", "Q", "VT"]
    assert Sl651().decode(report, device_id="X", received_s=NOW_S).channels == []


def test_packets_without_an_end_are_told_and_not_answered() -> None:
    conversation = Conversation(Sl651Dialect())
    assert conversation.feed(packets(3)[0]) == []
    (unfinished,) = conversation.end()
    assert unfinished.answer is None
    decoded = Sl651().decode(unfinished.payload, device_id=STATION, received_s=NOW_S)
    assert decoded == Decoded(faults=decoded.faults)
    assert "1 of 3 packets" in decoded.faults[0].detail
    many = packets(200, 4000)[:-1]
    told = conversation.feed(b"".join(many)) + conversation.end()
    assert b"".join(one.payload for one in told) == b"".join(many)
    assert all(len(one.payload) < KEPT_BYTES + 5000 for one in told)


def test_sites_of_hj212_are_answered_where_they_want_it() -> None:
    conversation = Conversation(Hj212Dialect())
    silent = hj212_packet(f"QN=20261123100500124;ST=32;CN=2011;PW=1;MN={MN};Flag=4;CP=&&DataTime=20261123100500&&")
    odd = hj212_packet("no fields&&")
    heard = conversation.feed(b"\r\n" + UPLOAD + silent + b"?" + odd + UPLOAD[:30])
    assert [one.device_id for one in heard] == [MN, MN, MN, ""]
    assert [one.payload for one in heard] == [UPLOAD[:-2], silent[:-2], b"\r\n?", odd[:-2]]
    assert answers(heard) == [
        b"##0087QN=20261123100500123;ST=91;CN=9014;PW=123456;MN=220102A8900016F00016002A;Flag=4;CP=&&&&D4C1\r\n"
    ]
    assert [one.payload for one in conversation.end()] == [UPLOAD[:30]]


@pytest.mark.parametrize("dialect", [Sl651Dialect, Hj212Dialect])
def test_who_sends_nothing_but_garbage_is_no_station(dialect: type[Sl651Dialect] | type[Hj212Dialect]) -> None:
    conversation = Conversation(dialect())
    sent = 0
    while not conversation.is_noise:
        conversation.feed(b"\x55" * 1000)
        sent += 1000
    assert NOISE_LIMIT_BYTES < sent < NOISE_LIMIT_BYTES + 2000
