"""Notices as mail, handed to a mail server."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from alerts.channels.deadline import deadline
from alerts.channels.port import Letter
from lifeline.errors import DeliveryError, SettingsError
from lifeline.settings import ChannelSettings

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_GRAVE = 2
_URL_ADVICE = "write it as smtp://[user:password@]host:port"


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    implicit_tls: bool
    user: str
    password: str


class Smtp:
    """A mail server that takes our mail; `smtp_url` is smtp://, or smtps:// for TLS from the first byte.

    With smtp:// TLS is used when the server offers it, and a password is sent without it to this machine only.
    """

    def __init__(self, settings: ChannelSettings, timeout_s: float) -> None:
        self._server = _server(settings)
        self._sender = _configured(settings.sender, settings.name)
        _configured(settings.address, settings.name)
        self._timeout_s = timeout_s
        self.per_minute = settings.per_minute
        self._trust = ssl.create_default_context()

    def cost(self, letter: Letter) -> int:
        """One message."""
        del letter
        return 1

    def deliver(self, letter: Letter) -> None:
        """Mails the letter to its address. Raises DeliveryError."""
        message = compose(letter, self._sender, datetime.now(UTC))
        client = (
            smtplib.SMTP_SSL(timeout=self._timeout_s, context=self._trust)
            if self._server.implicit_tls
            else smtplib.SMTP(timeout=self._timeout_s)
        )
        with deadline(self._timeout_s, lambda: _cut(client)) as passed, _translated(self._server, passed.is_set):
            try:
                self._hand_over(client, message)
            finally:
                client.close()

    def _hand_over(self, client: smtplib.SMTP, message: EmailMessage) -> None:
        server = self._server
        client._host = server.host  # type: ignore[attr-defined]  # the name TLS checks; connect() leaves it empty
        client.connect(server.host, server.port)
        client.ehlo_or_helo_if_needed()
        encrypted = server.implicit_tls
        if not encrypted and client.has_extn("starttls"):
            client.starttls(context=self._trust)
            client.ehlo()
            encrypted = True
        if server.user:
            if not encrypted and server.host not in _LOOPBACK:
                raise DeliveryError(
                    f"{server.host} offers no TLS and wants a password", advice="use smtps://, or a URL without user"
                )
            client.login(server.user, server.password)
        client.send_message(message)
        client.quit()


def compose(letter: Letter, sender: Address, now: datetime) -> EmailMessage:
    """The mail of a letter: the same letter has the same Message-ID, so that a second copy is seen to be one.

    Raises DeliveryError where the address is none.
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = " ".join(letter.subject_line.split())
    message["From"] = sender
    try:
        message["To"] = _address(letter.address)
    except ValueError as error:
        raise DeliveryError(f"{letter.address!r} is no mail address", permanent=True) from error
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{letter.idempotency_key}@{_ascii_domain(sender)}>"
    if follows := letter.payload.get("follows"):
        message["In-Reply-To"] = message["References"] = f"<{follows}@{_ascii_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    if letter.urgency <= _GRAVE:
        message["Importance"] = "high"
    message.set_content(letter.body, charset="utf-8", cte="base64")
    return message


@contextmanager
def _translated(server: _Server, timed_out: Callable[[], bool]) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise _refused(code, text) from error
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryError(
            f"{server.host} refuses the password: {_words(error.smtp_error)}", advice="correct smtp_url"
        ) from error
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryError(f"{server.host}: {error}", permanent=True, advice="use another mail server") from error
    except (smtplib.SMTPException, OSError) as error:
        why = "no answer in time" if timed_out() else str(error) or type(error).__name__
        raise DeliveryError(f"{server.host}:{server.port}: {why}", advice="see that the mail server runs") from error


def _cut(client: smtplib.SMTP) -> None:
    """Wakes whoever waits for the server; closing alone would wait for them."""
    if client.sock is not None:
        with suppress(OSError):
            client.sock.shutdown(socket.SHUT_RDWR)


def _refused(code: int, text: bytes | str) -> DeliveryError:
    """RFC 5321, 4.2.1: 4yz is worth another attempt, 5yz is not."""
    permanent = 500 <= code < 600
    advice = "correct the address or the mail server's rules" if permanent else "the mail server asks for patience"
    return DeliveryError(f"SMTP {code} {_words(text)}", permanent=permanent, advice=advice)


def _words(text: bytes | str) -> str:
    return (text.decode("utf-8", "replace") if isinstance(text, bytes) else text).strip()


def _server(settings: ChannelSettings) -> _Server:
    try:
        url = urlsplit(settings.smtp_url)
        port = url.port
    except ValueError as error:
        raise SettingsError(f"channel {settings.name!r}: smtp_url: {error}", advice=_URL_ADVICE) from error
    if url.scheme not in {"smtp", "smtps"} or not url.hostname:
        raise SettingsError(f"channel {settings.name!r}: smtp_url is no smtp(s) URL", advice=_URL_ADVICE)
    implicit = url.scheme == "smtps"
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if not (user + password).isascii():
        advice = "give the account an ASCII password"
        raise SettingsError(f"channel {settings.name!r}: SMTP wants an ASCII user and password", advice=advice)
    usual = smtplib.SMTP_SSL_PORT if implicit else smtplib.SMTP_PORT
    return _Server(url.hostname, port or usual, implicit, user, password)


def _configured(text: str, channel: str) -> Address:
    try:
        return _address(text)
    except ValueError as error:
        advice = "write it as name@example.org"
        raise SettingsError(f"channel {channel!r}: {text!r} is no mail address", advice=advice) from error


def _address(text: str) -> Address:
    """One mail address. Raises ValueError on anything else, so that nothing can hide behind it."""
    try:
        address = Address(addr_spec=text)
    except (IndexError, MessageError) as error:
        raise ValueError(str(error)) from error
    if not address.username or not address.domain:
        raise ValueError("an address has a name and a domain")
    return address


def _ascii_domain(address: Address) -> str:
    try:
        return address.domain.encode("idna").decode("ascii")
    except UnicodeError:
        return "lifeline.invalid"
