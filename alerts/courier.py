"""Hands the notices of the outbox to channels: at least once each, until taken or given up with a reason."""

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from alerts.channels.port import Channel, Letter
from alerts.telling import fallback_key
from lifeline import log
from lifeline.clock import Clock
from lifeline.errors import DeliveryError, StoreError
from lifeline.metrics import NOTICE_SECONDS, NOTICES
from lifeline.settings import AlertsSettings
from lifeline.store import notices
from lifeline.store.notices import Notice
from lifeline.store.pool import Store

LANES = 4
"""Threads of each channel: a receiver that hangs on one notice does not hold up the next."""
_LEASE_MARGIN_S = 5.0
"""A delivery ends by its time-out; after so much more its courier is taken for dead."""
_OUTAGE_AFTER = 3
_LOOK_S = 0.2

_log = log.logger("courier")


def backoff_s(attempts: int, *, first_s: float, longest_s: float, jitter: float) -> float:
    """Wait after the `attempts`-th failure: doubles each time up to `longest_s`.

    `jitter` in [0, 1) takes it from half of that to the whole: what failed together does not come back together.

    >>> [backoff_s(n, first_s=1, longest_s=600, jitter=0.0) for n in (1, 2, 3, 20)]
    [0.5, 1.0, 2.0, 300.0]
    """
    whole = min(first_s * 2.0 ** min(attempts - 1, 60), longest_s)
    return whole * (0.5 + 0.5 * jitter)


class Outage:
    """Tells when a channel that was away works again: after _OUTAGE_AFTER failures in a row, the first success; and
    holds the lanes of one back whose allowance is used up."""

    def __init__(self) -> None:
        self._failures = 0
        self._paused_until: datetime | None = None
        self._lock = threading.Lock()

    def pause(self, until: datetime) -> None:
        self._paused_until = until

    def paused(self, now: datetime) -> bool:
        """Whether the channel has used up what it may send."""
        return self._paused_until is not None and now < self._paused_until

    def failed(self) -> None:
        with self._lock:
            self._failures += 1

    def succeeded(self) -> bool:
        """True where this success ends an outage."""
        with self._lock:
            ended = self._failures >= _OUTAGE_AFTER
            self._failures = 0
            return ended


class Bell:
    """Wakes one of the lanes of a channel: a ring that finds all of them busy is kept for the first that is free."""

    def __init__(self) -> None:
        self._rung = False
        self._condition = threading.Condition()

    def ring(self) -> None:
        with self._condition:
            self._rung = True
            self._condition.notify()

    def wait(self, timeout_s: float) -> bool:
        """True when it was rung, False after `timeout_s`."""
        with self._condition:
            rung = self._condition.wait_for(lambda: self._rung, timeout_s)
            self._rung = False
            return rung


