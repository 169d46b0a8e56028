"""An alarm and its life cycle: one pure table of who may go where (监测-预警-派单-处置-核查-办结)."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from lifeline.asset import Position
from lifeline.errors import IllegalTransitionError
from lifeline.finding import FindingKind
from lifeline.provision import Provision


class Level(IntEnum):
    """Warning level; the number is the decision's Roman numeral: I red is the gravest."""

    RED = 1
    ORANGE = 2
    YELLOW = 3
    BLUE = 4


class AlarmState(StrEnum):
    """Where an alarm stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ON_SITE = "on-site"
    MITIGATED = "mitigated"
    VERIFIED = "verified"
    SHELVED = "shelved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


ENDED = frozenset({AlarmState.CLOSED, AlarmState.CANCELLED, AlarmState.SUPERSEDED})
"""States in which the subject is free for a new alarm."""


class AlarmAction(StrEnum):
    """What moves an alarm; `open`, `escalate` and `clear` are the system's, the rest are people's."""

    OPEN = "open"
    ESCALATE = "escalate"
    CLEAR = "clear"
    RETURN = "return"
    """the condition came back before the alarm was closed"""
    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    ACCEPT = "accept"
    ARRIVE = "arrive"
    MITIGATE = "mitigate"
    VERIFY = "verify"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    CLOSE = "close"
    CANCEL = "cancel"
    SUPERSEDE = "supersede"
    NOTE = "note"


_S, _A = AlarmState, AlarmAction
_FORWARD: dict[tuple[AlarmState, AlarmAction], AlarmState] = {
    (_S.OPEN, _A.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.OPEN, _A.DISPATCH): _S.DISPATCHED,
    (_S.ACKNOWLEDGED, _A.DISPATCH): _S.DISPATCHED,
    (_S.DISPATCHED, _A.ACCEPT): _S.ACCEPTED,
    (_S.ACCEPTED, _A.ARRIVE): _S.ON_SITE,
    (_S.ON_SITE, _A.MITIGATE): _S.MITIGATED,
    (_S.MITIGATED, _A.VERIFY): _S.VERIFIED,
    (_S.VERIFIED, _A.CLOSE): _S.CLOSED,
    (_S.ACKNOWLEDGED, _A.CLOSE): _S.CLOSED,
    (_S.MITIGATED, _A.DISPATCH): _S.DISPATCHED,
    (_S.OPEN, _A.SHELVE): _S.SHELVED,
    (_S.ACKNOWLEDGED, _A.SHELVE): _S.SHELVED,
    (_S.SHELVED, _A.UNSHELVE): _S.OPEN,
}
_LIVE = [state for state in AlarmState if state not in ENDED]
TRANSITIONS: dict[tuple[AlarmState, AlarmAction], AlarmState] = {
    **_FORWARD,
    **{(state, action): state for state in _LIVE for action in (_A.NOTE, _A.CLEAR, _A.RETURN, _A.ESCALATE)},
    **{(state, _A.CANCEL): _S.CANCELLED for state in _LIVE},
    **{(state, _A.SUPERSEDE): _S.SUPERSEDED for state in _LIVE},
}
"""(state, action) -> next state; what is not here is not allowed."""


def next_state(state: AlarmState, action: AlarmAction) -> AlarmState:
    """The state after `action`. Raises IllegalTransitionError, which names what is allowed instead.

    >>> next_state(AlarmState.OPEN, AlarmAction.ACKNOWLEDGE).value
    'acknowledged'
    """
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        allowed = allowed_actions(state)
        raise IllegalTransitionError(
            f"an alarm that is {state.value} cannot {action.value}",
            advice=f"allowed now: {', '.join(a.value for a in allowed)}" if allowed else "it has ended",
        ) from None


def allowed_actions(state: AlarmState) -> tuple[AlarmAction, ...]:
    """What may happen to an alarm in `state`, in the order of AlarmAction."""
    return tuple(action for action in AlarmAction if (state, action) in TRANSITIONS)


@dataclass(frozen=True, slots=True)
class Alarm:
    """What people act on. One alarm per subject is live at a time; `version` counts its changes (optimistic lock)."""

    alarm_id: int
    subject: str
    city_code: str
    kind: FindingKind
    level: Level
    state: AlarmState
    title_zh: str
    title_en: str
    opened_at: datetime
    began_at: datetime
    probability: float
    provisions: tuple[Provision, ...]
    version: int
    finding_id: int
    cleared_at: datetime | None = None
    closed_at: datetime | None = None
    zone_id: str | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One entry of an alarm's history: who did what, when, why."""

    at: datetime
    actor: str
    action: AlarmAction
    from_state: AlarmState | None
    to_state: AlarmState
    reason: str
    note: str = ""
