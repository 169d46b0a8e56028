"""Proofs of who somebody is: passwords (argon2id), secrets that are kept as digests only, codes of a second factor."""

import hashlib
import secrets
from threading import BoundedSemaphore

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lifeline.errors import CredentialError

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256
TOTP_STEP_S = 30
_CODE_DIGITS = 6
_HASHER = PasswordHasher()
_ROOM = BoundedSemaphore(2)
"""a hash costs 64 MiB on purpose: a flood of log-ins must not cost the machine"""
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


def hash_password(password: str, *, login: str = "") -> str:
    """What is stored of a password. Raises CredentialError where it is too short, too long or the login itself."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise CredentialError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
            kind="length",
            advice="four words that nobody would guess are easy to keep in mind",
        )
    if len(set(password)) < 4 or (login and password.lower().strip("0123456789") in {login, login[::-1]}):
        raise CredentialError(
            "this password is guessed at once", kind="guessed", advice="four words are easy to keep in mind"
        )
    with _ROOM:
        return _HASHER.hash(password)


def password_fits(password: str, stored: str | None) -> bool:
    """Whether `password` is the one; takes as long where there is none, so that nobody learns which logins exist."""
    try:
        with _ROOM:
            return _HASHER.verify(stored or _NOBODY, password[:LONGEST_PASSWORD]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def new_secret() -> str:
    """256 random bits, to be put into a link, a cookie or a program's settings."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a secret; it has so much chance in it that no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


def new_totp_secret() -> str:
    """A secret for a second factor, base32."""
    return pyotp.random_base32()


def totp_address(secret: str, login: str) -> str:
    """What an authenticator reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Lifeline")


def totp_step(code: str, secret: str, *, at_s: float, after_step: int) -> int | None:
    """The time step that `code` belongs to: now, the one before or after; None where it fits none.

    Steps up to `after_step` are used up (RFC 6238, 5.2): a code seen over a shoulder is worth nothing.
    """
    code = code.replace(" ", "")
    if len(code) != _CODE_DIGITS or not (code.isascii() and code.isdigit()):
        return None
    totp, present = pyotp.TOTP(secret), int(at_s) // TOTP_STEP_S
    for step in (present, present - 1, present + 1):
        if step > after_step and secrets.compare_digest(totp.generate_otp(step), code):
            return step
    return None
