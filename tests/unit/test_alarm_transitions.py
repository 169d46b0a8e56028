"""The life cycle's table: what is not in it is refused with what is allowed instead; nothing leaves an end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.alarm import (
    ENDED,
    FINDING_ACTIONS,
    TRANSITIONS,
    AlarmAction,
    AlarmState,
    allowed_actions,
    next_state,
)
from lifeline.errors import IllegalTransitionError

LIVE = [state for state in AlarmState if state not in ENDED]


def test_the_closed_loop_leads_from_the_opening_to_the_end() -> None:
    state = AlarmState.OPEN
    for action, reached in [
        (AlarmAction.ACKNOWLEDGE, AlarmState.ACKNOWLEDGED),
        (AlarmAction.DISPATCH, AlarmState.DISPATCHED),
        (AlarmAction.ACCEPT, AlarmState.ACCEPTED),
        (AlarmAction.ARRIVE, AlarmState.ON_SITE),
        (AlarmAction.MITIGATE, AlarmState.MITIGATED),
        (AlarmAction.VERIFY, AlarmState.VERIFIED),
        (AlarmAction.CLOSE, AlarmState.CLOSED),
    ]:
        state = next_state(state, action)
        assert state is reached


@pytest.mark.parametrize(("state", "action"), list(itertools.product(sorted(ENDED), AlarmAction)))
def test_nothing_leaves_an_end(state: AlarmState, action: AlarmAction) -> None:
    with pytest.raises(IllegalTransitionError, match="it has ended"):
        next_state(state, action)


@pytest.mark.parametrize("state", LIVE)
def test_a_finding_and_a_false_alarm_are_always_allowed(state: AlarmState) -> None:
    for action in FINDING_ACTIONS - {AlarmAction.OPEN}:
        assert next_state(state, action) in LIVE
    assert next_state(state, AlarmAction.CANCEL) is AlarmState.CANCELLED
    assert next_state(state, AlarmAction.NOTE) is state


def test_what_got_worse_opens_again_unless_a_crew_is_under_way() -> None:
    under_way = {AlarmState.DISPATCHED, AlarmState.ACCEPTED, AlarmState.ON_SITE}
    for state in LIVE:
        assert next_state(state, AlarmAction.ESCALATE) is (state if state in under_way else AlarmState.OPEN)


def test_what_was_held_to_be_mended_opens_again_when_it_returns() -> None:
    mended = {AlarmState.MITIGATED, AlarmState.VERIFIED}
    for state in LIVE:
        assert next_state(state, AlarmAction.RETURN) is (AlarmState.OPEN if state in mended else state)


def test_nobody_opens_or_reaches_a_state_past_the_table() -> None:
    assert not [pair for pair in TRANSITIONS if pair[1] is AlarmAction.OPEN]
    reachable = {AlarmState.OPEN, AlarmState.CANDIDATE}
    while grown := {TRANSITIONS[pair] for pair in TRANSITIONS if pair[0] in reachable} - reachable:
        reachable |= grown
    assert reachable == set(AlarmState)


@given(st.lists(st.sampled_from(AlarmAction), max_size=40))
def test_any_sequence_stays_in_the_table(actions: list[AlarmAction]) -> None:
    state = AlarmState.OPEN
    for action in actions:
        allowed = allowed_actions(state)
        if action in allowed:
            state = next_state(state, action)
        else:
            with pytest.raises(IllegalTransitionError) as refusal:
                next_state(state, action)
            assert all(one.value in str(refusal.value) for one in allowed)
    assert (allowed_actions(state) == ()) is (state in ENDED)
