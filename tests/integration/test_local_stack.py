"""Both private servers of one data folder: started together, kept, and only forgotten when nobody uses them."""

from pathlib import Path

import psycopg
import pytest

from deploy.local.database import LocalDatabase
from deploy.local.stack import LocalStack, forget
from lifeline.errors import LifelineError, StoreError
from lifeline.mqtt import BrokerAddress

pytestmark = pytest.mark.usefixtures("private_root")


def test_the_second_start_finds_the_same_data_at_the_same_addresses(tmp_path: Path) -> None:
    said: list[str] = []
    with LocalStack(tmp_path / "data", report=said.append) as stack:
        first = stack.database_url, stack.mqtt_url
        with psycopg.connect(stack.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    assert len([line for line in said if "is ready on" in line]) == 2
    with LocalStack(tmp_path / "data") as stack:
        assert (stack.database_url, stack.mqtt_url) == first
        with psycopg.connect(stack.database_url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_nothing_keeps_running_when_the_second_server_cannot_start(private_root: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broker").write_text("a file where a folder should be")
    with pytest.raises((OSError, LifelineError)), LocalStack(tmp_path / "data"):
        pass
    with LocalDatabase(private_root, tmp_path / "data" / "database") as database:  # its lock is free again
        assert database.is_running


def test_a_folder_in_use_is_not_forgotten(tmp_path: Path) -> None:
    with LocalStack(tmp_path / "data") as stack:
        with pytest.raises(StoreError, match="running already"):
            forget(tmp_path / "data")
        address = BrokerAddress.parse(stack.mqtt_url)
        client = address.client("probe")
        client.connect(address.host, address.port)
        client.disconnect()
        with psycopg.connect(stack.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    forget(tmp_path / "data")
    assert not (tmp_path / "data").exists()
    forget(tmp_path / "data")
