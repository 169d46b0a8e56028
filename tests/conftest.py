"""Real parts for tests: a broker of its own for each test, one database server for each worker process.

Where the private root cannot be installed, tests fail and say what to do: a run that silently left out its real parts
would prove nothing. With LIFELINE_DATABASE_URL and LIFELINE_MQTT_URL set, tests use those servers instead, and those
tests skip that stop, kill or pause a server and can start none of their own.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from deploy.local import root
from deploy.local.broker import LocalBroker
from deploy.local.database import LocalDatabase
from lifeline.errors import InstallError
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store

_GIVEN_DATABASE_URL = os.environ.get("LIFELINE_DATABASE_URL")
_GIVEN_MQTT_URL = os.environ.get("LIFELINE_MQTT_URL")


class GivenBroker(LocalBroker):
    """A broker that somebody else runs: it has an address, and a test that wants to stop it skips."""

    def __init__(self, url: str) -> None:
        super().__init__(Path("/nonexistent"), Path("/nonexistent"))
        self._given_url = url

    @property
    def url(self) -> str:
        return self._given_url

    def start(self) -> None:
        pytest.skip("needs a broker that it may stop; unset LIFELINE_MQTT_URL")

    stop = kill = pause = resume = start


@pytest.fixture(scope="session")
def private_root() -> Path:
    """The folder with the servers' programs, unpacked now when it is not there."""
    try:
        return root.ensure(print)
    except InstallError as error:
        if _GIVEN_DATABASE_URL and _GIVEN_MQTT_URL:
            pytest.skip(f"needs servers that it may start and stop; {error}")
        raise


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> LocalBroker:
    """A new, empty broker, started; a test may stop, kill, pause and start it as it likes."""
    if _GIVEN_MQTT_URL:
        return GivenBroker(_GIVEN_MQTT_URL)
    own: LocalBroker = request.getfixturevalue("own_broker")
    return own


@pytest.fixture
def own_broker(private_root: Path, tmp_path: Path) -> Iterator[LocalBroker]:
    """The same, and never one that somebody else runs."""
    with LocalBroker(private_root, tmp_path / "broker") as running:
        yield running


@pytest.fixture
def own_database(private_root: Path, tmp_path: Path) -> Iterator[LocalDatabase]:
    """A new crash-safe database server with a migrated database `.url`, for tests that stop, kill or pause it."""
    with LocalDatabase(private_root, tmp_path / "database") as running:
        migrate(running.url)
        yield running


@pytest.fixture(scope="session")
def database_server(private_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDatabase]:
    """The worker's server, fast and not crash-safe; tests share it and must leave it running."""
    with LocalDatabase(private_root, tmp_path_factory.mktemp("database"), durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def database_template(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Address of the server's maintenance database, and the name of a migrated database that nobody connects to."""
    base = _GIVEN_DATABASE_URL or request.getfixturevalue("database_server").url
    name = f"lifeline_template_{uuid.uuid4().hex[:8]}"
    _execute(base, f"CREATE DATABASE {name}")
    migrate(_address(base, name))
    yield base, name
    _execute(base, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(database_template: tuple[str, str]) -> Iterator[str]:
    """A new, migrated, empty database; gone after the test, whoever is still connected."""
    base, template = database_template
    name = f"lifeline_test_{uuid.uuid4().hex[:8]}"
    _execute(base, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield _address(base, name)
    _execute(base, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """The store on a new, migrated, empty database."""
    with Store(database_url, name="test") as opened:
        yield opened


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _address(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()
