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

    CANDIDATE = "candidate"
    """held back until it has lasted; nobody is told yet"""
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ON_SITE = "on-site"
    MITIGATED = "mitigated"
    VERIFIED = "verified"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    """another alarm explains it; nobody needs to hear of it while that one lasts"""
    CLOSED = "closed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


ENDED = frozenset({AlarmState.CLOSED, AlarmState.CANCELLED, AlarmState.SUPERSEDED})
"""States in which the subject is free for a new alarm."""


class AlarmAction(StrEnum):
    """What moves an alarm."""

    OPEN = "open"
    ESCALATE = "escalate"
    """the level became graver: whoever has seen only the lower level has not seen this one"""
    LOWER = "lower"
    """the level became less grave"""
    CLEAR = "clear"
    """the condition ended"""
    RETURN = "return"
    """the condition came back before the alarm was closed"""
    CONFIRM = "confirm"
    """a candidate has lasted, or a person believes it"""
    SUPPRESS = "suppress"
    """another alarm explains it"""
    RELEASE = "release"
    """what explained it is over, and it is still there"""
    LAPSE = "lapse"
    """it was acknowledged, and nothing followed"""
    EXPIRE = "expire"
    """it is over, and of a kind that nobody need have seen"""
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


FINDING_ACTIONS = frozenset(
    {AlarmAction.OPEN, AlarmAction.ESCALATE, AlarmAction.LOWER, AlarmAction.CLEAR, AlarmAction.RETURN}
)
"""What only a finding can cause."""
SYSTEM_ACTIONS = FINDING_ACTIONS | {
    AlarmAction.SUPPRESS,
    AlarmAction.RELEASE,
    AlarmAction.LAPSE,
    AlarmAction.EXPIRE,
}
"""What people cannot do: what findings cause, other alarms and time. The rest are people's, or the system's in their
stead (closing what is over)."""

_S, _A = AlarmState, AlarmAction
_UNSEEN = (_S.CANDIDATE, _S.OPEN, _S.SUPPRESSED)
_LIVE = [state for state in AlarmState if state not in ENDED]
TRANSITIONS: dict[tuple[AlarmState, AlarmAction], AlarmState] = {
    **{(state, action): state for state in _LIVE for action in (_A.NOTE, _A.CLEAR, _A.LOWER, _A.ESCALATE, _A.RETURN)},
    **{(state, _A.CANCEL): _S.CANCELLED for state in _LIVE},
    **{(state, _A.SUPERSEDE): _S.SUPERSEDED for state in _LIVE},
    **{(state, _A.ACKNOWLEDGE): _S.ACKNOWLEDGED for state in _UNSEEN},
    **{(state, _A.DISPATCH): _S.DISPATCHED for state in _UNSEEN},
    **{(state, _A.SHELVE): _S.SHELVED for state in _UNSEEN},
    (_S.CANDIDATE, _A.CONFIRM): _S.OPEN,
    (_S.CANDIDATE, _A.ESCALATE): _S.OPEN,
    (_S.CANDIDATE, _A.CLOSE): _S.CLOSED,
    (_S.OPEN, _A.SUPPRESS): _S.SUPPRESSED,
    (_S.OPEN, _A.EXPIRE): _S.CLOSED,
    (_S.SUPPRESSED, _A.RELEASE): _S.OPEN,
    (_S.SUPPRESSED, _A.CLOSE): _S.CLOSED,
    (_S.SUPPRESSED, _A.ESCALATE): _S.OPEN,
    (_S.ACKNOWLEDGED, _A.LAPSE): _S.OPEN,
    (_S.ACKNOWLEDGED, _A.DISPATCH): _S.DISPATCHED,
    (_S.ACKNOWLEDGED, _A.SHELVE): _S.SHELVED,
    (_S.ACKNOWLEDGED, _A.CLOSE): _S.CLOSED,
    (_S.ACKNOWLEDGED, _A.ESCALATE): _S.OPEN,
    (_S.DISPATCHED, _A.ACCEPT): _S.ACCEPTED,
    (_S.ACCEPTED, _A.ARRIVE): _S.ON_SITE,
    (_S.ON_SITE, _A.MITIGATE): _S.MITIGATED,
    (_S.MITIGATED, _A.VERIFY): _S.VERIFIED,
    (_S.MITIGATED, _A.DISPATCH): _S.DISPATCHED,
    (_S.MITIGATED, _A.ESCALATE): _S.OPEN,
    (_S.MITIGATED, _A.RETURN): _S.OPEN,
    (_S.VERIFIED, _A.CLOSE): _S.CLOSED,
    (_S.VERIFIED, _A.ESCALATE): _S.OPEN,
    (_S.VERIFIED, _A.RETURN): _S.OPEN,
    (_S.SHELVED, _A.UNSHELVE): _S.OPEN,
    (_S.SHELVED, _A.CLOSE): _S.CLOSED,
    (_S.SHELVED, _A.ESCALATE): _S.OPEN,
}
"""(state, action) -> next state; what is not here is not allowed.

A graver level opens again what people had put aside or held to be mended; crews under way stay under way.
"""


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
    shelved_until: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether its subject is free for a new alarm."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Standing:
    """A live alarm with what the life cycle asks of its past."""

    alarm: Alarm
    level_at: datetime
    """event time of the finding that last changed the level"""
    next_level: Level | None = None
    """to which the level goes down when it has stood long enough"""
    end_told: bool = False
    """whether people were told that the condition ended (meant for alarms that are cleared)"""
    acted_at: datetime | None = None
    """when a person last did something about it; None: nobody has"""


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One entry of an alarm's history: who did what, when, why; `told` is why people were told of it or not."""

    at: datetime
    actor: str
    action: AlarmAction
    from_state: AlarmState | None
    to_state: AlarmState
    reason: str
    note: str = ""
    event_id: int = 0
    told: str | None = None
    """None: the alerts stage has yet to decide"""
