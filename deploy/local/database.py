"""A private PostgreSQL with TimescaleDB on a free loopback port, its data kept in a folder."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deploy.local.port import HOST
from deploy.local.root import POSTGRES_BIN, Report, command
from deploy.local.server import LocalServer
from lifeline.errors import StoreError

USER = "lifeline"
DATABASE = "lifeline"

_SETTINGS_FILE = "lifeline.conf"

# Sized for two cores and a memory that other processes want too.
_SETTINGS = """\
# Written by Lifeline at every start. Changes of your own belong in postgresql.conf, after the line that includes this.
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 0   # the Apache edition has no job for one; its own housekeeping would only fail
timezone = 'UTC'
log_timezone = 'UTC'
max_connections = 100
work_mem = 16MB
maintenance_work_mem = 64MB
effective_cache_size = 1GB
max_worker_processes = 8
max_parallel_workers_per_gather = 1
max_locks_per_transaction = 256   # a query over a hypertable locks each of its chunks
max_wal_size = 2GB
checkpoint_timeout = 10min
autovacuum_naptime = 10s          # it also sums up new block ranges, by which followers find what has come
random_page_cost = 1.1
jit = off                         # compiling costs more than the short queries here take
"""

_DURABLE = """\
shared_buffers = {shared_buffers_mb}MB
wal_compression = lz4             # after each checkpoint every page is logged whole when it is first touched
fsync = on
synchronous_commit = on
full_page_writes = on
"""

# Nothing survives a crash of the machine: for databases that a test throws away.
_THROW_AWAY = """\
shared_buffers = 256MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
"""


_LEAST_MB, _MOST_MB = 256, 2048


class LocalDatabase(LocalServer):
    """TimescaleDB for one machine: loopback only, with a random password that the data folder keeps (mode 600).

    durable=False gives up crash safety for speed.

    >>> with LocalDatabase(root.ensure(), Path("data/database")) as database:  # doctest: +SKIP
    ...     print(database.url)
    postgresql://lifeline:...@127.0.0.1:25432/lifeline
    """

    name = "database"
    error = StoreError
    start_limit_s = 900.0  # after a crash it first works in what it had logged
    stop_signal = signal.SIGINT  # PostgreSQL: fast shutdown, open transactions are rolled back

    def __init__(self, root: Path, data_dir: Path, *, durable: bool = True, report: Report = lambda _: None) -> None:
        super().__init__(root, data_dir, report=report)
        self._durable = durable

    @property
    def url(self) -> str:
        """The address of the database `lifeline`, password included."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The address of another database of this server."""
        return f"postgresql://{USER}:{self._password()}@{HOST}:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template1") -> str:
        """Makes a database, as a copy of `template`, when it is not there yet; gives its address.

        Raises StoreError when the server refuses, for example because somebody is connected to the template.
        """
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
            self.sql(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url_of(database)

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Runs one administrative statement with the private root's psql and gives its bare output."""
        psql = ("--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", f"--command={statement}")
        argv = command(
            self.root,
            f"{POSTGRES_BIN}/psql",
            *psql,
            f"postgresql://{USER}@{HOST}:{self.port}/{database}",
            binds={self.data_dir: "/data"},
            options=("--setenv", "PGPASSFILE", "/data/password"),
        )
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StoreError(
                f"the private database refused `{statement}`: {done.stderr.strip()}", advice=f"see {self.log_file}"
            )
        return done.stdout.strip()

    def _prepare(self) -> None:
        if self._cluster.exists():
            return
        self.report("making a new database cluster")
        password = secrets.token_hex(16)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(f"{HOST}:*:*:{USER}:{password}\n")
        unfinished = self.data_dir / "cluster.partial"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--pgdata=/data/cluster.partial", f"--username={USER}", "--pwfile=/tmp/password"]
        options += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        if not self._durable:
            options.append("--no-sync")
        argv = command(
            self.root,
            f"{POSTGRES_BIN}/initdb",
            *options,
            binds={self.data_dir: "/data"},
            options=("--file", "0", "/tmp/password"),  # standard input, as a file of the sandbox alone
        )
        done = subprocess.run(argv, input=password, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StoreError(
                f"initdb failed on {self.data_dir}: {(done.stderr or done.stdout).strip()}",
                advice="free disk space if there is none; remove that folder if nothing in it is needed",
            )
        with (unfinished / "postgresql.conf").open("a") as settings:
            settings.write(f"\ninclude '{_SETTINGS_FILE}'\n")
        unfinished.rename(self._cluster)

    def _finish(self) -> None:
        self.create(DATABASE)

    def _sandbox(self) -> list[str]:
        settings = _SETTINGS.format(host=HOST, port=self.port)
        settings += _DURABLE.format(shared_buffers_mb=_shared_buffers_mb()) if self._durable else _THROW_AWAY
        (self._cluster / _SETTINGS_FILE).write_text(settings)
        self._launched_ns = time.time_ns() - 10_000_000  # file times lag behind the clock by a tick
        return command(self.root, f"{POSTGRES_BIN}/postgres", "-D", "/data/cluster", binds={self.data_dir: "/data"})

    def _is_ready(self) -> bool:
        # the last line that the server writes into its lock file; one of an earlier, killed server may still lie there
        file = self._cluster / "postmaster.pid"
        try:
            return file.stat().st_mtime_ns >= self._launched_ns and file.read_text().split()[-1] == "ready"
        except (FileNotFoundError, IndexError):
            return False

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    @property
    def _password_file(self) -> Path:
        """In the form that PostgreSQL's own programs read (host:port:database:user:password)."""
        return self.data_dir / "password"

    def _password(self) -> str:
        return self._password_file.read_text().strip().rpartition(":")[2]


def _shared_buffers_mb() -> int:
    """A quarter of the memory, as PostgreSQL's manual advises: the index that every new row touches then fits."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(_LEAST_MB, min(memory_mb // 4, _MOST_MB))
