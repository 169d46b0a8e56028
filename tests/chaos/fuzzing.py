"""`python -m tests.chaos.fuzzing FILE COUNT SEED`: atheris on the binary codecs, until COUNT payloads were not clean.

Every payload that the fuzzer makes must give rows and faults, or WireError; anything else ends it with a trace. Those
that were not clean are written to FILE, for a whole ingest to meet. Guided by coverage, it begins with good samples.
"""

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

FORMATS = ("senml-cbor", "sl651", "sparkplug")
_HEAD = struct.Struct(">BI")


def harvest(file: Path) -> Iterator[tuple[str, bytes]]:
    """The payloads of a file that a run has written, each with its format."""
    data = file.read_bytes()
    position = 0
    while position < len(data):
        number, length = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        yield FORMATS[number], data[position : position + length]
        position += length


def main() -> None:
    """Fuzzes; the first byte of an input chooses the codec."""
    import atheris

    with atheris.instrument_imports(include=["ingest", "cbor2"]):
        from ingest.codecs import CODECS
        from lifeline.errors import WireError
    from tests.codec_samples import NOW_S, SAMPLES

    file, count, seed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    out = file.open("wb")
    found = 0

    def one(data: bytes) -> None:
        nonlocal found
        if not data:
            return
        number, payload = data[0] % len(FORMATS), data[1:]
        name = FORMATS[number]
        try:
            decoded = CODECS.find(name).decode(payload, device_id=SAMPLES[name].device_id, received_s=NOW_S)
            columns = (decoded.channels, decoded.units, decoded.times_s, decoded.values)
            assert len({len(column) for column in columns}) == 1
            assert all(type(value) in (int, float) for value in decoded.values)
            if not decoded.faults:
                return
        except WireError:
            pass
        out.write(_HEAD.pack(number, len(payload)) + payload)
        found += 1
        if found >= count:
            out.close()
            os._exit(0)

    with TemporaryDirectory() as corpus:
        for number, name in enumerate(FORMATS):
            Path(corpus, name).write_bytes(bytes([number]) + SAMPLES[name].payload)
        atheris.Setup([sys.argv[0], f"-seed={seed}", "-max_len=2048", "-verbosity=0", corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
