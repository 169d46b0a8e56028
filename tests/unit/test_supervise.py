"""The supervisor restarts what ends, says so, and leaves nothing behind."""

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

import lifeline.supervise
from lifeline.clock import SetClock, SystemClock
from lifeline.supervise import StageCommand, Supervisor


class _SlowClock(SetClock):
    """Set time that leaves real processes the time to start: a wait takes a twentieth of a second."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        time.sleep(0.05)
        return super().wait(seconds, stop)


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_crashed_stage_is_restarted_with_growing_back_off() -> None:
    lines: list[str] = []
    stop = threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) >= 6:
            stop.set()

    supervisor = Supervisor(
        [StageCommand("fragile", _python("raise SystemExit(3)"))],
        clock=_SlowClock(datetime(2026, 1, 1, tzinfo=UTC)),
        report=report,
    )
    supervisor.run(stop)
    waits = [line for line in lines if "exit code 3" in line]
    assert [w.rsplit("in ", 1)[1] for w in waits[:3]] == ["1 s", "2 s", "4 s"]
    assert "fragile runs again" in lines


def test_stop_ends_every_stage_even_a_deaf_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline.supervise, "STOP_GRACE_S", 1.0)
    deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    lines: list[str] = []
    supervisor = Supervisor(
        [StageCommand("calm", _python("import time; time.sleep(60)")), StageCommand("deaf", _python(deaf))],
        clock=SystemClock(),
        report=lines.append,
    )
    stop = threading.Event()
    runner = threading.Thread(target=supervisor.run, args=(stop,))
    runner.start()
    deadline = time.monotonic() + 20
    while len(supervisor.pids()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    pids = supervisor.pids()
    stop.set()
    runner.join(30)
    assert set(pids) == {"calm", "deaf"}
    assert not any(_alive(pid) for pid in pids.values())
    assert any("deaf did not stop" in line for line in lines)


def test_stages_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = (
        "import os,time,pathlib; from lifeline.supervise import follow_supervisor; follow_supervisor();"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    parent = (
        "import sys,threading; from lifeline.clock import SystemClock;"
        "from lifeline.supervise import StageCommand, Supervisor;"
        f"Supervisor([StageCommand('s', [sys.executable, '-c', {child!r}])], clock=SystemClock(), report=print)"
        ".run(threading.Event())"
    )
    process = subprocess.Popen(_python(parent))
    deadline = time.monotonic() + 30
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    pid = int(pid_file.read_text())
    process.kill()
    process.wait()
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)
