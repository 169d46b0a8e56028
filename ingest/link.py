"""The link to the broker: hands messages to the buffer, acknowledges what is stored, and comes back by itself.

MQTT 5, QoS 1, a persistent session under a stable client id, acknowledgement by hand. While the buffer is full the
socket is not read: the broker keeps what it cannot deliver. One thread runs the link; `acknowledge` and `publish` may
be called from others.
"""

import contextlib
import select
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.buffer import Buffer
from ingest.frames import FrameError, FrameSocket
from ingest.message import Message
from ingest.sparkplug.host import PREFIX, SUBSCRIPTION, Host, Publication
from ingest.topic import SUBSCRIPTIONS
from lifeline.clock import Clock
from lifeline.errors import LinkError
from lifeline.log import logger
from lifeline.mqtt import BrokerAddress

ANSWER_TIMEOUT_S = 10.0
FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 10.0
RECEIVE_MAXIMUM = 65_535
NEVER_S = 0xFFFF_FFFF
"""Session expiry: the broker keeps the session until we come back."""

_TAKEN_OVER = 0x8E
_ADVICE = {
    0x84: "the broker does not speak MQTT 5: use Mosquitto 2 or newer",
    0x85: "the broker does not accept ingest.client_id: choose another",
    0x86: "correct user and password in LIFELINE_MQTT_URL",
    0x87: "correct user and password in LIFELINE_MQTT_URL, or let the broker's rules admit this user",
    0x8A: "the broker has banned this client: ask its operator",
    0x8C: "the broker wants another way of authentication",
    _TAKEN_OVER: "another ingest runs under the same ingest.client_id: stop one of them",
}
_RETAINED_IF_NEW = 1
DRAIN_TOPIC = "lifeline/1/drain"
"""A mark that comes back through a session's own queue: all that was queued before it has come."""
_log = logger("ingest.link")


class TakenOverError(LinkError):
    """Our session at the broker is another's now."""


