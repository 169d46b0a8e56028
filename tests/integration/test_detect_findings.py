"""Findings and checkpoints on a real database: both or neither, once, and in an order that a reader can follow."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.asset import Position
from lifeline.errors import StaleVersionError
from lifeline.finding import Candidate, Finding, FindingKind, Phase
from lifeline.store import detector_states, findings
from lifeline.store.detector_states import Checkpoint
from lifeline.store.pool import Store

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FINDING = Finding(
    subject="burst:CC-DMA-1",
    kind=FindingKind.BURST,
    phase=Phase.ONSET,
    city_code="220100",
    detector="residual",
    reason="inflow-up-and-pressure-down",
    began_at=NOW - timedelta(seconds=10),
    detected_at=NOW,
    probability=0.97,
    zone_id="CC-DMA-1",
    sensor_ids=("CC-F-01", "CC-L-001"),
    position=Position(125.3, 43.8),
    area={"type": "Polygon", "coordinates": [[[125.3, 43.8], [125.4, 43.8], [125.4, 43.9], [125.3, 43.8]]]},
    candidates=(Candidate("CC-P-1", 0.4), Candidate("CC-P-2", 0.3)),
    flow_m3_per_h=41.5,
    explanation={"curve": {"times": [], "observed": []}, "note": "说明"},
)


def checkpoint(based_on: datetime | None, *, minutes: int = 0) -> Checkpoint:
    return Checkpoint("residual", "220100", NOW + timedelta(minutes=minutes), {"minutes": minutes}, based_on)


def test_a_finding_comes_back_as_it_was_and_once(store: Store) -> None:
    numbers = findings.commit(store, [FINDING, FINDING], checkpoint(None), now=NOW)
    assert len(numbers) == 1
    assert findings.commit(store, [FINDING], now=NOW) == []
    stored = findings.latest_of_subject(store, FINDING.subject)
    assert stored == replace(FINDING, finding_id=numbers[0])
    assert findings.latest_of_subject(store, "burst:nowhere") is None
    assert findings.recent(store, city_code="220200") == []


def test_a_stale_checkpoint_takes_its_findings_with_it(store: Store) -> None:
    findings.commit(store, [], checkpoint(None), now=NOW)
    with pytest.raises(StaleVersionError):
        findings.commit(store, [FINDING], checkpoint(None, minutes=1), now=NOW)
    with pytest.raises(StaleVersionError):
        findings.commit(store, [FINDING], checkpoint(NOW - timedelta(hours=1), minutes=1), now=NOW)
    assert findings.findings_after(store, 0) == []
    later = NOW + timedelta(seconds=5)
    findings.commit(store, [FINDING], checkpoint(NOW, minutes=1), now=later)
    saved = detector_states.load(store, detector="residual", scope="220100")
    assert saved is not None
    assert (saved.state, saved.watermark, saved.saved_at) == ({"minutes": 1}, NOW + timedelta(minutes=1), later)


def test_who_follows_the_numbers_misses_none_while_many_write(store: Store) -> None:
    writers, each = 6, 25
    done = threading.Event()

    def write(writer: int) -> None:
        for n in range(each):
            one = replace(FINDING, subject=f"burst:{writer}", detected_at=NOW + timedelta(seconds=n))
            with store.transaction() as connection:
                findings.insert(connection, [one], now=NOW)
                connection.execute("SELECT pg_sleep(random() * 0.003)")

    threads = [threading.Thread(target=write, args=(w,)) for w in range(writers)]
    seen: list[int] = []

    def follow() -> None:
        while True:
            last_look = done.is_set()
            seen.extend(f.finding_id for f in findings.findings_after(store, seen[-1] if seen else 0, limit=10))
            if last_look and not findings.findings_after(store, seen[-1], limit=1):
                return

    reader = threading.Thread(target=follow)
    reader.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    assert len(seen) == writers * each
    assert seen == sorted(set(seen))
