"""Sparkplug B: values of every type, and the rules of a node's session: births, deaths, order, aliases, rebirth."""

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.message import Message
from ingest.sparkplug.codec import Sparkplug
from ingest.sparkplug.host import Host
from ingest.sparkplug.payload import parse, rebirth_command
from ingest.sparkplug.protobuf import text, varint
from ingest.sparkplug.session import REBIRTH_EVERY_S, REORDER_S, Data, Heard, Outcome, Rebirth, Session, State, Verb
from tests.codec_samples import NOW_S

LIVE = bytes.fromhex("08e0e9f6bea03412190a056c6576656c18ece5f6bea034200a69000000000000f43f1807")
HISTORICAL = bytes.fromhex("08e0e9f6bea03412190a056c6576656c18e08c9bbda034280169000000000000e03f1808")
REBIRTH = bytes.fromhex("08e0e9f6bea03412180a144e6f646520436f6e74726f6c2f526562697274687001")
INT8, INT32, INT64, UINT64, DOUBLE = 1, 3, 4, 8, 10


def metric(
    name: str = "", alias: int | None = None, *, int_: int | None = None, long: int | None = None,
    double: float | None = None, datatype: int = 0, extra: bytes = b"",
) -> bytes:  # fmt: skip
    data = text(1, name.encode()) if name else b""
    data += b"" if alias is None else varint(2, alias)
    data += varint(4, datatype) if datatype else b""
    data += b"" if int_ is None else varint(10, int_)
    data += b"" if long is None else varint(11, long)
    data += b"" if double is None else b"\x69" + struct.pack("<d", double)
    return text(2, data + extra)


def payload(*metrics: bytes, seq: int | None = None, at_s: float = NOW_S) -> bytes:
    return varint(1, round(at_s * 1000)) + b"".join(metrics) + (b"" if seq is None else varint(3, seq))


def birth(seq: int = 0, bd_seq: int = 0, *metrics: bytes) -> bytes:
    control = metric("Node Control/Rebirth", datatype=11, extra=varint(14, 0))
    return payload(metric("bdSeq", long=bd_seq, datatype=INT64), control, *metrics, seq=seq)


def decode(data: bytes) -> Any:
    return Sparkplug().decode(data, device_id="N1", received_s=NOW_S)


def test_what_a_node_sends_from_its_memory_is_marked() -> None:
    both = payload(
        metric("a", double=1.0, datatype=DOUBLE), metric("b", double=2.0, datatype=DOUBLE, extra=varint(5, 1))
    )
    assert decode(both).historical == {1}
    assert decode(HISTORICAL).historical == {0}
    assert decode(LIVE).historical == set()
    assert decode(payload(metric("a", double=1.0, extra=varint(5, 0)))).historical == set()


class Node:
    """A session and what followed."""

    def __init__(self) -> None:
        self.session = Session()
        self.said: list[Outcome] = []

    def hear(self, verb: str, data: bytes, device: str = "", at_s: float = NOW_S) -> list[Outcome]:
        return self._note(self.session.hear(Heard(Verb(verb), device, data, at_s)))

    def tick(self, at_s: float) -> list[Outcome]:
        return self._note(self.session.tick(at_s))

    def _note(self, outcomes: Iterator[Outcome]) -> list[Outcome]:
        new = list(outcomes)
        self.said += new
        return new


def values(outcomes: Iterable[Outcome]) -> list[float]:
    return [value for one in outcomes if isinstance(one, Data) for value in decode(one.payload).values]


def rebirths(outcomes: Iterable[Outcome]) -> int:
    return sum(isinstance(one, Rebirth) for one in outcomes)


def test_the_worked_payloads() -> None:
    assert (parse(LIVE).seq, parse(HISTORICAL).seq) == (7, 8)
    assert (decode(LIVE).times_s, decode(LIVE).values) == ([NOW_S - 0.5], [1.25])
    assert (decode(HISTORICAL).times_s, decode(HISTORICAL).values) == ([NOW_S - 3600], [0.5])
    assert parse(rebirth_command(1_795_428_300_000)).metrics[0].name == "Node Control/Rebirth"
    assert parse(REBIRTH).metrics[0].value is None


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (metric("m", int_=255, datatype=INT8), -1),
        (metric("m", int_=2**32 - 1, datatype=INT8), -1),
        (metric("m", int_=2**32 - 5, datatype=INT32), -5),
        (metric("m", long=2**64 - 5, datatype=INT64), -5),
        (metric("m", long=2**64 - 5, datatype=UINT64), 2**64 - 5),
        (metric("m", double=-0.5, datatype=DOUBLE), -0.5),
        (text(2, text(1, b"m") + b"\x65" + struct.pack("<f", 0.25)), 0.25),
    ],
)
def test_numbers_of_every_type(data: bytes, value: float) -> None:
    assert decode(payload(data)).values == [value]


