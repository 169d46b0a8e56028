"""Ingest: readings/s in packs beside direct COPY, messages/s beside mosquitto_sub, and the delay at a steady rate."""

import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.gateway import CITY
from benchmarks.servers import Servers, servers
from benchmarks.table import Figure
from deploy.local import root
from deploy.local.port import HOST
from lifeline.mqtt import BrokerAddress
from lifeline.store.pool import Topic
from lifeline.store.readings import READING, add, position, readings_since

TITLE = "ingest: one worker, from the publish to the committed row"

PACKED_DEVICES, PACKS, PACK_READINGS = 1_000, 10_000, 100
SINGLE_DEVICES, SINGLES, SINGLE_TURNS = 10_000, 200_000, 3
STEADY_MESSAGES_PER_S, STEADY_S = 1_417.0, 20.0
"""85,000 devices that report once a minute."""
COPY_ROWS = 10_000
_LIMIT_S = 300.0
_SESSION_S = 3_600
_IN_FLIGHT = 1_000
_INTERVAL_S = 60


def measure() -> list[Figure]:
    """All three, on a broker and a crash-safe database of their own."""
    with servers(max(PACKED_DEVICES, SINGLE_DEVICES)) as own:
        bench = _Bench(own)
        return [*bench.packs(), *bench.singles(), *bench.steady()]


@dataclass(frozen=True, slots=True)
class _Sent:
    """One message to publish."""

    topic: str
    payload: bytes


