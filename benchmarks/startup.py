"""How long a newcomer waits: the demo's first and second start, until the city lives and until the first alarm."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Figure

TITLE = "start of the demo (packages and private root installed)"
LIMIT_S = 120.0
_LIVES, _ALARM = "the city lives", "alarm "
_GIVE_UP_S = 300.0


def measure() -> list[Figure]:
    """Starts the demo twice on the same new data folder, each time until its first alarm."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as folder:
        for which in ("first", "second"):
            lives_s, alarm_s = _start(Path(folder))
            figures += [
                Figure(f"{which} start: the city lives", lives_s, "s"),
                Figure(f"{which} start: first alarm", alarm_s, "s", "limit", LIMIT_S),
            ]
    return figures


def _start(data: Path) -> tuple[float, float]:
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "lifeline", "demo", "--data", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "LIFELINE_CONSOLE__PORT": "0"},
    )
    lives_s = alarm_s = float("nan")
    assert process.stdout is not None
    for line in process.stdout:
        took_s = time.monotonic() - began
        if _LIVES in line:
            lives_s = took_s
        if _ALARM in line and " open " in line:
            alarm_s = took_s
            break
        if took_s > _GIVE_UP_S:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    return lives_s, alarm_s
