"""From findings to notices: 1000 at once through the real stage, and a night of cloudburst in few notices."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson

from alerts.policy import BUILT_IN
from benchmarks.rehearsal import Rehearsal, empty_store, flood, night, put_sensors, worst
from benchmarks.table import Figure
from deploy.stages import verb_command
from lifeline.clock import SystemClock
from lifeline.finding import Finding, Phase
from lifeline.store import findings, stages
from lifeline.store.pool import Store
from lifeline.supervise import Supervisor

TITLE = "alerts: from findings to notices"
AT_ONCE = 1000
_GIVE_UP_S = 120.0


class _Receiver:
    """Takes web hooks and notes when each event came."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.posts = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                at = time.time()
                for event in orjson.loads(body)["events"]:
                    receiver.came.setdefault(event["alarm"]["subject"], at)
                receiver.posts += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "_Receiver":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def measure() -> list[Figure]:
    """Both."""
    return [*_at_once(), *_night()]


def _at_once() -> list[Figure]:
    with empty_store() as store, TemporaryDirectory(prefix="lifeline-bench-") as folder, _Receiver() as receiver:
        put_sensors(store, (f"S-{n}" for n in range(AT_ONCE)))
        together_s = _run(store, Path(folder), receiver, apart=False)
        posts, receiver.posts = receiver.posts, 0
        receiver.came.clear()
        apart_s = _run(store, Path(folder), receiver, apart=True)
        return [
            Figure(f"{AT_ONCE} findings at once, built-in policy: notices", posts, ""),
            Figure(
                "finding -> notice taken by the receiver, p95", float(np.percentile(together_s, 95)), "s", "limit", 3.0
            ),
            Figure("the same, worst", max(together_s), "s"),
            Figure("not told", AT_ONCE - len(together_s), ""),
            Figure(f"{AT_ONCE} findings one after another, no grouping: notices", receiver.posts, ""),
            Figure(
                "finding -> notice taken by the receiver, p95", float(np.percentile(apart_s, 95)), "s", "limit", 3.0
            ),
            Figure("not told", AT_ONCE - len(apart_s), ""),
        ]


def _run(store: Store, folder: Path, receiver: _Receiver, *, apart: bool) -> list[float]:
    """Seconds from the finding's row to the receiver, of those that came."""
    policy = folder / "policy.toml"
    text = BUILT_IN.read_text(encoding="utf-8")
    policy.write_text(text.replace("most = 3 ", "most = 100000 ") if apart else text, encoding="utf-8")
    channels = f'[{{"name": "ops", "kind": "webhook", "address": "{receiver.url}"}}]'
    env = {
        "LIFELINE_DATABASE_URL": store.url,
        "LIFELINE_ALERTS__CHANNELS": channels,
        "LIFELINE_ALERTS__POLICY_FILE": str(policy),
    }
    before = {beat.worker for beat in stages.stages(store)}
    stop = threading.Event()
    supervisor = Supervisor([verb_command("alerts", ["alerts"], env, logs=folder)], clock=SystemClock(), report=print)
    supervising = threading.Thread(target=supervisor.run, args=(stop,))
    supervising.start()
    try:
        deadline = time.monotonic() + 60
        while not {beat.worker for beat in stages.stages(store)} - before and time.monotonic() < deadline:
            time.sleep(0.05)
        now = datetime.now(UTC)
        prefix = "apart" if apart else "once"
        made = [flood(f"S-{n}", now, now, Phase.ONSET, 0.2) for n in range(AT_ONCE)]
        made = [_named(one, prefix) for one in made]
        written: dict[str, float] = {}
        for batch in [[one] for one in made] if apart else [made]:
            findings.commit(store, batch, now=datetime.now(UTC))
            written |= dict.fromkeys((one.subject for one in batch), time.time())
        while len(receiver.came) < AT_ONCE and time.monotonic() < deadline + _GIVE_UP_S:
            time.sleep(0.05)
        return [receiver.came[subject] - at for subject, at in written.items() if subject in receiver.came]
    finally:
        stop.set()
        supervising.join()


def _named(one: Finding, prefix: str) -> Finding:
    return replace(one, subject=f"{prefix}:{one.subject}", detector=prefix)


def _night() -> list[Figure]:
    made = night(1)
    with empty_store() as store:
        put_sensors(store, {one.sensor_ids[0] for one in made})
        show = Rehearsal(store, made[0].detected_at)
        show.run(made)
        notices, reds = show.notices(), show.red_delays_s()
    rings = [at for at, _, rings in notices if rings]
    bad = [at for at, urgency, _ in notices if urgency < 9]
    changes = [one.detected_at for one in made]
    sensors = len({one.subject for one in made})
    return [
        Figure(f"night: {len(made)} level changes on {sensors} sensors; worst 10 min", worst(changes), "changes"),
        Figure("notices that ring, to one receiver", len(rings), "", "limit", 16),
        Figure("the same, worst 10 min", worst(rings), "notices", "limit", 4),
        Figure("with those that follow one in place", len(notices), ""),
        Figure("of all of them bad news", len(bad), ""),
        Figure(f"{len(reds)} reds: slowest notice", max(reds, default=0.0), "s", "limit", 30.0),
    ]
