"""One server process of the private root on one data folder: started, stopped, killed, stopped for a while.

It holds a lock on its data folder as long as any process of it lives, so a second start on the same folder is refused
whoever tries it; and it dies with the process that started it, even when that one is killed, so nothing is left.
"""

import fcntl
import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from deploy.local.port import HOST, kept_port
from deploy.local.root import Report
from lifeline.errors import LifelineError

_LOG_LIMIT_BYTES = 16 * 1024 * 1024
_TRIES = 3
_ENDING_S = 30.0
_TELL_EVERY_S = 10.0


class LocalServer(ABC):
    """Base of LocalDatabase and LocalBroker: the life of one sandboxed process.

    Start it from a thread that lives as long as the server shall: the kernel ends the sandbox with that thread.
    Data folder: `port`, `log`, `lock`, and what the server itself keeps.
    """

    name = "server"
    error: type[LifelineError] = LifelineError
    stop_signal: signal.Signals = signal.SIGTERM
    start_limit_s = 60.0
    stop_limit_s = 60.0

    def __init__(self, root: Path, data_dir: Path, *, report: Report = lambda _: None) -> None:
        self.root = root
        self.data_dir = data_dir.absolute()
        self.report = report
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0  # of the server itself, as the host sees it

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """True from start to stop, kill or crash; a paused server is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def log_file(self) -> Path:
        return self.data_dir / "log"

    def start(self) -> None:
        """Starts the server on its data folder, made first when new, and returns when it can be used.

        Raises the server's error when the folder is in use or the server does not come up, with its last log lines.
        """
        if self.is_running:
            return
        with self.alone() as lock:  # from the launch on, the sandbox holds it too
            try:
                self._prepare()
                self._come_up(lock)
                self._finish()
            except BaseException:
                self.kill()
                raise
        self.report(f"{self.name} is ready on {HOST}:{self.port}")

    def stop(self) -> None:
        """Ends the server in good order, its data saved; nothing happens when it is not running."""
        if not self.is_running:
            return
        assert self._process is not None
        self.resume()
        self._signal(self.stop_signal)
        try:
            self._process.wait(self.stop_limit_s)
        except subprocess.TimeoutExpired:
            self.report(f"{self.name} did not stop within {self.stop_limit_s:.0f} s and is killed")
            self.kill()

    def kill(self) -> None:
        """Ends every process of the server at once (SIGKILL), as a crash would."""
        if self.is_running:
            assert self._process is not None
            self._signal(signal.SIGKILL)
            self._process.wait()

    def pause(self) -> None:
        """Stops every process of the server where it stands (SIGSTOP): connections stay open and answer nothing."""
        for pid in self._processes():
            _send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused server go on (SIGCONT)."""
        for pid in self._processes():
            _send(pid, signal.SIGCONT)

    @contextmanager
    def alone(self) -> Iterator[int]:
        """Holds the folder's lock (a file descriptor): no server runs on it meanwhile. Raises the server's error."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + _ENDING_S
            while not _locked(handle):
                owner = os.pread(handle, 32, 0).decode().strip()
                # killed a moment ago, its processes may still be on their way out
                if Path("/proc", owner).exists() or time.monotonic() > deadline:
                    raise self.error(
                        f"the private {self.name} on {self.data_dir} is running already (started by process {owner})",
                        advice="stop that one first, or use another data folder",
                    )
                time.sleep(0.05)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield handle
        finally:
            os.close(handle)

    @abstractmethod
    def _prepare(self) -> None:
        """Makes the data of a new folder; runs before the start, under the lock."""

    @abstractmethod
    def _finish(self) -> None:
        """Does what a new server needs once it answers."""

    @abstractmethod
    def _sandbox(self) -> list[str]:
        """The argv of the server in its sandbox, for `self.port`."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """True when the server that was launched last can be used."""

    def _come_up(self, lock: int) -> None:
        for left in reversed(range(_TRIES)):
            self.port = kept_port(self.data_dir / "port")
            if self._launch(lock):
                return
            if left == 0 or "ddress already in use" not in self._log_tail():
                break
        raise self.error(
            f"the private {self.name} on {self.data_dir} did not start:\n{self._log_tail()}",
            advice=f"see {self.log_file}; free disk space if there is none, or use a new data folder",
        )

    def _launch(self, lock: int) -> bool:
        """True when the server is up, False when it ended or took too long."""
        info_read, info_write = os.pipe()
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_LIMIT_BYTES:
            self.log_file.replace(self.data_dir / "log.old")
        with self.log_file.open("ab") as log, os.fdopen(info_read) as info:
            self._log_start = log.tell()
            argv = self._sandbox()
            self._process = subprocess.Popen(
                [argv[0], "--info-fd", str(info_write), *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock, info_write),
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the server when its users have gone
            )
            os.close(info_write)
            text = info.read()
        self._pid = int(json.loads(text)["child-pid"]) if text else 0
        return self._wait_until_ready()

    def _wait_until_ready(self) -> bool:
        began = time.monotonic()
        told_s = 0.0
        while (waited_s := time.monotonic() - began) < self.start_limit_s:
            if not self.is_running:
                return False
            if self._is_ready():
                return True
            if waited_s - told_s > _TELL_EVERY_S:
                told_s = waited_s
                self.report(f"{self.name} is still starting after {waited_s:.0f} s; see {self.log_file}")
            time.sleep(0.01)
        self.kill()
        return False

    def _log_tail(self) -> str:
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-12:])

    def _signal(self, number: signal.Signals) -> None:
        if self._pid:
            _send(self._pid, number)

    def _processes(self) -> Iterator[int]:
        """The server and all its descendants, parents first."""
        if not self.is_running or not self._pid:
            return
        waiting = [self._pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            try:
                tasks = list(Path(f"/proc/{pid}/task").iterdir())
                waiting += [int(child) for task in tasks for child in (task / "children").read_text().split()]
            except OSError:
                continue  # it ended meanwhile


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
