"""A recorded leak through broker, ingest, store and the detect stage: what people hear is what `evaluate` reports."""

import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.leak_twin import make_twin
from deploy.local.broker import LocalBroker
from detect.leak import live
from detect.leak.detector import Report
from detect.leak.evaluate import evaluate
from detect.leak.telling import NAME
from detect.residual import detector as residual
from detect.runner import Runner
from lifeline.clock import SetClock, SystemClock
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.settings import DetectSettings, Settings
from lifeline.store import detector_states, findings, verdicts
from lifeline.store.pool import Store
from lifeline.verbs.city import load_command
from lifeline.verdict import Said
from simulators.recorded.layouts import Layout
from simulators.replay_verb import make_pack_command, replay_command
from tests.acceptance.test_replay import _ingesting
from tests.unit.test_leak_detector import DAYS, LEAK, SENSORS, STEP_S, write_grid

TAUGHT_DAYS, KILLED_DAYS = 9, 15.3


def run(runner: Runner, clock: SetClock, until: datetime, *, hours: float = 6.0) -> None:
    """Rounds until event time has reached `until`."""
    now = clock.now()
    while now < until:
        now = min(now + timedelta(hours=hours), until)
        for settle_s in (0.0, 1.0, 2.0):
            clock.set(now + timedelta(seconds=settle_s))
            runner.round()


def test_a_recorded_leak_is_told_live_as_it_is_reported_offline(
    broker: LocalBroker, store: Store, database_url: str, tmp_path: Path
) -> None:
    inp, source, pack = tmp_path / "grid.inp", tmp_path / "recorded", tmp_path / "pack"
    write_grid(inp)
    source.mkdir()
    make_twin(inp, source, SENSORS, [LEAK], seed=3, days=DAYS, step_s=STEP_S)
    reports = [r for r in evaluate(source, network=inp).reports if r.kind in ("leak", "burst")]
    out = Console(record=True, width=200, soft_wrap=True)
    assert make_pack_command(source, Layout.BATTLEDIM, pack, out=out, network=inp) == 0
    toml = (pack / "city.toml").read_text(encoding="utf-8")
    (pack / "city.toml").write_text(toml.replace('expected_pressure = "data"', 'expected_pressure = "model"'))
    text = (pack / "sensors.csv").read_text(encoding="utf-8").replace(",300,", f",{STEP_S},")
    (pack / "sensors.csv").write_text(text, encoding="utf-8")
    assert load_command(pack, store, out, now=datetime(2021, 1, 1, tzinfo=UTC)) == 0
    begin = datetime(2021, 1, 1, tzinfo=UTC)
    taught, killed, end = (begin + timedelta(days=d) for d in (TAUGHT_DAYS, KILLED_DAYS, DAYS))
    replayed = partial(
        replay_command, source, Layout.BATTLEDIM, mqtt_url=broker.url, out=out, clock=SystemClock(),
        stop=threading.Event(), pack=pack,
    )  # fmt: skip
    clock = SetClock(taught)
    settings = Settings(database_url=database_url, detect=DetectSettings(learning_days=TAUGHT_DAYS))
    runner = Runner(store, settings, clock, (residual.make, live.make))
    with _ingesting(database_url, broker.url, tmp_path / "ingest.log"):
        assert replayed(end=taught.isoformat()) == 0, out.export_text()
        deadline = time.monotonic() + 120.0
        while not _taught(store) and time.monotonic() < deadline:
            clock.set(clock.now() + timedelta(seconds=3))
            runner.round()
            time.sleep(0.05)
        assert _taught(store)
        assert replayed(begin=taught.isoformat(), end=killed.isoformat()) == 0, out.export_text()
        run(runner, clock, killed)
        assert replayed(begin=killed.isoformat(), end=end.isoformat()) == 0, out.export_text()
    del runner  # nothing is saved: as after a kill
    again = Runner(store, settings, clock, (residual.make, live.make))
    run(again, clock, end)

    found = [f for f in findings.findings_after(store, 0) if f.detector == NAME]
    settled = [f for f in found if f.reason == reports[0].reason]
    assert [_what(f) for f in settled] == [_reported(r) for r in reports]
    told = [f for f in findings.findings_after(store, 0) if f.kind in (FindingKind.LEAK, FindingKind.BURST)]
    assert len({f.subject for f in told}) == 1, [(f.subject, f.detector, f.reason) for f in told]
    assert [f.phase for f in told if f.phase is not Phase.UPDATE][:1] == [Phase.ONSET]

    verdicts.say(store, told[-1].subject, Said.CONFIRMED, person="班长", now=clock.now(), asset_id=LEAK.pipe)
    run(again, clock, end + timedelta(hours=2), hours=0.5)
    newest = findings.latest_of_subject(store, told[-1].subject)
    assert newest is not None
    assert newest.reason == "confirmed-here"
    assert newest.candidates[0].asset_id == LEAK.pipe


def _taught(store: Store) -> bool:
    return detector_states.load(store, detector=NAME, scope="999901/model") is not None


def _what(finding: Finding) -> tuple[object, ...]:
    return finding.detected_at, finding.began_at, finding.candidates[0].asset_id, finding.flow_m3_per_h


def _reported(report: Report) -> tuple[object, ...]:
    return report.at, report.began_at, report.candidates[0][0], pytest.approx(report.flow_m3_per_h, abs=0.02)
