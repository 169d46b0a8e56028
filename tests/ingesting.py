"""What the ingest tests share: a city of numbered devices, payloads, a publisher, and the stage as a process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lifeline.mqtt import BrokerAddress
from lifeline.store.pool import Store
from lifeline.store.readings import Law, conservation

CITY = "220100"
Published = dict[tuple[str, int], float]
"""(device, seconds since 1970) -> value"""


def load_devices(store: Store, count: int) -> None:
    """Devices D1, D2, ... of CITY, each with channel `pressure` in Pa, range 0 to 1 MPa."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO city VALUES (%s, '试', 'test', '1', 'UTC', 125, 43, '{}', '{}', '', now())"
            " ON CONFLICT DO NOTHING",
            (CITY,),
        )
        connection.execute(
            "INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, lon, lat, elevation_m,"
            " interval_s, range_min, range_max, name_zh, name_en)"
            " SELECT 'D' || i, %s, 'D' || i, 'pressure', 'pressure', 'Pa', 'junction', 125, 43, 0, 60, 0, 1e6, '', ''"
            " FROM generate_series(1, %s) i ON CONFLICT DO NOTHING",
            (CITY, count),
        )


def up(device: str) -> str:
    """The topic on which a device sends SenML."""
    return f"lifeline/1/{CITY}/{device}/up/senml"


def pack(device: str, readings: Iterable[tuple[float, float]]) -> bytes:
    """A SenML pack of (time, value) of one device."""
    records = [{"bn": f"{device}:", "n": "pressure", "u": "Pa", "t": time_s, "v": value} for time_s, value in readings]
    return orjson.dumps(records)


def stored(store: Store) -> Published:
    """Every reading of the table by device and time."""
    with store.transaction() as connection:
        rows = connection.execute(
            "SELECT device_id, extract(epoch FROM observed_at)::bigint AS at, value"
            " FROM reading JOIN sensor USING (sensor_key)"
        ).fetchall()
    found = {(row.device_id, int(row.at)): float(row.value) for row in rows}
    assert len(found) == len(rows)
    return found


def lawful(store: Store) -> Law:
    """The conservation law, asserted in total and for every device."""
    law = conservation(store)
    assert law.holds, law
    with store.transaction() as connection:
        wrong = connection.execute(
            "SELECT d.device_id, d.stored, count(r.*) AS rows FROM device d"
            " LEFT JOIN sensor s USING (device_id) LEFT JOIN reading r USING (sensor_key)"
            " GROUP BY d.device_id, d.stored HAVING d.stored <> count(r.*)"
        ).fetchall()
    assert not wrong
    return law


def wait_for(what: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    """Returns as soon as `what` holds; fails when it does not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.02)


def count(store: Store, table: str) -> int:
    """Rows of a table."""
    with store.transaction() as connection:
        row = connection.execute(f"SELECT count(*) AS rows FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row.rows)


class Publisher:
    """A device's (or gateway's) MQTT connection that collects the receipts of CITY."""

    def __init__(self, url: str) -> None:
        self._address = BrokerAddress.parse(url)
        self._client = self._address.client("")
        self._client.max_inflight_messages_set(1000)
        self._sent: list[mqtt.MQTTMessageInfo] = []
        self.receipts: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(f"lifeline/1/{CITY}/+/receipt", 1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = self._on_message
        self._client.connect(self._address.host, self._address.port)
        self._client.loop_start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, payload: bytes, *, correlation: bytes | None = None, retain: bool = False) -> None:
        """Publishes with QoS 1."""
        properties = None
        if correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.CorrelationData = correlation
        self._sent.append(self._client.publish(topic, payload, 1, retain=retain, properties=properties))

    def flush(self) -> None:
        """Waits until the broker has confirmed everything."""
        for info in self._sent:
            info.wait_for_publish(30)
            assert info.is_published()
        self._sent.clear()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        device = message.topic.split("/")[3]
        self.receipts.setdefault(device, []).extend(orjson.loads(message.payload)["stored"])


class IngestProcess:
    """`lifeline ingest` as a process of its own, so that it can be killed."""

    def __init__(self, database_url: str, mqtt_url: str, **ingest: str) -> None:
        self._env = os.environ | {"LIFELINE_DATABASE_URL": database_url, "LIFELINE_MQTT_URL": mqtt_url}
        self._env |= {f"LIFELINE_INGEST__{name.upper()}": value for name, value in ingest.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "lifeline", "ingest"], env=self._env)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing is done."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)


def open_session(url: str, client_id: str = "lifeline-ingest") -> None:
    """Lets the broker queue for ingest from now on, as after ingest's first start."""
    address = BrokerAddress.parse(url)
    client = address.client(client_id, manual_ack=True)  # what is queued already stays
    ready = threading.Event()
    client.on_connect = lambda c, *_: c.subscribe([("lifeline/1/+/+/up/+", 1), ("lifeline/1/+/+/state", 1)])
    client.on_subscribe = lambda *_: ready.set()
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    client.connect(address.host, address.port, clean_start=False, properties=properties)
    client.loop_start()
    assert ready.wait(10)
    client.disconnect()
    client.loop_stop()


@contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """`run(stop)` in a thread; what it raises is raised here."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            run(stop)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    if failures:
        raise failures[0]
