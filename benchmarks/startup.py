"""How long a newcomer waits: the demo's first and second start, until the city lives and until the burst is told."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Figure

TITLE = "start of the demo (packages and private root installed)"
LIMIT_S = 120.0
_LIVES, _ALARM, _FINDING = "the city lives", r"alarm \d+ open ", "finding (onset|update): burst:"
_GIVE_UP_S = 300.0


def measure() -> list[Figure]:
    """Starts the demo twice on the same new data folder.

    The second time the burst opens while its alarm of the first time still stands: it is an update of that one.
    """
    figures = []
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as folder:
        for which, told, until in (("first", "first alarm", _ALARM), ("second", "the burst is seen", _FINDING)):
            lives_s, told_s = _start(Path(folder), until)
            figures += [
                Figure(f"{which} start: the city lives", lives_s, "s"),
                Figure(f"{which} start: {told}", told_s, "s", "limit", LIMIT_S),
            ]
    return figures


def _start(data: Path, until: str) -> tuple[float, float]:
    """Seconds until the city lives, and until a line with the pattern `until`."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "lifeline", "demo", "--data", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "LIFELINE_CONSOLE__PORT": "0"},
    )
    lives_s = told_s = float("nan")
    assert process.stdout is not None
    for line in process.stdout:
        took_s = time.monotonic() - began
        if _LIVES in line:
            lives_s = took_s
        if re.search(until, line):
            told_s = took_s
            break
        if took_s > _GIVE_UP_S:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return lives_s, told_s
