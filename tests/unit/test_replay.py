"""The replay's pace, packing, backlog and patience, on a clock that is set and an outlet that remembers."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.clock import SetClock
from lifeline.errors import LinkError
from simulators import replay as replaying
from simulators.devices import Tally
from simulators.recorded.record import ALWAYS, Instrument, Period, Record, Report, RowFault
from simulators.replay import MAX_SPEED, Progress, ReplayReport, messages, replay, windows
from simulators.senml import Sample

BEGIN = datetime(2018, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def _record(minute: float, device: str = "A", value: float = 1.0) -> Record:
    return Record(device, "pressure", "Pa", BEGIN + timedelta(minutes=minute), value)


class Recorded:
    """A recording in memory; its third record has a fault beside it."""

    def __init__(self, *records: Record) -> None:
        self._records = records

    def records(self, report: Report, period: Period = ALWAYS) -> Iterator[Record]:
        report(RowFault("file.csv", 3, "", "wrong", 7))
        yield from (record for record in self._records if record.observed_at in period)

    def span(self) -> tuple[datetime, datetime]:
        times = [record.observed_at for record in self._records]
        return min(times), max(times)

    def devices(self) -> set[str]:
        return {record.device_id for record in self._records}

    def instruments(self) -> list[Instrument]:
        return []


class Outbox:
    """Remembers when each message was taken; receipts come `receipts_after` pumps later, never where it is None."""

    def __init__(self, clock: SetClock, receipts_after: int | None = 1) -> None:
        self.taken: list[tuple[datetime, str, list[Sample]]] = []
        self.largest_backlog = 0
        self.tally = Tally()
        self._clock = clock
        self._receipts_after = receipts_after
        self._pumps = 0

    def take(self, device_id: str, samples: list[Sample]) -> None:
        self.taken.append((self._clock.now(), device_id, samples))
        one = Tally(taken=len(samples), pending=len(samples))
        self.tally = self.tally + one
        self.largest_backlog = max(self.largest_backlog, self.tally.pending)

    def pump(self) -> int:
        self._pumps += 1
        if self._receipts_after is not None and self._pumps >= self._receipts_after:
            done = self.tally.taken
            self.tally = replace(self.tally, published=done, receipted=done, pending=0, sends=len(self.taken))
            self._pumps = 0
        return 0


def _replay(recording: Recorded, outbox: Outbox, clock: SetClock, speed: float, **options: object) -> ReplayReport:
    heard: list[Progress] = []
    settings = {"stop": threading.Event(), "report": lambda _: None, "progress": heard.append} | options
    return replay(recording, outbox, speed=speed, clock=clock, **settings)  # type: ignore[arg-type]


def test_readings_are_sent_at_their_time_divided_by_the_speed() -> None:
    clock = SetClock(NOW)
    outbox = Outbox(clock)
    report = _replay(Recorded(_record(0), _record(0, "B"), _record(10), _record(60)), outbox, clock, speed=60.0)
    assert [((at - NOW).total_seconds(), device) for at, device, _ in outbox.taken] == [
        (0, "A"), (0, "B"), (pytest.approx(10), "A"), (pytest.approx(60), "A"),
    ]  # fmt: skip
    assert report == ReplayReport(sent=4, receipted=4, messages=4, faulty_rows=1, not_sent=7, stopped=False)
    assert report.complete


def test_at_full_speed_a_device_packs_an_hour_of_its_readings() -> None:
    clock = SetClock(NOW)
    outbox = Outbox(clock)
    records = [_record(minute, device) for minute in range(0, 120, 5) for device in "AB"]
    _replay(Recorded(*records), outbox, clock, speed=MAX_SPEED)
    assert [(device, len(samples)) for _, device, samples in outbox.taken] == [("A", 12), ("B", 12)] * 2
    assert outbox.taken[0][2][1].epoch_s == (BEGIN + timedelta(minutes=5)).timestamp()


def test_times_move_to_where_the_replay_shall_begin() -> None:
    clock = SetClock(NOW)
    outbox = Outbox(clock)
    period = Period(BEGIN + timedelta(minutes=10))
    _replay(Recorded(_record(0), _record(10), _record(12)), outbox, clock, MAX_SPEED, period=period, start_at=NOW)
    (_, _, samples), *_ = outbox.taken
    assert [sample.epoch_s - NOW.timestamp() for sample in samples] == [0, 120]


def test_it_never_runs_far_ahead_of_the_receipts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PENDING_READINGS", 400)
    clock = SetClock(NOW)
    outbox = Outbox(clock, receipts_after=5)
    records = [_record(second / 60, f"D{second % 7}") for second in range(20_000)]
    report = _replay(Recorded(*records), outbox, clock, MAX_SPEED)
    assert report.receipted == 20_000
    assert outbox.largest_backlog <= 400 + 100 + replaying.PACK_READINGS


def test_without_receipts_it_gives_up_and_says_what_to_do() -> None:
    clock = SetClock(NOW)
    with pytest.raises(LinkError, match=r"no receipt for 10 s: 0 of 1 readings are stored.*ingest"):
        _replay(Recorded(_record(0)), Outbox(clock, receipts_after=None), clock, MAX_SPEED, receipt_timeout_s=10.0)
    assert clock.now() - NOW > timedelta(seconds=10)


def test_a_stop_ends_it_and_is_told() -> None:
    clock = SetClock(NOW)
    stop = threading.Event()
    stop.set()
    report = _replay(Recorded(_record(0), _record(600)), Outbox(clock, receipts_after=None), clock, 1.0, stop=stop)
    assert (report.stopped, report.complete) == (True, False)


def test_windows_hold_what_falls_in_a_stretch_and_skip_empty_ones() -> None:
    records = [_record(0), _record(4), _record(5), _record(500), _record(3)]
    stretches = list(windows(records, timedelta(minutes=5)))
    assert [len(gathered) for _, gathered in stretches] == [2, 1, 2]
    assert [(known - BEGIN) / timedelta(minutes=1) for known, _ in stretches] == [4, 5, 500]


def test_a_message_holds_a_bounded_number_of_readings() -> None:
    many = [_record(second / 60) for second in range(replaying.PACK_READINGS + 1)]
    assert [len(samples) for _, samples in messages(many, timedelta())] == [replaying.PACK_READINGS, 1]
