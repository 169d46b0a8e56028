"""A Sparkplug B host on a real broker and a real TimescaleDB: aliases, deaths, rebirth, and its own state."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import paho.mqtt.client as mqtt
import pytest

from deploy.local.broker import LocalBroker
from ingest.share import run
from ingest.sparkplug.payload import REBIRTH, parse
from lifeline.clock import SystemClock
from lifeline.mqtt import BrokerAddress
from lifeline.settings import Settings
from lifeline.store.devices import devices
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from lifeline.store.rejects import newest_rejects
from tests.ingesting import CITY, lawful, load_devices, open_session, running, stored, wait_for
from tests.unit.test_codec_sparkplug import birth, metric, payload

NOW_S = int(time.time()) // 60 * 60
STATE = "spBv1.0/STATE/city"


class Watcher:
    """Sees what is said under spBv1.0/, and publishes as a node."""

    def __init__(self, url: str) -> None:
        address = BrokerAddress.parse(url)
        self.seen: list[tuple[str, bytes]] = []
        self._client = address.client("")
        self._client.on_connect = lambda client, *_: client.subscribe("spBv1.0/#", 1)
        self._client.on_message = lambda _client, _data, message: self.seen.append(
            (message.topic, bytes(message.payload))
        )
        self._client.connect(address.host, address.port)
        self._client.loop_start()

    def states(self) -> list[bool]:
        return [orjson.loads(data)["online"] for topic, data in self.seen if topic == STATE]

    def publish(self, verb: str, data: bytes, device: str = "") -> mqtt.MQTTMessageInfo:
        topic = f"spBv1.0/{CITY}/{verb}/D1" + (f"/{device}" if device else "")
        return self._client.publish(topic, data, 0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def watcher(broker: LocalBroker) -> Iterator[Watcher]:
    opened = Watcher(broker.url)
    yield opened
    opened.close()


@contextmanager
def host(broker: LocalBroker, store: Store) -> Iterator[None]:
    settings = Settings(database_url=store.url, mqtt_url=broker.url, ingest={"sparkplug_host": "city"})
    open_session(broker.url)
    with running(lambda stop: run(settings, stop=stop, clock=SystemClock())):
        yield


def state_of(store: Store, device_id: str) -> Callable[[], bool | None]:
    return lambda: next((device.online for device in devices(store) if device.device_id == device_id), None)


def test_a_node_from_its_birth_to_its_death(broker: LocalBroker, store: Store, watcher: Watcher) -> None:
    load_devices(store, 1)
    with host(broker, store):
        wait_for(lambda: watcher.states() == [True])
        level = metric("pressure", 3, double=1e5, datatype=10)
        watcher.publish("NBIRTH", birth(0, 1, level))
        watcher.publish("NDATA", payload(metric("", 3, double=2e5), seq=1, at_s=NOW_S))
        watcher.publish("NDATA", payload(metric("", 99, double=2e5), seq=2, at_s=NOW_S))
        watcher.publish("DBIRTH", payload(metric("p", 4, double=1.0), seq=3, at_s=NOW_S), "TANK")
        wait_for(lambda: conservation(store).received == 4)
        wait_for(lambda: state_of(store, "D1")() is True and state_of(store, "D1.TANK")() is True)
        watcher.publish("NDEATH", payload(metric("bdSeq", long=0)))
        watcher.publish("NDEATH", payload(metric("bdSeq", long=1)))
        wait_for(lambda: state_of(store, "D1")() is False and state_of(store, "D1.TANK")() is False)
        assert not [topic for topic, _ in watcher.seen if "/NCMD/" in topic]
        watcher.publish("NDATA", payload(metric("", 3, double=3e5), seq=4, at_s=NOW_S - 60))
        wait_for(lambda: any(topic == f"spBv1.0/{CITY}/NCMD/D1" for topic, _ in watcher.seen))
        wait_for(lambda: conservation(store).received == 5)
    commands = [parse(data).metrics[0].name for topic, data in watcher.seen if "/NCMD/" in topic]
    assert commands == [REBIRTH]
    wait_for(lambda: watcher.states()[-1] is False)
    assert sorted(stored(store).values()) == [1e5, 2e5]
    assert sorted((reject.device_id, reject.reason.value) for reject in newest_rejects(store)) == [
        ("D1", "unknown-channel"), ("D1", "unknown-channel"), ("D1.TANK", "unknown-device")
    ]  # fmt: skip
    lawful(store)


def test_after_the_broker_came_back_nodes_are_asked_anew(broker: LocalBroker, store: Store, watcher: Watcher) -> None:
    load_devices(store, 1)
    with host(broker, store):
        wait_for(lambda: watcher.states() == [True])
        watcher.publish("NBIRTH", birth(0, 1, metric("pressure", 3, double=1e5, datatype=10)))
        wait_for(lambda: conservation(store).received == 1)
        broker.kill()
        broker.start()
        wait_for(lambda: len(watcher.states()) > 1 and watcher.states()[-1] is True)

        def asked() -> bool:
            watcher.publish("NDATA", payload(metric("", 3, double=2e5), seq=1, at_s=NOW_S))
            time.sleep(0.2)
            return any("/NCMD/" in topic for topic, _ in watcher.seen)

        wait_for(asked)
    lawful(store)
