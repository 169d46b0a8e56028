"""Devices that act on alarms (sirens, barriers, displays) by MQTT: one retained message an alarm, confirmed by them.

Under `address` each alarm has a topic of its own, ADDRESS/ALARM_ID, so that a device that comes back finds what stands
and two alarms never overwrite each other. The device answers on ADDRESS/ack with the idempotency key.
"""

import threading
import uuid
from contextlib import suppress

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

from alerts.channels.port import Letter
from lifeline.errors import DeliveryError, SettingsError
from lifeline.mqtt import BrokerAddress
from lifeline.settings import ChannelSettings

_GOOD = frozenset({"clear", "cancel", "close", "supersede"})
FORMAT = 1


class Downlink:
    """A topic of the broker. With `confirm` a message is taken when a device says so, else when the broker has it."""

    def __init__(self, settings: ChannelSettings, timeout_s: float, broker_url: str = "") -> None:
        url = settings.url.get_secret_value() or broker_url
        if not url:
            raise SettingsError(f"channel {settings.name!r}: no broker", advice="set url or mqtt_url")
        self._address = BrokerAddress.parse(url)
        if not settings.address or any(mark in settings.address for mark in "+#\0"):
            raise SettingsError(f"channel {settings.name!r}: address is no topic", advice="write it without + and #")
        self._confirm = settings.confirm
        self._timeout_s = timeout_s
        self.per_minute = settings.per_minute

    def cost(self, letter: Letter) -> int:
        """One message an alarm."""
        return max(1, len(letter.payload.get("events", ())))

    def deliver(self, letter: Letter) -> None:
        """Publishes the letter's alarms and waits for the device; one without alarms asks the broker only. Raises
        DeliveryError."""
        done = threading.Event()
        client = self._address.client(f"lifeline-downlink-{uuid.uuid4().hex[:12]}")
        subscribed = threading.Event()
        refused: list[str] = []

        def on_connect(client: mqtt.Client, _data: object, _flags: object, reason: object, _properties: object) -> None:
            if getattr(reason, "is_failure", False):
                refused.append(str(reason))
                subscribed.set()
            else:
                client.subscribe(f"{letter.address}/ack", 1)

        def on_subscribe(*_: object) -> None:
            subscribed.set()

        def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            with suppress(orjson.JSONDecodeError, AttributeError):
                if orjson.loads(message.payload).get("idempotency_key") == letter.idempotency_key:
                    done.set()

        client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
        client.connect_timeout = self._timeout_s
        try:
            client.connect(self._address.host, self._address.port, keepalive=30)
        except (OSError, ValueError) as error:
            raise DeliveryError(f"broker: {error}", advice="see that the broker runs") from error
        client.loop_start()
        try:
            if not subscribed.wait(self._timeout_s) or refused:
                said = refused[0] if refused else "no answer in time"
                raise DeliveryError(f"broker: {said}", advice="see user and password in its address")
            said_on = messages(letter)
            for topic, payload in said_on:
                sent = client.publish(topic, payload, qos=1, retain=True)
                if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    raise DeliveryError("the broker is away", advice="see that the broker runs")
                with suppress(RuntimeError):
                    sent.wait_for_publish(self._timeout_s)
                if not sent.is_published():
                    raise DeliveryError("the broker did not confirm", advice="see that the broker runs")
            if self._confirm and said_on and not done.wait(self._timeout_s):
                raise DeliveryError(
                    "no device confirmed", advice=f"see that the device answers on {letter.address}/ack"
                )
        finally:
            client.disconnect()
            client.loop_stop()


def messages(letter: Letter) -> list[tuple[str, bytes]]:
    """Topic and document of each alarm in a letter; docs/alarms.md describes the document."""
    made = []
    for event in letter.payload.get("events", ()):
        alarm = event["alarm"]
        document = {
            "format": FORMAT,
            "idempotency_key": letter.idempotency_key,
            "on": event["event"] not in _GOOD,
            "event": event["event"],
            "at": event["at"],
            "alarm": {key: alarm[key] for key in ("alarm_id", "version", "kind", "level", "state", "title", "depth_m")},
        }
        made.append((f"{letter.address}/{alarm['alarm_id']}", orjson.dumps(document)))
    return made
