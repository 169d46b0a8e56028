"""The registry of channels: a new one is a file beside this and a line in KINDS."""

from collections.abc import Callable, Sequence

from alerts.channels import bots, downlink, services, smtp, webhook
from alerts.channels.port import Channel
from lifeline.errors import SettingsError
from lifeline.settings import ChannelSettings

KINDS: dict[str, Callable[[ChannelSettings, float], Channel]] = {
    "webhook": webhook.Webhook,
    "smtp": smtp.Smtp,
    **dict.fromkeys(bots.SERVICES, bots.Bot),
    "mqtt": downlink.Downlink,
    "apprise": services.Services,
}
"""kind -> what makes a channel of its settings and the seconds that a delivery may take."""


def channels_of(settings: Sequence[ChannelSettings], *, timeout_s: float, broker_url: str = "") -> dict[str, Channel]:
    """The channels by name; `broker_url`: of devices that name no broker of their own.

    Raises SettingsError, which names the channel and what is wrong with it.
    """
    made: dict[str, Channel] = {}
    names = {one.name for one in settings}
    for one in settings:
        if one.kind not in KINDS:
            raise SettingsError(
                f"channel {one.name!r}: kind {one.kind!r} is unknown", advice=f"use one of {', '.join(KINDS)}"
            )
        if one.name in made:
            raise SettingsError(f"two channels are called {one.name!r}", advice="give each its own name")
        if one.fallback and (one.fallback not in names or one.fallback == one.name):
            raise SettingsError(
                f"channel {one.name!r}: fallback {one.fallback!r} is no other channel", advice="name another channel"
            )
        if one.kind == "mqtt":
            made[one.name] = downlink.Downlink(one, timeout_s, broker_url)
        else:
            made[one.name] = KINDS[one.kind](one, timeout_s)
    return made
