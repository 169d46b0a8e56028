"""Keeps stages running: each a process of its own, restarted with back-off when it ends, and stopped in order."""

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from lifeline.clock import Clock
from lifeline.metrics import RESTARTS

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 30.0
STEADY_AFTER_S = 60.0
"""A stage that ran this long is taken as healthy again: the next crash starts from the first back-off."""
STOP_GRACE_S = 15.0
_LOOK_S = 0.2
_PARENT = "LIFELINE_SUPERVISOR_PID"
_PR_SET_PDEATHSIG = 1


def backoff_s(crashes: int) -> float:
    """Wait before the restart after the `crashes`-th crash in a row: 1, 2, 4 ... 30 s.

    >>> [backoff_s(n) for n in (1, 2, 3, 9)]
    [1.0, 2.0, 4.0, 30.0]
    """
    return min(FIRST_BACKOFF_S * 2.0 ** min(crashes - 1, 16), LONGEST_BACKOFF_S)


@dataclass(frozen=True, slots=True)
class StageCommand:
    """What to run under which name."""

    name: str
    argv: Sequence[str]
    env: dict[str, str] = field(default_factory=dict)
    log: Path | None = None
    """standard output and error go here; None: to the supervisor's own"""


class _Stage:
    """One command and its present process."""

    def __init__(self, command: StageCommand) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at: datetime | None = None
        self.restart_at: datetime | None = None
        self.crashes = 0

    def start(self, now: datetime) -> None:
        env = os.environ | self.command.env | {_PARENT: str(os.getpid())}
        log = self.command.log.open("ab") if self.command.log else None
        try:
            self.process = subprocess.Popen(
                self.command.argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        finally:
            if log:
                log.close()
        self.started_at, self.restart_at = now, None

    def ended(self) -> int | None:
        return None if self.process is None else self.process.poll()


class Supervisor:
    """Runs `commands` until `stop` is set. `report` gets one line for each thing that happens to a stage."""

    def __init__(self, commands: Sequence[StageCommand], *, clock: Clock, report: Callable[[str], None]) -> None:
        self._stages = [_Stage(command) for command in commands]
        self._clock = clock
        self._report = report

    def run(self, stop: threading.Event) -> None:
        """Starts all in order, restarts what ends, stops all in reverse order before it returns."""
        try:
            for stage in self._stages:
                stage.start(self._clock.now())
            while not stop.is_set():
                for stage in self._stages:
                    self._look(stage)
                self._clock.wait(_LOOK_S, stop)
        finally:
            self._stop_all()

    def pids(self) -> dict[str, int]:
        """Process ids of the stages that run now."""
        return {s.command.name: s.process.pid for s in self._stages if s.process is not None and s.ended() is None}

    def _look(self, stage: _Stage) -> None:
        now = self._clock.now()
        if stage.restart_at is not None:
            if now >= stage.restart_at:
                stage.start(now)
                self._report(f"{stage.command.name} runs again")
            return
        code = stage.ended()
        if code is None:
            return
        if stage.started_at is not None and now - stage.started_at > timedelta(seconds=STEADY_AFTER_S):
            stage.crashes = 0
        stage.crashes += 1
        wait_s = backoff_s(stage.crashes)
        stage.process, stage.restart_at = None, now + timedelta(seconds=wait_s)
        RESTARTS.labels(stage.command.name).inc()
        where = f", see {stage.command.log}" if stage.command.log else ""
        self._report(f"{stage.command.name} ended ({_how(code)}){where}; starts again in {wait_s:.0f} s")

    def _stop_all(self) -> None:
        for stage in reversed(self._stages):
            if stage.process is not None and stage.ended() is None:
                stage.process.terminate()
        for stage in reversed(self._stages):
            if stage.process is None:
                continue
            try:
                stage.process.wait(STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                self._report(f"{stage.command.name} did not stop within {STOP_GRACE_S:.0f} s and was killed")
                stage.process.kill()
                stage.process.wait()


def follow_supervisor() -> None:
    """Called by a stage when it starts: it is to end when its supervisor dies, even by kill -9 (Linux)."""
    parent = os.environ.get(_PARENT)
    if parent is None or not Path("/proc/self").exists():
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != parent:
        raise SystemExit("the supervisor is gone")


def stop_on_signals(stop: threading.Event) -> None:
    """SIGTERM and SIGINT set `stop`: a stage finishes what it holds and ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _how(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
