"""SenML CBOR (RFC 8428, section 6): the records of SenML JSON under numeric labels."""

from decimal import Decimal
from io import BytesIO
from typing import Any

import cbor2

from ingest.contract import Decoded, Single
from ingest.senml import malformed, resolve, single
from lifeline.errors import WireError

_LABELS = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}
_LARGEST_INTEGER = 2**64


class SenmlCbor:
    """The codec `senml-cbor`: names, times and units are resolved as by `senml`."""

    name = "senml-cbor"

    def single(self, payload: bytes, device_id: str) -> Single | None:
        try:
            return single(_load(payload), device_id)
        except WireError:
            return None

    def decode(self, payload: bytes, *, device_id: str, received_s: float) -> Decoded:
        return resolve(_load(payload), device_id=device_id, received_s=received_s)


def _load(payload: bytes) -> Any:
    """The pack under the labels of JSON. Raises WireError."""
    stream = BytesIO(payload)
    try:
        pack = cbor2.load(stream, max_depth=16)
    except (cbor2.CBORDecodeError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        raise malformed(f"not CBOR: {error}") from error
    if stream.tell() != len(payload):
        raise malformed(f"{len(payload) - stream.tell()} bytes behind the pack")
    return [_labelled(record) for record in pack] if isinstance(pack, list) else pack


def _labelled(record: Any) -> Any:
    """The record under the labels of JSON. Of labels in text only those that must be understood are kept: such a label
    never means the field of the same name.
    """
    if type(record) is not dict:
        return record
    fields: dict[str, Any] = {}
    for key, value in record.items():
        if type(key) is int and key in _LABELS:
            fields[_LABELS[key]] = _plain(value)
        elif type(key) is str and key.endswith("_"):
            fields[key] = value
    return fields


def _plain(value: Any) -> Any:
    """Decimal fractions and very large integers as floats, which hold every number of a sensor."""
    if type(value) is Decimal or (type(value) is int and abs(value) > _LARGEST_INTEGER):
        try:
            return float(value)
        except (OverflowError, ValueError):  # beyond every float; a signalling NaN
            return float("nan")
    return value
