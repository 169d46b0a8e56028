"""Replays recorded readings through the broker at a chosen speed; replaying the same again changes nothing.

Each device of the recording speaks as a simulated one does: SenML packs, QoS 1, kept until receipted. What the store
has already is a duplicate there, so an interrupted replay is simply started again.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from lifeline.clock import Clock
from lifeline.errors import LinkError
from simulators.devices import Tally
from simulators.recorded.record import ALWAYS, Period, Record, Recording, Report, RowFault
from simulators.senml import Sample

MAX_SPEED = float("inf")
PACK_READINGS = 200
"""Readings of one message at the most."""
PENDING_READINGS = 20_000
"""Readings sent and not yet receipted before the replay waits."""
PACK_SPAN_S = 3600.0
"""Recorded time that one message spans at the most when nothing paces the replay."""
_PUMP_S = 0.005
_WINDOW_S = 1.0


class Outlet(Protocol):
    """Where readings go; simulators.publish.Fleet is one."""

    @property
    def tally(self) -> Tally:
        """What became of all readings so far."""
        ...

    def take(self, device_id: str, samples: list[Sample]) -> None:
        """Keeps `samples` as one message of the device."""
        ...

    def pump(self) -> int:
        """Sends what is due; how many messages went."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is; `recorded_at` is a time of the recording."""

    fraction: float
    recorded_at: datetime
    sent: int
    receipted: int


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay did, in readings; `messages` counts sends. Complete: all receipted, nothing stopped it."""

    sent: int
    receipted: int
    messages: int
    faulty_rows: int
    not_sent: int
    """readings of faulty rows"""
    stopped: bool

    @property
    def complete(self) -> bool:
        return self.sent == self.receipted and not self.stopped


def replay(
    recording: Recording,
    outlet: Outlet,
    *,
    speed: float,
    clock: Clock,
    stop: threading.Event,
    period: Period = ALWAYS,
    start_at: datetime | None = None,
    report: Report,
    progress: Callable[[Progress], None],
    receipt_timeout_s: float = 120.0,
) -> ReplayReport:
    """Sends the readings of `period` and waits for their receipts.

    `speed` is recorded seconds per second, MAX_SPEED sends as fast as receipts come. `start_at` moves all times so that
    the recording (or `period`) begins then. Ends early when `stop` is set. Raises LinkError where no receipt comes for
    `receipt_timeout_s`, ReplayError where a file is not of its layout.
    """
    begin, end = _bounds(recording, period)
    shift = timedelta() if start_at is None else start_at - begin
    faults = _Counted(report)
    feed = _Feed(outlet, clock, stop, receipt_timeout_s)
    window = timedelta(seconds=PACK_SPAN_S if speed == MAX_SPEED else speed * _WINDOW_S)
    started_at = clock.now()

    def tell(recorded_at: datetime) -> None:
        tally = outlet.tally
        share = (recorded_at - begin) / (end - begin) if end > begin else 1.0
        progress(Progress(min(max(share, 0.0), 1.0), recorded_at, tally.taken, tally.receipted))

    for window_end, records in windows(recording.records(faults, period), window):
        if speed != MAX_SPEED:
            feed.until(started_at + (window_end - begin) / speed)
        for device_id, samples in messages(records, shift):
            feed.give(device_id, samples)
            if stop.is_set():
                break
        tell(records[-1].observed_at)
        if stop.is_set():
            break
    feed.drain()
    tally, stopped = outlet.tally, stop.is_set()
    if not stopped:
        tell(end)
    return ReplayReport(tally.taken, tally.receipted, tally.sends, faults.rows, faults.readings, stopped)


def _bounds(recording: Recording, period: Period) -> tuple[datetime, datetime]:
    if period.begin is not None and period.end is not None:
        return period.begin, period.end  # reading the whole recording only to find its ends would be slow
    first, last = recording.span()
    return period.begin or first, period.end or last


def windows(records: Iterable[Record], window: timedelta) -> Iterator[tuple[datetime, list[Record]]]:
    """Records gathered by stretches of recorded time, with the time at which the latest of them was known.

    An empty stretch gives nothing. A record older than its stretch comes with the stretch that it arrived in.
    """
    gathered: list[Record] = []
    border: datetime | None = None
    for record in records:
        if border is None:
            border = record.observed_at + window
        if record.observed_at >= border:
            yield max(one.observed_at for one in gathered), gathered
            gathered, border = [], record.observed_at + window
        gathered.append(record)
    if gathered:
        yield max(one.observed_at for one in gathered), gathered


def messages(records: list[Record], shift: timedelta) -> Iterator[tuple[str, list[Sample]]]:
    """What each device says of `records`, their times moved by `shift`, in messages of at most PACK_READINGS."""
    devices: dict[str, list[Sample]] = {}
    for record in records:
        sample = Sample((record.observed_at + shift).timestamp(), record.channel, record.unit, record.value)
        devices.setdefault(record.device_id, []).append(sample)
    for device_id, samples in devices.items():
        for start in range(0, len(samples), PACK_READINGS):
            yield device_id, samples[start : start + PACK_READINGS]


class _Counted:
    """Counts faults on their way."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.rows = 0
        self.readings = 0

    def __call__(self, fault: RowFault) -> None:
        self.rows += 1
        self.readings += fault.lost
        self._report(fault)


class _Feed:
    """Gives readings to an outlet, never more than PENDING_READINGS ahead of their receipts."""

    def __init__(self, outlet: Outlet, clock: Clock, stop: threading.Event, receipt_timeout_s: float) -> None:
        self._outlet = outlet
        self._clock = clock
        self._stop = stop
        self._timeout_s = receipt_timeout_s
        self._ahead = 0

    def give(self, device_id: str, samples: list[Sample]) -> None:
        self._outlet.take(device_id, samples)
        self._ahead += len(samples)
        if self._ahead >= PENDING_READINGS // 4:
            self._ahead = 0
            self._pump_until(lambda tally: tally.pending <= PENDING_READINGS)

    def until(self, moment: datetime) -> None:
        """Pumps until `moment` has come, or the stop."""
        while not self._stop.is_set() and (left_s := (moment - self._clock.now()).total_seconds()) > 0:
            self._outlet.pump()
            self._clock.wait(min(left_s, 0.2), self._stop)
        self._outlet.pump()

    def drain(self) -> None:
        """Pumps until everything is receipted, or the stop."""
        self._pump_until(lambda tally: tally.pending == 0)

    def _pump_until(self, enough: Callable[[Tally], bool]) -> None:
        last, since = self._outlet.tally, self._clock.now()
        while not self._stop.is_set():
            self._outlet.pump()
            tally = self._outlet.tally
            if enough(tally):
                return
            now = self._clock.now()
            if tally.receipted != last.receipted:
                last, since = tally, now
            elif (now - since).total_seconds() > self._timeout_s:
                raise LinkError(
                    f"no receipt for {self._timeout_s:g} s: {tally.receipted} of {tally.taken} readings are stored",
                    advice="see that ingest runs (`lifeline doctor`), then replay again: nothing is stored twice",
                )
            self._clock.wait(_PUMP_S, self._stop)
