"""A private Debian folder with PostgreSQL, TimescaleDB and Mosquitto inside; the host's own system is not touched.

`ensure` unpacks the packages once into the user's cache (no maintainer script runs, no service starts, no user is
created) and `command` runs a program of it in a bubblewrap sandbox: the folder's `/usr`, an own `/tmp` and `/dev`,
the host's network, and of the host's files only those that are bound by name. It works for root and for an ordinary
user, because the unpacking runs no script and the sandbox lives in a user namespace of its own.
"""

import fcntl
import hashlib
import os
import queue
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lifeline.errors import InstallError

SUITE = "trixie"
PACKAGES = ("dash", "mosquitto", "mosquitto-clients", "postgresql-17", "postgresql-17-timescaledb")
POSTGRES_BIN = "/usr/lib/postgresql/17/bin"
SANDBOX_ID = 999
"""User and group inside the sandbox: any number but 0, which PostgreSQL refuses; outside it is the caller."""
MIRROR_VARIABLE = "LIFELINE_DEBIAN_MIRROR"
"""Environment: base address of a nearer Debian mirror; without it the default one of mmdebstrap is used."""

_RECIPE = 1  # to be raised whenever the folder is made in another way from the same packages
_HOST_PACKAGES = {"mmdebstrap": "mmdebstrap", "bwrap": "bubblewrap"}
_PROBES = ((f"{POSTGRES_BIN}/postgres", "--version"), ("/bin/sh", "-c", "test -x /usr/sbin/mosquitto"))
_SILENCE_S = 5.0

Report = Callable[[str], None]


def cache_dir() -> Path:
    """Where the folder is kept: `$XDG_CACHE_HOME/lifeline`, else `~/.cache/lifeline`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lifeline"


def location() -> Path:
    """The folder of this package list and recipe, made or not; another list is another folder."""
    key = "\n".join((SUITE, str(_RECIPE), *PACKAGES))
    return cache_dir() / f"root-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def ensure(report: Report = lambda _: None) -> Path:
    """The complete folder, unpacked first when it is not there; concurrent callers wait for one another.

    Raises InstallError, with what to do, when a host package is missing, the download fails or the kernel does not
    let this user make a sandbox. An interrupted call leaves nothing that a later one would take for complete.
    """
    folder = location()
    if folder.is_dir():
        _need("bwrap")
        return folder
    _need("mmdebstrap", "bwrap")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder.parent / "root.lock", report) as lock:
        if folder.is_dir():
            return folder
        for partial in folder.parent.glob("root-*.partial"):
            report(f"removing the rest of an interrupted installation: {partial.name}")
            shutil.rmtree(partial)
        partial = folder.with_name(f"{folder.name}.partial")
        report(f"unpacking {', '.join(PACKAGES)} from Debian {SUITE} into {folder} (about 420 MB, once)")
        _unpack(partial, lock, report)
        (partial / "etc/passwd").write_text(f"lifeline:x:{SANDBOX_ID}:{SANDBOX_ID}::/data:/bin/sh\n")
        (partial / "etc/group").write_text(f"lifeline:x:{SANDBOX_ID}:\n")
        _probe(partial)
        partial.rename(folder)
    report("the private root is ready")
    return folder


def command(
    root: Path, program: str, *args: str, binds: Mapping[Path, str] | None = None, options: tuple[str, ...] = ()
) -> list[str]:
    """The argv that runs `program` of the folder in its sandbox, which ends when the calling thread's process does.

    binds: host path -> path inside, read-write. options: more options of bubblewrap. There is no /proc, because
    inside a container the kernel often refuses to mount one, and neither server needs it.
    """
    argv = ["bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--as-pid-1", "--unshare-user"]
    argv += ["--uid", str(SANDBOX_ID), "--gid", str(SANDBOX_ID), "--ro-bind", str(root / "usr"), "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        argv += ["--symlink", f"usr/{name}", f"/{name}"]
    for name in ("passwd", "group"):
        argv += ["--ro-bind", str(root / "etc" / name), f"/etc/{name}"]
    argv += ["--dev", "/dev", "--tmpfs", "/tmp", "--clearenv", "--setenv", "LC_ALL", "C.UTF-8"]
    for outside, inside in (binds or {}).items():
        argv += ["--bind", str(outside), inside]
    return [*argv, *options, "--chdir", "/", "--", program, *args]


def _need(*programs: str) -> None:
    missing = [_HOST_PACKAGES[program] for program in programs if shutil.which(program) is None]
    if missing:
        raise InstallError(
            f"the host lacks {' and '.join(missing)}",
            advice=f"run `apt-get install {' '.join(missing)} debian-archive-keyring` as root, "
            "or set LIFELINE_DATABASE_URL and LIFELINE_MQTT_URL to a database and a broker of your own",
        )


@contextmanager
def _one_at_a_time(lock: Path, report: Report) -> Iterator[int]:
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another installation of the private root is running: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def _unpack(folder: Path, lock: int, report: Report) -> None:
    # chrootless: as any user; the check that is skipped warns root of maintainer scripts, of which extract runs none
    argv = ["mmdebstrap", "--mode=chrootless", "--skip=check/chrootless", "--variant=extract"]
    argv += [f"--include={','.join(PACKAGES)}", SUITE, str(folder), *filter(None, [os.environ.get(MIRROR_VARIABLE)])]
    started = time.monotonic()
    last_lines: deque[str] = deque(maxlen=8)
    # it inherits the lock: when we are killed and it goes on writing, the next caller waits for its end
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, pass_fds=(lock,)
    ) as process:
        for line in _lines(process):
            if line is None:
                report(f"  {time.monotonic() - started:4.0f} s  {_size_mb(folder)} MB so far")
                continue
            last_lines.append(line.rstrip())
            if line.startswith("I: "):
                report(f"  {time.monotonic() - started:4.0f} s  {line[3:].rstrip()}")
    if process.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        detail = "\n  ".join(last_lines)
        raise InstallError(
            f"unpacking the Debian packages failed (mmdebstrap ended with {process.returncode}):\n  {detail}\n",
            advice="check the network and the free disk space (1 GB) and start again; "
            f"{MIRROR_VARIABLE} names a nearer Debian mirror",
        )


def _lines(process: subprocess.Popen[str]) -> Iterator[str | None]:
    """What the process writes; None whenever it has been silent for a while."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=_SILENCE_S)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line


def _size_mb(folder: Path) -> int:
    done = subprocess.run(["du", "-sm", str(folder)], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0]) if done.stdout else 0


def _probe(folder: Path) -> None:
    for probe in _PROBES:
        done = subprocess.run(command(folder, *probe), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise InstallError(
                f"{probe[0]} does not run in the sandbox: {(done.stderr or done.stdout).strip()}",
                advice="bubblewrap needs user namespaces: allow them (sysctl kernel.unprivileged_userns_clone=1, or "
                "kernel.apparmor_restrict_unprivileged_userns=0), or run as root, "
                "or set LIFELINE_DATABASE_URL and LIFELINE_MQTT_URL to servers of your own",
            )
