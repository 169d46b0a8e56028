"""One detector on the store: taught from history, stepped, and its findings committed with the checkpoint they follow.

What goes wrong in a detector stays in it: its unsaved work is thrown away, it starts again from its checkpoint after a
pause, and the others go on. Work that fails again and again at the same place is given up there, and said so.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from detect.lesson import Lessons
from detect.port import Batch, Detector, Factory, Json, Listener, Order, Scope
from detect.window import Rows, batch_of
from lifeline import log
from lifeline.clock import Clock
from lifeline.errors import StaleVersionError, StoreError
from lifeline.finding import Finding, FindingKind
from lifeline.metrics import DETECT_SECONDS, FINDINGS
from lifeline.store import detector_states, findings, readings, verdicts
from lifeline.store.detector_states import Checkpoint
from lifeline.store.pool import Store

_LOG = log.logger("detect")
_SLICE = timedelta(hours=1)
_TAIL = timedelta(hours=1)
"""how far ahead of the watermark stored readings may be"""
_SAVE_EVERY_S, _SAVE_SHARE = 5.0, 20.0
"""a checkpoint without findings: not more often, and not more than a twentieth of the time"""
_STANDS_AT_MOST = timedelta(days=60)
"""findings that are older and were never ended are not minded by other detectors"""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GIVE_UP_AFTER = 1.0, 60.0, 5


class Mode(StrEnum):
    """What a track is doing."""

    WATCHING = "watching"
    LEARNING = "learning"
    FAILED = "failed"


@dataclass(slots=True)
class _Trouble:
    """Failures in a row."""

    count: int
    own_fault: int
    """those that were the detector's, not the database's"""
    retry_s: float
    error: str


class Track:
    """A detector of one city. `pulse` is called during long work: the stage says that it lives."""

    def __init__(
        self, store: Store, clock: Clock, scope: Scope, *, factory: Factory, pulse: Callable[[], None]
    ) -> None:
        """Raises LookupError where the factory has nothing for the scope."""
        self._store, self._clock, self._factory, self._scope, self._pulse = store, clock, factory, scope, pulse
        self.detector = detector = self._make()
        self.judged_to: datetime | None = None
        self.mode = Mode.WATCHING
        self._lessons = Lessons(store, scope, detector, pulse)
        self._positions = np.full(len(scope.sensors), -1, dtype=np.intp)
        place = {sensor.sensor_id: n for n, sensor in enumerate(scope.sensors)}
        for number, sensor in enumerate(detector.sensors):
            self._positions[place[sensor.sensor_id]] = number
        self._keys = [sensor.sensor_key for sensor in detector.sensors]
        self._found = 0
        self._based_on: datetime | None = None
        self._saved_s, self._save_cost_s = -np.inf, 0.0
        self._behind = True
        self._trouble: _Trouble | None = None

    def load(self) -> None:
        """Goes on from the checkpoint, where there is one of this version. Raises StoreError."""
        version = self.detector.version
        saved = detector_states.load(self._store, detector=self.detector.name, scope=self._scope.city_code)
        state = saved.state if saved is not None and saved.state.get("version") == version else None
        model = self._lessons.load()
        self.detector.restore(model, state["state"] if state else None)
        self._based_on = saved.saved_at if saved else None
        self.judged_to = saved.watermark if saved and state else None
        self._behind = True

    def work(self, batch: Batch, fresh: Rows, *, watermark: datetime, frontier: datetime, late: int) -> None:
        """One round: `batch` is complete up to `watermark`, `fresh` has just come. Never raises."""
        now_s = self._clock.now().timestamp()
        if self._trouble is not None and now_s < self._trouble.retry_s:
            return
        try:
            if self._trouble is not None:
                self._recover(watermark)
            if self.judged_to is None:
                self.judged_to = watermark
                self._save([])
            if not self._lessons.ready(watermark, now_s=now_s, late=late):
                self.mode, self.judged_to, self._behind = Mode.LEARNING, watermark, False
            else:
                self.mode = Mode.WATCHING
                self._judge(batch, fresh, watermark=watermark, frontier=frontier)
            self._trouble = None
        except Exception as error:  # whatever a detector may raise: the others must go on
            self._fail(error, now_s)

    def _judge(self, batch: Batch, fresh: Rows, *, watermark: datetime, frontier: datetime) -> None:
        assert self.judged_to is not None
        if self._behind:
            self._catch_up(watermark, frontier)
            self._behind = False
        elif self.detector.order is Order.SENSOR:
            self._step(self._own(fresh), frontier, watermark)
        elif watermark > self.judged_to:
            self._step(self._own(Rows(batch.sensor, batch.at_s, batch.value)), watermark, watermark)
        if self._lessons.learned_now():
            self._save([])

    def close(self) -> None:
        """Saves what is unsaved, unless another runner has gone further. Raises StoreError."""
        if self._trouble is None and self.judged_to is not None and not self._behind:
            with suppress(StaleVersionError):
                self._save([])

    def detail(self) -> Json:
        """For the heartbeat."""
        return {
            "mode": self.mode.value,
            "judged_to": self.judged_to.isoformat() if self.judged_to else None,
            "findings": self._found,
            **self._lessons.detail(),
            **({"error": self._trouble.error, "failures": self._trouble.count} if self._trouble else {}),
        }

    def _own(self, rows: Rows) -> Batch:
        number = self._positions[rows.sensor]
        return batch_of(Rows(number[number >= 0], rows.at_s[number >= 0], rows.value[number >= 0]))

    def _step(self, batch: Batch, now: datetime, judged_to: datetime) -> None:
        if isinstance(self.detector, Listener) and self.detector.listens(now):
            self._listen(self.detector, now)
        with DETECT_SECONDS.time():
            found = self.detector.step(batch, now)
        self.judged_to = judged_to
        due_s = self._saved_s + max(_SAVE_EVERY_S, _SAVE_SHARE * self._save_cost_s)
        if found or self._clock.now().timestamp() >= due_s:
            self._save(found)

    def _listen(self, listener: Listener, now: datetime) -> None:
        city = self._scope.city_code
        kinds = (FindingKind.BURST, FindingKind.LEAK, FindingKind.SENSOR_FAULT)
        others = findings.standing(self._store, city, kinds, but=self.detector.name, at=now, within=_STANDS_AT_MOST)
        listener.hear(others, verdicts.verdicts_after(self._store, city, listener.heard()))

    def _catch_up(self, watermark: datetime, frontier: datetime) -> None:
        """Reads from the store what lies between the checkpoint and the present."""
        assert self.judged_to is not None
        if watermark - self.judged_to > _SLICE:
            _LOG.info("catching up", detector=self.detector.name, city=self._scope.city_code, since=str(self.judged_to))
        start = self.judged_to
        while start < watermark:
            end = min(start + _SLICE, watermark)
            self._step(self._stored(start, end), end, end)
            start = end
            self._pulse()
        if self.detector.order is Order.SENSOR:
            self._step(self._stored(watermark, watermark + _TAIL), frontier, watermark)

    def _stored(self, start: datetime, end: datetime) -> Batch:
        rows = readings.readings_between(self._store, self._keys, start, end)
        keys = np.array(self._keys, dtype=np.int64)
        order = np.argsort(keys)
        number = order[np.searchsorted(keys, rows["sensor_key"], sorter=order)]
        return batch_of(Rows(number, rows["observed_at"].astype(np.int64) / 1e6, rows["value"]))

    def _save(self, found: list[Finding]) -> None:
        assert self.judged_to is not None
        began_s = time.monotonic()
        now = self._clock.now()
        state = {"version": self.detector.version, "state": self.detector.state()}
        checkpoint = Checkpoint(self.detector.name, self._scope.city_code, self.judged_to, state, self._based_on)
        numbers = findings.commit(self._store, found, checkpoint, now=now)
        self._based_on, self._saved_s = now, now.timestamp()
        self._save_cost_s = time.monotonic() - began_s
        self._found += len(numbers)
        for finding in found:
            FINDINGS.labels(finding.kind.value, finding.phase.value).inc()
            _LOG.info(
                "finding", subject=finding.subject, phase=finding.phase.value, reason=finding.reason,
                detected_at=finding.detected_at.isoformat(), probability=finding.probability,
                flow_m3_per_h=finding.flow_m3_per_h, depth_m=finding.depth_m,
            )  # fmt: skip

    def _recover(self, watermark: datetime) -> None:
        """A new detector from the checkpoint; from the model alone where the same work has failed too often."""
        assert self._trouble is not None
        self.detector = detector = self._make()
        self._lessons = Lessons(self._store, self._scope, detector, self._pulse)
        self.load()
        if self._trouble.own_fault >= _GIVE_UP_AFTER:
            _LOG.error(
                "gave up a span of readings", detector=detector.name, city=self._scope.city_code,
                since=str(self.judged_to), until=str(watermark), error=self._trouble.error,
            )  # fmt: skip
            self.detector = self._make()
            self.detector.restore(detector.model(), None)
            self._lessons.teach(self.detector)
            self.judged_to, self._behind = watermark, False
            self._save([])
            self._trouble.own_fault = 0

    def _fail(self, error: Exception, now_s: float) -> None:
        before = self._trouble or _Trouble(0, 0, 0.0, "")
        own = not isinstance(error, StoreError)
        count = before.count + 1
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(count - 1, 16), _LONGEST_PAUSE_S)
        self._trouble = _Trouble(count, before.own_fault + own, now_s + pause_s, f"{type(error).__name__}: {error}")
        self.mode = Mode.FAILED
        fields = {"detector": self.detector.name, "city": self._scope.city_code, "retry_in_s": pause_s}
        if own:
            _LOG.error("a detector failed; its unsaved findings are withheld", exc_info=error, **fields)
        else:
            _LOG.warning("the database failed a detector", error=str(error), **fields)

    def _make(self) -> Detector:
        detector = self._factory(self._scope)
        if detector is None:
            raise LookupError(f"nothing to watch in {self._scope.city_code}")
        return detector
