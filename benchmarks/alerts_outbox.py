"""100,000 notices while workers, database and receiver are killed at random: what is lost, what comes twice."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.rehearsal import CITY
from benchmarks.table import Figure
from deploy.local import root
from deploy.local.database import LocalDatabase
from lifeline.errors import StoreError
from lifeline.store.migrate import migrate
from lifeline.store.pool import Store

TITLE = "alerts: an outbox while everything around it is killed"
NOTICES = 100_000
_WORKERS = 2
_GIVE_UP_S = 7200.0
_KILL_EVERY_S = (4.0, 12.0)


class _Receiver:
    """Counts how often each key is taken; answers 429, 500 or nothing at times, and goes away when told to."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self._fate = random.Random(1)
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._lock:
                    fate = receiver._fate.random()
                    status = 429 if fate < 0.01 else 500 if fate < 0.02 else 0 if fate < 0.021 else 200
                    if status == 200:
                        receiver.taken[self.headers["Idempotency-Key"]] += 1
                self.close_connection = True
                if status:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._handler = Handler
        self._port = 0
        self.start()

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        self.url = f"http://127.0.0.1:{self._port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def measure(share: float = 1.0) -> list[Figure]:
    """`share`: of the 100,000."""
    number = max(100, round(NOTICES * share))
    fate = random.Random(2)
    kills: Counter[str] = Counter()
    victims = cycle(("database", "worker", "receiver", "worker"))
    with (
        TemporaryDirectory(prefix="lifeline-bench-") as folder,
        LocalDatabase(root.ensure(print), Path(folder) / "database") as server,
    ):
        migrate(server.url)
        receiver = _Receiver()
        workers: list[subprocess.Popen[bytes]] = []
        began = time.monotonic()
        try:
            with Store(server.url, name="lifeline-bench") as store:
                _fill(store, number, receiver.url)
                workers = [_worker(server.url, receiver.url, Path(folder)) for _ in range(_WORKERS)]
                next_kill = time.monotonic() + fate.uniform(*_KILL_EVERY_S)
                while (left := _left(store)) and time.monotonic() - began < _GIVE_UP_S:
                    time.sleep(0.5)
                    if time.monotonic() < next_kill or left < 0.02 * number:
                        continue
                    victim = next(victims)
                    kills[victim] += 1
                    if victim == "worker":
                        slot = fate.randrange(_WORKERS)
                        workers[slot].send_signal(signal.SIGKILL)
                        workers[slot].wait()
                        workers[slot] = _worker(server.url, receiver.url, Path(folder))
                    elif victim == "database":
                        server.kill()
                        server.start()
                    else:
                        receiver.stop()
                        time.sleep(2.0)
                        receiver.start()
                    next_kill = time.monotonic() + fate.uniform(*_KILL_EVERY_S)
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait()
            receiver.stop()
    took_s = time.monotonic() - began
    keys = {f"bench-{n}" for n in range(number)}
    twice = sum(receiver.taken.values()) - len(receiver.taken)
    return [
        Figure("notices", number, ""),
        *(Figure(f"kills of the {victim}", number_of, "") for victim, number_of in sorted(kills.items())),
        Figure("lost", len(keys - receiver.taken.keys()), "", "limit", 0.0),
        Figure("taken twice, share", twice / number, "", "limit", 0.005),
        Figure("notices a second through all of it", number / took_s, "1/s"),
    ]


def _fill(store: Store, number: int, url: str) -> None:
    """An alarm and the notices about it."""
    with store.transaction() as connection:
        connection.execute(
            """WITH f AS (
                   INSERT INTO finding (subject, kind, phase, city_code, detector, reason, began_at, detected_at,
                       stored_at, probability, sensor_ids, candidates, explanation)
                   VALUES ('s', 'flood', 'onset', %(city)s, 'd', 'r', now(), now(), now(), 1, '{}', '[]', '{}')
                   RETURNING finding_id),
               a AS (
                   INSERT INTO alarm (subject, city_code, kind, level, state, title_zh, title_en, began_at, opened_at,
                       probability, provisions, finding_id)
                   SELECT 's', %(city)s, 'flood', 3, 'acknowledged', '', '', now(), now(), 1, '{}', finding_id FROM f
                   RETURNING alarm_id)
               INSERT INTO notice (alarm_id, idempotency_key, channel, address, subject_line, body, payload, created_at,
                   next_attempt_at)
               SELECT alarm_id, 'bench-' || n, 'ops', %(url)s, 'x', 'y', '{"events": []}', %(now)s, %(now)s
               FROM a, generate_series(0, %(number)s - 1) n""",
            {"city": CITY, "number": number, "url": url, "now": datetime.now(UTC)},
        )
        connection.execute("INSERT INTO engine_position SELECT 'alerts', max(finding_id) FROM finding")


def _worker(database_url: str, url: str, folder: Path) -> subprocess.Popen[bytes]:
    env = os.environ | {
        "LIFELINE_DATABASE_URL": database_url,
        "LIFELINE_LOG_LEVEL": "error",
        "LIFELINE_ALERTS__CHANNELS": f'[{{"name": "ops", "kind": "webhook", "address": "{url}"}}]',
        "LIFELINE_ALERTS__FIRST_BACKOFF_S": "0.2",
        "LIFELINE_ALERTS__LONGEST_BACKOFF_S": "2",
        "LIFELINE_ALERTS__DELIVERY_TIMEOUT_S": "3",
        "LIFELINE_ALERTS__ATTEMPT_LIMIT": "100000",
    }
    with (folder / "alerts.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "lifeline", "alerts"], env=env, stdout=log, stderr=log)


def _left(store: Store) -> int:
    while True:
        with suppress(StoreError), store.transaction() as connection:
            row: Any = connection.execute("SELECT count(*) AS n FROM notice WHERE state = 'waiting'").fetchone()
            return int(row.n)
        time.sleep(0.5)
