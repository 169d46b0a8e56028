"""A drill goes the whole way through the real parts; supervision report and ledger come from the record."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerts import dispatch, shelters_rules
from alerts.assignment_roads import RoadMap
from alerts.decider import Decider
from alerts.dispatch_desk import Desk
from alerts.drill import scenarios
from alerts.drill_run import DrillRun, run
from alerts.inforce import Rules
from alerts.renewal import Reason
from alerts.renewal_record import ledger
from alerts.shelters_desk import Warden
from alerts.supervision_page import page
from alerts.supervision_record import report
from lifeline.asset import Position
from lifeline.city.pack import load
from lifeline.clock import SetClock
from lifeline.errors import SettingsError
from lifeline.finding import Candidate, FindingKind, Phase
from lifeline.settings import Settings
from lifeline.store import alarms, audit, cities, drills, evacuations, findings, work_orders
from lifeline.store.pool import Store
from tests.alert_parts import FLOOD, START
from tests.packs import write_tiny_pack

ON = "220100"


@pytest.fixture
def city(store: Store, tmp_path: Path) -> None:
    folder = write_tiny_pack(tmp_path / "pack")
    crews = (folder / "crews.csv").read_text(encoding="utf-8").replace("leak;valve", "flood;leak")
    (folder / "crews.csv").write_text(crews, encoding="utf-8")
    cities.load_pack(store, load(folder), now=START)


@pytest.mark.usefixtures("city")
def test_a_drill_goes_the_whole_way_and_says_that_it_is_one(store: Store, database_url: str) -> None:
    clock = SetClock(START)
    settings = Settings(database_url=database_url)
    decider = Decider(store, settings, Rules(settings.alerts, store), clock)
    rules = shelters_rules.load(shelters_rules.BUILT_IN)
    desk, roads = Desk(store, dispatch.load(dispatch.BUILT_IN), rules), RoadMap([])
    warden = Warden(store, rules, lambda _: roads)

    def wait(seconds: float) -> None:
        clock.set(clock.now() + timedelta(seconds=seconds))
        decider.work()
        desk.tick(clock.now())
        warden.tick(clock.now())

    flood = scenarios()["flood"]
    drill = DrillRun(store, flood, ON, who="赵", now=START)
    said: list[str] = []
    card = run(drill, flood, play=True, pace_s=1, for_s=60, now=clock.now, wait=wait, report=said.append)
    assert {step.step: step.met for step in card if step.step != "told"} == dict.fromkeys(
        set(flood.limits_s) - {"told"}, True
    )
    (order,) = work_orders.orders(store, live_only=False)
    alarm = alarms.alarm(store, order.alarm_id)
    assert (order.exercise, order.state.value, alarm.state.value) == (True, "closed", "closed")
    assert alarm.title_zh.startswith("【演练】")
    assert alarm.title_en.startswith("[Exercise]")
    (evacuation,) = evacuations.evacuations(store, running=False)
    assert evacuation.exercise
    assert evacuation.ended_at is not None
    (kept,) = drills.drills(store)
    assert [line["step"] for line in kept.scorecard] == [step.step for step in card]
    assert audit.verify(store).sound
    made = report(store, rules, START.year, clock.now())
    assert made.extras.trail_sound
    written = page(made)
    assert "<td>演练次数<br><small>drills</small></td><td>1</td>" in written
    assert "<td>报警总数<br><small>alarms opened</small></td><td>0</td>" in written, "a drill is no alarm"


@pytest.mark.usefixtures("city")
def test_a_drill_without_a_running_stage_ends_and_misses_every_step(store: Store) -> None:
    clock = SetClock(START)
    burst = scenarios()["burst"]
    drill = DrillRun(store, burst, ON, who="赵", now=START)
    card = run(
        drill, burst, play=True, pace_s=1, for_s=3, now=clock.now, report=print,
        wait=lambda s: clock.set(clock.now() + timedelta(seconds=s)),
    )  # fmt: skip
    assert {(step.seconds, step.met) for step in card} == {(None, False)}


def test_a_fault_in_the_scenarios_is_named(tmp_path: Path) -> None:
    path = tmp_path / "drill.toml"
    path.write_text('[[scenario]]\nname = "x"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"drill\.toml.*zh"):
        scenarios(path)


@pytest.mark.usefixtures("city")
def test_the_ledger_puts_the_pipe_first_that_broke(store: Store) -> None:
    broken = FLOOD.__class__(
        subject="burst:CC-DMA-1", kind=FindingKind.BURST, phase=Phase.ONSET, city_code=ON, detector="leak",
        reason="confirmed", began_at=START - timedelta(days=200), detected_at=START, probability=0.9,
        candidates=(Candidate("CC-P3", 0.8),), position=Position(125.32, 43.88),
    )  # fmt: skip
    (finding_id,) = findings.commit(store, [broken], now=START)
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO verdict (subject, finding_id, city_code, said, asset_id, began_at, person, note, said_at,"
            " label) VALUES ('burst:CC-DMA-1', %s, %s, 'confirmed', 'CC-P3', %s, 'li', '', %s, '{}')",
            (finding_id, ON, broken.began_at, START),
        )
    first, *others = ledger(store, ON, START)
    assert (first.pipe.asset_id, first.pipe.breaks, first.reasons[0]) == ("CC-P3", 1, Reason.BREAKS)
    assert first.per_km_year > others[0].per_km_year
    assert others[-1].share == pytest.approx(1.0)


@pytest.mark.usefixtures("city")
def test_an_altered_trail_stands_in_the_report(store: Store) -> None:
    audit.record(store, who="li", action="alarm.note", subject="alarm:1", detail={}, at=START)
    with store.transaction() as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("UPDATE audit SET who = 'wang'")
    made = report(store, shelters_rules.load(shelters_rules.BUILT_IN), START.year, START)
    assert not made.extras.trail_sound
    assert "ALTERED" in page(made)
