"""The broker's address and how Lifeline connects to it; one place, so that every part connects the same way."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lifeline.errors import SettingsError

BACKLOG_TOPIC = "lifeline/1/status/ingest/"
"""And the client id of a worker: retained, how long readings wait for the store (docs/wire.md)."""
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """`mqtt://[user:password@]host:port`, or `mqtts://` for TLS."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "BrokerAddress":
        """Raises SettingsError, which says what an address looks like.

        >>> BrokerAddress.parse("mqtt://127.0.0.1:1884").port
        1884
        """
        advice = "write it as mqtt://[user:password@]host:port, or mqtts:// for TLS"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"the broker's address {url!r} is wrong: {error}", advice=advice) from error
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/"):
            raise SettingsError(f"the broker's address {url!r} is wrong", advice=advice)
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )

    def client(self, client_id: str, *, manual_ack: bool = False) -> mqtt.Client:
        """A MQTT 5 client for this broker, not yet connected."""
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=manual_ack,
        )
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        if self.tls:
            client.tls_set()
        return client
