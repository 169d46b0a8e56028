"""What every channel promises, held against the official double and against the real ones at real receivers; and what
each of the real ones does when its receiver misbehaves."""

import base64
import hmac
import json
import socket
import ssl
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import paho.mqtt.client as mqtt
import pytest
from pydantic import SecretStr

from alerts.channels import KINDS, channels_of
from alerts.channels.bots import SERVICES, Bot
from alerts.channels.double import ChannelDouble
from alerts.channels.downlink import Downlink
from alerts.channels.port import Channel, Letter
from alerts.channels.services import Services
from alerts.channels.smtp import Smtp, compose
from alerts.channels.webhook import Webhook
from deploy.local.broker import LocalBroker
from lifeline.errors import DeliveryError, SettingsError
from lifeline.mqtt import BrokerAddress
from lifeline.settings import ChannelSettings
from tests.alert_parts import HOST, MailReceiver, WebReceiver, eventually, raw_server

TIMEOUT_S = 1.0
HARD = "【红色 I级】人民大街下穿桥：积水 85 厘米\r\nBcc: everybody@example.org\n\n<script>"
LONG = "第一行\n.\n..\nFrom here\r\n" + "长春市南关区，请立即处置。" * 800 + "\ta=b\u2028\u200b😀\n"


def letter_to(address: str, **changes: object) -> Letter:
    key = str(uuid.uuid4())
    payload = {"idempotency_key": key, "body": "正文\n", "events": [event_of("积水")]}
    made = Letter(key, address, "【蓝色】积水", "正文\n", payload, 4)
    return replace(made, **changes)  # type: ignore[arg-type]


def event_of(title: str, *, event: str = "open", alarm_id: int = 7) -> dict[str, Any]:
    """As much of an event as devices need."""
    alarm = {"alarm_id": alarm_id, "version": 1, "kind": "flood", "level": "red", "state": "open", "depth_m": 0.5}
    return {"event": event, "at": "2026-07-20T08:00:00+00:00", "alarm": {**alarm, "title": {"zh": title, "en": title}}}


