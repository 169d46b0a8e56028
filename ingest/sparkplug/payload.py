"""A Sparkplug B payload: its metrics with their values, and the same with the names that an alias stands for."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ingest.sparkplug.protobuf import BYTES, FIXED32, FIXED64, VARINT, ProtobufError, fields, text, varint
from lifeline.errors import WireError
from lifeline.reading import RejectReason

GOOD_QUALITY = 192
REBIRTH = "Node Control/Rebirth"
BIRTH_SEQUENCE = "bdSeq"
CONTROL_PREFIXES = ("Node Control/", "Device Control/")

_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_BOOLEAN = 11
_TIMESTAMP, _METRICS, _SEQ = 1, 2, 3
_NAME, _ALIAS, _METRIC_TIMESTAMP, _DATATYPE, _IS_HISTORICAL, _IS_NULL, _PROPERTIES = 1, 2, 3, 4, 5, 7, 9
_INT, _LONG, _FLOAT, _DOUBLE, _BOOL_VALUE = 10, 11, 12, 13, 14
_KEYS, _VALUES, _PROPERTY_INT = 1, 2, 3
_KINDS = {
    _NAME: BYTES, _ALIAS: VARINT, _METRIC_TIMESTAMP: VARINT, _DATATYPE: VARINT, _IS_HISTORICAL: VARINT,
    _IS_NULL: VARINT, _PROPERTIES: BYTES,
    _INT: VARINT, _LONG: VARINT, _FLOAT: FIXED32, _DOUBLE: FIXED64, _BOOL_VALUE: VARINT,
}  # fmt: skip
_PAYLOAD_KINDS = {_TIMESTAMP: VARINT, _METRICS: BYTES, _SEQ: VARINT}


class Known(NamedTuple):
    """What a birth says of a metric."""

    name: str
    datatype: int


@dataclass(slots=True)
class Metric:
    """One metric as it is sent."""

    name: str = ""
    """empty: only its alias is told"""
    alias: int | None = None
    timestamp_ms: int | None = None
    datatype: int = 0
    is_historical: bool = False
    is_null: bool = False
    value: float | None = None
    """None where it is no number"""
    quality: int = GOOD_QUALITY
    fault: str = ""
    """why it cannot be read"""


@dataclass(frozen=True, slots=True)
class Payload:
    """One message's content."""

    timestamp_ms: int | None
    seq: int | None
    metrics: list[Metric]

    @property
    def birth_sequence(self) -> int | None:
        """`bdSeq`, which ties a death to its birth."""
        value = next((metric.value for metric in self.metrics if metric.name == BIRTH_SEQUENCE), None)
        return None if value is None else int(value)


def parse(data: bytes) -> Payload:
    """The payload; a metric that cannot be read says so itself. Raises WireError where the whole cannot."""
    timestamp_ms = seq = None
    metrics: list[Metric] = []
    try:
        for number, kind, value in fields(data):
            if _PAYLOAD_KINDS.get(number, kind) != kind:
                raise ProtobufError(f"field {number} of another kind")
            if isinstance(value, bytes):
                if number == _METRICS:
                    metrics.append(_metric(value))
            elif number == _TIMESTAMP:
                timestamp_ms = value
            elif number == _SEQ:
                seq = value
    except ProtobufError as error:
        raise WireError(f"no Sparkplug payload: {error}", reason=RejectReason.MALFORMED) from error
    return Payload(timestamp_ms, seq, metrics)


def named(data: bytes, known: Callable[[Metric], Known | None]) -> bytes:
    """A payload that `parse` reads, each metric with the name and the type that its birth told."""
    changed = bytearray()
    for number, _, value in fields(data):
        if number == _METRICS and isinstance(value, bytes):
            changed += text(number, value + _told(_metric(value), known))
        elif number in (_TIMESTAMP, _SEQ) and isinstance(value, int):
            changed += varint(number, value)
    return bytes(changed)


def _told(metric: Metric, known: Callable[[Metric], Known | None]) -> bytes:
    """The fields that a metric leaves to its birth."""
    found = None if metric.fault else known(metric)
    if found is None:
        return b""
    name = b"" if metric.name else text(_NAME, found.name.encode())
    return name if metric.datatype else name + varint(_DATATYPE, found.datatype)


def rebirth_command(now_ms: int) -> bytes:
    """The payload of NCMD that asks a node to tell all its metrics anew."""
    metric = text(_NAME, REBIRTH.encode()) + varint(_DATATYPE, _BOOLEAN) + varint(_BOOL_VALUE, 1)
    return varint(_TIMESTAMP, now_ms) + text(_METRICS, metric)


def _metric(data: bytes) -> Metric:
    metric = Metric()
    raw: tuple[int, int | bytes] | None = None
    try:
        for number, kind, value in fields(data):
            if _KINDS.get(number, kind) != kind:
                raise ProtobufError(f"field {number} of another kind")
            if isinstance(value, bytes):
                if number == _NAME:
                    metric.name = value.decode()
                elif number == _PROPERTIES:
                    metric.quality = _quality(value)
                elif number in (_FLOAT, _DOUBLE):
                    raw = number, value
            elif number == _ALIAS:
                metric.alias = value
            elif number == _METRIC_TIMESTAMP:
                metric.timestamp_ms = value
            elif number == _DATATYPE:
                metric.datatype = value
            elif number == _IS_HISTORICAL:
                metric.is_historical = bool(value)
            elif number == _IS_NULL:
                metric.is_null = bool(value)
            elif number in (_INT, _LONG):
                raw = number, value
    except (ProtobufError, UnicodeDecodeError) as error:
        metric.fault = str(error)
    metric.value = None if raw is None else _value(*raw, metric.datatype)
    return metric


def _value(number: int, raw: int | bytes, datatype: int) -> float:
    if isinstance(raw, bytes):
        value: float = struct.unpack("<f" if number == _FLOAT else "<d", raw)[0]
        return value
    bits = _SIGNED_BITS.get(datatype)
    if bits is None:
        return raw
    low = raw & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def _quality(data: bytes) -> int:
    """The property `Quality` of a metric; good where there is none."""
    keys: list[bytes] = []
    values: list[bytes] = []
    for number, kind, value in fields(data):
        if kind == BYTES and isinstance(value, bytes) and number in (_KEYS, _VALUES):
            (keys if number == _KEYS else values).append(value)
    for key, value in zip(keys, values, strict=False):
        if key == b"Quality":
            return next((int(v) for n, k, v in fields(value) if n == _PROPERTY_INT and k == VARINT), 0)
    return GOOD_QUALITY
