"""Real receivers for the demo: a web hook and a mail server on free loopback ports that tell what arrives."""

import email
import email.policy
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_HOST = "127.0.0.1"


class WebhookInbox:
    """Answers 200 to every POST and reports one line for each; keeps what came in `received`."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.received: list[dict[str, Any]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.end_headers()
                message = json.loads(body)
                inbox.received.append(message)
                report(f"web hook received: {message.get('subject_line', '')}")

            def log_message(self, format: str, *args: object) -> None:
                """Quiet: the report says it."""

        self._server = ThreadingHTTPServer((_HOST, 0), Handler)
        self.url = f"http://{_HOST}:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook-inbox", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class MailInbox:
    """An SMTP server that takes every mail and reports one line for each; keeps the messages in `received`."""

    def __init__(self, report: Callable[[str], None]) -> None:
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import SMTP, Envelope, Session

        self.received: list[email.message.EmailMessage] = []
        inbox = self

        class Handler:
            async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # theirs
                del server, session
                message = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
                inbox.received.append(message)
                report(f"mail received: {message['subject']}")
                return "250 taken"

        port = _free_port()
        self._controller = Controller(Handler(), hostname=_HOST, port=port)
        self.url = f"smtp://{_HOST}:{port}"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
