"""The backlog: when it opens, follows and ends; what is and is not one."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ingest.backlog import QUIET_S, Backlog, BacklogReason, findings, subject
from ingest.batch import Batch
from ingest.buffer import Buffer
from ingest.message import Message
from lifeline.finding import FindingKind, Phase
from lifeline.reading import QualityReason
from lifeline.store.backlog import Standing
from lifeline.store.readings import READING
from lifeline.store.stages import StageBeat

T = 1_795_428_300.0
NOW = datetime.fromtimestamp(T, UTC)
LIMIT_S = 60.0


def message(at_s: float = T) -> Message:
    return Message("t", b"x", round(at_s * 1e6), 1, 1, False, None)


def batch(*delays_s: float, now_s: float, reason: QualityReason = QualityReason.OK) -> Batch:
    rows = np.zeros(len(delays_s), READING)
    rows["observed_at"] = [np.datetime64(round((now_s - delay) * 1e6), "us") for delay in delays_s]
    rows["reason"] = reason
    return Batch(rows=rows)


@pytest.fixture
def buffer() -> Buffer:
    return Buffer(messages=10, bytes_=1_000_000)


def test_what_is_in_hand_and_not_committed_ages_by_our_own_clock(buffer: Buffer) -> None:
    backlog = Backlog(buffer, LIMIT_S)
    assert backlog.measure(T) == 0.0
    buffer.put([message()])
    backlog.refused()
    assert [backlog.measure(T + s) for s in (0, 30, 61)] == [0, 30, 61]
    assert backlog.reason.value == BacklogReason.STORE_AWAY.value
    backlog.committed(batch(61, now_s=T + 61), round(T * 1e6), T + 61)
    assert backlog.reason.value == BacklogReason.CATCHING_UP.value
    buffer.settle([message()])
    assert backlog.measure(T + 61 + QUIET_S) == 0.0
    assert backlog.peak() == 61
    assert backlog.peak() == 0.0


def test_what_waited_at_the_broker_is_a_backlog_until_it_is_taken_in(buffer: Buffer) -> None:
    backlog = Backlog(buffer, LIMIT_S)
    backlog.measure(T)
    backlog.suspect(T)
    buffer.put([message()])
    for now_s, oldest in ((T + 1, 900), (T + 2, 500), (T + 3, 100)):
        backlog.committed(batch(*range(oldest, oldest + 20), now_s=now_s), round(now_s * 1e6), now_s)
        assert backlog.measure(now_s) == pytest.approx(oldest + 1.9)
    backlog.committed(batch(0, 1, 2, now_s=T + 4), round((T + 4) * 1e6), T + 4)
    assert backlog.measure(T + 4) == pytest.approx(0.2)


def test_devices_that_always_send_late_are_no_backlog(buffer: Buffer) -> None:
    backlog = Backlog(buffer, LIMIT_S)
    backlog.measure(T)
    buffer.put([message()])
    backlog.committed(batch(3600, 1800, now_s=T), round(T * 1e6), T)
    assert backlog.measure(T) == 0.0
    backlog.suspect(T)
    memory = batch(3600, now_s=T, reason=QualityReason.HISTORICAL)
    backlog.committed(memory, round(T * 1e6), T)
    assert backlog.measure(T) == 0.0


def test_a_backlog_that_comes_and_goes_between_two_looks_is_told(buffer: Buffer) -> None:
    backlog = Backlog(buffer, LIMIT_S)
    backlog.measure(T)
    backlog.committed(batch(0, now_s=T + 100), round(T * 1e6), T + 100)
    peak = backlog.peak()
    assert peak == 100
    backlog.untold(peak)
    assert backlog.peak() == 100


def beat(backlog_s: float, *, age_s: float = 0, worker: str = "w") -> StageBeat:
    detail = {"backlog_s": backlog_s, "backlog_reason": "catching-up", "buffered": 7}
    return StageBeat("ingest", worker, NOW, NOW - timedelta(seconds=age_s), detail)


def test_every_city_is_told_once_and_again_when_it_is_over() -> None:
    began = NOW - timedelta(seconds=300)

    def said(phase: Phase, ago_s: float = 5) -> Standing:
        return Standing(phase, began, NOW - timedelta(seconds=ago_s))

    def phases(backlog_s: float, last: Standing | None, age_s: float = 0) -> list[Phase]:
        beats = [beat(backlog_s, age_s=age_s), beat(0, worker="other")]
        return [one.phase for one in findings(beats, {"220100": last}, limit_s=LIMIT_S, now=NOW)]

    assert phases(59, None) == []
    assert phases(61, None) == [Phase.ONSET]
    assert phases(61, said(Phase.END)) == [Phase.ONSET]
    assert phases(61, said(Phase.ONSET)) == []
    assert phases(61, said(Phase.ONSET, 31)) == [Phase.UPDATE]
    assert phases(31, said(Phase.UPDATE)) == []
    assert phases(30, said(Phase.UPDATE)) == [Phase.END]
    assert phases(0, said(Phase.END)) == []
    assert phases(900, None, age_s=16) == [], "a dead worker says nothing about now"

    both = findings([beat(300)], {"220100": None, "220200": said(Phase.UPDATE, 40)}, limit_s=LIMIT_S, now=NOW)
    assert [one.subject for one in both] == [subject("220100"), subject("220200")]
    assert {one.began_at for one in both} == {began}
    assert {one.kind for one in both} == {FindingKind.BACKLOG}
    assert both[0].explanation == {"waits_s": 300, "limit_s": LIMIT_S, "messages": 7, "workers": 1}
    assert findings([], {"220100": None}, limit_s=LIMIT_S, now=NOW) == []
