"""The life cycle in motion on the real database: a detector, two operators and the clock do what they like."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as HypothesisPhase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from alerts.assess import assess
from alerts.decider import Decider
from alerts.inforce import Rules
from alerts.lifecycle import Step
from alerts.policy import load
from lifeline.alarm import ENDED, SYSTEM_ACTIONS, TRANSITIONS, Alarm, AlarmAction, AlarmState, allowed_actions
from lifeline.asset import Site
from lifeline.clock import SetClock
from lifeline.errors import StaleVersionError
from lifeline.finding import Finding, Phase
from lifeline.settings import AlertsSettings, ChannelSettings, Settings
from lifeline.store import alarms, findings
from lifeline.store.cities import levels
from lifeline.store.pool import Store
from tests.alert_parts import FLOOD, load_city

_BUILT_IN = load()
POLICY = _BUILT_IN.model_copy(update={"grouping": _BUILT_IN.grouping.model_copy(update={"most": 10_000})})
"""One subject after another: they must not share an allowance."""


class Fixed(Rules):
    """The rules of POLICY, whatever files say."""

    policy = POLICY

    def look(self, now: datetime) -> bool:  # noqa: ARG002
        """Nothing changes."""
        return False


FIXED = Fixed(AlertsSettings(), None)
CHANNELS = (
    ChannelSettings(name="all", kind="webhook", address="http://all.example"),
    ChannelSettings(name="grave", kind="webhook", address="http://grave.example", min_level="orange"),
)
_subjects = itertools.count()


class Cycle(RuleBasedStateMachine):
    """One subject in its own thread of time. `store` is set by the test; the clock of all examples only goes on."""

    store: Store
    clock: SetClock

    @initialize()
    def begin(self) -> None:
        self.decider = Decider(self.store, Settings(alerts={"channels": CHANNELS}), FIXED, self.clock)
        self.subject = f"flood:{next(_subjects)}"
        self.present = False
        self.began_at = self.clock.now()
        self.seen: Alarm | None = None
        self.findings = 0
        self.last: Finding | None = None

    def _found(self, phase: Phase, depth_m: float) -> None:
        self.clock.advance(0.001)
        finding: Finding = replace(
            FLOOD, subject=self.subject, phase=phase, depth_m=depth_m, began_at=self.began_at,
            detected_at=self.clock.now(), sensor_ids=("CC-WD-03",),
        )  # fmt: skip
        findings.commit(self.store, [finding], now=self.clock.now())
        self.last = finding
        self.findings += 1
        self.decider.work()

    @rule(depth_m=st.sampled_from([0.1, 0.2, 0.3, 0.5]))
    def water_comes_or_goes_on(self, depth_m: float) -> None:
        phase = Phase.UPDATE if self.present else Phase.ONSET
        if not self.present:
            self.began_at = self.clock.now()
        self.present = True
        self._found(phase, depth_m)

    @precondition(lambda self: self.present)
    @rule()
    def water_goes(self) -> None:
        self.present = False
        self._found(Phase.END, 0.0)

    @rule(seconds=st.sampled_from([1, 119, 601, 1801]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.decider.work()

    @rule()
    def an_operator_looks(self) -> None:
        own = self._alarms()
        self.seen = own[0] if own else None

    @precondition(lambda self: self.seen is not None)
    @rule(action=st.sampled_from(sorted(set(AlarmAction) - SYSTEM_ACTIONS)))
    def an_operator_acts_on_what_they_saw(self, action: AlarmAction) -> None:
        assert self.seen is not None
        seen, now = self.seen, alarms.alarm(self.store, self.seen.alarm_id)
        if action not in allowed_actions(seen.state):
            return
        until = self.clock.now() + timedelta(seconds=700) if action is AlarmAction.SHELVE else None
        try:
            self.seen = alarms.act(
                self.store, seen.alarm_id, action, actor="王芳", version=seen.version, now=self.clock.now(),
                reason="rule", until=until,
            )  # fmt: skip
        except StaleVersionError:
            assert now.version > seen.version
            self.seen = None
        else:
            assert now.version == seen.version
        self.decider.work()

    def _alarms(self) -> list[Alarm]:
        """The subject's alarms, newest first."""
        return [one for one in alarms.alarms(self.store, live_only=False, limit=50) if one.subject == self.subject]

    @invariant()
    def what_holds_always(self) -> None:
        own = self._alarms()
        live = [one for one in own if one.state not in ENDED]
        assert len(live) <= 1
        assert live == own[: len(live)], "the live one is the newest"
        for alarm in own:
            self._history_holds(alarm)
        if self.present and own:
            assert (live and live[0].cleared_at is None) or self._ended_by_person(own[0])
        if self.present and live:
            self._level_holds(live[0])
        if not self.present and live:
            assert live[0].cleared_at is not None
        if live and live[0].state in {AlarmState.ACKNOWLEDGED, AlarmState.VERIFIED} and live[0].cleared_at:
            assert self.clock.now() - live[0].cleared_at < timedelta(seconds=POLICY.rhythm.settle_s)
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT count(*) AS n FROM finding_decision JOIN finding USING (finding_id) WHERE subject = %s",
                (self.subject,),
            ).fetchone()
        assert row is not None and row.n == self.findings, "each finding is decided once"

    def _told(self, alarm: Alarm) -> set[int]:
        with self.store.transaction() as connection:
            return {
                row.event_id
                for row in connection.execute(
                    "SELECT event_id FROM notice_event JOIN alarm_event USING (event_id) WHERE alarm_id = %s",
                    (alarm.alarm_id,),
                )
            }

    def _level_holds(self, alarm: Alarm) -> None:
        """Never below what the newest finding says, and above it only as long as a level has to stand."""
        assert self.last is not None
        says = assess(self.last, POLICY, levels(self.store, "220100"), Site.UNDERPASS)
        assert alarm.level <= says.level
        if alarm.level < says.eased:
            with self.store.transaction() as connection:
                row = connection.execute("SELECT level_at FROM alarm WHERE alarm_id = %s", (alarm.alarm_id,)).fetchone()
            assert row is not None
            assert self.clock.now() - row.level_at < timedelta(seconds=POLICY.rhythm.lower_after_s)

    def _ended_by_person(self, alarm: Alarm) -> bool:
        """Whether people ended the newest alarm while its condition lasted, which only something worse contradicts."""
        return alarm.state in ENDED and alarms.events(self.store, alarm.alarm_id)[-1].actor == "王芳"

    def _history_holds(self, alarm: Alarm) -> None:
        events = alarms.events(self.store, alarm.alarm_id)
        assert len(events) == alarm.version
        assert (events[0].action, events[0].from_state) == (AlarmAction.OPEN, None)
        state = events[0].to_state
        for event in events[1:]:
            assert event.from_state is state
            state = TRANSITIONS[state, event.action]
            assert event.to_state is state
        assert alarm.state is state
        assert (alarm.closed_at is not None) is (state in ENDED)
        assert (alarm.shelved_until is not None) is (state is AlarmState.SHELVED)
        settled = self.clock.now() - timedelta(seconds=POLICY.rhythm.settle_s)
        told = self._told(alarm)
        for event in events:
            pending = event.action is AlarmAction.CLEAR and event.at > settled
            assert (event.told is None) is pending, event
            assert (event.event_id in told) is (event.told == "told")
            if event.action in {AlarmAction.OPEN, AlarmAction.ESCALATE}:
                assert event.told == "told"


@pytest.fixture
def cycle(store: Store) -> Iterator[type[Cycle]]:
    load_city(store)
    Cycle.store = store
    Cycle.clock = SetClock(datetime(2026, 7, 20, tzinfo=UTC))
    yield Cycle


def test_what_gets_worse_leaves_the_shelf(cycle: type[Cycle]) -> None:
    one = cycle()
    one.begin()
    one.water_comes_or_goes_on(0.2)
    one.an_operator_looks()
    one.an_operator_acts_on_what_they_saw(AlarmAction.SHELVE)
    states = []
    for depth_m in (0.2, 0.5):
        one.water_comes_or_goes_on(depth_m)
        one.what_holds_always()
        states += [alarm.state for alarm in one._alarms()]
    assert states == [AlarmState.SHELVED, AlarmState.OPEN]


def test_whatever_happens_the_life_cycle_holds(cycle: type[Cycle]) -> None:
    run_state_machine_as_test(
        cycle,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            phases=[HypothesisPhase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    with cycle.store.transaction() as connection:
        steps = {row.step for row in connection.execute("SELECT DISTINCT step FROM finding_decision")}
    assert steps >= set(Step) - {Step.IGNORE}, "the examples led to every step"
