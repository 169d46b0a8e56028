"""SenML JSON: the resolution rules of RFC 8428, and that nothing a device sends can hurt a good record."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Decoded
from ingest.senml import SenmlJson, _Resolver
from lifeline.errors import WireError
from lifeline.reading import RejectReason

NOW_S = 1_795_428_300.0
CODEC = SenmlJson()
DEVICE = "CC-L-014"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
LABELS = st.sampled_from(["bn", "bt", "bu", "bv", "bs", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut", "x", "must_"])
RECORD = st.dictionaries(LABELS, JSON, max_size=5)
GOOD = {"bn": f"{DEVICE}:", "bt": NOW_S, "bu": "Pa", "bv": 0, "n": "pressure", "v": 310_000.5}


def decode(*records: Any) -> Decoded:
    return CODEC.decode(orjson.dumps(list(records)), device_id=DEVICE, received_s=NOW_S)


def rows(decoded: Decoded) -> list[tuple[str, str | None, float, float]]:
    return list(zip(decoded.channels, decoded.units, decoded.times_s, decoded.values, strict=True))


def reasons(decoded: Decoded) -> list[str]:
    return [fault.reason.value for fault in decoded.faults]


def test_the_worked_example_of_the_wire_document() -> None:
    decoded = decode(
        {"bn": "CC-L-014:", "bt": 1795428300, "n": "pressure", "u": "Pa", "v": 310000},
        {"n": "pressure", "u": "Pa", "t": -60, "v": 310400},
    )
    assert rows(decoded) == [("pressure", "Pa", 1795428300, 310000), ("pressure", "Pa", 1795428240, 310400)]
    assert not decoded.faults


def test_base_fields_hold_until_they_appear_again() -> None:
    decoded = decode(
        {"bn": "CC-L-014:", "bt": NOW_S, "bu": "m", "bv": 10, "n": "a", "v": 1},
        {"n": "b", "v": 2, "t": 1.5},
        {"bu": "Pa", "bv": 0, "n": "c", "v": 3},
        {"bt": NOW_S + 100, "n": "d", "u": "K", "v": 4},
    )
    assert rows(decoded) == [
        ("a", "m", NOW_S, 11),
        ("b", "m", NOW_S + 1.5, 12),
        ("c", "Pa", NOW_S, 3),
        ("d", "K", NOW_S + 100, 4),
    ]


@pytest.mark.parametrize(("time", "expected"), [(0, 0), (-60, -60), (2**28 - 1, 2**28 - 1)])
def test_small_times_are_relative_to_reception(time: float, expected: float) -> None:
    assert decode({"n": f"{DEVICE}:p", "t": time, "v": 1}).times_s == [NOW_S + expected]


def test_a_time_from_the_limit_on_is_absolute() -> None:
    assert decode({"n": f"{DEVICE}:p", "t": 2**28, "v": 1}).times_s == [2**28]


def test_a_record_without_a_unit_leaves_it_to_the_city_pack() -> None:
    assert decode({"n": f"{DEVICE}:p", "v": 1}).units == [None]


def test_secondary_units_want_their_version() -> None:
    without = decode({"n": f"{DEVICE}:p", "u": "mm", "v": 1})
    assert reasons(without) == ["unit"]
    assert "bver 26" in without.faults[0].detail
    assert decode({"bver": 26, "n": f"{DEVICE}:p", "u": "mm", "v": 1}).units == ["mm"]
    assert reasons(decode({"bver": 26, "n": f"{DEVICE}:p", "u": "bar", "v": 1})) == ["unit"]


@pytest.mark.parametrize("version", [0, 9, 11, 42, 58, "10", 10.0, True, None])
def test_nothing_of_a_version_with_unknown_features_is_taken(version: Any) -> None:
    decoded = decode({"bver": version, **GOOD}, {"n": "pressure", "v": 1})
    assert reasons(decoded) == ["malformed", "malformed"]
    assert "features not known here (known: 10, 26)" in decoded.faults[0].detail


def test_one_pack_has_one_version() -> None:
    decoded = decode({"bver": 10, **GOOD}, {"bver": 26, "n": "pressure", "v": 1}, {"n": "pressure", "v": 2})
    assert reasons(decoded) == ["malformed"]
    assert decoded.values == [310_000.5, 2]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "no-value"),
        ({"v": None}, "no-value"),
        ({"v": True}, "no-value"),
        ({"v": "3.2"}, "no-value"),
        ({"vs": "frozen"}, "no-value"),
        ({"vb": False}, "no-value"),
        ({"s": 12.5}, "no-value"),
        ({"v": 1, "vs": "x"}, "malformed"),
        ({"v": 1, "must_": 1}, "malformed"),
        ({"v": 1, "t": "now"}, "malformed"),
        ({"v": 1, "t": True}, "malformed"),
        ({"v": 1, "u": 7}, "malformed"),
        ({"v": 1, "n": 7}, "malformed"),
        ({"v": 1, "u": "kPa"}, "unit"),
        ({"v": 1, "u": "furlong"}, "unit"),
        ({"v": 1, "bn": "OTHER:"}, "device-mismatch"),
        ({"v": 1, "bn": "CC-L-0144:"}, "device-mismatch"),
        ({"v": 1, "bn": "", "n": "pressure"}, "malformed"),
        ("not an object", "malformed"),
    ],
)
def test_a_bad_record_is_a_fault_that_names_it(fields: Any, reason: str) -> None:
    bad = {"n": "pressure", **fields} if isinstance(fields, dict) else fields
    decoded = decode(GOOD, bad, {"bn": f"{DEVICE}:", "n": "pressure", "v": 1})
    assert reasons(decoded) == [reason]
    assert decoded.faults[0].detail.startswith("record 1:")
    assert decoded.values == [310_000.5, 1]


@pytest.mark.parametrize("base", ["bn", "bt", "bu", "bv"])
def test_what_stands_on_an_unusable_base_field_is_not_guessed(base: str) -> None:
    decoded = decode(GOOD, {base: [], "n": "pressure", "v": 1}, {"n": "pressure", "v": 2}, {base: GOOD[base], **GOOD})
    assert reasons(decoded) == ["malformed", "malformed"]
    assert decoded.values == [310_000.5, 310_000.5]


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"3", b"[NaN]", b'[{"n":"x","v":NaN}]', b'[{"v":1e999}]', b"\xff"]
)
def test_what_is_no_pack_is_malformed(payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        CODEC.decode(payload, device_id=DEVICE, received_s=NOW_S)
    assert caught.value.reason is RejectReason.MALFORMED


@given(st.lists(RECORD | JSON, min_size=1, max_size=6))
def test_every_record_is_a_row_or_a_fault(records: list[Any]) -> None:
    decoded = decode(*records)
    assert len(rows(decoded)) + len(decoded.faults) == len(records)
    assert all(type(value) in (int, float) for value in decoded.values)
    assert not any(math.isnan(time) for time in decoded.times_s)


@given(
    st.lists((RECORD | JSON).filter(lambda one: not isinstance(one, dict) or "bver" not in one), max_size=5),
    st.integers(0, 5),
)
def test_no_bad_record_takes_a_good_one_with_it(others: list[Any], place: int) -> None:
    place = min(place, len(others))
    decoded = decode(*others[:place], GOOD, *others[place:])
    assert ("pressure", "Pa", NOW_S, 310_000.5) in rows(decoded)


NUMBERS = st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9)
PLAIN = st.fixed_dictionaries(
    {"v": NUMBERS},
    optional={"n": st.sampled_from(["p", "q"]), "u": st.sampled_from(["Pa", "m", "mm"]), "t": NUMBERS},
)


@given(
    st.fixed_dictionaries(
        {"bn": st.just(f"{DEVICE}:"), "v": NUMBERS},
        optional={
            "bt": NUMBERS | st.just(NOW_S),
            "bu": st.sampled_from(["Pa", "mm", ""]),
            "bver": st.sampled_from([10, 26, 42, True, "10"]),
            "n": st.just("p"),
            "t": NUMBERS,
        },
    ),
    st.lists(PLAIN, max_size=4),
)
def test_the_short_way_for_common_packs_answers_like_the_long_one(first: Any, rest: list[Any]) -> None:
    pack = [first, *rest]
    payload = orjson.dumps(pack)
    slow = _Resolver(DEVICE, NOW_S).resolve(orjson.loads(payload))
    assert decode(*pack) == slow
    single = SenmlJson().single(payload, DEVICE)
    if single is not None:
        assert ([single], []) == (rows(slow), slow.faults)