class Device:
    """A siren: hears the alarms of its topic and confirms them, but for the next `deaf` ones."""

    def __init__(self, broker_url: str, topic: str) -> None:
        self.topic = topic
        self.heard: list[Any] = []
        self.deaf = 0
        address = BrokerAddress.parse(broker_url)
        self._client = address.client("")
        self._client.on_message = self._take
        self._ready = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(f"{topic}/+", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect(address.host, address.port)

    def _take(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/ack"):
            return
        said = json.loads(message.payload)
        if self.deaf:
            self.deaf -= 1
            return
        self.heard.append(said)
        client.publish(f"{self.topic}/ack", json.dumps({"idempotency_key": said["idempotency_key"]}), 1)

    def __enter__(self) -> "Device":
        self._client.loop_start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Rig:
    """A channel, its receiver's address, what the receiver has (keys, texts), and how to make the next attempt fail."""

    channel: Channel
    address: str
    keys: Callable[[], list[str]]
    texts: Callable[[], list[str]]
    fail_next: Callable[[bool], None]
    judges: bool = True
    """whether its receiver can say that it will never take a letter"""


@pytest.fixture(params=["double", *KINDS])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        if request.param == "mqtt":
            yield _mqtt(stack, request.getfixturevalue("broker"))
        elif request.param in SERVICES:
            yield _bot(stack, request.param)
        else:
            rigs = {"double": _double, "webhook": _webhook, "smtp": _smtp, "apprise": _apprise}
            yield rigs[request.param](stack)


def _double(stack: ExitStack) -> Rig:
    del stack
    double = ChannelDouble()
    return Rig(
        double,
        "double",
        lambda: [letter.idempotency_key for letter in double.letters],
        lambda: [letter.body for letter in double.letters],
        lambda permanent: double.script.append(DeliveryError("refused", permanent=permanent)),
    )


def _webhook(stack: ExitStack) -> Rig:
    web = stack.enter_context(WebReceiver())
    channel = Webhook(ChannelSettings(name="ops", kind="webhook", address=web.url), TIMEOUT_S)
    return Rig(
        channel,
        web.url,
        lambda: [post.key for post in web.taken()],
        lambda: [post.json["body"] for post in web.taken()],
        lambda permanent: web.script.append(410 if permanent else 500),
    )


def _smtp(stack: ExitStack) -> Rig:
    mail = stack.enter_context(MailReceiver())
    address = "duty@city.example"
    channel = Smtp(ChannelSettings(name="duty", kind="smtp", address=address, smtp_url=mail.url), TIMEOUT_S)
    return Rig(
        channel,
        address,
        lambda: [str(one["Message-ID"]).strip("<").split("@")[0] for one in mail.mails],
        lambda: [one.get_content() for one in mail.mails],
        lambda permanent: mail.script.append("554 no" if permanent else "451 later"),
    )


def _bot(stack: ExitStack, kind: str) -> Rig:
    web = stack.enter_context(WebReceiver())
    service = SERVICES[kind]
    web.answer = orjson.dumps({service.code: 0, service.message: "ok"})
    settings = ChannelSettings(
        name="bot", kind=kind, address="值班群", url=SecretStr(web.url), secret=SecretStr("s3cret")
    )

    def texts() -> list[str]:
        said = [post.json for post in web.taken()]
        return [one["content"]["text"] if kind == "feishu" else one["text"]["content"] for one in said]

    return Rig(
        Bot(settings, TIMEOUT_S),
        "群",
        lambda: [text.rsplit("[", 1)[1].rstrip("]") for text in texts()],
        lambda: [_joined(texts())],
        lambda permanent: web.script.append(404 if permanent else 429),
    )


def _joined(texts: list[str]) -> str:
    """What the parts of a long text say: without numbers, subject line and mark."""
    whole = "".join(text.split("\n", 1)[1] for text in texts) if len(texts) > 1 else texts[0]
    return whole.removeprefix(HARD + "\n").rsplit("\n[", 1)[0]


def _apprise(stack: ExitStack) -> Rig:
    web = stack.enter_context(WebReceiver())
    url = web.url.replace("http://", "json://")
    channel = Services(ChannelSettings(name="any", kind="apprise", address="any", url=SecretStr(url)), TIMEOUT_S)

    def messages() -> list[str]:
        return [post.json["message"] for post in web.taken()]

    return Rig(
        channel,
        "any",
        lambda: [text.rsplit("[", 1)[1].rstrip("]") for text in messages()],
        lambda: [text.rsplit("\n[", 1)[0] for text in messages()],
        lambda _permanent: web.script.append(500),
        judges=False,
    )


def _mqtt(stack: ExitStack, broker: LocalBroker) -> Rig:
    device = stack.enter_context(Device(broker.url, "lifeline/1/220100/SIREN-1/down/alarm"))
    settings = ChannelSettings(name="siren", kind="mqtt", address=device.topic, url=SecretStr(broker.url))

    def fail(permanent: bool) -> None:
        del permanent
        device.deaf = 1

    return Rig(
        Downlink(settings, TIMEOUT_S),
        device.topic,
        lambda: [one["idempotency_key"] for one in device.heard],
        lambda: [one["alarm"]["title"]["zh"] for one in device.heard],
        fail,
        judges=False,
    )


def test_contract_a_letter_that_is_taken_arrives_once_with_its_key(rig: Rig) -> None:
    letter = letter_to(rig.address)
    rig.channel.deliver(letter)
    assert _same(rig.keys(), [letter.idempotency_key])


def test_contract_the_same_letter_again_is_recognisable(rig: Rig) -> None:
    letter = letter_to(rig.address)
    rig.channel.deliver(letter)
    rig.channel.deliver(letter)
    assert _same(rig.keys(), [letter.idempotency_key] * 2)


@pytest.mark.parametrize("permanent", [True, False])
def test_contract_a_refusal_says_whether_to_try_again_and_the_next_letter_goes(rig: Rig, permanent: bool) -> None:
    rig.fail_next(permanent)
    with pytest.raises(DeliveryError) as refusal:
        rig.channel.deliver(letter_to(rig.address))
    assert refusal.value.permanent is (permanent and rig.judges)
    assert rig.keys() == []
    rig.channel.deliver(letter_to(rig.address))
    assert len(rig.keys()) == 1


def test_contract_long_text_of_many_lines_in_chinese_survives(rig: Rig) -> None:
    assert len(LONG) > 10_000
    payload = {"body": LONG, "events": [event_of(LONG)]}
    rig.channel.deliver(letter_to(rig.address, subject_line=HARD, body=LONG, payload=payload))
    (text,) = rig.texts()
    assert _lines(text) == _lines(LONG)


def _same(seen: list[str], keys: list[str]) -> bool:
    """Chats show the first characters of a key."""
    return len(seen) == len(keys) and all(
        key.startswith(one) and len(one) >= 8 for one, key in zip(seen, keys, strict=True)
    )


def _lines(text: str) -> list[str]:
    """Mail knows one way to end a line: CRLF."""
    return text.replace("\r\n", "\n").split("\n")


def test_settings_that_make_no_channel_say_which_and_why() -> None:
    good = ChannelSettings(name="duty", kind="smtp", address="a@b.example", smtp_url="smtp://127.0.0.1:25")
    wrong = [
        (good.model_copy(update={"kind": "pigeon"}), "kind 'pigeon' is unknown"),
        (good.model_copy(update={"smtp_url": "http://x"}), "smtp_url is no smtp"),
        (good.model_copy(update={"smtp_url": "smtp://host:port"}), "smtp_url"),
        (good.model_copy(update={"address": "a@b.example\r\nBcc: c@d.example"}), "is no mail address"),
        (good.model_copy(update={"address": "nobody"}), "is no mail address"),
        (good.model_copy(update={"smtp_url": "smtp://duty:%E5%AF%86@host"}), "ASCII"),
        (good.model_copy(update={"sender": ""}), "is no mail address"),
        (good.model_copy(update={"kind": "webhook", "address": "ops.example/alarm"}), "is no http"),
        (good.model_copy(update={"kind": "webhook", "address": "http://[::1"}), "duty"),
    ]
    for settings, said in wrong:
        with pytest.raises(SettingsError, match=said):
            channels_of([settings], timeout_s=1.0)
    with pytest.raises(SettingsError, match="two channels are called 'duty'"):
        channels_of([good, good], timeout_s=1.0)


# ---- bots and services


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("answer", [b'{"errcode": 45009, "code": 45009, "errmsg": "busy"}', b"{}", b"ok", b"[]"])
def test_bot_that_answers_200_with_an_error_has_not_taken_it(web: WebReceiver, kind: str, answer: bytes) -> None:
    web.answer = answer
    settings = ChannelSettings(name="bot", kind=kind, address="群", url=SecretStr(web.url))
    with pytest.raises(DeliveryError) as refusal:
        Bot(settings, TIMEOUT_S).deliver(letter_to("群"))
    assert not refusal.value.permanent, "an operator can mend it while the notice waits"


def test_bot_signatures_are_those_of_the_services(web: WebReceiver) -> None:
    """DingTalk signs `stamp\\nsecret` with the secret into the query; Feishu signs nothing with both, into the body."""
    for kind, answer in (("dingtalk", b'{"errcode": 0}'), ("feishu", b'{"code": 0}')):
        web.answer = answer
        settings = ChannelSettings(
            name="bot", kind=kind, address="群", url=SecretStr(f"{web.url}?access_token=t"), secret=SecretStr("SEC")
        )
        Bot(settings, TIMEOUT_S).deliver(letter_to("群"))
    dingtalk, feishu = web.posts
    query = parse_qs(urlsplit(dingtalk.path).query)
    words = f"{query['timestamp'][0]}\nSEC".encode()
    assert query["access_token"] == ["t"]
    assert query["sign"] == [base64.b64encode(hmac.new(b"SEC", words, "sha256").digest()).decode()]
    key = f"{feishu.json['timestamp']}\nSEC".encode()
    assert feishu.json["sign"] == base64.b64encode(hmac.new(key, b"", "sha256").digest()).decode()


def test_services_that_lie_are_not_used_through_apprise() -> None:
    for url, said in (
        ("wecombot://key", "wecom"),
        ("dingtalk://token", "dingtalk"),
        ("nonsense://x", "none that apprise"),
    ):
        with pytest.raises(SettingsError, match=said):
            Services(ChannelSettings(name="any", kind="apprise", address="any", url=SecretStr(url)), TIMEOUT_S)


def test_a_device_that_comes_back_finds_what_stands_and_what_is_over(broker: LocalBroker) -> None:
    topic = "lifeline/1/220100/GATE-1/down/alarm"
    settings = ChannelSettings(name="gate", kind="mqtt", address=topic, url=SecretStr(broker.url), confirm=False)
    channel = Downlink(settings, 5.0)
    for number, event in ((1, "open"), (2, "open"), (1, "clear")):
        channel.deliver(letter_to(topic, payload={"events": [event_of("桥", event=event, alarm_id=number)]}))
    with Device(broker.url, topic) as device:
        eventually(lambda: len(device.heard) == 2)
    assert {one["alarm"]["alarm_id"]: one["on"] for one in device.heard} == {1: False, 2: True}


# ---- webhook


@pytest.fixture
def web() -> Iterator[WebReceiver]:
    with WebReceiver() as receiver:
        yield receiver


def hook(url: str) -> Webhook:
    return Webhook(ChannelSettings(name="ops", kind="webhook", address=url), TIMEOUT_S)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (401, True), (404, True), (408, False), (413, True), (425, False), (429, False), (500, False),
     (502, False), (503, False), (301, True), (302, True), (303, True), (304, True)],
)  # fmt: skip
def test_web_status_decides_about_another_attempt(web: WebReceiver, status: int, permanent: bool) -> None:
    web.script = [status]
    with pytest.raises(DeliveryError, match=f"HTTP {status}") as refusal:
        hook(web.url).deliver(letter_to(web.url))
    assert refusal.value.permanent is permanent
    assert len(web.posts) == 1


