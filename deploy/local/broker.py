"""A private Mosquitto on a free loopback port, its state kept in a data folder, under the rules that compose uses."""

import shutil
import socket
from pathlib import Path

from deploy.local.port import HOST
from deploy.local.root import command
from deploy.local.server import LocalServer
from lifeline.errors import LinkError

RULES = Path(__file__).parent.parent / "mosquitto" / "mosquitto.conf"

# No password: the listener is the loopback address, so who reaches it has an account on this machine already.
_PLACE = """\
listener {port} {host}
allow_anonymous true
log_dest stderr
"""


class LocalBroker(LocalServer):
    """Mosquitto for one machine: anonymous, loopback only, persistent.

    >>> with LocalBroker(root.ensure(), Path("data/broker")) as broker:  # doctest: +SKIP
    ...     print(broker.url)
    mqtt://127.0.0.1:21883
    """

    name = "broker"
    error = LinkError

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    def _prepare(self) -> None:
        for name in ("config/place", "data"):
            (self.data_dir / name).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(RULES, self.data_dir / "config" / "mosquitto.conf")

    def _finish(self) -> None:
        """A broker needs nothing more."""

    def _sandbox(self) -> list[str]:
        place = self.data_dir / "config" / "place" / "local.conf"
        place.write_text(_PLACE.format(port=self.port, host=HOST))
        # the folders of the official image, so that one file of rules serves both
        binds = {self.data_dir / name: f"/mosquitto/{name}" for name in ("config", "data")}
        return command(self.root, "/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf", binds=binds)

    def _is_ready(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex((HOST, self.port)) == 0
