"""Checks every part of a deployment and says of each, in one line, how it stands and what to do."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import paho.mqtt.client as mqtt

from lifeline.clock import Clock
from lifeline.errors import LifelineError
from lifeline.liveness import Allowance, troubles
from lifeline.mqtt import BACKLOG_TOPIC, BrokerAddress
from lifeline.settings import Settings
from lifeline.store import notices
from lifeline.store.cities import cities
from lifeline.store.devices import lives
from lifeline.store.health import edition, server_time
from lifeline.store.migrate import pending
from lifeline.store.partitions import layout, shares
from lifeline.store.pool import Store
from lifeline.store.readings import conservation
from lifeline.store.stages import stages
from lifeline.store.strangers import figures

CLOCK_TOLERANCE_S = 2.0
BEAT_LIMIT_S = 15.0
STAGES = ("ingest", "detect", "alerts", "console")
_RETAINED_S = 0.3
_DROPPED = "$SYS/broker/publish/messages/dropped"
_VERSION = "$SYS/broker/version"


class Verdict(StrEnum):
    """How a part stands."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor: the part, how it stands, what was seen, what to do."""

    part: str
    verdict: Verdict
    seen: str
    advice: str = ""


def examine(settings: Settings, *, clock: Clock) -> Iterator[Check]:
    """All checks, one after the other; a part that is away is a fault, never an exception."""
    yield _guarded("broker", lambda: broker_check(settings.require_mqtt()))
    yield _guarded("waiting", lambda: waiting_check(settings.require_mqtt(), clock))
    try:
        url = settings.require_database()
        store = Store(url, name="lifeline-doctor", connections=1, timeout_s=5.0)
    except LifelineError as error:
        yield Check("database", Verdict.FAULT, *_said(error))
        return
    with store:
        first = _guarded("database", lambda: database_check(store))
        yield first
        if first.verdict is Verdict.FAULT:
            return
        yield _guarded("migrations", lambda: migration_check(url))
        for part, check in (
            ("clock", lambda: clock_check(store, clock)),
            ("cities", lambda: city_check(store)),
            ("conservation", lambda: conservation_check(store)),
            ("devices", lambda: device_check(store, settings, clock)),
            ("quarantine", lambda: quarantine_check(store, settings)),
            ("backlog", lambda: backlog_check(store, clock)),
            ("partitions", lambda: partition_check(store, settings)),
            ("outbox", lambda: outbox_check(store)),
        ):
            yield _guarded(part, check)
        yield from _stage_checks(store, clock)


def broker_check(url: str, *, timeout_s: float = 5.0) -> Check:
    """Connects, and reads how many messages the broker has dropped since it started. Raises SettingsError."""
    address = BrokerAddress.parse(url)
    seen: dict[str, str] = {}
    done = threading.Event()
    refused: list[str] = []

    def on_connect(client: mqtt.Client, _data: object, _flags: object, reason: object, _properties: object) -> None:
        if getattr(reason, "is_failure", False):
            refused.append(str(reason))
            done.set()
        client.subscribe([(_DROPPED, 0), (_VERSION, 0)])

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        seen[message.topic] = message.payload.decode(errors="replace")
        if len(seen) == 2:
            done.set()

    client = address.client("")
    client.on_connect, client.on_message = on_connect, on_message
    try:
        client.connect(address.host, address.port, keepalive=10)
    except OSError as error:
        return Check("broker", Verdict.FAULT, f"no answer: {error}", "start the broker, or correct LIFELINE_MQTT_URL")
    client.loop_start()
    done.wait(timeout_s)
    client.disconnect()
    client.loop_stop()
    if refused:
        return Check(
            "broker", Verdict.FAULT, f"refused: {refused[0]}", "correct user and password in LIFELINE_MQTT_URL"
        )
    if _DROPPED not in seen:
        return Check("broker", Verdict.OK, "answers; publishes no $SYS figures")
    if int(seen[_DROPPED]):
        return Check(
            "broker",
            Verdict.WARNING,
            f"{seen.get(_VERSION, 'broker')} has dropped {seen[_DROPPED]} messages since it started",
            "give it the rules of deploy/mosquitto/mosquitto.conf; raise max_queued_bytes if it has them",
        )
    return Check("broker", Verdict.OK, f"{seen.get(_VERSION, 'answers')}, 0 messages dropped")