def test_web_receiver_asks_for_a_pause(web: WebReceiver) -> None:
    web.script = [(429, {"Retry-After": "37"}), (503, {"Retry-After": "soon"})]
    for expected in (37.0, None):
        with pytest.raises(DeliveryError) as refusal:
            hook(web.url).deliver(letter_to(web.url))
        assert refusal.value.retry_after_s == expected


@pytest.mark.parametrize("act", ["hang", "drip", "close"])
def test_web_receiver_that_does_not_answer_costs_the_timeout_and_no_more(web: WebReceiver, act: str) -> None:
    web.script = [act]
    began = time.monotonic()
    with pytest.raises(DeliveryError) as failure:
        hook(web.url).deliver(letter_to(web.url))
    assert not failure.value.permanent
    assert time.monotonic() - began < 10 * TIMEOUT_S, "40 s of drops, each in time, are too many"


def test_web_receiver_that_is_not_there() -> None:
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://{HOST}:{port}/"
    with pytest.raises(DeliveryError) as failure:
        hook(url).deliver(letter_to(url))
    assert not failure.value.permanent


def test_web_receiver_that_talks_nonsense() -> None:
    def nonsense(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x00\xff\x00 ICY 200\r\n\r\n")

    with raw_server(nonsense) as port:
        url = f"http://{HOST}:{port}/"
        with pytest.raises(DeliveryError) as failure:
            hook(url).deliver(letter_to(url))
    assert not failure.value.permanent


def test_web_redirect_is_followed_within_the_receiver_only(web: WebReceiver) -> None:
    with WebReceiver() as other:
        web.script = [(308, {"Location": "/elsewhere"})]
        hook(web.url).deliver(letter_to(web.url))
        assert [post.path for post in web.posts] == ["/alarm", "/elsewhere"]
        assert web.posts[0].body == web.posts[1].body
        web.script = [(307, {"Location": other.url})]
        with pytest.raises(DeliveryError, match="redirects to") as refusal:
            hook(web.url).deliver(letter_to(web.url))
        assert refusal.value.permanent
        assert other.posts == []
    web.script = [(307, {"Location": "/alarm"})] * 9
    with pytest.raises(DeliveryError, match="circle"):
        hook(web.url).deliver(letter_to(web.url))


# ---- mail


def mailer(url: str, **changes: str) -> Smtp:
    settings = {"name": "duty", "kind": "smtp", "address": "duty@city.example", "smtp_url": url, **changes}
    return Smtp(ChannelSettings(**settings), TIMEOUT_S)


def test_mail_headers_cannot_be_injected() -> None:
    with MailReceiver() as mail:
        mailer(mail.url).deliver(letter_to("duty@city.example", subject_line=HARD, urgency=1))
        (message,) = mail.mails
        assert message["Subject"] == " ".join(HARD.split())
        assert message["Bcc"] is None
        assert message["Importance"] == "high"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message.get_content_type() == "text/plain"
        for address in ("a@b.example\nBcc: c@d.example", "a@b.example, c@d.example", "", "@", "a b"):
            with pytest.raises(DeliveryError, match="no mail address") as refusal:
                mailer(mail.url).deliver(letter_to(address))
            assert refusal.value.permanent
        assert len(mail.mails) == 1


def test_mail_the_same_letter_has_the_same_message_id() -> None:
    from email.headerregistry import Address

    letter = letter_to("duty@city.example")
    now = datetime(2026, 7, 20, tzinfo=UTC)
    first, second = (compose(letter, Address(addr_spec="lifeline@长春.example"), now) for _ in range(2))
    assert first["Message-ID"] == second["Message-ID"]
    assert str(first["Message-ID"]).isascii()
    assert letter.idempotency_key in first["Message-ID"]


@pytest.mark.parametrize(("answer", "permanent"), [("550 5.1.1 no such user", True), ("450 4.2.1 mailbox busy", False)])
def test_mail_recipient_is_refused(answer: str, permanent: bool) -> None:
    with MailReceiver() as mail:
        mail.recipient_script = [answer]
        with pytest.raises(DeliveryError, match=answer[:3]) as refusal:
            mailer(mail.url).deliver(letter_to("duty@city.example"))
        assert refusal.value.permanent is permanent


def test_mail_server_wants_a_password() -> None:
    with MailReceiver() as mail:
        user = mail.url.replace("smtp://", "smtp://duty:p%40ss%3Aword@")
        mailer(user).deliver(letter_to("duty@city.example"))
        assert mail.logins[-1] == ("duty", "p@ss:word")
        with pytest.raises(DeliveryError, match="refuses the password") as refusal:
            mailer(user.replace("p%40ss", "wrong")).deliver(letter_to("duty@city.example"))
        assert not refusal.value.permanent, "the operator can mend it while the notice waits"
        assert len(mail.mails) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "chain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", chain, "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, chain


def test_mail_is_encrypted_where_the_server_offers_it_and_the_server_is_who_it_says(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, chain = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    with MailReceiver(tls_context=context) as mail:
        with pytest.raises(DeliveryError, match="certificate verify failed") as refusal:
            mailer(mail.url).deliver(letter_to("duty@city.example"))
        assert not refusal.value.permanent
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        mailer(mail.url).deliver(letter_to("duty@city.example"))
        assert mail.encrypted == [True]


def test_mail_password_does_not_go_out_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    with MailReceiver() as mail:
        monkeypatch.setattr("alerts.channels.smtp._LOOPBACK", frozenset())
        with pytest.raises(DeliveryError, match="offers no TLS"):
            mailer(mail.url.replace("smtp://", "smtp://duty:secret@")).deliver(letter_to("duty@city.example"))
        assert mail.logins == []


def test_mail_server_that_hangs_drips_or_closes() -> None:
    def hang(connection: socket.socket) -> None:
        connection.recv(1)

    def drip(connection: socket.socket) -> None:
        for byte in b"220 " + b"x" * 400:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    for serve in (hang, drip, lambda connection: connection.close()):
        with raw_server(serve) as port:
            began = time.monotonic()
            with pytest.raises(DeliveryError) as failure:
                mailer(f"smtp://{HOST}:{port}").deliver(letter_to("duty@city.example"))
            assert not failure.value.permanent
            assert time.monotonic() - began < 10 * TIMEOUT_S
