"""What findings and time do to an alarm, case by case; the whole cycle in motion is in tests/integration."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.assess import Assessment, Ground
from alerts.lifecycle import Decision, Step, Why, confirmed, decide, expired, lapsed, level_fell, over, shelf_ended
from alerts.policy import load
from lifeline.alarm import ENDED, Alarm, AlarmState, Level, Standing
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.provision import Provision
from tests.alert_parts import FLOOD, START, later

RHYTHM = load().rhythm
ALARM = Alarm(
    alarm_id=7,
    subject=FLOOD.subject,
    city_code=FLOOD.city_code,
    kind=FLOOD.kind,
    level=Level.YELLOW,
    state=AlarmState.ACKNOWLEDGED,
    title_zh="积水",
    title_en="water",
    opened_at=START,
    began_at=START,
    probability=0.9,
    provisions=(Provision.P6_5,),
    version=2,
    finding_id=1,
)
CLEARED = replace(ALARM, cleared_at=START + timedelta(minutes=30))
CLOSED = replace(CLEARED, state=AlarmState.CLOSED, closed_at=START + timedelta(minutes=40))
CANCELLED = replace(ALARM, state=AlarmState.CANCELLED, closed_at=START + timedelta(minutes=10))


def assessed(level: Level, eased: Level | None = None) -> Assessment:
    return Assessment(level, level if eased is None else eased, Ground.DEPTH, False, "test")


def decided(
    finding: Finding, level: Level, *, standing: Standing | None = None, previous: Alarm | None = None,
    eased: Level | None = None,
) -> Decision:  # fmt: skip
    return decide(finding, assessed(level, eased), standing, previous, RHYTHM)


def again(minutes: float, phase: Phase = Phase.ONSET) -> Finding:
    """The subject's next condition, beginning so many minutes after START."""
    return later(FLOOD, minutes * 60, phase=phase, began_at=START + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("finding", "previous", "step", "why"),
    [
        (FLOOD, None, Step.OPEN, Why.NEW),
        (later(FLOOD, 60), None, Step.OPEN, Why.ONSET_UNSEEN),
        (later(FLOOD, 60, phase=Phase.END), None, Step.IGNORE, Why.NOTHING_TO_CLEAR),
        (again(50), CLOSED, Step.OPEN, Why.RETURNED),
        (again(50, Phase.UPDATE), CLOSED, Step.OPEN, Why.RETURNED),
        (again(61), CLOSED, Step.OPEN, Why.NEW),
        (again(61, Phase.UPDATE), CLOSED, Step.OPEN, Why.ONSET_UNSEEN),
        (later(FLOOD, 900), CANCELLED, Step.IGNORE, Why.ENDED_BY_PERSON),
        (again(15), CANCELLED, Step.OPEN, Why.RETURNED),
    ],
)
def test_without_a_live_alarm(finding: Finding, previous: Alarm | None, step: Step, why: Why) -> None:
    decision = decided(finding, Level.YELLOW, previous=previous)
    assert (decision.step, decision.why, decision.quiet) == (step, why, False)


def test_a_person_is_contradicted_only_by_something_worse() -> None:
    assert decided(later(FLOOD, 900), Level.ORANGE, previous=CANCELLED) == Decision(
        Step.OPEN, Why.WORSE_THAN_ENDED, Level.ORANGE
    )


