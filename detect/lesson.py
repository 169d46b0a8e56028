"""When and from what a detector learns: enough history, not while it still pours in, and again once a day."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from detect.port import Detector, History, Json, Preparing, Scope
from lifeline import log
from lifeline.store import detector_states, history
from lifeline.store.detector_states import Checkpoint
from lifeline.store.pool import Store

_LOG = log.logger("detect")
_INTERVAL_S = 300.0
_ASK_AGAIN_S, _RELEARN_AGAIN_S = 5.0, 900.0
_NEARLY = 0.95
_POURS_S, _POURS_WITHIN_S = 3600.0, 10.0
"""an hour of event time within ten seconds: history is being loaded, and there will be more to learn from"""
_LATE_SHARE = 0.1
"""so many late readings, compared with what was learned from, are a reason to learn again"""


class Lessons:
    """The lessons of one detector."""

    def __init__(self, store: Store, scope: Scope, detector: Detector, pulse: Callable[[], None]) -> None:
        self._store, self._scope, self._detector, self._pulse = store, scope, detector, pulse
        self._learned: datetime | None = None
        self._intervals = 0
        self._late_then = 0
        self._asked_s = -np.inf
        self._seen: deque[tuple[float, datetime]] = deque()
        self._fresh = self._tried = False
        self._note: Json = {}

    @property
    def has_model(self) -> bool:
        return self._detector.learning is None or self._detector.model() is not None

    def load(self) -> Json | None:
        """The stored model where it is of this version. Raises StoreError."""
        if self._detector.learning is None:
            return None
        saved = detector_states.load(self._store, detector=self._detector.name, scope=self._place)
        if saved is None or saved.state.get("version") != self._detector.version:
            return None
        self._learned, self._intervals = saved.watermark, int(saved.state["intervals"])
        model: Json = saved.state["model"]
        return model

    def teach(self, detector: Detector) -> None:
        """The lessons are another detector's from now on."""
        self._detector = detector

    def learned_now(self) -> bool:
        """Whether something was learned since this was asked last."""
        fresh, self._fresh = self._fresh, False
        return fresh

    def ready(self, watermark: datetime, *, now_s: float, late: int) -> bool:
        """Whether the detector can judge; lets it learn where that is due. Raises StoreError."""
        learning = self._detector.learning
        if learning is None:
            return True
        self._seen.append((now_s, watermark))
        while self._seen[0][0] < now_s - _POURS_WITHIN_S:
            self._seen.popleft()
        ready = self.has_model
        age = watermark - self._learned if self._learned else timedelta.max
        outdated = age >= timedelta(days=learning.again_after_days)
        surprised = late - self._late_then > max(_LATE_SHARE * self._intervals, 1_000.0)
        if ready and not outdated and not surprised and (self._tried or not self._detector.needs_lesson()):
            return True
        if now_s - self._asked_s >= (_RELEARN_AGAIN_S if ready else _ASK_AGAIN_S):
            self._asked_s = now_s
            if self._learn(watermark, wait=not ready):
                self._late_then, self._tried = late, True
        return self.has_model

    def detail(self) -> Json:
        """For the heartbeat."""
        if self._detector.learning is None:
            return {}
        return {"learned_to": self._learned.isoformat() if self._learned else None, **self._note}

    @property
    def _place(self) -> str:
        return f"{self._scope.city_code}/model"

    def _learn(self, watermark: datetime, *, wait: bool) -> bool:
        learning = self._detector.learning
        assert learning is not None
        keys = [sensor.sensor_key for sensor in self._detector.sensors]
        span = history.span(self._store, keys)
        begin = max(span[0], watermark - timedelta(days=learning.days)) if span else watermark
        days = max((watermark - begin) / timedelta(days=1), 0.0)
        self._note = {"history_days": round(days, 2), "least_days": learning.least_days}
        if days < learning.least_days:
            return False
        if wait and days < _NEARLY * learning.days and self._pours():
            return False
        if isinstance(self._detector, Preparing) and not self._detector.prepared():
            self._note["note"] = "what it needs is being made"
            return False
        _LOG.info("learning", detector=self._detector.name, city=self._scope.city_code, days=round(days, 1))
        taught = self._history(keys, begin, watermark)
        if not self._detector.learn(taught, watermark):
            self._note["note"] = "the history has too many gaps"
            return False
        self._learned, self._intervals, self._fresh = watermark, len(taught.at_s), True
        state = {"version": self._detector.version, "intervals": self._intervals, "model": self._detector.model()}
        detector_states.put(self._store, Checkpoint(self._detector.name, self._place, watermark, state), now=watermark)
        _LOG.info(
            "learned", detector=self._detector.name, city=self._scope.city_code, intervals=self._intervals,
            from_day=begin.date().isoformat(),
        )  # fmt: skip
        return True

    def _pours(self) -> bool:
        if len(self._seen) < 2 or self._seen[-1][0] - self._seen[0][0] < 0.5 * _POURS_WITHIN_S:
            return True  # not watched for long enough to know
        return self._seen[-1][1] - self._seen[0][1] > timedelta(seconds=_POURS_S)

    def _history(self, keys: list[int], begin: datetime, end: datetime) -> History:
        """Read day by day, so that weeks of readings every few seconds need no memory for more than their means."""
        parts = []
        start = begin
        while start < end:
            stop = min(start + timedelta(days=1), end)
            parts.append(history.means(self._store, keys, start, stop, interval_s=_INTERVAL_S))
            start = stop
            _LOG.debug("history read", detector=self._detector.name, city=self._scope.city_code, to=stop.isoformat())
            self._pulse()
        rows = np.concatenate(parts) if parts else np.empty(0, history.MEAN)
        known = np.array(keys, dtype=np.int64)
        order = np.argsort(known)
        number = order[np.searchsorted(known, rows["sensor_key"], sorter=order)]
        sequence = np.lexsort((number, rows["at_s"]))
        return History(
            number[sequence],
            rows["at_s"][sequence],
            rows["value"][sequence],
            rows["readings"][sequence].astype(np.intp),
            rows["spread"][sequence],
        )
