"""What every registered codec must keep."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import CODECS
from ingest.contract import Codec, Decoded
from ingest.topic import parse, receipt_topic
from lifeline.errors import WireError
from lifeline.reading import RejectReason
from tests.codec_samples import NOW_S, SAMPLES, Sample

every_codec = pytest.mark.parametrize("codec", list(CODECS), ids=lambda codec: codec.name)


def decode(codec: Codec, payload: bytes, device_id: str = "D1") -> Decoded | None:
    """What `payload` says, None where it is refused; anything that breaks the contract fails."""
    try:
        decoded = codec.decode(payload, device_id=device_id, received_s=NOW_S)
    except WireError as error:
        assert RejectReason(error.reason)
        return None
    assert len(decoded.channels) == len(decoded.units) == len(decoded.times_s) == len(decoded.values)
    assert all(type(channel) is str for channel in decoded.channels)
    assert not any(math.isnan(time_s) for time_s in decoded.times_s)
    assert all(type(value) in (int, float) for value in decoded.values)
    return decoded


@every_codec
def test_a_good_payload_is_its_rows_every_time(codec: Codec) -> None:
    device_id, payload, rows, _ = SAMPLES[codec.name]
    for _ in range(2):
        decoded = decode(codec, payload, device_id)
        assert decoded is not None
        assert decoded.faults == []
        assert list(zip(decoded.channels, decoded.units, decoded.times_s, decoded.values, strict=True)) == rows


@every_codec
def test_no_device_speaks_for_another(codec: Codec) -> None:
    sample = SAMPLES[codec.name]
    decoded = decode(codec, sample.payload, "ANOTHER")
    assert decoded is not None
    if not sample.names_its_device:
        return
    assert decoded.values == []
    assert {fault.reason for fault in decoded.faults} == {RejectReason.DEVICE_MISMATCH}


@every_codec
@given(data=st.data())
def test_the_short_way_says_what_the_long_one_says(codec: Codec, data: st.DataObject) -> None:
    sample = SAMPLES[codec.name]
    payload = data.draw(st.just(sample.payload) | damaged(sample))
    single = getattr(codec, "single", lambda _payload, _device: None)(payload, sample.device_id)
    if single is not None:
        decoded = decode(codec, payload, sample.device_id)
        assert decoded is not None
        assert not decoded.faults
        assert not decoded.historical
        assert [single] == list(zip(decoded.channels, decoded.units, decoded.times_s, decoded.values, strict=True))


@every_codec
@given(payload=st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(codec: Codec, payload: bytes) -> None:
    decoded = decode(codec, payload)
    assert decoded is None or decoded.values or decoded.faults


@every_codec
@given(data=st.data())
def test_a_damaged_payload_is_decoded_or_refused(codec: Codec, data: st.DataObject) -> None:
    sample = SAMPLES[codec.name]
    decode(codec, data.draw(damaged(sample)), sample.device_id)


@st.composite
def damaged(draw: st.DrawFn, sample: Sample) -> bytes:
    """The payload cut out, with bytes changed and bytes added."""
    payload = bytearray(sample.payload)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(payload)))
        payload[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(payload)


@every_codec
def test_a_codec_is_found_by_its_name(codec: Codec) -> None:
    assert CODECS.find(codec.name) is codec


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(WireError, match="senml") as caught:
        CODECS.find("morse")
    assert caught.value.reason is RejectReason.FORMAT


@pytest.mark.parametrize(
    ("topic", "device", "form", "is_state"),
    [
        ("lifeline/1/220100/CC-L-014/up/senml", "CC-L-014", "senml", False),
        ("lifeline/1/220100/a/state", "a", "state", True),
        (f"lifeline/1/220400/{'x' * 64}/up/hj212", "x" * 64, "hj212", False),
    ],
)
def test_topics_that_follow_the_grammar(topic: str, device: str, form: str, is_state: bool) -> None:
    named = parse(topic)
    assert (named.device_id, named.format, named.is_state) == (device, form, is_state)
    assert receipt_topic(named) == f"lifeline/1/{named.city_code}/{device}/receipt"


@pytest.mark.parametrize(
    "topic",
    [
        "lifeline/2/220100/a/up/senml",
        "lifeline/1/2201/a/up/senml",
        "lifeline/1/220100/-a/up/senml",
        f"lifeline/1/220100/{'x' * 65}/up/senml",
        "lifeline/1/220100/a b/up/senml",
        "lifeline/1/220100/长春/up/senml",
        "lifeline/1/220100/a/up/senml/more",
        "lifeline/1/220100/a/up/",
        "lifeline/1/220100/a/down",
        "lifeline/1/220100/a/state\n",
    ],
)
def test_topics_that_do_not(topic: str) -> None:
    with pytest.raises(WireError) as caught:
        parse(topic)
    assert caught.value.reason is RejectReason.TOPIC