QUALITY = text(9, text(1, b"Quality") + text(2, varint(1, 3) + varint(3, 0)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (metric("m", datatype=11, extra=varint(14, 1)), "no-value"),
        (metric("m", datatype=12, extra=text(15, b"open")), "no-value"),
        (metric("m", double=1.0, extra=varint(7, 1)), "no-value"),
        (metric("", 9, double=1.0), "unknown-channel"),
        (metric("m", double=1.0, extra=QUALITY), "flagged"),
        (text(2, b"\x0a\x7f"), "malformed"),
        (text(2, text(1, b"\xff")), "malformed"),
    ],
)
def test_a_metric_that_is_no_measurement_spoils_no_other(data: bytes, reason: str) -> None:
    decoded = decode(payload(metric("a/b", double=1.0), data, metric("c", double=2.0)))
    assert (decoded.channels, decoded.values) == (["a.b", "c"], [1.0, 2.0])
    assert [fault.reason.value for fault in decoded.faults] == [reason]


def test_data_is_told_under_the_names_and_types_of_the_birth() -> None:
    node = Node()
    node.hear(
        "NBIRTH", birth(0, 0, metric("level", 1, double=1.0, datatype=DOUBLE), metric("n", int_=1, datatype=INT32))
    )
    node.hear("DBIRTH", payload(metric("Tank/p", 2, int_=7, datatype=INT32), seq=1), "D")
    (data,) = node.hear("NDATA", payload(metric("", 1, double=2.0), metric("n", int_=2**32 - 3), seq=2))
    assert isinstance(data, Data)
    assert (decode(data.payload).channels, decode(data.payload).values) == (["level", "n"], [2.0, -3])
    (data,) = node.hear("DDATA", payload(metric("", 2, int_=2**32 - 1), seq=3), "D")
    assert isinstance(data, Data)
    assert (decode(data.payload).channels, decode(data.payload).values) == (["Tank.p"], [-1])
    assert not rebirths(node.said)


@pytest.mark.parametrize("start", [0, 7, 255])
def test_the_sequence_wraps_and_may_begin_anywhere(start: int) -> None:
    node = Node()
    node.hear("NBIRTH", birth(start))
    for i in range(1, 600):
        assert values(node.hear("NDATA", payload(metric("m", double=i), seq=(start + i) % 256))) == [i]
    assert not rebirths(node.said)


def test_what_comes_too_early_waits_for_what_is_before_it() -> None:
    node = Node()
    node.hear("NBIRTH", birth())
    assert not node.hear("NDATA", payload(metric("m", double=3), seq=3))
    assert not node.hear("NDATA", payload(metric("m", double=2), seq=2))
    assert not node.tick(NOW_S + REORDER_S / 2)
    assert values(node.hear("NDATA", payload(metric("m", double=1), seq=1))) == [1, 2, 3]
    assert not node.tick(NOW_S + 10 * REORDER_S)


def test_a_gap_that_stays_open_asks_for_a_rebirth_and_loses_nothing() -> None:
    node = Node()
    node.hear("NBIRTH", birth())
    for seq in (4, 2, 3):
        node.hear("NDATA", payload(metric("m", double=seq), seq=seq))
    after = node.tick(NOW_S + REORDER_S)
    assert (values(after), rebirths(after)) == ([2, 3, 4], 1)
    assert values(node.hear("NDATA", payload(metric("m", double=5), seq=5))) == [5]
    again = node.hear("NBIRTH", birth(6))
    assert values(node.hear("NDATA", payload(metric("m", double=7), seq=7))) == [7]
    assert not rebirths(again)


