"""The worked frame of every codec in docs/wire.md gives what the page says of it."""

import re
from pathlib import Path

import pytest

from ingest.codecs import CODECS

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
AT_S = 1_795_428_300.0
FRAMES = {
    "senml": ("CC-L-014", [("pressure", 310_000.0, AT_S), ("pressure", 310_400.0, AT_S - 60)]),
    "senml-cbor": ("CC-L-014", [("level", 1.25, AT_S), ("level", 1.21, AT_S - 60)]),
    "hj212": (
        "220102A8900016F00016002A",
        [
            ("w00000-Rtd", 12.5, AT_S - 8 * 3600),
            ("w01018-Rtd", 38.2, AT_S - 8 * 3600),
            ("w21003-Rtd", 1.35, AT_S - 8 * 3600),
        ],
    ),
    "sl651": (
        "220102002A",
        [(name, value, AT_S - 8 * 3600) for name, value in (("PN05", 14.4), ("Z", 1.25), ("Q", 1.5), ("VT", 12.65))],
    ),
    "sparkplug": ("N1", [("level", 1.25, AT_S - 0.5)]),
}


def block(codec: str) -> str:
    """The worked frame under the codec's heading."""
    heading = "## Sparkplug B 3.0" if codec == "sparkplug" else f"## `{codec}`"
    found = re.search(rf"^{re.escape(heading)}[:\n].*?^```(?:json)?\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, heading
    return found[1]


def payload(codec: str) -> bytes:
    text = block(codec)
    if codec == "senml":
        return text.encode()
    if codec == "hj212":
        return text.split("    (one line")[0].replace("\n", "").encode() + b"\r\n"
    if codec == "sl651":
        return bytes.fromhex("".join(text.split()))
    # hexadecimal digits stand before two blanks and the words that say what they are
    heads = [re.match(r"\s*((?:[0-9a-f]{2,} ?)+)(?= |$)", line) for line in text.splitlines()]
    return bytes.fromhex("".join(head[1] for head in heads if head))


@pytest.mark.parametrize("codec", [codec.name for codec in CODECS])
def test_the_worked_frame_gives_what_the_page_says(codec: str) -> None:
    device, expected = FRAMES[codec]
    decoded = CODECS.find(codec).decode(payload(codec), device_id=device, received_s=AT_S)
    assert decoded.faults == []
    names = [name.removeprefix(f"{device}:") for name in decoded.channels]
    assert names == [name for name, _, _ in expected]
    assert list(decoded.values) == pytest.approx([value for _, value, _ in expected])
    assert list(decoded.times_s) == pytest.approx([at_s for _, _, at_s in expected])