class Lane:
    """One thread's work for one channel. `bell` and `outage` are shared by the lanes of the channel."""

    def __init__(
        self,
        store: Store,
        name: str,
        channel: Channel,
        *,
        settings: AlertsSettings,
        clock: Clock,
        bell: Bell,
        outage: Outage,
    ) -> None:
        self._store = store
        self._name = name
        self._channel = channel
        self._settings = settings
        self._clock = clock
        self._bell = bell
        self._outage = outage

    def run(self, stop: threading.Event) -> None:
        """Looks for notices whenever the bell rings, until `stop` is set, which lets the delivery in hand end."""
        while not stop.is_set():
            if not self._bell.wait(_LOOK_S):
                continue
            try:
                while not stop.is_set() and self.deliver_next(stop):
                    pass
            except StoreError as error:
                _log.warning("outbox out of reach", channel=self._name, error=str(error))
                self._clock.wait(self._settings.poll_s, stop)

    def deliver_next(self, stop: threading.Event) -> bool:
        """Delivers the gravest due notice; False where none is due. Raises StoreError where none can be taken."""
        if self._outage.paused(self._clock.now()):
            return False
        leased = notices.lease(
            self._store,
            channel=self._name,
            now=self._clock.now(),
            lease_s=self._settings.delivery_timeout_s + _LEASE_MARGIN_S,
            limit=1,
        )
        if not leased:
            return False
        self._bell.ring()  # there may be more: the next free lane looks
        notice = leased[0]
        record = self._postponement(notice) or self._attempt(notice)
        # no transaction is open while the receiver works, so the outcome may meet a database that is away: it is kept
        # and written when that is back, and only a courier that dies meanwhile delivers twice
        while True:
            try:
                record()
                return True
            except StoreError as error:
                _log.warning("outcome not written yet", notice=notice.notice_id, error=str(error))
                if self._clock.wait(self._settings.poll_s, stop):
                    return True

    def _postponement(self, notice: Notice) -> Callable[[], None] | None:
        """Where the channel's allowance is used up: what is to be recorded; and the channel pauses, so that nothing
        less grave takes what the gravest waits for."""
        rate = self._channel.per_minute
        if not rate:
            return None
        now = self._clock.now()
        cost = self._channel.cost(_letter(notice))
        wait_s = notices.allowed(self._store, channel=self._name, per_minute=rate, cost=cost, now=now)
        if not wait_s:
            return None
        self._outage.pause(now + timedelta(seconds=wait_s))
        NOTICES.labels(self._name, "postponed").inc()
        return lambda: notices.postpone(self._store, notice, until=now + timedelta(seconds=wait_s))

    def _attempt(self, notice: Notice) -> Callable[[], None]:
        """Hands the notice over; what is to be recorded about it."""
        letter = _letter(notice)
        try:
            self._channel.deliver(letter)
        except DeliveryError as error:
            return self._failure(notice, error)
        except Exception as error:
            _log.exception("channel broke", channel=self._name, notice=notice.notice_id)
            return self._failure(notice, DeliveryError(f"{type(error).__name__}: {error}"))
        now = self._clock.now()
        NOTICES.labels(self._name, "delivered").inc()
        NOTICE_SECONDS.observe((now - notice.created_at).total_seconds())
        _log.info("notice delivered", notice=notice.notice_id, alarm=notice.alarm_id, channel=self._name)
        back = self._outage.succeeded()

        def record() -> None:
            notices.delivered(self._store, notice, now=now)
            if back:
                notices.hurry(self._store, channel=self._name, now=now)

        return record

    def _failure(self, notice: Notice, error: DeliveryError) -> Callable[[], None]:
        if notice.fallbacks and (error.permanent or notice.attempts >= self._settings.fallback_attempts):
            channel, address = notice.fallbacks[0]
            key = fallback_key(notice.idempotency_key, channel, address)
            NOTICES.labels(self._name, "moved").inc()
            _log.error("notice goes to the fallback", notice=notice.notice_id, channel=self._name, to=channel)
            now = self._clock.now()
            return lambda: notices.move_on(self._store, notice, error=str(error), key=key, now=now)
        if error.permanent or notice.attempts >= self._settings.attempt_limit:
            NOTICES.labels(self._name, "dead").inc()
            _log.error("notice given up", notice=notice.notice_id, channel=self._name, error=str(error))
            return lambda: notices.dead(self._store, notice, error=str(error))
        self._outage.failed()
        NOTICES.labels(self._name, "failed").inc()
        wait_s = backoff_s(
            notice.attempts,
            first_s=self._settings.first_backoff_s,
            longest_s=self._settings.longest_backoff_s,
            jitter=random.random(),
        )
        if error.retry_after_s is not None:
            wait_s = max(wait_s, min(error.retry_after_s, self._settings.longest_backoff_s))
        next_attempt_at = self._clock.now() + timedelta(seconds=wait_s)
        _log.warning(
            "notice not taken", notice=notice.notice_id, channel=self._name, error=str(error), wait_s=round(wait_s, 1)
        )
        return lambda: notices.failed(self._store, notice, next_attempt_at=next_attempt_at, error=str(error))


def _letter(notice: Notice) -> Letter:
    return Letter(
        notice.idempotency_key,
        notice.address,
        notice.subject_line,
        notice.body,
        notice.payload,
        notice.urgency,
    )
