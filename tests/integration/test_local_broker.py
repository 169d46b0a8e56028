"""The private broker keeps its promises: sessions kept, its rules really in force, one start at a time."""

import os
import threading
import time
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from deploy.local.broker import LocalBroker
from lifeline.errors import LinkError
from lifeline.mqtt import BrokerAddress

_LIMIT_S = 30.0


class Subscriber:
    """A client with a session that outlives its connection; collects what it is sent."""

    def __init__(self, url: str, client_id: str = "subscriber") -> None:
        self.payloads: list[bytes] = []
        self._address = BrokerAddress.parse(url)
        self._client = self._address.client(client_id)
        self._subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe("t/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _c, _u, message: self.payloads.append(bytes(message.payload))

    def __enter__(self) -> "Subscriber":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._client.connect(self._address.host, self._address.port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self._subscribed.wait(_LIMIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while len(self.payloads) < count and time.monotonic() < deadline:
            time.sleep(0.01)


def _publish(url: str, payloads: list[bytes], *, retain: bool = False) -> list[int]:
    """Publishes with QoS 1, waits for every confirmation and gives their reason codes."""
    address = BrokerAddress.parse(url)
    client = address.client("publisher")
    codes: list[int] = []
    client.on_publish = lambda _c, _u, _mid, reason, _p: codes.append(reason.value)
    client.connect(address.host, address.port)
    client.loop_start()
    for payload in payloads:
        client.publish("t/x", payload, qos=1, retain=retain)
    deadline = time.monotonic() + _LIMIT_S
    while len(codes) < len(payloads) and time.monotonic() < deadline:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
    return codes


def test_a_queue_far_over_the_usual_1000_waits_for_a_client_that_is_away_through_a_restart(
    own_broker: LocalBroker,
) -> None:
    url = own_broker.url
    with Subscriber(url):
        pass
    sent = [str(n).encode() for n in range(5000)]
    assert len(_publish(url, sent)) == 5000
    own_broker.stop()
    assert not own_broker.is_running
    own_broker.start()
    assert own_broker.url == url
    with Subscriber(url) as subscriber:
        subscriber.wait_for(5000)
    assert subscriber.payloads == sent


def test_after_kill_9_it_comes_back_with_what_it_had_saved(own_broker: LocalBroker) -> None:
    _publish(own_broker.url, [b"saved"], retain=True)
    own_broker.stop()
    own_broker.start()
    own_broker.kill()
    assert not own_broker.is_running
    own_broker.start()
    with Subscriber(own_broker.url) as subscriber:
        subscriber.wait_for(1)
    assert subscriber.payloads == [b"saved"]


def test_a_paused_broker_keeps_connections_and_delivers_later(own_broker: LocalBroker) -> None:
    with Subscriber(own_broker.url) as subscriber:
        own_broker.pause()
        threading.Timer(1.0, own_broker.resume).start()
        _publish(own_broker.url, [b"late"])
        subscriber.wait_for(1)
    assert subscriber.payloads == [b"late"]


def test_a_packet_over_the_limit_is_refused_aloud_and_stored_nowhere(own_broker: LocalBroker) -> None:
    address = BrokerAddress.parse(own_broker.url)
    client = address.client("greedy")
    ended = threading.Event()
    client.on_disconnect = lambda *_: ended.set()
    with Subscriber(own_broker.url) as subscriber:
        client.connect(address.host, address.port)
        client.loop_start()
        client.publish("t/x", b"x" * 2_000_000, qos=1)
        assert ended.wait(_LIMIT_S)
        client.loop_stop()
        _publish(own_broker.url, [b"small"])
        subscriber.wait_for(1)
    assert subscriber.payloads == [b"small"]


def test_a_second_start_on_the_same_folder_is_refused(own_broker: LocalBroker) -> None:
    second = LocalBroker(own_broker.root, own_broker.data_dir)
    with pytest.raises(LinkError, match=f"running already .started by process {os.getpid()}.* stop that one first"):
        second.start()
    assert _publish(own_broker.url, [b"still there"])


def test_nothing_is_left_after_a_stop(private_root: Path, tmp_path: Path) -> None:
    with LocalBroker(private_root, tmp_path / "broker") as broker:
        port = broker.port
    address = BrokerAddress("127.0.0.1", port, tls=False)
    with pytest.raises(ConnectionRefusedError):
        address.client("nobody").connect(address.host, address.port)
    running = [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in p.read_text(errors="replace")]
    assert not running
