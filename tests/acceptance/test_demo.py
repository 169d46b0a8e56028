"""The demo as a newcomer sees it: from a burst in the hydraulic model to the alarm that a crew has acknowledged."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import pytest

from deploy.local import root
from deploy.local.database import LocalDatabase
from lifeline import city
from lifeline.alarm import AlarmAction
from lifeline.finding import FindingKind, Phase
from lifeline.store.alarms import alarms, events
from lifeline.store.findings import findings_after
from lifeline.store.notices import notices_of
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from simulators.packs import CHANGCHUN

_PATIENCE_S = 240.0


class _Demo:
    """`lifeline demo` in a process of its own; its lines as they come."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lifeline", "demo", "--data", str(data), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "LIFELINE_CONSOLE__PORT": "0", "COLUMNS": "200"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(f"no line with {pattern!r} in:\n" + "\n".join(self.lines))

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _processes_of(data: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(data).encode() in text:
                found.append(entry.name)
    return found


@pytest.mark.timeout(600)
def test_from_a_burst_to_the_acknowledged_alarm(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with _Demo(data, "--scenario", "burst") as demo:
        opened = demo.wait_for(r"burst opened at pipe (\S+?),? ")
        demo.wait_for(r"finding onset: burst:")
        demo.wait_for(r"alarm \d+ open by system:alerts")
        demo.wait_for(r"mail received: ")
        demo.wait_for(r"web hook received: ")
        demo.wait_for(r"alarm \d+ acknowledge by ")
        demo.wait_for(r"readings: [1-9][\d.]*/s")
        assert demo.interrupt() == 0
    assert _processes_of(data) == []

    pack = city.load(CHANGCHUN)
    zone_of = {asset.asset_id: asset.zone_id for asset in pack.assets}
    with (
        LocalDatabase(root.ensure(), data / "database") as server,
        Store(server.url, name="test") as store,
    ):
        law = conservation(store)
        onsets = [f for f in findings_after(store, 0, 1000) if f.phase is Phase.ONSET]
        bursts = [f for f in onsets if f.kind is FindingKind.BURST]
        (alarm,) = [a for a in alarms(store, live_only=False, limit=100) if a.kind is FindingKind.BURST]
        history = events(store, alarm.alarm_id)
        notices = notices_of(store, alarm.alarm_id)
    assert law.holds
    assert law.received > 100_000
    assert [f.zone_id for f in bursts] == [zone_of[opened[1]]]
    assert bursts[0].detected_at > bursts[0].began_at
    assert bursts[0].flow_m3_per_h is not None
    assert 15.0 < bursts[0].flow_m3_per_h < 120.0
    assert alarm.opened_at >= bursts[0].detected_at
    assert [e.action for e in history][:1] == [AlarmAction.OPEN]
    assert AlarmAction.ACKNOWLEDGE in [e.action for e in history]
    assert {n.channel for n in notices} == {"duty-mail", "dispatch"}
    assert all(n.delivered_at is not None for n in notices)
