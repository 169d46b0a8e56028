"""The console as a stage: it says that it lives, says so on the page when the database is away, and ends at once."""

import socket
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from console.app import run
from deploy.local.database import LocalDatabase
from lifeline.clock import SystemClock
from lifeline.errors import SettingsError
from lifeline.settings import load
from lifeline.store.pool import Store
from lifeline.store.stages import stages
from tests.console_stage import chromium, load_city, person, running
from tests.packs import write_tiny_pack


def test_a_port_in_use_is_named(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = load(database_url=database_url, console={"port": port})
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}.*console.port"):
            run(settings, stop=threading.Event(), clock=SystemClock())


def test_it_beats_and_ends_at_once_though_people_and_programs_follow(store: Store, tmp_path: Path) -> None:
    load_city(store, write_tiny_pack(tmp_path / "cc"), now=datetime.now(UTC))
    with running(store.url, tmp_path / "console.log", LIFELINE_CONSOLE__REFRESH_S="30") as console:
        (beat,) = stages(store)
        assert (beat.stage, beat.detail["port"]) == ("console", int(console.url.rpartition(":")[2]))
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(console.process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        with httpx.stream("GET", f"{console.api}/events", timeout=30, headers=console.bearer()) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": connected"
            began = time.monotonic()
            console.process.terminate()
            assert not [line for line in lines if line.startswith("event")]
            assert console.process.wait(20) == 0
            assert time.monotonic() - began < 15
        assert children == []


def test_the_page_says_when_the_database_is_away_and_when_it_is_back(
    own_database: LocalDatabase, tmp_path: Path
) -> None:
    with Store(own_database.url, name="test") as store:
        load_city(store, write_tiny_pack(tmp_path / "cc"), now=datetime.now(UTC))
    with (
        running(own_database.url, tmp_path / "console.log") as console,
        chromium() as browser,
        person(browser, console, "/en") as one,
    ):
        link = one.page.locator(".ll-link")
        expect(link).to_have_text("Live")
        headers = console.bearer()
        assert httpx.get(f"{console.api}/alarms", headers=headers).status_code == 200
        own_database.stop()
        expect(link).to_contain_text("Database does not answer", timeout=30_000)
        answer = httpx.get(f"{console.api}/alarms", timeout=60, headers=headers)
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:lifeline:problem:store-away"
        own_database.start()
        expect(link).to_have_text("Live", timeout=30_000)
