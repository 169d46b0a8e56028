"""The few rules of the Protocol Buffers encoding that Sparkplug B needs: fields in, fields out."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class ProtobufError(Exception):
    """The bytes are no message; the text says where."""


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """(number, wire type, value) of each field: an integer of a varint, else its bytes. Raises ProtobufError."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if not number:
            raise ProtobufError(f"field 0 before byte {at}")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ProtobufError(f"wire type {kind} before byte {at}")
        if at + size > len(data):
            raise ProtobufError(f"field {number} runs past the end")
        yield number, kind, data[at : at + size]
        at += size


def varint(number: int, value: int) -> bytes:
    """A field with an unsigned integer."""
    return _number(number << 3 | VARINT) + _number(value)


def text(number: int, value: bytes) -> bytes:
    """A field with bytes, a text or a message."""
    return _number(number << 3 | BYTES) + _number(len(value)) + value


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if not byte & 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + i + 1
    raise ProtobufError(f"a number without end at byte {at}")