@pytest.mark.parametrize(
    ("minutes", "level", "eased", "expected"),
    [
        (1, Level.ORANGE, Level.ORANGE, Decision(Step.ESCALATE, Why.LEVEL_ROSE, Level.ORANGE)),
        (1, Level.YELLOW, Level.YELLOW, Decision(Step.UPDATE, Why.STILL_THERE, Level.YELLOW)),
        (11, Level.BLUE, Level.YELLOW, Decision(Step.UPDATE, Why.STILL_THERE, Level.YELLOW)),
        (9, Level.BLUE, Level.BLUE, Decision(Step.UPDATE, Why.STILL_THERE, Level.YELLOW, next_level=Level.BLUE)),
        (10, Level.BLUE, Level.BLUE, Decision(Step.LOWER, Why.LEVEL_FELL, Level.BLUE)),
    ],
)
def test_levels_rise_at_once_and_fall_late_and_below_the_margin(
    minutes: float, level: Level, eased: Level, expected: Decision
) -> None:
    standing = Standing(ALARM, level_at=START)
    assert decided(later(FLOOD, minutes * 60), level, eased=eased, standing=standing) == expected
    assert decided(later(FLOOD, minutes * 60, phase=Phase.ONSET), level, eased=eased, standing=standing) == expected


def test_what_fell_too_early_falls_by_itself() -> None:
    standing = Standing(ALARM, START, next_level=Level.BLUE)
    stood = START + timedelta(seconds=RHYTHM.lower_after_s)
    assert level_fell(standing, stood, RHYTHM) is Why.LEVEL_FELL
    assert level_fell(standing, stood - timedelta(seconds=1), RHYTHM) is None
    assert level_fell(Standing(ALARM, START), stood, RHYTHM) is None
    assert level_fell(replace(standing, alarm=CLEARED), stood, RHYTHM) is None


def test_an_end_clears_once() -> None:
    end = later(FLOOD, 1800, phase=Phase.END)
    assert decided(end, Level.BLUE, standing=Standing(ALARM, START)).step is Step.CLEAR
    assert decided(end, Level.BLUE, standing=Standing(CLEARED, START)).why is Why.NOTHING_TO_CLEAR


@pytest.mark.parametrize(
    ("state", "end_told", "level", "expected"),
    [
        # nobody heard that it had gone: that it is there is no news, and the level stands
        (
            AlarmState.ACKNOWLEDGED,
            False,
            Level.BLUE,
            Decision(Step.RETURN, Why.RETURNED, Level.YELLOW, quiet=True, next_level=Level.BLUE),
        ),
        (AlarmState.ACKNOWLEDGED, True, Level.BLUE, Decision(Step.RETURN, Why.RETURNED, Level.BLUE)),
        (AlarmState.OPEN, True, Level.YELLOW, Decision(Step.RETURN, Why.RETURNED, Level.YELLOW)),
        # the repair did not hold
        (AlarmState.MITIGATED, False, Level.YELLOW, Decision(Step.RETURN, Why.RETURNED, Level.YELLOW)),
        (AlarmState.ACKNOWLEDGED, False, Level.RED, Decision(Step.ESCALATE, Why.RETURNED, Level.RED)),
    ],
)
def test_a_cleared_alarm_returns(state: AlarmState, end_told: bool, level: Level, expected: Decision) -> None:
    standing = Standing(replace(CLEARED, state=state), START, end_told=end_told)
    assert decided(again(31), level, standing=standing) == expected
    assert decided(again(31, Phase.UPDATE), level, standing=standing) == expected


@pytest.mark.parametrize("state", AlarmState)
def test_only_what_is_over_and_seen_closes_by_itself(state: AlarmState) -> None:
    settled = START + timedelta(minutes=30, seconds=RHYTHM.settle_s)
    seen = state in {AlarmState.ACKNOWLEDGED, AlarmState.VERIFIED, AlarmState.SHELVED}
    alarm = replace(CLEARED, state=state)
    quiet = {AlarmState.CANDIDATE: Why.DID_NOT_LAST, AlarmState.SUPPRESSED: Why.OVER_UNTOLD}
    assert over(alarm, settled, RHYTHM) is (Why.OVER_AND_SEEN if seen else quiet.get(state))
    early = Why.DID_NOT_LAST if state is AlarmState.CANDIDATE else None
    assert over(alarm, settled - timedelta(seconds=1), RHYTHM) is early
    assert over(replace(alarm, cleared_at=None), settled, RHYTHM) is None


