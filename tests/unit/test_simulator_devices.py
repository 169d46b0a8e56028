"""A simulated device keeps each reading until it is receipted, and accounts for every one."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from simulators.devices import Device, Message, Patience
from simulators.senml import Sample, senml

SAMPLE = Sample(1_795_428_300.0, "pressure", "Pa", 310_000.0)


def device(capacity: int = 100) -> Device:
    return Device("220100", "CC-L-101", session="s", capacity=capacity, patience=Patience(30.0, 600.0))


def due(one: Device, now_s: float) -> list[Message]:
    return list(one.due(now_s))


@given(st.lists(st.tuples(st.sampled_from(["take", "send", "receipt", "stranger"]), st.integers(1, 4))))
def test_every_reading_taken_is_receipted_pending_or_lost(steps: list[tuple[str, int]]) -> None:
    one, sent, now_s = device(capacity=3), [], 0.0
    for what, size in steps:
        now_s += 7.0 * size
        if what == "take":
            one.take([SAMPLE] * size, now_s)
        elif what == "send":
            for message in due(one, now_s):
                one.sent(message, now_s)
                sent.append(message.message_id)
        else:
            one.receipted(sent[:size] if what == "receipt" else ["not-mine"])
        tally = one.tally
        assert tally.taken == tally.receipted + tally.pending + tally.lost
        assert tally.receipted <= tally.published <= tally.taken


def test_resends_unchanged_with_doubling_waits_until_the_receipt() -> None:
    one = device()
    one.take([SAMPLE], 0.0)
    (first,) = due(one, 0.0)
    payload, times, now_s = first.payload, [], 0.0
    for _ in range(7):
        (message,) = due(one, now_s)
        assert (message.message_id, message.payload) == (first.message_id, payload)
        one.sent(message, now_s)
        assert due(one, now_s) == []
        times.append(message.due_s - now_s)
        now_s = message.due_s
    assert times == [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    one.receipted([first.message_id])
    assert due(one, now_s) == [] and one.tally.receipted == 1 and one.tally.sends == 7


def test_a_full_store_drops_the_oldest_and_says_so() -> None:
    one = device(capacity=2)
    for number in range(5):
        one.take([SAMPLE] * (number + 1), 0.0)
    assert [message.readings for message in due(one, 0.0)] == [4, 5]
    assert one.tally.lost == 1 + 2 + 3


def test_message_ids_of_two_sessions_differ() -> None:
    ids = set()
    for session in ("a", "b"):
        one = Device("220100", "CC-L-101", session=session)
        one.take([SAMPLE], 0.0)
        ids |= {message.message_id for message in due(one, 0.0)}
    assert len(ids) == 2 and all(len(name.encode()) <= 64 for name in ids)


def test_senml_is_what_the_wire_document_shows() -> None:
    at = datetime(2026, 11, 23, 10, 5, tzinfo=UTC).timestamp()
    pack = json.loads(
        senml("CC-L-014", [Sample(at, "pressure", "Pa", 310_000.0), Sample(at - 60.0, "pressure", "Pa", 310_400.0)])
    )
    assert pack == [
        {"bn": "CC-L-014:", "bt": 1795428300, "n": "pressure", "u": "Pa", "v": 310000},
        {"n": "pressure", "u": "Pa", "t": -60, "v": 310400},
    ]


def test_senml_names_the_version_that_a_secondary_unit_needs() -> None:
    assert json.loads(senml("D", [Sample(1.5e9, "depth", "cm", 12.0)]))[0]["bver"] == 26
    assert "bver" not in json.loads(senml("D", [Sample(1.5e9, "depth", "m", 0.12)]))[0]