class Link:
    """One broker connection after the other; each is an epoch, and an acknowledgement is of its epoch alone.

    `keeps` says of a topic whether its messages are ours (None: all are); the others are another session's too, and
    are acknowledged unseen. `permit` is asked before each connection, which takes the session from whoever has it.
    With `drain` the link takes nothing new: `is_drained` when all that was queued has come.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        buffer: Buffer,
        clock: Clock,
        *,
        sparkplug: Host | None = None,
        keeps: Callable[[str], bool] | None = None,
        permit: Callable[[], bool] = lambda: True,
        drain: bool = False,
    ) -> None:
        self._address = address
        self._buffer = buffer
        self._clock = clock
        self._sparkplug = sparkplug
        self._keeps = keeps
        self._permit = permit
        self._mark = uuid.uuid4().bytes if drain else None
        self.is_drained = False
        self._epoch = 0
        self._socket: FrameSocket | None = None
        self._subscribed = False
        self._refusal: LinkError | None = None
        self._settled: deque[Sequence[Message]] = deque()
        self._stored: dict[int, tuple[str, bytes]] = {}
        """what is stored and could not be acknowledged, by packet identifier: it comes again"""
        self._was_useful = False
        self._outgoing: deque[tuple[str, bytes]] = deque()
        self._words: dict[str, bytes] = {}
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._client = self._prepare(client_id)
        buffer.on_room = self.wake

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tells the broker that `messages` are stored.

        Those of an earlier connection cannot be: their packet identifiers may mean other messages by now. The broker
        sends them again, and what comes again unchanged is acknowledged then, without a second look.
        """
        self._settled.append(messages)
        self.wake()

    def publish(self, topic: str, payload: bytes) -> None:
        """Sends with QoS 1; kept over a reconnect."""
        self._outgoing.append((topic, payload))
        self.wake()

    def say(self, topic: str, payload: bytes) -> None:
        """Leaves a retained word with QoS 0: while the socket is not read, nothing that wants an answer may be sent."""
        self._words[topic] = payload
        self.wake()

    def wake(self) -> None:
        """Lets the link look at once at what has changed."""
        with contextlib.suppress(OSError):
            self._bell.send(b"\0")

    def close(self) -> None:
        """Gives back what the link holds of the system; call it when `run` has ended."""
        self._bell.close()
        self._ear.close()

    def run(self, stop: threading.Event) -> None:
        """Serves until `stop`. Raises LinkError where the broker refuses for a reason that trying again won't mend,
        TakenOverError where the session is another's.
        """
        backoff_s = FIRST_BACKOFF_S
        try:
            while not stop.is_set():
                self._was_useful = False
                try:
                    self._connect()
                    self._serve(stop)
                except (OSError, FrameError) as error:
                    if self._was_useful:
                        backoff_s = FIRST_BACKOFF_S
                    if self._refusal is None:
                        _log.warning("connection lost", error=str(error) or type(error).__name__, retry_s=backoff_s)
                self._disconnected()
                if self._refusal is not None:
                    raise self._refusal
                if not stop.is_set():
                    self._clock.wait(backoff_s, stop)
                    backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
        finally:
            self._leave()

    def _prepare(self, client_id: str) -> mqtt.Client:
        client = self._address.client(client_id, manual_ack=True)
        client.max_queued_messages_set(0)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        plain = client._create_socket  # the one place where paho lets a socket in

        def create_socket() -> FrameSocket:
            real = plain()
            assert isinstance(real, socket.socket)
            _notice_dead_peers(real)
            self._socket = FrameSocket(real)
            return self._socket

        setattr(client, "_create_socket", create_socket)  # noqa: B010
        return client

    def _connect(self) -> None:
        if not self._permit():
            self._refusal = TakenOverError("the partition is another worker's", advice=_ADVICE[_TAKEN_OVER])
            return
        self._epoch += 1
        self._subscribed = False
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = NEVER_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        if self._sparkplug is not None:
            will = self._sparkplug.connect(self._clock.now().timestamp())
            self._client.will_set(will.topic, will.payload, will.qos, will.retain)
        # keepalive 0: while the socket is not read no answer to a ping could be seen; TCP itself watches the peer
        self._client.connect(
            self._address.host, self._address.port, keepalive=0, clean_start=False, properties=properties
        )
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not self._subscribed and self._refusal is None:
            if time.monotonic() > deadline:
                raise ConnectionError("the broker does not answer")
            self._step(1.0)
        if self._sparkplug is not None and self._refusal is None:
            self._publish(self._sparkplug.birth())
        if self._mark is not None:
            self.publish(DRAIN_TOPIC, self._mark)

    def _serve(self, stop: threading.Event) -> None:
        while not stop.is_set() and self._refusal is None:
            self._step(1.0)

    def _step(self, timeout_s: float) -> None:
        """One turn: waits until there is something to do, reads, hands over, writes. Raises OSError, FrameError."""
        connection = self._connection()
        reads: list[Any] = [self._ear] if self._buffer.is_full else [self._ear, connection]
        writes = [connection] if connection.wants_write else []
        read_ahead = connection.has_read_ahead and not self._buffer.is_full
        readable, _, _ = select.select(reads, writes, [], 0.0 if read_ahead else timeout_s)
        if self._ear in readable:
            with contextlib.suppress(BlockingIOError):
                self._ear.recv(4096)
        if connection in readable or read_ahead:
            self._read(connection)
        if not self._buffer.is_full:
            self._client.loop_misc()
        if self._sparkplug is not None and (due := self._sparkplug.tick(self._clock.now().timestamp())):
            self._buffer.put(due)
        self._send()

    def _read(self, connection: FrameSocket) -> None:
        received_us = round(self._clock.now().timestamp() * 1e6)
        try:
            messages = connection.fill(epoch=self._epoch, received_us=received_us)
        except BlockingIOError:
            return
        has_mark = self._mark is not None and self._find_mark(messages)
        if self._keeps is not None and messages:
            messages = self._without_others(messages, self._keeps, connection)
        if self._stored and messages:
            messages = self._without_stored(messages, connection)
        if self._sparkplug is not None:
            messages = self._sparkplug.take(messages)
        if messages:
            self._was_useful = True
            self._buffer.put(messages)
        self.is_drained = self.is_drained or has_mark
        while connection.has_packets_for_paho:
            self._client.loop_read()
            self._connection()

    def _send(self) -> None:
        connection = self._connection()
        while self._settled:
            messages = self._settled.popleft()
            connection.acknowledge([m.mid for m in messages if m.mid and m.epoch == self._epoch])
            self._stored |= {m.mid: (m.topic, m.payload) for m in messages if m.mid and m.epoch != self._epoch}
        while self._outgoing and self._subscribed:
            topic, payload = self._outgoing.popleft()
            self._client.publish(topic, payload, qos=1)
        while self._words and self._subscribed:
            topic, payload = self._words.popitem()
            self._client.publish(topic, payload, qos=0, retain=True)
        if self._sparkplug is not None and self._subscribed:
            for publication in self._sparkplug.wanted():
                self._publish(publication)
        if self._client.want_write():
            self._client.loop_write()
        connection.flush()

    def _publish(self, publication: Publication) -> None:
        self._client.publish(*publication)

    def _find_mark(self, messages: list[Message]) -> bool:
        """Takes marks out, ours and those of an earlier attempt. True where ours was there."""
        marks = [message.payload for message in messages if message.topic == DRAIN_TOPIC]
        if marks:  # not acknowledged: the session ends when it is drained
            messages[:] = [message for message in messages if message.topic != DRAIN_TOPIC]
        return self._mark in marks

    def _without_others(
        self, messages: list[Message], keeps: Callable[[str], bool], connection: FrameSocket
    ) -> list[Message]:
        """Acknowledges those of other partitions: each of them has a session in which they are queued too."""
        own: list[Message] = []
        others: list[Message] = []
        for message in messages:
            (own if message.topic.startswith(PREFIX) or keeps(message.topic) else others).append(message)
        connection.acknowledge([m.mid for m in others if m.mid])
        self._was_useful = self._was_useful or bool(others)
        return own

    def _without_stored(self, messages: list[Message], connection: FrameSocket) -> list[Message]:
        """Acknowledges those that are stored and came again: same identifier, topic and payload."""
        again = {m.mid for m in messages if m.is_again and self._stored.get(m.mid) == (m.topic, m.payload)}
        for mid in again:
            del self._stored[mid]
        connection.acknowledge([m.mid for m in messages if m.mid in again])
        self._was_useful = self._was_useful or bool(again)
        return [m for m in messages if m.mid not in again]

    def _connection(self) -> FrameSocket:
        """The live connection. Raises ConnectionError where paho has given it up."""
        if self._socket is None or self._client.socket() is None:
            raise ConnectionError("the broker ended the connection")
        return self._socket

    def _disconnected(self) -> None:
        self._epoch += 1
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _leave(self) -> None:
        """Says goodbye, so that the broker does not wait for a connection that will not come back by itself."""
        with contextlib.suppress(OSError):
            if self._socket is not None and self._client.socket() is not None:
                if self._sparkplug is not None:
                    self._publish(self._sparkplug.death())
                self._send()
                self._client.disconnect()
                self._client.loop_write()
                self._socket.flush()
        self._disconnected()

    def _on_connect(self, client: mqtt.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refuse(reason, "connect")
            return
        if not flags.session_present:
            self._stored.clear()
            if self._epoch > 1:
                _log.warning("the broker has lost our session; devices that wait for receipts will send again")
        _log.info("connected", session_present=flags.session_present)
        if self._mark is not None:
            client.unsubscribe([*SUBSCRIPTIONS, SUBSCRIPTION])
            client.subscribe(DRAIN_TOPIC, 1)
            return
        options = SubscribeOptions(qos=1, retainHandling=_RETAINED_IF_NEW)
        topics = [(topic, options) for topic in SUBSCRIPTIONS]
        if self._sparkplug is None:
            client.unsubscribe(SUBSCRIPTION)
        else:
            # nodes publish with QoS 0: to have it said with QoS 1 would hold nothing and cost an acknowledgement
            topics.append((SUBSCRIPTION, SubscribeOptions(qos=0)))
        client.subscribe(topics)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._refuse(reason, "subscribe")
        self._subscribed = self._was_useful = self._refusal is None

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if flags.is_disconnect_packet_from_server and reason.value in _ADVICE:
            self._refuse(reason, "stay")

    def _refuse(self, reason: Any, wish: str) -> None:
        """Remembers a refusal that will not mend by itself; any other is only a lost connection."""
        if wish == "subscribe":
            advice = "the broker's access rules must let this user subscribe to lifeline/1/#"
            if self._sparkplug is not None:
                advice += f" and {SUBSCRIPTION}"
        else:
            advice = _ADVICE.get(reason.value, "")
        if advice:
            kind = TakenOverError if reason.value == _TAKEN_OVER else LinkError
            self._refusal = kind(f"the broker does not let us {wish}: {reason}", advice=advice)
        else:
            _log.warning("refused", wish=wish, reason=str(reason))


def _notice_dead_peers(real: socket.socket) -> None:
    """Lets the kernel find out within half a minute that the broker's machine has gone."""
    real.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    real.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 30_000)):
        if hasattr(socket, option):
            real.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
