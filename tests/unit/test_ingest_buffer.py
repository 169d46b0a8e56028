"""The bounded buffer: order, bounds, and the call that opens it again."""

import threading
from functools import partial

from ingest.buffer import Buffer
from ingest.message import Message


def messages(count: int, size: int = 1) -> list[Message]:
    return [Message("t", bytes(size), 0, 1, i, False, None) for i in range(count)]


def test_messages_leave_in_order_and_stay_in_hand_until_they_are_settled() -> None:
    buffer = Buffer(messages=100, bytes_=1000)
    buffer.put(messages(5))
    taken = buffer.take(3, 0) + buffer.take(3, 0)
    assert [message.mid for message in taken] == [0, 1, 2, 3, 4]
    assert buffer.held == 5
    buffer.settle(taken)
    assert buffer.held == 0
    assert buffer.take(1, 0) == []


def test_what_is_put_back_is_taken_next_in_its_order() -> None:
    buffer = Buffer(messages=100, bytes_=1000)
    buffer.put(messages(5))
    taken = buffer.take(4, 0)
    buffer.put_back(taken[1:])
    assert [message.mid for message in buffer.take(9, 0)] == [1, 2, 3, 4]
    assert buffer.held == 5


def test_full_by_count_or_by_bytes_and_open_again_at_half() -> None:
    for size, bytes_ in ((1, 1_000_000), (100, 1_000)):
        calls: list[bool] = []
        buffer = Buffer(messages=10, bytes_=bytes_)
        buffer.on_room = partial(calls.append, True)
        buffer.put(messages(9, size))
        assert not buffer.is_full
        buffer.put(messages(1, size))
        assert buffer.is_full
        buffer.settle(buffer.take(4, 0))
        assert buffer.is_full
        assert not calls
        buffer.settle(buffer.take(1, 0))
        assert not buffer.is_full
        assert calls == [True]


def test_a_waiting_take_gets_what_comes() -> None:
    buffer = Buffer(messages=10, bytes_=1000)
    threading.Timer(0.05, buffer.put, [messages(2)]).start()
    assert len(buffer.take(10, 30)) == 2
