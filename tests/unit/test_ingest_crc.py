"""Check values of any span, and that noise made to be slow is not: the work grows as the bytes do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import cutter
from ingest.crc import ANNEX_A, MODBUS, Check, Spans
from ingest.cutter import Framing, cut
from ingest.hj212 import packet as hj212
from ingest.sl651 import frame as sl651
from tests.codec_samples import SAMPLES

MEGABYTE = 1 << 20


@given(st.binary(max_size=400), st.integers(0, 400), st.integers(0, 400), st.sampled_from([MODBUS, ANNEX_A]))
def test_a_span_has_the_check_value_of_its_bytes(data: bytes, one: int, other: int, check: Check) -> None:
    start, stop = sorted((min(one, len(data)), min(other, len(data))))
    spans = Spans(check, data)
    for _ in range(4):  # the first is summed as it is, the next by the registers
        assert spans.of(start, stop) == check.of(data[start:stop])
    assert spans.taken <= 2 * len(data)


def hex_frames(size: int) -> bytes:
    """Beginnings one behind the other, each with a right end a thousand bytes on, and a wrong CRC."""
    unit = bytes.fromhex("7E7E01220102002A12343203FC02") + b"\x03"
    return unit * (size // len(unit))


def ascii_frames(size: int) -> bytes:
    unit = b"\x01" + b"01220102002A1234320" + b"3F7" + b"\x02\x03F0F0"
    return unit * (size // len(unit))


def hj212_packets(size: int) -> bytes:
    unit = b"##0998&&F0F0"
    return unit * (size // len(unit))


CRAFTED = [(sl651.FRAMING, hex_frames), (sl651.FRAMING, ascii_frames), (hj212.FRAMING, hj212_packets)]


@pytest.mark.parametrize(("framing", "crafted"), CRAFTED)
def test_a_megabyte_made_to_be_slow_is_looked_at_twice_at_the_most(
    framing: Framing, crafted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    class Counted(Spans):
        def __init__(self, check: Check, data: bytes) -> None:
            super().__init__(check, data)
            self.asked = self.asked_bytes = 0
            made.append(self)

        def of(self, start: int, stop: int) -> int:
            self.asked += 1
            self.asked_bytes += stop - start
            return super().of(start, stop)

    monkeypatch.setattr(cutter, "Spans", Counted)
    data = crafted(MEGABYTE)
    good = SAMPLES["hj212" if framing is hj212.FRAMING else "sl651"][1].strip(b"\r\n")
    pieces = cut(framing, data + good)
    (spans,) = made
    assert spans.asked_bytes > 20 * len(data), "not slow for who sums every candidate"
    assert spans.taken <= 2 * len(data + good)
    assert b"".join(piece.data for piece in pieces) == data + good
    assert pieces[-1] == (len(data), good, True)
