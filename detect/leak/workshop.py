"""Builds leak signatures in a process of its own: minutes of solving must not keep the stage from seeing a burst.

The child reads the network and the sensors from its input and writes arrays to its output; it ends when it is done, or
when its parent is gone.
"""

import base64
import io
import json
import os
import subprocess
import sys
import threading
import weakref
from dataclasses import asdict
from typing import Any

import numpy as np

from detect.leak.balance import Sensors, lay_out
from detect.leak.city import fingerprint, network_of
from detect.leak.expected import HourModel
from detect.leak.signature import Signatures
from lifeline.errors import SimulationError

KEPT_AT_MOST_BYTES = 16_000_000
"""larger ones are built again at every start instead of being kept in the store"""
_NICE = 10


class Order:
    """Signatures being built. `result` is None until they are ready."""

    def __init__(self, network_inp: str, names: Sensors) -> None:
        self.key = fingerprint(network_inp, names)
        self._result: Signatures | None = None
        self._error: str | None = None
        request = json.dumps({"network": network_inp, "sensors": asdict(names)})
        child = subprocess.Popen(
            [sys.executable, "-m", "detect.leak.workshop"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self._end = weakref.finalize(self, child.kill)
        threading.Thread(target=self._wait, args=(child, request.encode()), name="signatures", daemon=True).start()

    def result(self) -> Signatures | None:
        """The signatures, None while they are being built. Raises SimulationError where they cannot be."""
        if self._error is not None:
            raise SimulationError(
                f"leak signatures cannot be built: {self._error}",
                advice='mend network.inp, or set expected_pressure = "data" in city.toml',
            )
        return self._result

    def _wait(self, child: "subprocess.Popen[bytes]", request: bytes) -> None:
        found, said = child.communicate(request)
        self._end.detach()
        if child.returncode == 0:
            self._result = _unpacked(found)
        else:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            self._error = last[0] if last else f"exit code {child.returncode}"


def build(network_inp: str, names: Sensors) -> Signatures:
    """The same in this process. Raises SimulationError, PackError."""
    network = network_of(network_inp)
    model = HourModel(network, lay_out(network, names))
    try:
        return model.signatures()
    finally:
        model.close()


def to_json(key: str, signatures: Signatures) -> dict[str, Any] | None:
    """Signatures as JSON; None where they are too large to be kept."""
    if signatures.table.nbytes > KEPT_AT_MOST_BYTES:
        return None
    return {"key": key, "signatures": base64.b64encode(_packed(signatures)).decode()}


def from_json(saved: dict[str, Any]) -> Signatures:
    """The inverse of `to_json`."""
    return _unpacked(base64.b64decode(saved["signatures"]))


def _packed(signatures: Signatures) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(
        file, table=signatures.table, size=signatures.size_m3_per_h, zone=signatures.pipe_zone, allow_pickle=False
    )
    return file.getvalue()


def _unpacked(content: bytes) -> Signatures:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Signatures(arrays["table"], arrays["size"], arrays["zone"])


def main() -> None:
    """The child: signatures of what stands in the input."""
    os.nice(_NICE)
    request = json.loads(sys.stdin.buffer.read())
    sensors = Sensors(**{group: tuple(names) for group, names in request["sensors"].items()})
    sys.stdout.buffer.write(_packed(build(request["network"], sensors)))


if __name__ == "__main__":
    main()
