"""Group bots of WeCom, DingTalk and Feishu: text by HTTP POST; only an answer without an error is taken.

These services answer HTTP 200 to what they refuse (too many messages, a wrong signature): the answer's code decides.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from alerts.channels.deadline import deadline
from alerts.channels.parts import parts
from alerts.channels.port import Letter
from lifeline.errors import DeliveryError, SettingsError
from lifeline.settings import ChannelSettings

_Words = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """One service: how a text is written for it, where its code stands, and which codes are worth another attempt.

    `most_bytes`: of one text; `per_minute`: 80 % of what the service takes, since a bot that exceeds it is shut out.
    """

    code: str
    message: str
    most_bytes: int
    per_minute: float
    busy: frozenset[int]
    write: Callable[[str, str, float], tuple[_Words, dict[str, str]]]
    """text, secret, seconds since 1970 -> document, query"""


def _wecom(text: str, secret: str, now_s: float) -> tuple[_Words, dict[str, str]]:
    del secret, now_s
    return {"msgtype": "text", "text": {"content": text}}, {}


def _dingtalk(text: str, secret: str, now_s: float) -> tuple[_Words, dict[str, str]]:
    document = {"msgtype": "text", "text": {"content": text}}
    if not secret:
        return document, {}
    stamp = str(int(now_s * 1000))
    return document, {"timestamp": stamp, "sign": _sign(secret, f"{stamp}\n{secret}")}


def _feishu(text: str, secret: str, now_s: float) -> tuple[_Words, dict[str, str]]:
    document: _Words = {"msg_type": "text", "content": {"text": text}}
    if secret:
        stamp = str(int(now_s))
        document |= {"timestamp": stamp, "sign": _sign(f"{stamp}\n{secret}", "")}
    return document, {}


SERVICES: dict[str, Service] = {
    "wecom": Service("errcode", "errmsg", 2048, 16.0, frozenset({-1, 45009}), _wecom),
    "dingtalk": Service("errcode", "errmsg", 18_000, 16.0, frozenset({-1, 90030, 130101, 130103}), _dingtalk),
    "feishu": Service("code", "msg", 18_000, 80.0, frozenset({9499, 11232, 230020}), _feishu),
}
"""Limits and codes as public reports tell them (docs/alarms.md); the services' own pages have the last word."""


class Bot:
    """A bot of one of SERVICES in a group; `url` is the address that the service gave it."""

    def __init__(self, settings: ChannelSettings, timeout_s: float) -> None:
        self._service = SERVICES[settings.kind]
        self._secret = settings.secret.get_secret_value()
        self._timeout_s = timeout_s
        try:
            self._url = httpx.URL(settings.url.get_secret_value())
        except (httpx.InvalidURL, TypeError) as error:
            raise SettingsError(f"channel {settings.name!r}: url: {error}", advice="give the bot's address") from error
        if self._url.scheme not in {"http", "https"} or not self._url.host:
            raise SettingsError(f"channel {settings.name!r}: url is no http(s) URL", advice="give the bot's address")
        self.per_minute = settings.per_minute or self._service.per_minute

    def cost(self, letter: Letter) -> int:
        """Messages that a letter takes: a long one goes in parts."""
        return len(self._texts(letter))

    def deliver(self, letter: Letter) -> None:
        """Posts the letter, in parts where it is long. Raises DeliveryError; then all parts are sent again."""
        # a service may close a connection between two parts: each part has its own
        limits = httpx.Limits(max_keepalive_connections=0)
        client = httpx.Client(timeout=self._timeout_s, follow_redirects=False, limits=limits)
        with deadline(self._timeout_s, client.close) as passed, client:
            for text in self._texts(letter):
                document, query = self._service.write(text, self._secret, time.time())
                url = self._url.copy_merge_params(query) if query else self._url
                try:
                    answer = client.post(
                        url,
                        content=orjson.dumps(document),
                        headers={"Content-Type": "application/json; charset=utf-8"},
                    )
                except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
                    why = f"no answer within {self._timeout_s:g} s" if passed.is_set() else type(error).__name__
                    raise DeliveryError(f"{self._url.host}: {why}", advice="see that the service answers") from error
                self._judge(answer)

    def _texts(self, letter: Letter) -> list[str]:
        text = f"{letter.subject_line}\n{letter.body}\n[{letter.idempotency_key[:8]}]"
        return parts(text, self._service.most_bytes)

    def _judge(self, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            transient = answer.status_code in {408, 425, 429} or answer.status_code >= 500
            reset = answer.headers.get("x-ogw-ratelimit-reset") or answer.headers.get("Retry-After", "")
            wait_s = float(reset) if reset.isascii() and reset.isdigit() else None
            raise DeliveryError(
                f"HTTP {answer.status_code}", permanent=not transient, retry_after_s=wait_s, advice="see the bot's url"
            )
        try:
            said = orjson.loads(answer.content)
            code, message = said[self._service.code], str(said.get(self._service.message, ""))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise DeliveryError("the answer has no code: it may not be taken", advice="see the bot's url") from error
        if code != 0:
            raise DeliveryError(f"{self._service.code} {code}: {message[:200]}", advice=_advice(code, self._service))


def _advice(code: object, service: Service) -> str:
    if code in service.busy:
        return "the service asks for patience"
    return "correct keyword, signature or address of the bot; the notice is tried again"


def _sign(key: str, words: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), words.encode(), hashlib.sha256).digest()).decode()
