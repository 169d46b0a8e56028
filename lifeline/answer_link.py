"""Answer links: what a person may open once, without a log-in, to say that they take an alarm or cannot. Pure.

A token is the link's number, the second in which it expires, and a signature over both (HMAC-SHA256, 128 bits), in
URL-safe base64: whoever lacks the secret can neither make one nor change one. That it works once, the store sees to.
"""

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from lifeline.errors import LifelineError

_ID_BYTES, _TIME_BYTES, _SIGNATURE_BYTES = 16, 6, 16
_PURPOSE = b"lifeline answer link 1"
SHORTEST_SECRET = 16
"""Characters of a secret."""


class Refusal(StrEnum):
    """Why a link is not taken; stored with each attempt."""

    FORGED = "forged"
    """the signature is not ours"""
    EXPIRED = "expired"
    USED = "used"
    """it has been answered already"""
    UNKNOWN = "unknown"
    """signed by us, but the store has no such link"""


class AnswerLinkError(LifelineError):
    """A link is not taken; `refusal` says why."""

    def __init__(self, refusal: Refusal, *, link_id: uuid.UUID | None = None) -> None:
        super().__init__(f"the link is {refusal.value}", advice="use the newest notice, or log in to the console")
        self.refusal = refusal
        self.link_id = link_id


@dataclass(frozen=True, slots=True)
class AnswerLink:
    """A one-time link to some alarms for a person; times in UTC, seconds."""

    link_id: uuid.UUID
    expires_at: datetime


def sign(link: AnswerLink, secret: str) -> str:
    """The token of a link.

    >>> when = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    >>> len(sign(AnswerLink(uuid.UUID(int=7), when), "s" * 16))
    51
    """
    body = link.link_id.bytes + int(link.expires_at.timestamp()).to_bytes(_TIME_BYTES, "big")
    return _text(body + _signature(body, secret))


def verify(token: str, secret: str, now: datetime) -> AnswerLink:
    """The link of a token. Raises AnswerLinkError: forged, expired."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeEncodeError):
        raw = b""
    body, signature = raw[: _ID_BYTES + _TIME_BYTES], raw[_ID_BYTES + _TIME_BYTES :]
    if len(raw) != _ID_BYTES + _TIME_BYTES + _SIGNATURE_BYTES or not secret:
        raise AnswerLinkError(Refusal.FORGED)
    if _text(raw) != token:  # base64 leaves bits of the last letter unused: one link, one spelling
        raise AnswerLinkError(Refusal.FORGED)
    if not hmac.compare_digest(signature, _signature(body, secret)):
        raise AnswerLinkError(Refusal.FORGED)
    link_id = uuid.UUID(bytes=body[:_ID_BYTES])
    expires_at = datetime.fromtimestamp(int.from_bytes(body[_ID_BYTES:], "big"), UTC)
    if now >= expires_at:
        raise AnswerLinkError(Refusal.EXPIRED, link_id=link_id)
    return AnswerLink(link_id, expires_at)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signature(body: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), _PURPOSE + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
