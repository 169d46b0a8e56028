"""What every registered codec must keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import CODECS
from ingest.contract import Codec
from ingest.topic import parse, receipt_topic
from lifeline.errors import WireError
from lifeline.reading import RejectReason

every_codec = pytest.mark.parametrize("codec", list(CODECS), ids=lambda codec: codec.name)


@every_codec
@given(payload=st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(codec: Codec, payload: bytes) -> None:
    try:
        decoded = codec.decode(payload, device_id="D1", received_s=1_795_428_300.0)
    except WireError as error:
        assert RejectReason(error.reason)
        return
    assert len(decoded.channels) == len(decoded.units) == len(decoded.times_s) == len(decoded.values)
    assert decoded.values or decoded.faults


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