class _Bench:
    """The parts that the three measurements share."""

    def __init__(self, own: Servers) -> None:
        self._store = own.store
        self._database_url = own.database.url
        self._broker = own.broker
        self._folder = own.root

    def packs(self) -> list[Figure]:
        """Packs published while the worker runs, beside COPY of the same rows into the same table."""
        now_s = int(time.time())
        messages = [
            _pack(1 + i % PACKED_DEVICES, now_s - _INTERVAL_S * PACK_READINGS * (1 + i // PACKED_DEVICES))
            for i in range(PACKS)
        ]
        total = PACKS * PACK_READINGS
        self._clear()
        with self._worker("packs", ready=True):
            began = time.monotonic()
            self._publish(messages)
            self._wait_stored(total)
            took_s = time.monotonic() - began
        copy_s = self._copy_again(total, now_s)
        return [
            Figure(
                f"packs of {PACK_READINGS}, publish to committed row",
                total / took_s,
                "readings/s",
                "direct binary COPY of the same rows",
                total / copy_s,
            )
        ]

    def singles(self) -> list[Figure]:
        """A backlog of single messages drained by the worker, beside mosquitto_sub on the same backlog: the median of
        some turns each, since one lasts two seconds and a burst of the disk changes it by a fifth.
        """
        rates, peers = zip(*(self._single_turn() for _ in range(SINGLE_TURNS)), strict=True)
        return [
            Figure(
                "single readings from a backlog, to committed row",
                statistics.median(rates),
                "messages/s",
                "mosquitto_sub drains the same backlog",
                statistics.median(peers),
            )
        ]

    def _single_turn(self) -> tuple[float, float]:
        """Messages/s of the worker and of mosquitto_sub."""
        self._clear()
        sessions = ("singles", "peer")
        for client_id in sessions:
            self._open_session(client_id)
        now_s = int(time.time())
        self._publish(
            [
                _single(1 + i % SINGLE_DEVICES, now_s - _INTERVAL_S * (1 + i // SINGLE_DEVICES), 300_000 + i % 1000)
                for i in range(SINGLES)
            ]
        )
        peer_s = self._drain_by_mosquitto_sub("peer")
        with self._worker("singles"):
            already = self._wait_stored(1)
            began = time.monotonic()
            self._wait_stored(SINGLES)
            took_s = time.monotonic() - began
        return (SINGLES - already) / took_s, SINGLES / peer_s

    def steady(self) -> list[Figure]:
        """From just before the publish to the moment at which a follower of the table has the row in hand."""
        self._clear()
        with self._worker("steady", ready=True):
            delays_s = self._follow(position(self._store))
        if not len(delays_s):
            raise AssertionError("nothing was stored")
        expected = round(STEADY_MESSAGES_PER_S * STEADY_S)
        lost = expected - len(delays_s)
        p50, p95, p99 = np.percentile(delays_s, [50, 95, 99])
        load = f"{STEADY_MESSAGES_PER_S:,.0f} messages/s, publish to committed row"
        return [
            Figure(f"{load}: p50", float(p50), "s"),
            Figure(f"{load}: p95", float(p95), "s", "limit", 1.0),
            Figure(f"{load}: p99", float(p99), "s"),
            Figure(f"{load}: lost", float(lost), "readings"),
        ]

    def _follow(self, since: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        expected = round(STEADY_MESSAGES_PER_S * STEADY_S)
        sender = threading.Thread(target=self._send_steadily, args=(expected,))
        delays: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        seen: set[tuple[int, int]] = set()
        listener = self._store.listener(Topic.READING)
        listener.wait(0.0)
        sender.start()
        deadline = time.monotonic() + STEADY_S + 60
        while len(seen) < expected and time.monotonic() < deadline:
            listener.wait(1.0)
            rows, since = readings_since(self._store, since)
            now_s = time.time()
            keys = list(zip(rows["sensor_key"].tolist(), rows["observed_at"].astype("i8").tolist(), strict=True))
            new = np.array([key not in seen for key in keys], np.bool_)
            seen.update(keys)
            if len(rows):
                delays.append(now_s - rows["observed_at"][new].astype("i8") / 1e6)
        sender.join()
        listener.close()
        return np.concatenate(delays) if delays else np.empty(0)

    def _send_steadily(self, messages: int) -> None:
        with self._client(f"bench-{uuid.uuid4().hex}") as client:
            began = time.monotonic()
            for i in range(messages):
                ahead_s = began + i / STEADY_MESSAGES_PER_S - time.monotonic()
                if ahead_s > 0.002:
                    time.sleep(ahead_s)
                message = _single(1 + i % SINGLE_DEVICES, time.time(), 300_000 + i % 1000)
                last = client.publish(message.topic, message.payload, qos=1)
            last.wait_for_publish(_LIMIT_S)

    def _clear(self) -> None:
        with self._store.transaction() as connection:
            connection.execute("TRUNCATE reading, arrival, conflict, reject, tally")
            connection.execute(
                "UPDATE device_total SET received = 0, stored = 0, duplicate = 0, conflict = 0, rejected = 0"
            )

    def _wait_stored(self, expected: int) -> int:
        deadline = time.monotonic() + _LIMIT_S
        while time.monotonic() < deadline:
            with self._store.transaction() as connection:
                row = connection.execute("SELECT coalesce(sum(readings), 0)::bigint AS stored FROM arrival").fetchone()
            if row is not None and row.stored >= expected:
                return int(row.stored)
            time.sleep(0.02)
        raise AssertionError(f"{expected} readings were not stored within {_LIMIT_S:.0f} s")

    def _copy_again(self, expected: int, now_s: int) -> float:
        """Seconds that COPY takes for the rows that the worker has stored, in transactions of COPY_ROWS."""
        rows, _ = readings_since(self._store, 0, max_quality=2)
        if len(rows) != expected:
            raise AssertionError(f"{len(rows)} rows are stored, {expected} were published")
        full = np.zeros(len(rows), READING)
        for name in ("sensor_key", "observed_at", "value"):
            full[name] = rows[name]
        full["received_at"] = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
        # in the order in which they were published: the devices take turns with a pack each
        turn = (now_s - full["observed_at"].astype("i8") // 1_000_000 - 1) // (_INTERVAL_S * PACK_READINGS)
        full = full[np.lexsort((full["observed_at"], full["sensor_key"], turn))]
        self._clear()
        began = time.monotonic()
        for start in range(0, len(full), COPY_ROWS):
            with self._store.transaction() as connection:
                add(connection, full[start : start + COPY_ROWS])
        return time.monotonic() - began

    @contextlib.contextmanager
    def _worker(self, client_id: str, *, ready: bool = False) -> Iterator[None]:
        """The stage as a process of its own; `ready` waits until it has stored a first reading, and forgets that."""
        env = os.environ | {
            "LIFELINE_DATABASE_URL": self._database_url,
            "LIFELINE_MQTT_URL": self._broker.url,
            "LIFELINE_INGEST__CLIENT_ID": client_id,
            "LIFELINE_LOG_LEVEL": "warning",
        }
        if ready:
            self._open_session(client_id)
        process = subprocess.Popen([sys.executable, "-m", "lifeline", "ingest"], env=env)
        try:
            if ready:
                self._publish([_single(1, 1_000_000_000, 1.0)])
                self._wait_stored(1)
                self._clear()
            yield
        finally:
            process.terminate()
            process.wait(30)

    def _open_session(self, client_id: str) -> None:
        """Lets the broker queue for `client_id` from now on."""
        with self._client(client_id, keep=True) as client:
            done = threading.Event()
            client.on_subscribe = lambda *_: done.set()
            client.subscribe("lifeline/1/+/+/up/+", 1)
            done.wait(_LIMIT_S)

    def _publish(self, messages: list[_Sent]) -> None:
        with self._client(f"bench-{uuid.uuid4().hex}") as client:
            confirmed = itertools.count(1)
            done = [0]
            client.on_publish = lambda *_: done.__setitem__(0, next(confirmed))
            for sent, message in enumerate(messages):
                while sent - done[0] > _IN_FLIGHT:
                    time.sleep(0.001)
                client.publish(message.topic, message.payload, qos=1)
            while done[0] < len(messages):
                time.sleep(0.01)

    @contextlib.contextmanager
    def _client(self, client_id: str, *, keep: bool = False) -> Iterator[mqtt.Client]:
        address = BrokerAddress.parse(self._broker.url)
        client = address.client(client_id)
        client.max_inflight_messages_set(_IN_FLIGHT)
        connected = threading.Event()
        client.on_connect = lambda *_: connected.set()
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_S if keep else 0
        client.connect(address.host, address.port, clean_start=not keep, properties=properties)
        client.loop_start()
        connected.wait(_LIMIT_S)
        try:
            yield client
        finally:
            client.disconnect()
            client.loop_stop()

    def _drain_by_mosquitto_sub(self, client_id: str) -> float:
        """Seconds that mosquitto_sub of the private root takes for the whole backlog, its start included."""
        options = ["-h", HOST, "-p", str(self._broker.port), "-V", "mqttv5", "-i", client_id, "-c", "-q", "1"]
        options += ["-x", str(_SESSION_S), "-t", "lifeline/1/+/+/up/+", "-C", str(SINGLES)]
        argv = root.command(self._folder, "/usr/bin/mosquitto_sub", *options)
        began = time.monotonic()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, timeout=_LIMIT_S)
        return time.monotonic() - began


def _pack(device: int, start_s: int) -> _Sent:
    head = {"bn": f"D{device}:", "bt": start_s, "bu": "Pa", "n": "p", "v": 300_000.5}
    rest = [{"n": "p", "t": _INTERVAL_S * i, "v": 300_000.25 + i} for i in range(1, PACK_READINGS)]
    return _Sent(f"lifeline/1/{CITY}/D{device}/up/senml", orjson.dumps([head, *rest]))


def _single(device: int, time_s: float, value: float) -> _Sent:
    record = {"bn": f"D{device}:", "bt": time_s, "n": "p", "u": "Pa", "v": value}
    return _Sent(f"lifeline/1/{CITY}/D{device}/up/senml", orjson.dumps([record]))
