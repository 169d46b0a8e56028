"""Notices as JSON by HTTP POST (docs/alarms.md describes the document)."""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import orjson

from alerts.channels.deadline import deadline
from alerts.channels.port import Letter
from lifeline.errors import DeliveryError, SettingsError
from lifeline.settings import ChannelSettings

_TRANSIENT = frozenset({408, 425, 429})
_SAME_AGAIN = frozenset({307, 308})
_REDIRECTS = 3


class Webhook:
    """A receiver of JSON at one URL. 2xx means taken; what the answer says besides is not read."""

    def __init__(self, settings: ChannelSettings, timeout_s: float) -> None:
        self._name = settings.name
        self._url = _url(settings)
        self._timeout_s = timeout_s
        self.per_minute = settings.per_minute
        self._trust = ssl.create_default_context()

    def cost(self, letter: Letter) -> int:
        """One message."""
        del letter
        return 1

    def deliver(self, letter: Letter) -> None:
        """Posts the letter's payload to its address. Raises DeliveryError."""
        url = self._url if letter.address == str(self._url) else httpx.URL(letter.address)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": letter.idempotency_key,
            "User-Agent": "lifeline",
        }
        content = orjson.dumps(letter.payload)
        # a client for each letter: an abort by the deadline then ends this delivery and no other
        client = httpx.Client(verify=self._trust, timeout=self._timeout_s, follow_redirects=False)
        with deadline(self._timeout_s, client.close) as passed, client:
            try:
                for _ in range(_REDIRECTS + 1):
                    with client.stream("POST", url, content=content, headers=headers) as response:
                        status, answer = response.status_code, response.headers
                    if status not in _SAME_AGAIN:
                        return _judge(status, answer)
                    url = _followed(url, answer.get("Location", ""))
            except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
                why = f"no answer within {self._timeout_s:g} s" if passed.is_set() else _said(error)
                raise DeliveryError(f"{url.host}: {why}", advice="see that the receiver runs") from error
        raise DeliveryError(f"{url.host} redirects in a circle", permanent=True, advice="set the receiver's own URL")


def _url(settings: ChannelSettings) -> httpx.URL:
    try:
        url = httpx.URL(settings.address)
    except (httpx.InvalidURL, TypeError) as error:
        raise SettingsError(f"channel {settings.name!r}: {error}", advice="give the receiver's URL") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise SettingsError(
            f"channel {settings.name!r}: {settings.address!r} is no http(s) URL", advice="give the receiver's URL"
        )
    return url


def _judge(status: int, answer: httpx.Headers) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise DeliveryError(
            f"HTTP {status} to {answer.get('Location', 'nowhere')!r}", permanent=True, advice="set the new URL"
        )
    permanent = 400 <= status < 500 and status not in _TRANSIENT
    raise DeliveryError(
        f"HTTP {status}",
        permanent=permanent,
        retry_after_s=retry_after_s(answer.get("Retry-After", ""), datetime.now(UTC)),
        advice="the receiver refuses such notices" if permanent else "the receiver asks for another attempt",
    )


def retry_after_s(value: str, now: datetime) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None where it says nothing.

    >>> retry_after_s("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    >>> retry_after_s("Thu, 01 Jan 2026 00:00:30 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    30.0
    """
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _followed(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads, if it stays with the receiver: a notice goes to nobody else."""
    target = url.join(location)
    if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
        raise DeliveryError(
            f"{url.host} redirects to {target.host}", permanent=True, advice="set the new URL if that is meant"
        )
    return target


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
