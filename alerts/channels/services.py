"""Every service that apprise knows (SMS gateways, e-mail, push, chat) by its URL."""

import logging

import apprise

from alerts.channels.port import Letter
from lifeline.errors import DeliveryError, SettingsError
from lifeline.settings import ChannelSettings

_OWN = {"wecombot": "wecom", "wecom": "wecom", "dingtalk": "dingtalk", "feishu": "feishu", "lark": "feishu"}
"""Services that answer 200 to what they refuse, which apprise takes for success: they have a channel of their own."""


class Services:
    """One apprise URL; `url` holds it, since it carries the password. Long texts are split, not cut."""

    def __init__(self, settings: ChannelSettings, timeout_s: float) -> None:
        url = settings.url.get_secret_value()
        scheme = url.partition("://")[0].lower()
        if scheme in _OWN:
            raise SettingsError(
                f"channel {settings.name!r}: {scheme}:// takes refusals for success in apprise",
                advice=f'use kind = "{_OWN[scheme]}"',
            )
        sep = "&" if "?" in url else "?"
        self._url = f"{url}{sep}overflow=split&rto={timeout_s:g}&cto={timeout_s:g}"
        if apprise.Apprise.instantiate(self._url, suppress_exceptions=True) is None:
            raise SettingsError(
                f"channel {settings.name!r}: url is none that apprise knows", advice="see docs/alarms.md, apprise"
            )
        self.per_minute = settings.per_minute

    def cost(self, letter: Letter) -> int:
        """One: how a service splits, apprise alone knows."""
        del letter
        return 1

    def deliver(self, letter: Letter) -> None:
        """Hands the letter to the service. Raises DeliveryError with what the service said."""
        target = apprise.Apprise()
        target.add(self._url)
        body = f"{letter.body}\n[{letter.idempotency_key[:8]}]"
        with apprise.LogCapture(level=logging.WARNING) as said:
            taken = target.notify(body=body, title=letter.subject_line, body_format=apprise.NotifyFormat.TEXT)
            words = " ".join(said.getvalue().split())
        if not taken:
            raise DeliveryError(f"not taken: {words[:300] or 'no reason given'}", advice="see the service's own pages")
