"""A work order and its life: offered to a crew, accepted, on site, mitigated, verified by another person, closed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifeline.alarm import AlarmAction, Level
from lifeline.asset import Name, Position
from lifeline.errors import IllegalTransitionError
from lifeline.finding import FindingKind


class OrderState(StrEnum):
    """Where an order stands."""

    WAITING = "waiting"
    """no crew is asked: none is free, or the next one is being chosen"""
    OFFERED = "offered"
    ACCEPTED = "accepted"
    ON_SITE = "on-site"
    MITIGATED = "mitigated"
    VERIFIED = "verified"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class OrderAction(StrEnum):
    """What moves an order."""

    OPEN = "open"
    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE = "decline"
    TIME_OUT = "time-out"
    """the crew did not answer in time"""
    HAND_BACK = "hand-back"
    """the crew that has it cannot go on"""
    ARRIVE = "arrive"
    MITIGATE = "mitigate"
    VERIFY = "verify"
    REJECT = "reject"
    """who looked found it not mended"""
    CLOSE = "close"
    CANCEL = "cancel"
    BREACH = "breach"
    """a time limit passed"""
    PHOTO = "photo"
    NOTE = "note"


OVER = frozenset({OrderState.CLOSED, OrderState.CANCELLED})
_S, _A = OrderState, OrderAction
_LIVE = [state for state in OrderState if state not in OVER]
TRANSITIONS: dict[tuple[OrderState, OrderAction], OrderState] = {
    **{(state, action): state for state in _LIVE for action in (_A.NOTE, _A.PHOTO, _A.BREACH)},
    **{(state, _A.CANCEL): _S.CANCELLED for state in _LIVE},
    (_S.WAITING, _A.OFFER): _S.OFFERED,
    (_S.OFFERED, _A.ACCEPT): _S.ACCEPTED,
    (_S.OFFERED, _A.DECLINE): _S.WAITING,
    (_S.OFFERED, _A.TIME_OUT): _S.WAITING,
    (_S.ACCEPTED, _A.ARRIVE): _S.ON_SITE,
    (_S.ACCEPTED, _A.HAND_BACK): _S.WAITING,
    (_S.ON_SITE, _A.MITIGATE): _S.MITIGATED,
    (_S.ON_SITE, _A.HAND_BACK): _S.WAITING,
    (_S.MITIGATED, _A.VERIFY): _S.VERIFIED,
    (_S.MITIGATED, _A.REJECT): _S.WAITING,
    (_S.VERIFIED, _A.CLOSE): _S.CLOSED,
}
"""(state, action) -> next state; what is not here is not allowed."""

OF_CREW = frozenset({_A.ACCEPT, _A.DECLINE, _A.ARRIVE, _A.MITIGATE, _A.HAND_BACK})
"""What only the crew that is asked, or has it, can do."""
OF_SYSTEM = frozenset({_A.OPEN, _A.OFFER, _A.TIME_OUT, _A.BREACH})
"""What people cannot do through `store.work_orders.act`."""
ON_ALARM: dict[OrderAction, AlarmAction] = {
    _A.OFFER: AlarmAction.DISPATCH,
    _A.ACCEPT: AlarmAction.ACCEPT,
    _A.ARRIVE: AlarmAction.ARRIVE,
    _A.MITIGATE: AlarmAction.MITIGATE,
    _A.VERIFY: AlarmAction.VERIFY,
    _A.REJECT: AlarmAction.DISPATCH,
    _A.CLOSE: AlarmAction.CLOSE,
    _A.NOTE: AlarmAction.NOTE,
}
"""What the alarm does when its order does this, where its own life cycle allows it."""


def next_state(state: OrderState, action: OrderAction) -> OrderState:
    """The state after `action`. Raises IllegalTransitionError, which names what is allowed instead.

    >>> next_state(OrderState.OFFERED, OrderAction.ACCEPT).value
    'accepted'
    """
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        allowed = [a.value for a in allowed_actions(state)]
        raise IllegalTransitionError(
            f"a work order that is {state.value} cannot {action.value}",
            advice=f"allowed now: {', '.join(allowed)}" if allowed else "it is over",
        ) from None


def allowed_actions(state: OrderState) -> tuple[OrderAction, ...]:
    """What may happen to an order in `state`, in the order of OrderAction."""
    return tuple(action for action in OrderAction if (state, action) in TRANSITIONS)


@dataclass(frozen=True, slots=True)
class Material:
    """Something to take along."""

    name: Name
    quantity: str


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a crew is asked to do about an alarm. `due_at`: time limit of `due_what`, the next step."""

    order_id: int
    alarm_id: int
    city_code: str
    kind: FindingKind
    level: Level
    skills: tuple[str, ...]
    materials: tuple[Material, ...]
    title: Name
    position: Position | None
    exercise: bool
    state: OrderState
    created_at: datetime
    version: int
    crew_id: str | None = None
    doer: str | None = None
    verifier: str | None = None
    due_at: datetime | None = None
    due_what: str | None = None
    accepted_at: datetime | None = None
    arrived_at: datetime | None = None
    mitigated_at: datetime | None = None
    verified_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether its alarm is free for another order."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One entry of an order's history. `done_at` is the phone's time, `at` ours."""

    at: datetime
    done_at: datetime
    who: str
    action: OrderAction
    from_state: OrderState | None
    to_state: OrderState
    reason: str
    note: str = ""
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A crew that was asked: `minutes` is its expected way, infinite where no road is known to lead there."""

    order_id: int
    crew_id: str
    at: datetime
    answer_by: datetime
    minutes: float
    reasons: tuple[str, ...]
    outcome: str = "waiting"
    answered_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderPhoto:
    """What is known of a picture: the picture itself has the same `sha256` (hex) among the photos of the alarm."""

    order_id: int
    sha256: str
    at: datetime
    taken_at: datetime
    who: str
    media_type: str
    size_bytes: int
    position: Position | None = None
