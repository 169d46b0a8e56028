"""The backlog: how long what devices have sent waits for the store; told without the store, and as a finding with it.

While the database is away a metric, the log and a retained MQTT message say so; nothing of that needs the database. As
soon as it answers, every city gets a finding, which opens the alarm `backlog`; it ends when the backlog is worked off.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import orjson

from ingest.batch import Batch
from ingest.buffer import Buffer
from ingest.link import Link
from lifeline import metrics
from lifeline.clock import Clock
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.log import logger
from lifeline.mqtt import BACKLOG_TOPIC
from lifeline.reading import QualityReason
from lifeline.store.backlog import Standing
from lifeline.store.stages import StageBeat

DETECTOR = "ingest"
STAGE = "ingest"
QUIET_S = 10.0
"""When so long nothing came and nothing is in hand, the broker has nothing more for us."""
WORKED_OFF = 0.5
"""Share of the limit at which a backlog is over: it does not open and close by turns."""
STUCK_S = 2.0
"""When so long nothing was committed of what is in hand, the store does not answer."""
BEAT_LIMIT = timedelta(seconds=15)
"""A worker whose last sign of life is older says nothing about now."""
UPDATE_EVERY = timedelta(seconds=30)
LOOK_S = 1.0
TELL_EVERY_S = 30.0
_EARLIEST_DECILE = 10
_log = logger("ingest")


class BacklogReason(StrEnum):
    """Why readings wait."""

    STORE_AWAY = "store-away"
    """nothing can be committed"""
    CATCHING_UP = "catching-up"
    """they are committed again, oldest first"""
    WORKED_OFF = "worked-off"
    """they no longer wait"""


class Backlog:
    """The measure of one worker. The writing thread reports, others ask.

    In hand, the wait is measured by our clock alone. What waits at the broker can only be judged by the times of the
    devices: that is done only after a stall (of the store, or of ourselves), and by the freshest tenth of a batch, so
    that devices that always send late are no backlog.
    """

    def __init__(self, buffer: Buffer, limit_s: float) -> None:
        self._buffer = buffer
        self._limit_s = limit_s
        self._clear_s: float | None = None
        self._suspected_s: float | None = None
        self._lag_s = 0.0
        self._lag_at_s = float("-inf")
        self._is_away = False
        self._peak_s = 0.0

    @property
    def reason(self) -> BacklogReason:
        """Why readings would wait now."""
        return BacklogReason.STORE_AWAY if self._is_away else BacklogReason.CATCHING_UP

    @property
    def held(self) -> int:
        """Messages in hand."""
        return self._buffer.held

    def suspect(self, now_s: float) -> None:
        """More than usual may wait at the broker."""
        self._suspected_s = now_s

    def refused(self) -> None:
        """A transaction failed."""
        self._is_away = True

    def committed(self, batch: Batch, received_us: int, now_s: float) -> None:
        """A batch is stored, of which the first message came at `received_us`."""
        lag_s = now_s - received_us / 1e6
        if lag_s > self._limit_s:
            self.suspect(now_s)
        if self._suspected_s is not None and len(batch.rows):
            live = np.isin(batch.rows["reason"], (QualityReason.OK, QualityReason.LATE))
            observed_us = batch.rows["observed_at"][live].astype(np.int64)
            if len(observed_us):
                lag_s = max(lag_s, float(np.percentile(now_s - observed_us / 1e6, _EARLIEST_DECILE)))
        self._lag_s, self._lag_at_s, self._clear_s = lag_s, now_s, now_s
        self._peak_s = max(self._peak_s, lag_s if lag_s > self._limit_s else 0.0)
        self._is_away = False

    def measure(self, now_s: float) -> float:
        """How long the oldest of what waits has waited, in seconds; 0 where nothing does."""
        held = self._buffer.held
        if not held or self._clear_s is None:
            self._clear_s, self._is_away = now_s, False
        waiting_s = now_s - self._clear_s
        self._is_away = self._is_away or waiting_s > STUCK_S
        if waiting_s > self._limit_s or self._buffer.is_full:
            self.suspect(now_s)
        lag_s = self._lag_s if held or now_s - self._lag_at_s < QUIET_S else 0.0
        longest_s = max(waiting_s, lag_s if self._suspected_s is not None else 0.0)
        is_over = longest_s <= self._limit_s * WORKED_OFF and not self._buffer.is_full
        if is_over and self._suspected_s is not None and now_s - self._suspected_s > QUIET_S:
            self._suspected_s = None
        self._peak_s = max(self._peak_s, longest_s)
        return longest_s

    def peak(self) -> float:
        """The longest wait since the last call: none is too short to be told."""
        peak_s, self._peak_s = self._peak_s, 0.0
        return peak_s

    def untold(self, peak_s: float) -> None:
        """What `peak` gave could not be told."""
        self._peak_s = max(self._peak_s, peak_s)


class Watch:
    """Tells of a worker's backlog without the store: metric, log, retained message."""

    def __init__(self, backlog: Backlog, link: Link, clock: Clock, *, name: str, limit_s: float) -> None:
        self._backlog = backlog
        self._link = link
        self._clock = clock
        self._name = name
        self._topic = BACKLOG_TOPIC + name
        self._limit_s = limit_s
        self._told_s = float("-inf")
        self._is_open = False

    def run(self, stop: threading.Event) -> None:
        """Runs until `stop`."""
        self._say(0.0)  # an earlier process may have left another word
        while not stop.is_set():
            self.look()
            stop.wait(LOOK_S)
        if self._is_open:
            self._say(self._backlog.measure(self._clock.now().timestamp()))

    def look(self) -> None:
        """One look."""
        now_s = self._clock.now().timestamp()
        waits_s = self._backlog.measure(now_s)
        metrics.BACKLOG_SECONDS.labels(self._name).set(waits_s)
        was_open = self._is_open
        self._is_open = waits_s > self._limit_s * (WORKED_OFF if was_open else 1.0)
        if self._is_open and (not was_open or now_s - self._told_s >= TELL_EVERY_S):
            self._told_s = now_s
            why = self._backlog.reason.value
            _log.warning("backlog", waits_s=round(waits_s), messages=self._backlog.held, reason=why)
            self._say(waits_s)
        elif was_open and not self._is_open:
            _log.info("backlog worked off")
            self._say(0.0)

    def _say(self, waits_s: float) -> None:
        now_s = self._clock.now().timestamp()
        said = {
            "at": round(now_s, 3),
            "backlog_s": round(waits_s, 1),
            "limit_s": self._limit_s,
            "messages": self._backlog.held,
            "reason": self._backlog.reason.value if waits_s else BacklogReason.WORKED_OFF.value,
        }
        self._link.say(self._topic, orjson.dumps(said))


