"""Brings the schema up to date: numbered plain SQL, each applied once, in order, by one process at a time."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

from lifeline.errors import MigrationError, StoreError
from lifeline.store.errors import translated

FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_[a-z_]+\.sql")
_LOCK_KEY = 0x11FE11FE
_LEDGER = """
CREATE TABLE IF NOT EXISTS migration (
    number      integer PRIMARY KEY,
    name        text NOT NULL,
    sha256      text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def available(folder: Path = FOLDER) -> list[Migration]:
    """The migrations in `folder`, in order. Raises MigrationError on a gap or a misnamed file."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNN_words.sql", advice="rename it")
        found.append(Migration(int(match[1]), path.name, path.read_text(encoding="utf-8")))
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise MigrationError(
            f"migration numbers in {folder} are not 1..{len(found)}", advice="number them without gaps"
        )
    return found


def migrate(url: str, *, folder: Path = FOLDER) -> list[str]:
    """Applies what is missing and returns the names applied.

    Each file runs in its own transaction under a session advisory lock. Raises MigrationError where an applied file
    was changed afterwards, where the database is newer than this program, or where a statement fails.
    """
    migrations = available(folder)
    applied: list[str] = []
    with translated(), psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
        _require_timescale(connection)
        connection.execute(_LEDGER)
        ledger: dict[int, str] = dict(connection.execute("SELECT number, sha256 FROM migration").fetchall())
        _check(migrations, ledger)
        for migration in migrations:
            if migration.number in ledger:
                continue
            try:
                with connection.transaction():
                    connection.execute(migration.sql.encode())
                    connection.execute(
                        "INSERT INTO migration (number, name, sha256) VALUES (%s, %s, %s)",
                        (migration.number, migration.name, migration.sha256),
                    )
            except psycopg.Error as error:
                raise MigrationError(
                    f"{migration.name}: {error}", advice="nothing of this file was applied; mend it and start again"
                ) from error
            applied.append(migration.name)
    return applied


def pending(url: str, *, folder: Path = FOLDER) -> list[str]:
    """Names of migrations that are not applied yet. Raises MigrationError as `migrate` does."""
    migrations = available(folder)
    with translated(), psycopg.connect(url, autocommit=True) as connection:
        exists = connection.execute("SELECT to_regclass('migration') IS NOT NULL").fetchone()
        if not exists or not exists[0]:
            return [m.name for m in migrations]
        ledger: dict[int, str] = dict(connection.execute("SELECT number, sha256 FROM migration").fetchall())
    _check(migrations, ledger)
    return [m.name for m in migrations if m.number not in ledger]


def _require_timescale(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.Error as error:
        raise StoreError(
            f"the database has no TimescaleDB: {error}",
            advice="install the extension and set shared_preload_libraries = 'timescaledb'",
        ) from error


def _check(migrations: list[Migration], ledger: dict[int, str]) -> None:
    known = {m.number: m for m in migrations}
    for number, sha256 in ledger.items():
        if number not in known:
            raise MigrationError(
                f"the database has migration {number}, this program does not", advice="install the newer program"
            )
        if known[number].sha256 != sha256:
            raise MigrationError(
                f"{known[number].name} was changed after it was applied",
                advice="undo the change and put it into a new migration",
            )
