"""Taking PUBLISH packets out of a stream: whole, in order, however the stream is cut."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.frames import FrameError, split
from ingest.message import Message

PINGRESP = b"\xd0\x00"
PUBACK = b"\x40\x04\x00\x07\x00\x00"


def length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def publish(
    topic: str,
    payload: bytes,
    *,
    mid: int = 0,
    again: bool = False,
    correlation: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    properties = more
    if correlation is not None:
        properties += b"\x09" + struct.pack(">H", len(correlation)) + correlation
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + (struct.pack(">H", mid) if mid else b"")
    body += length(len(properties)) + properties + payload
    head = 0x30 | (0x02 if mid else 0) | (0x08 if again else 0)
    return bytes([head]) + length(len(body)) + body


PUBLISHED = st.builds(
    publish,
    st.text("abc/", min_size=1, max_size=40),
    st.binary(max_size=300),
    mid=st.integers(0, 65535),
    again=st.booleans(),
    correlation=st.none() | st.binary(min_size=1, max_size=64),
    more=st.sampled_from([b"", b"\x01\x01", b"\x02\x00\x00\x00\x0a", b"\x03\x00\x01x", b"\x26\x00\x01a\x00\x02bc"]),
)


def test_every_part_of_a_publish_is_read() -> None:
    stream = publish("a/b", b"payload", mid=515, again=True, correlation=b"id-1", more=b"\x23\x00\x01\x0b\x81\x01")
    assert split(stream, 3, 77) == ([Message("a/b", b"payload", 77, 3, 515, True, b"id-1")], b"", b"")


@given(st.lists(PUBLISHED | st.sampled_from([PINGRESP, PUBACK]), max_size=8), st.data())
def test_cuts_change_nothing(packets: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(packets)
    whole, others, rest = split(stream, 1, 0)
    assert rest == b""
    assert others == b"".join(packet for packet in packets if packet in (PINGRESP, PUBACK))
    assert len(whole) == len([packet for packet in packets if packet not in (PINGRESP, PUBACK)])

    messages, kept, unread, position = [], b"", b"", 0
    while position < len(stream):
        step = data.draw(st.integers(1, 40))
        part, other, unread = split(unread + stream[position : position + step], 1, 0)
        messages += part
        kept += other
        position += step
    assert (messages, kept, unread) == (whole, others, b"")


@given(st.binary(max_size=200))
def test_any_bytes_are_split_or_refused(stream: bytes) -> None:
    try:
        _, _, rest = split(stream, 1, 0)
    except FrameError:
        return
    assert stream.endswith(rest)


@pytest.mark.parametrize(
    "stream",
    [
        b"\x32\x03\x00\x05a",  # topic longer than the packet
        b"\x34\x05\x00\x01a\x00\x00",  # QoS 2
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x06\x00\x01a\x02\x7f\x00",  # a property that PUBLISH does not have
        b"\x30\x06\x00\x01a\x09\x09\x00",  # properties longer than the packet
    ],
)
def test_what_is_not_mqtt_ends_the_connection(stream: bytes) -> None:
    with pytest.raises(FrameError):
        split(stream + b"\x00" * 8, 1, 0)
