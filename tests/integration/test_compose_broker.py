"""The broker of deploy/compose, started by its own script on the same Mosquitto: who may do what really holds."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.broker import LocalBroker
from deploy.local.root import command
from lifeline.mqtt import BrokerAddress

DEPLOY = Path(__file__).parents[2] / "deploy"
_LIMIT_S = 20.0
_UP = "lifeline/1/220100/CC-L-014/up/senml"
_RECEIPT = "lifeline/1/220100/CC-L-014/receipt"


class ComposeBroker(LocalBroker):
    """Mosquitto as the container starts it, but for the port."""

    def _sandbox(self) -> list[str]:
        config = self.data_dir / "config"
        place = (DEPLOY / "compose" / "broker-place.conf").read_text()
        (config / "place" / "local.conf").write_text(place.replace("1883 0.0.0.0", f"{self.port} 127.0.0.1"))
        for file in (DEPLOY / "mosquitto" / "devices.acl", DEPLOY / "compose" / "broker-start.sh"):
            shutil.copyfile(file, config / file.name)
        binds = {self.data_dir / name: f"/mosquitto/{name}" for name in ("config", "data")}
        secrets = ("--setenv", "BROKER_PASSWORD", "secret1", "--setenv", "DEVICE_PASSWORD", "secret2")
        return command(self.root, "/bin/sh", "/mosquitto/config/broker-start.sh", binds=binds, options=secrets)


@pytest.fixture
def compose_broker(private_root: Path, tmp_path: Path) -> Iterator[ComposeBroker]:
    with ComposeBroker(private_root, tmp_path / "broker") as running:
        yield running


class Account:
    """A connected client that tells what it may do."""

    def __init__(self, broker: ComposeBroker, user: str, password: str) -> None:
        address = BrokerAddress("127.0.0.1", broker.port, tls=False, user=user, password=password)
        self._client = address.client(f"{user}-client")
        self._answer = threading.Event()
        self._code = -1
        self.heard = threading.Event()
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self._note(reason.value)
        self._client.on_publish = lambda _c, _d, _m, reason, _p: self._note(reason.value)
        self._client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._note(reasons[0].value)
        self._client.on_message = lambda *_: self.heard.set()
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        self.connected = self._wait() < 128

    def may_publish(self, topic: str) -> bool:
        self._client.publish(topic, b"x", qos=1)
        return self._wait() < 128

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._wait()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _note(self, code: int) -> None:
        self._code = code
        self._answer.set()

    def _wait(self) -> int:
        assert self._answer.wait(_LIMIT_S)
        self._answer.clear()
        return self._code


def test_devices_report_and_hear_but_neither_listen_to_others_nor_speak_for_the_city(
    compose_broker: ComposeBroker,
) -> None:
    stage, device = Account(compose_broker, "lifeline", "secret1"), Account(compose_broker, "device", "secret2")
    try:
        assert stage.connected and device.connected
        stage.subscribe("lifeline/1/+/+/up/+")
        device.subscribe("lifeline/1/#")
        device.subscribe(_RECEIPT)
        assert device.may_publish(_UP)
        assert stage.heard.wait(_LIMIT_S)
        assert not device.may_publish(_RECEIPT)
        assert not device.may_publish("lifeline/1/220100/CC-SIREN-1/down")
        assert not device.heard.is_set()
        assert stage.may_publish(_RECEIPT)
        assert device.heard.wait(_LIMIT_S)
    finally:
        stage.close()
        device.close()


@pytest.mark.parametrize(("user", "password"), [("lifeline", "wrong"), ("device", "secret1"), ("nobody", "secret1")])
def test_a_wrong_account_is_refused(compose_broker: ComposeBroker, user: str, password: str) -> None:
    account = Account(compose_broker, user, password)
    assert not account.connected
    account.close()
