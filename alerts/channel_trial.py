"""The daily test: each channel takes a harmless message, so that a broken one is found before it is needed."""

import threading
import uuid
from collections.abc import Mapping
from datetime import datetime

from alerts import text
from alerts.channels.port import Channel, Letter
from lifeline import log
from lifeline.alarm import Level
from lifeline.clock import Clock
from lifeline.errors import DeliveryError, StoreError
from lifeline.settings import AlertsSettings, ChannelSettings
from lifeline.store import channel_trials
from lifeline.store.pool import Store

AGAIN_S = 600.0
"""A channel that failed is tried again after this."""
_LOOK_S = 60.0
_KEYS = uuid.UUID("7d0c5c52-1f0b-5d37-9a4c-4f1f2f0d9a61")
_log = log.logger("channels")


def letter(channel: ChannelSettings, now: datetime) -> Letter:
    """A message that says that it is a test, and asks for nothing; a device is sent none, its broker is asked."""
    words = text.catalogue(channel.language)["trial"]
    key = str(uuid.uuid5(_KEYS, f"{channel.name}\n{now.isoformat()}"))
    body = words["body"].format(channel=channel.name, at=f"{now:%Y-%m-%d %H:%M:%SZ}")
    payload = {
        "format": 1,
        "idempotency_key": key,
        "language": channel.language,
        "subject_line": words["subject"],
        "body": body,
        "answer": None,
        "follows": None,
        "test": True,
        "events": [],
    }
    return Letter(key, channel.address, words["subject"], body, payload, int(Level.BLUE))


def attempt(channel: Channel, settings: ChannelSettings, now: datetime) -> str:
    """Sends the test; what went wrong, empty where it was taken."""
    try:
        channel.deliver(letter(settings, now))
    except DeliveryError as error:
        return str(error)
    except Exception as error:
        _log.exception("channel broke", channel=settings.name)
        return f"{type(error).__name__}: {error}"
    return ""


def run(
    store: Store, channels: Mapping[str, Channel], settings: AlertsSettings, clock: Clock, stop: threading.Event
) -> None:
    """Tries each channel every `alerts.channel_test_h`, until `stop` is set."""
    while not stop.is_set():
        try:
            tick(store, channels, settings, clock)
        except StoreError as error:
            _log.warning("channels are not tried now", error=str(error))
        clock.wait(_LOOK_S, stop)


def tick(store: Store, channels: Mapping[str, Channel], settings: AlertsSettings, clock: Clock) -> None:
    """Tries the channels whose turn it is. Raises StoreError."""
    by_name = {one.name: one for one in settings.channels}
    every_s, now = 3600.0 * settings.channel_test_h, clock.now()
    for name in channel_trials.claim(store, channels=channels, now=now, every_s=every_s, again_s=AGAIN_S):
        error = attempt(channels[name], by_name[name], now)
        channel_trials.record(store, name, error=error, now=clock.now())
        if error:
            _log.error("channel does not take its test", channel=name, error=error)
        else:
            _log.info("channel takes its test", channel=name)
