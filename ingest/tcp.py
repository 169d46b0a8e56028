"""The TCP ports, for stations that speak without a broker: their messages go the same way as those of the broker.

Into the same bounded buffer (while it is full nothing is read), through the codec of the port, into one transaction; a
station is answered after its commit. What is not stored is not answered: the station sends it again.
"""

import contextlib
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from ingest.buffer import Buffer
from ingest.conversation import Conversation, Dialect, Heard
from ingest.gate import SensorTable
from ingest.hj212.dialect import Hj212Dialect
from ingest.line import Line
from ingest.message import Message
from ingest.sl651.dialect import Sl651Dialect
from lifeline.clock import Clock
from lifeline.errors import SettingsError
from lifeline.log import logger
from lifeline.settings import IngestSettings

NO_CITY = "000000"
"""City of a topic until the pack that names the device is known."""
PAUSE_S = 0.05
"""How long a full buffer is left alone before it is looked at again."""
_QUEUE = 512
_log = logger("ingest.tcp")


def located(messages: Sequence[Message], table: SensorTable) -> Sequence[Message]:
    """The same messages; those of stations under the city whose pack names them."""
    return [message if message.settled is None else _located(message, table) for message in messages]


def _located(message: Message, table: SensorTable) -> Message:
    prefix, version, _, device_id, *rest = message.topic.split("/")
    city = table.city_of(device_id) or NO_CITY
    return message._replace(topic="/".join((prefix, version, city, device_id, *rest)))


class Ports:
    """The ports that stations call. One thread runs them."""

    def __init__(self, buffer: Buffer, clock: Clock) -> None:
        self._buffer = buffer
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[socket.socket, Callable[[], Dialect]] = {}
        self._lines: dict[socket.socket, Line] = {}
        self._watched: dict[socket.socket, int] = {}
        self._spoken_to: deque[Line] = deque()
        self._is_paused = False
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._watch(self._ear, selectors.EVENT_READ)

    @classmethod
    def of(cls, settings: IngestSettings, buffer: Buffer, clock: Clock) -> "Ports | None":
        """The ports that are set, None where none is. Raises SettingsError where one cannot be had."""
        dialects: dict[str, Callable[[], Dialect]] = {"sl651_port": Sl651Dialect, "hj212_port": Hj212Dialect}
        numbers = {name: getattr(settings, name) for name in dialects}
        if not any(numbers.values()):
            return None
        ports = cls(buffer, clock)
        for name, dialect in dialects.items():
            try:
                if numbers[name]:
                    ports.listen(settings.tcp_host, numbers[name], dialect)
            except OSError as error:
                ports.close()
                raise SettingsError(
                    f"ingest.{name}: {settings.tcp_host}:{numbers[name]} cannot be listened on: {error}",
                    advice="choose another port or ingest.tcp_host, or end what uses it",
                ) from error
        return ports

    def listen(self, host: str, port: int, dialect: Callable[[], Dialect]) -> None:
        """Takes calls on an address. Raises OSError."""
        listener = socket.create_server((host, port), family=_family(host), backlog=_QUEUE)
        listener.setblocking(False)
        self._listeners[listener] = dialect
        self._watch(listener, selectors.EVENT_READ)

    def run(self, stop: threading.Event) -> None:
        """Serves until `stop`."""
        while not stop.is_set():
            self._pause(self._buffer.is_full)
            for key, events in self._selector.select(PAUSE_S if self._is_paused else 1.0):
                called = key.fileobj
                assert isinstance(called, socket.socket)
                if called in self._listeners:
                    self._accept(called)
                elif called in self._lines:
                    self._serve(self._lines[called], events)
                else:
                    called.recv(4096)
            while self._spoken_to:
                self._flush(self._spoken_to.popleft())

    def wake(self) -> None:
        """Lets `run` look at once at what has changed."""
        with contextlib.suppress(OSError):
            self._bell.send(b"\0")

    def close(self) -> None:
        """Ends all connections and gives the ports back; call it when `run` has ended."""
        for opened in (*self._lines, *self._listeners, self._bell, self._ear):
            opened.close()
        self._selector.close()

    def _pause(self, is_full: bool) -> None:
        """Reads nothing and takes no call while the buffer is full."""
        if is_full == self._is_paused:
            return
        self._is_paused = is_full
        for listener in self._listeners:
            self._watch(listener, 0 if is_full else selectors.EVENT_READ)
        for line in self._lines.values():
            self._watch_line(line)

    def _watch_line(self, line: Line) -> None:
        reads = 0 if self._is_paused else selectors.EVENT_READ
        self._watch(line.socket, reads | (selectors.EVENT_WRITE if line.wants_write else 0))

    def _watch(self, watched: socket.socket, events: int) -> None:
        before = self._watched.get(watched, 0)
        if before == events:
            return
        if not before:
            self._selector.register(watched, events)
        elif not events:
            self._selector.unregister(watched)
        else:
            self._selector.modify(watched, events)
        self._watched[watched] = events

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, (host, port, *_) = listener.accept()
        except OSError as error:  # gone already, or no descriptor is free
            _log.warning("not accepted", error=str(error))
            return
        line = Line(accepted, f"{host}:{port}", Conversation(self._listeners[listener]()))
        self._lines[accepted] = line
        self._watch_line(line)

    def _serve(self, line: Line, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._flush(line)
        if events & selectors.EVENT_READ and line.socket in self._lines:
            data = line.read()
            if data:
                self._hand_over(line, line.conversation.feed(data))
                if line.conversation.is_noise:
                    self._drop(line, "nothing but garbage has come")
            elif data is not None:
                self._drop(line, "ended by the station")

    def _flush(self, line: Line) -> None:
        if line.socket not in self._lines:
            return
        if line.flush():
            self._watch_line(line)
        else:
            self._drop(line, "gone, or does not read its answers")

    def _hand_over(self, line: Line, heard: Sequence[Heard]) -> None:
        for one in heard:
            if not one.payload:
                self._settled(line, one.answer)
        form = line.conversation.format
        received_us = round(self._clock.now().timestamp() * 1e6)
        messages = [
            Message(
                topic=f"lifeline/1/{NO_CITY}/{one.device_id or f'{form}-port'}/up/{form}",
                payload=one.payload,
                received_us=received_us,
                epoch=0,
                mid=0,
                is_again=False,
                correlation=None,
                settled=partial(self._settled, line, one.answer),
            )
            for one in heard
            if one.payload
        ]
        if messages:
            self._buffer.put(messages)

    def _settled(self, line: Line, answer: Callable[[datetime], bytes | None] | None) -> None:
        """Called after the commit, by the worker; at once where there is nothing to store."""
        data = answer(self._clock.now()) if answer is not None else None
        if data is not None:
            line.say(data)
            self._spoken_to.append(line)
            self.wake()

    def _drop(self, line: Line, why: str) -> None:
        _log.debug("connection closed", peer=line.peer, format=line.conversation.format, why=why)
        self._watch(line.socket, 0)
        del self._lines[line.socket], self._watched[line.socket]
        line.socket.close()
        self._hand_over(line, line.conversation.end())


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
