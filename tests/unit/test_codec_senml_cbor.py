"""SenML CBOR: the same records as in JSON give the same rows, in every notation of numbers that CBOR has."""

import math
from decimal import Decimal
from typing import Any

import cbor2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Decoded
from ingest.senml import SenmlJson
from ingest.senml_cbor import _LABELS, SenmlCbor
from lifeline.errors import WireError
from lifeline.reading import RejectReason
from tests.codec_samples import NOW_S

CODEC = SenmlCbor()
DEVICE = "urn:dev:mac:0024befffe804ff1"
KEYS = {label: key for key, label in _LABELS.items()}


def decode(payload: bytes, device_id: str = DEVICE) -> Decoded:
    return CODEC.decode(payload, device_id=device_id, received_s=NOW_S)


def rows(decoded: Decoded) -> list[tuple[str, str | None, float, float]]:
    return list(zip(decoded.channels, decoded.units, decoded.times_s, decoded.values, strict=True))


def test_the_worked_example() -> None:
    decoded = decode(
        bytes.fromhex(
            "82a521781d75726e3a6465763a6d61633a303032346265666666653830346666313a221a6b040fcc23616d00656c6576656c"
            "02fb3ff4000000000000a300656c6576656c06383b02fb3ff35c28f5c28f5c"
        )
    )
    assert rows(decoded) == [("level", "m", NOW_S, 1.25), ("level", "m", NOW_S - 60, 1.21)]


def test_a_secondary_unit_with_its_version() -> None:
    decoded = decode(
        bytes.fromhex(
            "81a620181a21781d75726e3a6465763a6d61633a303032346265666666653830346666313a00647261696e01626d6d"
            "02fb3ff3333333333333061a6b040fcc"
        )
    )
    assert rows(decoded) == [("rain", "mm", NOW_S, 1.2)]


@pytest.mark.parametrize("value", [3, 3.0, Decimal("3.0"), Decimal(3)])
@pytest.mark.parametrize("time", [1_795_428_300, 1_795_428_300.0, Decimal("1795428300.0")])
def test_numbers_are_integers_floats_or_decimal_fractions(value: Any, time: Any) -> None:
    decoded = decode(cbor2.dumps([{-2: f"{DEVICE}:", -3: time, 0: "p", 2: value}]))
    assert rows(decoded) == [("p", None, NOW_S, 3.0)]


@pytest.mark.parametrize("value", [2**70, -(2**70), 10**400, Decimal("1e999"), Decimal("nan"), float("inf")])
def test_a_number_of_any_size_is_a_float_that_the_gate_can_judge(value: Any) -> None:
    decoded = decode(cbor2.dumps([{0: f"{DEVICE}:p", 2: value}]))
    assert [type(value) for value in decoded.values] == [float]


@pytest.mark.parametrize("time", [math.nan, Decimal("nan")])
def test_a_time_that_is_no_number_is_a_fault(time: Any) -> None:
    good = {-2: f"{DEVICE}:", 0: "p", 2: 1, 6: NOW_S}
    decoded = decode(cbor2.dumps([good, {0: "p", 2: 2, 6: time}, {0: "p", 2: 3, 6: NOW_S + 1}]))
    assert decoded.values == [1, 3]
    assert [fault.reason for fault in decoded.faults] == [RejectReason.MALFORMED]


def test_labels_in_text_are_extensions_and_never_fields() -> None:
    extended = {0: f"{DEVICE}:p", 2: 1, "v": 7, "vs": "x", "n": "q", 99: 3, True: "x"}
    assert decode(cbor2.dumps([extended])).values == [1]
    must = decode(cbor2.dumps([{0: f"{DEVICE}:p", 2: 1, "must_": 1}]))
    assert [fault.reason for fault in must.faults] == [RejectReason.MALFORMED]


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"\x80", b"\xa0", b"\x01", b"\x81", b"\x81" * 50, cbor2.dumps([{0: "x", 2: 1}]) + b"\x80"],
)
def test_what_is_no_pack_is_malformed(payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        decode(payload)
    assert caught.value.reason is RejectReason.MALFORMED


ANY = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.decimals()
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.lists(st.integers(), max_size=2)
)
RECORD = st.dictionaries(st.integers(-7, 9) | st.text(max_size=3), ANY, max_size=5)


@given(st.lists(RECORD | ANY, min_size=1, max_size=5))
def test_every_record_is_a_row_or_a_fault(records: list[Any]) -> None:
    decoded = decode(cbor2.dumps(records))
    assert len(rows(decoded)) + len(decoded.faults) == len(records)
    assert not any(math.isnan(time) for time in decoded.times_s)
    assert all(type(value) in (int, float) for value in decoded.values)


PLAIN = st.dictionaries(
    st.sampled_from(["bn", "bt", "bu", "bv", "n", "u", "v", "t", "vs", "bver"]),
    st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["D:", "p", "m"]),
)


@given(st.lists(PLAIN, min_size=1, max_size=4))
def test_json_and_cbor_say_the_same(records: list[dict[str, Any]]) -> None:
    as_cbor = cbor2.dumps([{KEYS[label]: value for label, value in record.items()} for record in records])
    as_json = SenmlJson().decode(orjson.dumps(records), device_id="D", received_s=NOW_S)
    assert decode(as_cbor, "D") == as_json