def waiting_check(url: str, clock: Clock, *, timeout_s: float = 5.0) -> Check:
    """What the workers of ingest have said last of their backlog, on the broker: needs no database.

    Raises SettingsError.
    """
    address = BrokerAddress.parse(url)
    said: dict[str, dict[str, Any]] = {}
    done = threading.Event()

    def on_connect(client: mqtt.Client, _data: object, _flags: object, _reason: object, _properties: object) -> None:
        client.subscribe(BACKLOG_TOPIC + "+", qos=1)

    def on_subscribe(_client: mqtt.Client, _data: object, _mid: int, _codes: object, _properties: object) -> None:
        done.set()

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            word = json.loads(message.payload)
            said[message.topic.removeprefix(BACKLOG_TOPIC)] = {"at": float(word["at"]), **word}
        except (ValueError, KeyError, TypeError):
            return

    client = address.client("")
    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    try:
        client.connect(address.host, address.port, keepalive=10)
    except OSError as error:
        return Check("waiting", Verdict.FAULT, f"no answer: {error}", "start the broker, or correct LIFELINE_MQTT_URL")
    client.loop_start()
    done.wait(timeout_s)
    threading.Event().wait(_RETAINED_S)  # retained messages follow the answer
    client.disconnect()
    client.loop_stop()
    waiting = {name: word for name, word in said.items() if word.get("backlog_s")}
    if not waiting:
        return Check("waiting", Verdict.OK, f"{len(said)} ingest sessions say that nothing waits")
    now_s = clock.now().timestamp()
    seen = "; ".join(
        f"{name}: {word.get('messages', 0):,} messages in hand, the oldest waits {word['backlog_s']:.0f} s"
        f" ({word.get('reason', '')}), said {now_s - word['at']:.0f} s ago"
        for name, word in sorted(waiting.items())
    )
    return Check("waiting", Verdict.FAULT, seen, "bring the database back; nothing is lost, the broker queues")


def database_check(store: Store) -> Check:
    """Version and edition of TimescaleDB. Raises StoreError."""
    seen = edition(store)
    return Check(
        "database", Verdict.OK, f"PostgreSQL {seen.postgresql}, TimescaleDB {seen.timescaledb} ({seen.license})"
    )


def migration_check(url: str) -> Check:
    """Whether the schema is that of this program. Raises StoreError, MigrationError."""
    missing = pending(url)
    if missing:
        return Check("migrations", Verdict.FAULT, f"not applied: {', '.join(missing)}", "run `lifeline migrate`")
    return Check("migrations", Verdict.OK, "schema is up to date")


def clock_check(store: Store, clock: Clock) -> Check:
    """Our clock beside the database's. Raises StoreError."""
    difference_s = (clock.now() - server_time(store)).total_seconds()
    seen = f"{difference_s:+.2f} s against the database"
    if abs(difference_s) > CLOCK_TOLERANCE_S:
        return Check("clock", Verdict.WARNING, seen, "let both machines follow the same time server (chrony)")
    return Check("clock", Verdict.OK, seen)


def city_check(store: Store) -> Check:
    """Which cities are loaded. Raises StoreError."""
    loaded = cities(store)
    if not loaded:
        return Check("cities", Verdict.WARNING, "none loaded", "run `lifeline city load DIR`")
    return Check("cities", Verdict.OK, ", ".join(f"{city.name.zh} {city.code}" for city in loaded))


def conservation_check(store: Store) -> Check:
    """received = stored + duplicate + conflict + rejected, and stored = rows that are there or were purged."""
    law = conservation(store)
    seen = (
        f"{law.received:,} received = {law.stored:,} stored + {law.duplicate:,} duplicate + {law.conflict:,} conflict"
        f" + {law.rejected:,} rejected; {law.rows:,} rows + {law.purged:,} purged"
    )
    if not law.holds:
        return Check(
            "conservation", Verdict.FAULT, seen, "stop writers other than lifeline; keep the tables and report it"
        )
    return Check("conservation", Verdict.OK, seen)


def device_check(store: Store, settings: Settings, clock: Clock) -> Check:
    """How many devices have which trouble. Raises StoreError."""
    known, now, allowance = lives(store), clock.now(), Allowance.of(settings)
    counts = Counter(trouble.value for life in known for trouble in troubles(life, allowance, now=now))
    told = ", ".join(f"{number:,} {name}" for name, number in counts.most_common()) or "no trouble"
    seen = f"{len(known):,} devices: {told}"
    return (
        Check("devices", Verdict.WARNING, seen, "see `lifeline devices list --trouble`")
        if counts
        else Check("devices", Verdict.OK, seen)
    )


