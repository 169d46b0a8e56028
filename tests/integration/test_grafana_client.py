"""The real grafana-client against a server that answers as Grafana does: a second push changes nothing."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_SCRIPT = """
import sys
from deploy.grafana.client import ClientGrafana
from deploy.grafana.push import Wanted, differences, push
from lifeline.errors import SettingsError
there = ClientGrafana(sys.argv[1], "token")
wanted = Wanted.of(database_url="postgresql://grafana:secret@database/lifeline", contact_url="mailto:duty@example.org")
for _ in range(2):
    print(push(there, wanted, differences(there, wanted)))
try:
    differences(ClientGrafana(sys.argv[1], "wrong"), wanted)
except SettingsError as error:
    print(error)
"""


class _Server(BaseHTTPRequestHandler):
    """The addresses that are used, with the answers that Grafana's HTTP API documents."""

    stored: dict[str, Any]

    def do_GET(self) -> None:
        name = self.path.split("?")[0]
        if name == "/api/v1/provisioning/contact-points":
            self._answer(200, list(self.stored.get("contacts", {}).values()))
        else:
            found = self.stored.get(name)
            self._answer(200 if found else 404, found or {"message": "not found"})

    def do_POST(self) -> None:
        self._write()

    def do_PUT(self) -> None:
        self._write()

    def _write(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match self.path.split("?")[0].split("/")[2:]:
            case ["datasources", *_]:
                body.pop("secureJsonData")
                self.stored[f"/api/datasources/uid/{body['uid']}"] = body | {"id": 1}
            case ["folders"]:
                self.stored[f"/api/folders/{body['uid']}"] = body
            case ["dashboards", "db"]:
                uid = body["dashboard"]["uid"]
                self.stored[f"/api/dashboards/uid/{uid}"] = {"dashboard": body["dashboard"] | {"id": 5, "version": 1}}
            case ["v1", "provisioning", "contact-points", *_]:
                self.stored.setdefault("contacts", {})[body["uid"]] = body
        self._answer(200, {"message": "saved"})

    def _answer(self, status: int, value: Any) -> None:
        if self.headers["Authorization"] != "Bearer token":
            status, value = 401, {"message": "Invalid API key"}
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server() -> Iterator[str]:
    handler = type("Handler", (_Server,), {"stored": {}})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.mark.slow
def test_the_extra_in_an_environment_of_its_own_pushes_once(server: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "grafana-client==5.1.4"], check=True)
    done = subprocess.run(
        [python, "-c", _SCRIPT, server],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, refused = done.stdout.splitlines()
    assert int(first) > 6
    assert second == "0"
    assert "401" in refused
    assert "grafana.token" in refused
