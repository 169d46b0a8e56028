"""The alerts stage: one thread decides, lanes of the courier deliver; it ends when any part breaks."""

import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta

from alerts import channel_trial, field, figures
from alerts.channels import channels_of
from alerts.courier import LANES, Bell, Lane, Outage
from alerts.decider import NAME, Decider
from alerts.field import FieldRules
from alerts.inforce import Rules
from alerts.watchman import watch_channels
from lifeline import log
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.metrics import OUTBOX
from lifeline.settings import Settings
from lifeline.store import decisions, notices, stages
from lifeline.store.pool import Store, Topic

_BEAT_S = 2.0
_LOOK_S = 0.2

_log = log.logger("alerts")


def run(settings: Settings, *, stop: threading.Event, clock: Clock) -> None:
    """Until `stop` is set. A database that is away is waited for.

    Raises SettingsError before it starts where a channel or the policy is wrong, and what broke a thread.
    """
    channels = channels_of(
        settings.alerts.channels, timeout_s=settings.alerts.delivery_timeout_s, broker_url=settings.mqtt_url
    )
    url = settings.require_database()
    with Store(url, name="lifeline-alerts", connections=5 + 2 * len(channels)) as store:
        rules, of_field = Rules(settings.alerts, store), FieldRules(settings.field, store)
        bells = {name: Bell() for name in channels}
        lanes: list[Lane] = []
        for name, channel in channels.items():
            bell, outage = bells[name], Outage()
            lanes += [
                Lane(store, name, channel, settings=settings.alerts, clock=clock, bell=bell, outage=outage)
                for _ in range(LANES)
            ]
        decider = Decider(store, settings, rules, clock)
        _log.info("alerts run", policy=rules.policy.version, channels=sorted(channels))
        if rules.roster is None:
            _log.warning("no roster: nobody is called by name when an alarm is not answered")
        _together(
            [
                ("decide", lambda halt: _decide(store, decider, settings.alerts.poll_s, clock, halt)),
                ("outbox", lambda halt: _watch_outbox(store, list(bells.values()), settings.alerts.poll_s, halt)),
                ("field", lambda halt: field.run(store, settings.field, of_field, clock, halt)),
                *(
                    [("trials", lambda halt: channel_trial.run(store, channels, settings.alerts, clock, halt))]
                    if settings.alerts.channel_test_h
                    else []
                ),
                ("beat", lambda halt: _beat(store, list(channels), rules, of_field, clock, halt)),
                *((f"lane-{number}", lane.run) for number, lane in enumerate(lanes)),
            ],
            stop,
            clock,
        )


def _decide(store: Store, decider: Decider, poll_s: float, clock: Clock, halt: threading.Event) -> None:
    listener = store.listener(Topic.FINDING, Topic.ALARM)
    try:
        while not halt.is_set():
            listener.wait(poll_s, halt)
            try:
                while decider.work() and not halt.is_set():
                    pass
            except StoreError as error:
                _log.warning("findings out of reach", error=str(error))
                clock.wait(poll_s, halt)
    finally:
        listener.close()


def _watch_outbox(store: Store, bells: list[Bell], poll_s: float, halt: threading.Event) -> None:
    listener = store.listener(Topic.NOTICE)
    try:
        while not halt.is_set():
            listener.wait(poll_s, halt)
            for bell in bells:
                bell.ring()
    finally:
        listener.close()


def _beat(
    store: Store, channels: list[str], rules: Rules, of_field: FieldRules, clock: Clock, halt: threading.Event
) -> None:
    started_at = clock.now()
    worker = f"{socket.gethostname()}:{os.getpid()}"
    figures_at = started_at
    while not halt.is_set():
        try:
            if clock.now() >= figures_at:
                figures_at = clock.now() + timedelta(seconds=figures.EVERY_S)
                figures.publish(store, rules.policy, clock.now())
            buried = notices.bury(store, channels=channels)
            if buried:
                _log.error("notices given up: their channel is not in the settings", notices=buried)
            watch_channels(store, clock)
            waiting, dead = notices.counts(store)
            OUTBOX.labels("waiting").set(waiting)
            OUTBOX.labels("dead").set(dead)
            detail: dict[str, object] = {
                "behind": decisions.behind(store, engine=NAME),
                "waiting": waiting,
                "dead": dead,
            }
            detail |= {"policy": rules.policy.version, "roster": rules.roster.version if rules.roster else "none"}
            if faults := rules.faults + of_field.faults:
                detail["faults"] = "; ".join(faults)
            stages.beat(store, stage=NAME, worker=worker, started_at=started_at, now=clock.now(), detail=detail)
        except StoreError as error:
            _log.warning("no heartbeat", error=str(error))
        clock.wait(_BEAT_S, halt)


def _together(parts: list[tuple[str, Callable[[threading.Event], None]]], stop: threading.Event, clock: Clock) -> None:
    """Runs each part in a thread until `stop` is set or one breaks; then raises what broke it, when all have ended."""
    halt = threading.Event()
    broken: list[BaseException] = []

    def guard(part: Callable[[threading.Event], None]) -> None:
        try:
            part(halt)
        except BaseException as error:
            broken.append(error)
        finally:
            halt.set()

    threads = [threading.Thread(target=guard, args=(part,), name=name) for name, part in parts]
    for thread in threads:
        thread.start()
    while not stop.is_set() and not halt.is_set():
        clock.wait(_LOOK_S, stop)
    halt.set()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