def findings(
    beats: Sequence[StageBeat], standing: Mapping[str, Standing | None], *, limit_s: float, now: datetime
) -> list[Finding]:
    """What is to be said of each city of `standing`, which holds what was said last; by the workers' signs of life.

    One finding a city: its people are told, and its silent sensors are explained by it.
    """
    own = [beat for beat in beats if beat.stage == STAGE and now - beat.beat_at < BEAT_LIMIT]
    worst = max(own, key=_backlog_s, default=None)
    if worst is None:
        return []
    waits_s = _backlog_s(worst)
    found: list[Finding] = []
    for city_code, last in standing.items():
        is_open = last is not None and last.phase is not Phase.END
        began_at = last.began_at if last is not None and is_open else now - timedelta(seconds=waits_s)
        if not is_open and waits_s > limit_s:
            phase = Phase.ONSET
        elif is_open and waits_s <= limit_s * WORKED_OFF:
            phase = Phase.END
        elif is_open and last is not None and now - last.detected_at >= UPDATE_EVERY:
            phase = Phase.UPDATE
        else:
            continue
        reason = BacklogReason.WORKED_OFF if phase is Phase.END else BacklogReason(worst.detail["backlog_reason"])
        found.append(
            Finding(
                subject=subject(city_code),
                kind=FindingKind.BACKLOG,
                phase=phase,
                city_code=city_code,
                detector=DETECTOR,
                reason=reason.value,
                began_at=began_at,
                detected_at=now,
                probability=1.0,
                explanation={
                    "waits_s": round(waits_s, 1),
                    "limit_s": limit_s,
                    "messages": sum(int(beat.detail.get("buffered", 0)) for beat in own),
                    "workers": len(own),
                },
            )
        )
    return found


def subject(city_code: str) -> str:
    """What the findings of a city are about: the stage that takes its readings in."""
    return f"backlog:{STAGE}:{city_code}"


def _backlog_s(beat: StageBeat) -> float:
    return float(beat.detail.get("backlog_s", 0.0))