def quarantine_check(store: Store, settings: Settings) -> Check:
    """Who speaks and is unknown. Raises StoreError."""
    full, most = figures(store), settings.ingest.quarantine_devices
    seen = f"{full.devices:,} unknown devices of at most {most:,}, {full.kept_bytes / 1e6:,.1f} MB kept"
    if full.not_kept:
        seen += f", {full.not_kept:,} readings beyond the limits counted only"
    if full.devices >= most:
        advice = "no more are kept: adopt or forget some (`lifeline devices quarantine`)"
        return Check("quarantine", Verdict.WARNING, seen, advice)
    if full.devices:
        return Check("quarantine", Verdict.WARNING, seen, "see `lifeline devices quarantine`")
    return Check("quarantine", Verdict.OK, seen)


def backlog_check(store: Store, clock: Clock) -> Check:
    """What ingest has taken from the broker and not committed yet; of workers that live. Raises StoreError."""
    since = clock.now() - timedelta(seconds=BEAT_LIMIT_S)
    alive = [beat for beat in stages(store) if beat.stage == "ingest" and beat.beat_at > since]
    held = sum(int(beat.detail.get("buffered", 0)) for beat in alive)
    if held > 1000:
        return Check(
            "backlog", Verdict.WARNING, f"{held:,} messages wait in ingest", "look at the database's load and disk"
        )
    return Check("backlog", Verdict.OK, f"{held:,} messages wait in ingest")


def partition_check(store: Store, settings: Settings) -> Check:
    """Which ingest process takes from which partition. Raises StoreError."""
    client_id, wanted = settings.ingest.client_id, settings.ingest.partitions
    of = layout(store, client_id)
    seen = shares(store, client_id=client_id, of=of)
    holders = {number: holder.worker.split()[-1] for number, holder in seen.holders.items()}
    standing_by = sorted({one.worker.split()[-1] for one in seen.present} - set(holders.values()))
    said = [f"{number + 1}/{of} {holders.get(number, 'nobody')}" for number in range(of)]
    text = ", ".join(said + [f"{name} stands by" for name in standing_by])
    if len(holders) < of:
        verdict = Verdict.FAULT if seen.present else Verdict.WARNING  # none at all: not started yet
        return Check("partitions", verdict, text, "start as many `lifeline ingest` as there are partitions")
    if of != wanted:
        advice = "end all ingests, then start them: the first to start divides the devices anew"
        return Check("partitions", Verdict.WARNING, f"{text}; ingest.partitions is {wanted}", advice)
    return Check("partitions", Verdict.OK, text)


def outbox_check(store: Store) -> Check:
    """Notices that wait or were given up. Raises StoreError."""
    waiting, dead = notices.counts(store)
    delivered, last_error = notices.outcomes(store)
    text = f"{waiting:,} waiting, {dead:,} given up, {delivered:,} delivered"
    if dead:
        return Check("outbox", Verdict.FAULT, f"{text}; last: {last_error}", "mend the channel, then send them again")
    return Check("outbox", Verdict.OK, text)


def _stage_checks(store: Store, clock: Clock) -> Iterator[Check]:
    try:
        beats = stages(store)
    except LifelineError as error:
        yield Check("stages", Verdict.FAULT, *_said(error))
        return
    now = clock.now()
    for stage in STAGES:
        own = [beat for beat in beats if beat.stage == stage]
        if not own:
            yield Check(stage, Verdict.WARNING, "never ran", f"start it: `lifeline {stage}`, or all: `lifeline run`")
            continue
        last = max(own, key=lambda beat: beat.beat_at)
        age = now - last.beat_at
        if age > timedelta(seconds=BEAT_LIMIT_S):
            advice = f"start it: `lifeline {stage}`, or look at its log"
            yield Check(stage, Verdict.FAULT, f"last sign of life {age.total_seconds():.0f} s ago", advice)
        else:
            figures = ", ".join(f"{name} {_brief(value)}" for name, value in last.detail.items())
            yield Check(stage, Verdict.OK, f"runs since {last.started_at:%Y-%m-%d %H:%M:%SZ}; {figures}")


def _brief(value: object) -> str:
    return " ".join(value) if isinstance(value, dict) else str(value)


def _guarded(part: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except LifelineError as error:
        return Check(part, Verdict.FAULT, *_said(error))


def _said(error: LifelineError) -> tuple[str, str]:
    return error.args[0], error.advice
