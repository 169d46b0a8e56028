"""A fleet of simulated devices behind one MQTT 5 connection, as behind a field gateway.

Each device keeps its messages until they are receipted; while the broker is away they only keep.
"""

import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lifeline.errors import LinkError
from lifeline.mqtt import BrokerAddress
from simulators.devices import Device, Message, Patience, Tally
from simulators.senml import Sample

QOS = 1
KEEP_ALIVE_S = 20
SESSION_S = 24 * 3600
"""How long the broker keeps receipts for a fleet that is away."""
IN_FLIGHT = 200
"""Messages given to the client that the broker has not yet confirmed; more wait in their devices."""
SESSION_TAKEN_OVER = 0x8E
"""MQTT 5 reason code: somebody connected with the same client id."""
BROKER_WAITS_S = (1, 10)
"""Shortest and longest wait before the connection is tried again."""


class Fleet:
    """Devices of one city on one connection; safe for several threads."""

    def __init__(
        self,
        city: str,
        device_ids: Iterable[str],
        broker: BrokerAddress,
        *,
        client_id: str,
        patience: Patience | None = None,
        capacity: int = 2000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client_id` is stable, so that the broker keeps the receipts of a fleet that was away."""
        session = f"{time.time_ns() // 1_000_000:x}"
        self.devices = {
            name: Device(city, name, session=session, capacity=capacity, patience=patience) for name in device_ids
        }
        self._city, self._address, self._monotonic = city, broker, monotonic
        self._lock = threading.Lock()
        self._online, self._replaced = threading.Event(), threading.Event()
        self._in_flight: set[int] = set()
        self._confirmed: deque[int] = deque()
        self._client = self._make_client(client_id)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Starts to connect, and goes on trying for ever; devices keep their messages meanwhile."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        self._client.reconnect_delay_set(*BROKER_WAITS_S)
        self._client.connect_async(
            self._address.host, self._address.port, KEEP_ALIVE_S, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def wait_online(self, timeout_s: float) -> None:
        """Waits for the connection. Raises LinkError where it does not come."""
        if not self._online.wait(timeout_s):
            raise LinkError(
                f"no broker at {self._address.host}:{self._address.port} after {timeout_s:g} s",
                advice="start it, or correct LIFELINE_MQTT_URL",
            )

    def close(self) -> None:
        """Says goodbye for every device and ends the connection; what is not receipted stays counted as pending."""
        if self._online.is_set():
            said = [self._say(device, online=False) for device in self.devices.values()]
            for info in said[-1:]:
                info.wait_for_publish(timeout=2.0)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def online(self) -> bool:
        """Whether the broker is there."""
        return self._online.is_set()

    @property
    def tally(self) -> Tally:
        """What became of all readings so far."""
        with self._lock:
            return sum((device.tally for device in self.devices.values()), Tally())

    @property
    def tallies(self) -> dict[str, Tally]:
        """The same for each device."""
        with self._lock:
            return {name: device.tally for name, device in self.devices.items()}

    def take(self, device_id: str, samples: Sequence[Sample]) -> None:
        """Gives `samples` to a device, which keeps them as one message."""
        with self._lock:
            self.devices[device_id].take(samples, self._monotonic())

    def pump(self) -> int:
        """Sends what is due, as far as the connection takes it; how many messages went.

        Call it about every second, from one thread. Raises LinkError where another fleet has taken over.
        """
        if self._replaced.is_set():
            raise LinkError(f"another simulator speaks for city {self._city} on this broker", advice="stop one of them")
        while self._confirmed:
            self._in_flight.discard(self._confirmed.popleft())
        if not self._online.is_set():
            return 0
        now_s = self._monotonic()
        with self._lock:
            due = ((device, message) for device in self.devices.values() for message in device.due(now_s))
            batch = list(itertools.islice(due, max(0, IN_FLIGHT - len(self._in_flight))))
            for device, message in batch:
                device.sent(message, now_s)
        # not under the lock: the client calls back while it holds locks of its own
        for device, message in batch:
            self._in_flight.add(self._send(device, message))
        return len(batch)

    def drain(self, timeout_s: float) -> bool:
        """Pumps until every message is receipted; False where that does not happen in time."""
        end_s = time.monotonic() + timeout_s
        while self.tally.pending and time.monotonic() < end_s:
            self.pump()
            time.sleep(0.02)
        return not self.tally.pending

    def _make_client(self, client_id: str) -> mqtt.Client:
        client = self._address.client(client_id)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        first = next(iter(self.devices.values()), None)
        if first is not None:
            # one connection has one will: it speaks for the gateway's first device, the others fall silent
            client.will_set(first.state_topic, self._state(online=False), QOS, retain=True)
        return client

    def _send(self, device: Device, message: Message) -> int:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.CorrelationData = message.message_id.encode()
        return self._client.publish(device.topic, message.payload, QOS, properties=properties).mid

    def _say(self, device: Device, *, online: bool) -> mqtt.MQTTMessageInfo:
        return self._client.publish(device.state_topic, self._state(online=online), QOS, retain=True)

    @staticmethod
    def _state(*, online: bool) -> bytes:
        return json.dumps({"online": online, "at": int(time.time())}).encode()

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        if code.is_failure:
            return
        client.subscribe(f"lifeline/1/{self._city}/+/receipt", QOS)
        for device in self.devices.values():
            self._say(device, online=True)
        self._online.set()

    def _on_disconnect(self, client: mqtt.Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        self._online.clear()
        if code.value == SESSION_TAKEN_OVER:
            self._replaced.set()  # `pump` says so; coming back would throw the other one out in turn
            client.disconnect()

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, _code: ReasonCode, _more: Any) -> None:
        self._confirmed.append(mid)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        """A receipt; anything else on the topic is not ours to judge and means nothing to a device."""
        device = self.devices.get(message.topic.split("/")[3])
        try:
            stored = json.loads(message.payload)["stored"]
        except (ValueError, KeyError, TypeError):
            return
        if device is not None and isinstance(stored, list):
            with self._lock:
                device.receipted(str(message_id) for message_id in stored)