def test_a_node_without_a_birth_is_asked_once_in_a_while() -> None:
    node = Node()
    for i in range(100):
        node.hear("NDATA", payload(metric("m", double=i), seq=i), at_s=NOW_S + i)
    assert values(node.said) == list(range(100))
    assert rebirths(node.said) == 1 + int(99 // REBIRTH_EVERY_S)


def test_only_the_death_of_the_present_birth_counts() -> None:
    node = Node()
    node.hear("NBIRTH", birth(0, 5))
    node.hear("DBIRTH", payload(seq=1), "D")
    assert not node.hear("NDEATH", payload(metric("bdSeq", long=4)))
    gone = node.hear("NDEATH", payload(metric("bdSeq", long=5)), at_s=NOW_S + 9)
    assert [(one.device, one.online, one.since_s) for one in gone if isinstance(one, State)] == [
        ("", False, NOW_S + 9), ("D", False, NOW_S + 9)
    ]  # fmt: skip
    assert not node.hear("NDEATH", payload(metric("bdSeq", long=5)))
    assert rebirths(node.hear("NDATA", payload(metric("m", double=1), seq=2))) == 1


def test_devices_come_and_go_at_the_time_they_say() -> None:
    node = Node()
    node.hear("NBIRTH", birth())
    node.hear("DBIRTH", payload(seq=1, at_s=NOW_S - 3), "D")
    node.hear("DDEATH", payload(seq=2, at_s=NOW_S - 2), "D")
    states = [(one.device, one.online, one.since_s) for one in node.said if isinstance(one, State)]
    assert states == [("", True, NOW_S), ("D", True, NOW_S - 3), ("D", False, NOW_S - 2)]
    assert rebirths(node.hear("DDATA", payload(metric("m", double=1), seq=3), "D")) == 1


@given(st.permutations(range(1, 9)), st.sets(st.integers(1, 8)))
def test_whatever_the_order_every_value_is_told_once(order: list[int], lost: set[int]) -> None:
    node = Node()
    node.hear("NBIRTH", birth())
    sent = [seq for seq in order if seq not in lost]
    for seq in sent:
        node.hear("NDATA", payload(metric("m", double=seq), seq=seq))
    node.tick(NOW_S + REORDER_S)
    assert sorted(values(node.said)) == sorted(sent)


@given(st.lists(st.tuples(st.sampled_from(list(Verb)), st.sampled_from(["", "D"]), st.binary(max_size=20))))
def test_no_bytes_end_a_session(heard: list[tuple[Verb, str, bytes]]) -> None:
    node = Node()
    for verb, device, data in heard:
        node.hear(verb, data, device)
        node.hear(verb, payload(text(2, data), seq=1), device)
    node.tick(NOW_S + REORDER_S)


def message(topic: str, data: bytes) -> Message:
    return Message(topic, data, round(NOW_S * 1e6), 1, 0, False, None)


def test_the_host_speaks_the_topics_of_both_sides() -> None:
    host = Host("city")
    will = host.connect(NOW_S)
    assert (will.topic, will.qos, will.retain) == ("spBv1.0/STATE/city", 1, True)
    assert orjson.loads(will.payload) == {"online": False, "timestamp": 1_795_428_300_000}
    assert orjson.loads(host.birth().payload) == {"online": True, "timestamp": 1_795_428_300_000}
    other = message("lifeline/1/220100/D1/up/senml", b"[]")
    out = host.take(
        [
            other,
            message("spBv1.0/220100/NBIRTH/N1", birth(0, 0, metric("m", 3, double=1))),
            message("spBv1.0/220100/DBIRTH/N1/D1", payload(metric("p", 4, double=2), seq=1)),
            message("spBv1.0/220100/NCMD/N1", rebirth_command(1)),
            message("spBv1.0/STATE/other", b"{}"),
            message("spBv1.0/220100/NDATA/N1/D1", b"x"),
            message("spBv1.0/plant/NDATA/N1", b"x"),
            message("spBv1.0/220100/NDATA/N2", payload(metric("m", double=1), seq=9)),
        ]
    )
    assert [one.topic for one in out] == [
        other.topic,
        "lifeline/1/220100/N1/state",
        "lifeline/1/220100/N1/up/sparkplug",
        "lifeline/1/220100/N1.D1/state",
        "lifeline/1/220100/N1.D1/up/sparkplug",
        "spBv1.0/220100/NDATA/N1/D1",
        "spBv1.0/plant/NDATA/N1",
        "lifeline/1/220100/N2/up/sparkplug",
    ]
    (command,) = host.wanted()
    assert (command.topic, command.qos, command.retain) == ("spBv1.0/220100/NCMD/N2", 0, False)
    assert host.wanted() == []


def test_a_host_that_is_said_to_be_gone_says_that_it_is_there() -> None:
    host = Host("city")
    gone = host.connect(NOW_S)
    assert host.take([message(gone.topic, host.birth().payload)]) == []
    assert host.wanted() == []
    assert host.take([message(gone.topic, gone.payload)]) == []
    assert host.wanted() == [host.birth()]
