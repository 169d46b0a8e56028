"""Parts for the tests of the alerts stage: real receivers that misbehave as they are told, a city, findings."""

import email
import email.policy
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from alerts.policy import BUILT_IN
from lifeline.asset import Position
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.store.pool import Store

HOST = "127.0.0.1"
START = datetime(2026, 7, 20, 8, 0, tzinfo=UTC)

FLOOD = Finding(
    subject="flood:CC-WD-03",
    kind=FindingKind.FLOOD,
    phase=Phase.ONSET,
    city_code="220100",
    detector="flood",
    reason="level-reached",
    began_at=START,
    detected_at=START,
    probability=0.95,
    sensor_ids=("CC-WD-03",),
    position=Position(125.32, 43.88),
    depth_m=0.2,
)


def later(finding: Finding, seconds: float, **changes: Any) -> Finding:
    """The same subject so much after START."""
    changes.setdefault("phase", Phase.UPDATE)
    return replace(finding, detected_at=START + timedelta(seconds=seconds), **changes)


def load_city(store: Store) -> None:
    """Changchun with thresholds, a catchment and the sensor of FLOOD, as a pack would have loaded them."""
    depths = {"site": "underpass", "blue_m": 0.05, "yellow_m": 0.15, "orange_m": 0.27, "red_m": 0.4, "source": "t"}
    flows = {"blue_m3_per_h": 2, "yellow_m3_per_h": 10, "orange_m3_per_h": 40, "red_m3_per_h": 150, "source": "t"}
    levels = {"version": "test", "flood": [depths], "leak": [flows]}
    with store.transaction() as connection:
        connection.execute(
            """INSERT INTO city (city_code, name_zh, name_en, version, timezone, lon, lat, settings, levels, sha256,
                   loaded_at)
               VALUES ('220100', '长春', 'Changchun', 't', 'Asia/Shanghai', 125.3, 43.9, '{}', %s, '', now())""",
            (json.dumps(levels),),
        )
        connection.execute(
            """INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, lon, lat,
                   elevation_m, interval_s, range_min, range_max, name_zh, name_en)
               VALUES ('CC-WD-03', '220100', 'CC-WD-03', 'depth', 'water_depth', 'm', 'underpass', 125.3, 43.9,
                   200, 60, 0, 5, '人民大街下穿桥', 'Renmin Street underpass')"""
        )


def changed_policy(folder: Path, **values: float) -> str:
    """The path of the built-in policy with other values; the waits of a storm do not grow."""
    values = {"grow": 1.0, **values}
    text = BUILT_IN.read_text(encoding="utf-8")
    for name, value in values.items():
        text, times = re.subn(rf"^{name} = [0-9.]+", f"{name} = {value}", text, flags=re.MULTILINE)
        assert times == 1
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def eventually(met: Callable[[], Any], *, within_s: float = 30.0) -> Any:
    """What `met` gives as soon as it is true; fails when it does not become so."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        value = met()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {within_s} s")


@dataclass(frozen=True, slots=True)
class Post:
    """What a web receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes
    answered: int | str
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]


class WebReceiver:
    """An HTTP server. `script` holds what it does with the next posts: a status, or `hang`, `close`, `drip`; or a
    status with headers. Then 200."""

    def __init__(self) -> None:
        self.script: list[int | str | tuple[int, dict[str, str]]] = []
        self.always: int | str | None = None
        self.answer = b""
        self.posts: list[Post] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver._lock:
                    act = receiver.script.pop(0) if receiver.script else receiver.always or 200
                    said = act[0] if isinstance(act, tuple) else act
                    receiver.posts.append(Post(self.path, dict(self.headers), body, said, time.monotonic()))
                self.close_connection = True
                if act == "hang":
                    receiver._ending.wait(60)
                elif act == "drip":
                    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 400:
                        if receiver._ending.wait(0.1):
                            break
                        try:
                            self.wfile.write(bytes([byte]))
                        except OSError:
                            break
                elif act != "close":
                    status, headers = act if isinstance(act, tuple) else (int(act), {})
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(receiver.answer)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(receiver.answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that went away is part of the tests."""

        self._server = Server((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_port}/alarm"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def taken(self) -> list[Post]:
        """The posts that were answered with 2xx."""
        return [post for post in list(self.posts) if isinstance(post.answered, int) and 200 <= post.answered < 300]

    def __enter__(self) -> "WebReceiver":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class MailReceiver:
    """An SMTP server that keeps mails. `script` holds answers to the next DATA commands, then 250."""

    def __init__(self, **options: Any) -> None:
        self.script: list[str] = []
        self.recipient_script: list[str] = []
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        receiver = self

        class Handler:
            async def handle_RCPT(  # noqa: N802  # aiosmtpd calls it so
                self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
            ) -> str:
                del server, session, options
                answer = receiver.recipient_script.pop(0) if receiver.recipient_script else "250 OK"
                if answer.startswith("250"):
                    envelope.rcpt_tos.append(address)
                return answer

            async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
                del server
                answer = receiver.script.pop(0) if receiver.script else "250 taken"
                if answer.startswith("250"):
                    content = envelope.content
                    assert isinstance(content, bytes)
                    receiver.encrypted.append(session.ssl is not None)
                    receiver.mails.append(email.message_from_bytes(content, policy=email.policy.default))
                return answer

        def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
            del server, session, envelope, mechanism
            login = (data.login.decode(), data.password.decode())
            receiver.logins.append(login)
            return AuthResult(success=login == ("duty", "p@ss:word"), handled=False)

        with socket.create_server((HOST, 0)) as probe:
            port: int = probe.getsockname()[1]
        self._controller = Controller(
            Handler(), hostname=HOST, port=port, authenticator=authenticate, auth_require_tls=False, **options
        )
        self.port = port
        self.url = f"smtp://{HOST}:{port}"

    def __enter__(self) -> "MailReceiver":
        self._controller.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._controller.stop()


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server on a free port; `serve` gets each connection in a thread of its own."""
    listener = socket.create_server((HOST, 0))
    listener.settimeout(0.1)
    ending = threading.Event()

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    def accept() -> None:
        while not ending.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                continue
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ending.set()
        thread.join()
        listener.close()
