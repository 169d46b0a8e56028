"""One good payload of every registered codec, and what it says: the contract tests run on these."""

from typing import NamedTuple

NOW_S = 1_795_428_300.0
"""2026-11-23T10:05:00Z"""
LOCAL_S = NOW_S - 8 * 3600
"""2026-11-23 10:05:00 in Beijing"""
Row = tuple[str, str | None, float, float]
"""channel, unit, time in s, value"""


class Sample(NamedTuple):
    """A payload of `device_id` without a fault."""

    device_id: str
    payload: bytes
    rows: list[Row]
    names_its_device: bool = True


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
    "hj212": Sample(
        "220102A8900016F00016002A",
        b"##0200QN=20261123100500123;ST=32;CN=2011;PW=123456;MN=220102A8900016F00016002A;Flag=5;CP=&&"
        b"DataTime=20261123100500;w00000-Rtd=12.5,w00000-Flag=N;w01018-Rtd=38.2,w01018-Flag=N;"
        b"w21003-Rtd=1.35,w21003-Flag=N&&5880\r\n",
        [
            ("w00000-Rtd", "l/s", LOCAL_S, 12.5),
            ("w01018-Rtd", "mg/l", LOCAL_S, 38.2),
            ("w21003-Rtd", "mg/l", LOCAL_S, 1.35),
        ],
    ),
    "sl651": Sample(
        "220102002A",
        bytes.fromhex(
            "7E7E01220102002A123432002D020001261123100500F1F1220102002A4FF0F026112310052219000012392300001250"
            "272B00000015003812126503105D"
        ),
        [
            ("PN05", "mm/h", LOCAL_S, 14.4),
            ("Z", "m", LOCAL_S, 1.25),
            ("Q", "m3/s", LOCAL_S, 1.5),
            ("VT", "V", LOCAL_S, 12.65),
        ],
    ),
    "sparkplug": Sample(
        "N1.D1",
        bytes.fromhex("08e0e9f6bea03412190a056c6576656c18ece5f6bea034200a69000000000000f43f1807"),
        [("level", None, NOW_S - 0.5, 1.25)],
        names_its_device=False,
    ),
}
