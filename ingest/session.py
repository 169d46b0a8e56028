"""Sessions at the broker from outside: one is opened so that it queues, or ended with all that it holds."""

import threading
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.link import ANSWER_TIMEOUT_S, NEVER_S
from ingest.topic import SUBSCRIPTIONS
from lifeline.errors import LinkError
from lifeline.mqtt import BrokerAddress


def open_session(address: BrokerAddress, client_id: str) -> None:
    """From now on the broker queues for `client_id`; what it queues already stays. Raises LinkError."""
    _visit(address, client_id, keep=True)


def end_session(address: BrokerAddress, client_id: str) -> None:
    """The broker forgets the session of `client_id` and what is queued in it. Raises LinkError."""
    _visit(address, client_id, keep=False)


def _visit(address: BrokerAddress, client_id: str, *, keep: bool) -> None:
    client = address.client(client_id, manual_ack=True)
    done = threading.Event()
    refused: list[str] = []

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            refused.append(str(reason))
        if reason.is_failure or not keep:
            done.set()
        else:
            client.subscribe([(topic, 1) for topic in SUBSCRIPTIONS])

    def on_subscribe(_client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        refused.extend(str(reason) for reason in reasons if reason.is_failure)
        done.set()

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = NEVER_S if keep else 0
    properties.ReceiveMaximum = 1
    try:
        client.connect(address.host, address.port, clean_start=not keep, properties=properties)
    except OSError as error:
        raise LinkError(f"the broker does not answer: {error}", advice="see that it runs") from error
    client.loop_start()
    try:
        answered = done.wait(ANSWER_TIMEOUT_S)
        client.disconnect()
    finally:
        client.loop_stop()
    if refused or not answered:
        why = refused[0] if refused else "no answer"
        raise LinkError(f"session {client_id} at the broker: {why}", advice="run `lifeline doctor`")
