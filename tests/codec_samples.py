"""One good payload of every registered codec, and what it says: the contract tests run on these."""

from typing import NamedTuple

NOW_S = 1_795_428_300.0
"""2026-11-23T10:05:00Z"""
Row = tuple[str, str | None, float, float]
"""channel, unit, time in s, value"""


class Sample(NamedTuple):
    """A payload of `device_id` without a fault."""

    device_id: str
    payload: bytes
    rows: list[Row]


_SENML_ROWS: list[Row] = [("level", "m", NOW_S, 1.25), ("level", "m", NOW_S - 60, 1.21)]

SAMPLES: dict[str, Sample] = {
    "senml": Sample(
        "CC-L-014",
        b'[{"bn":"CC-L-014:","bt":1795428300,"bu":"m","n":"level","v":1.25},{"n":"level","t":-60,"v":1.21}]',
        _SENML_ROWS,
    ),
    "senml-cbor": Sample(
        "CC-L-014",
        bytes.fromhex(
            "82a5216943432d4c2d3031343a221a6b040fcc23616d00656c6576656c02fb3ff4000000000000"
            "a300656c6576656c06383b02fb3ff35c28f5c28f5c"
        ),
        _SENML_ROWS,
    ),
}