def test_a_candidate_becomes_an_alarm_when_it_has_lasted() -> None:
    held = replace(ALARM, state=AlarmState.CANDIDATE, opened_at=START)
    assert confirmed(held, START + timedelta(seconds=60), 60.0) is Why.LASTED
    assert confirmed(held, START + timedelta(seconds=59), 60.0) is None
    assert confirmed(replace(held, cleared_at=START), START + timedelta(hours=1), 60.0) is None
    assert confirmed(ALARM, START + timedelta(hours=1), 60.0) is None


@pytest.mark.parametrize("state", AlarmState)
def test_a_backlog_that_is_over_ends_unseen(state: AlarmState) -> None:
    settled = START + timedelta(minutes=30, seconds=RHYTHM.settle_s)
    backlog = replace(CLEARED, state=state, kind=FindingKind.BACKLOG)
    assert expired(backlog, settled, RHYTHM) is (Why.OVER_BY_ITSELF if state is AlarmState.OPEN else None)
    assert expired(backlog, settled - timedelta(seconds=1), RHYTHM) is None
    assert expired(replace(backlog, cleared_at=None), settled, RHYTHM) is None
    assert expired(replace(CLEARED, state=state), settled, RHYTHM) is None


@pytest.mark.parametrize("level", Level)
def test_an_acknowledgement_lapses_when_nothing_follows(level: Level) -> None:
    policy = load()
    taken = replace(ALARM, state=AlarmState.ACKNOWLEDGED, level=level)
    follow = timedelta(seconds=policy.escalation_of(level).follow_s)
    standing = Standing(taken, START, acted_at=START)
    assert lapsed(standing, START + follow, policy) is Why.NOTHING_FOLLOWED
    assert lapsed(standing, START + follow - timedelta(seconds=1), policy) is None
    assert lapsed(replace(standing, acted_at=START + follow), START + follow, policy) is None, (
        "a note is a sign of life"
    )
    assert lapsed(replace(standing, alarm=replace(taken, cleared_at=START)), START + follow, policy) is None
    assert lapsed(replace(standing, alarm=replace(taken, state=AlarmState.OPEN)), START + follow, policy) is None


def test_a_shelf_ends_at_its_time() -> None:
    shelved = replace(ALARM, state=AlarmState.SHELVED, shelved_until=START)
    assert shelf_ended(shelved, START) is Why.SHELF_ENDED
    assert shelf_ended(shelved, START - timedelta(seconds=1)) is None
    assert shelf_ended(ALARM, START) is None


ALARMS = st.builds(
    replace,
    st.just(ALARM),
    state=st.sampled_from(AlarmState),
    level=st.sampled_from(Level),
    cleared_at=st.none() | st.just(CLEARED.cleared_at),
    closed_at=st.just(CLOSED.closed_at),
)
FINDINGS = st.builds(
    lambda phase, began, seen: later(FLOOD, seen, phase=phase, began_at=START + timedelta(seconds=began)),
    st.sampled_from(Phase),
    st.integers(-9000, 9000),
    st.integers(-9000, 9000),
)


@given(finding=FINDINGS, alarm=st.none() | ALARMS, told=st.booleans(), level=st.sampled_from(Level))
def test_worse_is_never_kept_quiet_and_nothing_ends_an_alarm_but_its_end(
    finding: Finding, alarm: Alarm | None, told: bool, level: Level
) -> None:
    ended = alarm is not None and alarm.state in ENDED
    standing = Standing(alarm, START, end_told=told) if alarm is not None and not ended else None
    decision = decided(finding, level, standing=standing, previous=alarm if ended else None)
    if finding.phase is Phase.END:
        assert decision.step in {Step.CLEAR, Step.IGNORE}
        return
    assert decision.step is not Step.CLEAR
    if alarm is None or level < alarm.level:
        assert decision.step in {Step.OPEN, Step.ESCALATE}
        assert decision.level is level
        assert not decision.quiet
    if standing is not None:
        assert decision.step not in {Step.OPEN, Step.IGNORE}
