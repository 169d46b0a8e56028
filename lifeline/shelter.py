"""How a shelter stands: mode (平 / 转换中 / 急), state, people inside and how old that count is; evacuations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.asset import Name, Position, Shelter
from lifeline.errors import IllegalTransitionError


class ShelterMode(StrEnum):
    """Everyday use, being converted, emergency use (平急两用)."""

    EVERYDAY = "平"
    CONVERTING = "转换中"
    EMERGENCY = "急"


class ShelterState(StrEnum):
    """Whether people can go there."""

    STANDBY = "standby"
    """closed to evacuees, may be opened"""
    OPENING = "opening"
    """being opened: may be planned for"""
    OPEN = "open"
    FULL = "full"
    CLOSED = "closed"
    """out of use; a person said so"""
    UNSAFE = "unsafe"
    """people must leave"""


class Season(StrEnum):
    """What counts: whether people can stay without heating."""

    WARM = "warm"
    COLD = "cold"


_SEASON_FOR = timedelta(hours=6)
"""How long what was worked out for a season is believed."""
_S = ShelterState
TRANSITIONS: dict[ShelterState, frozenset[ShelterState]] = {
    _S.STANDBY: frozenset({_S.OPENING, _S.OPEN, _S.CLOSED, _S.UNSAFE}),
    _S.OPENING: frozenset({_S.OPEN, _S.STANDBY, _S.CLOSED, _S.UNSAFE}),
    _S.OPEN: frozenset({_S.FULL, _S.STANDBY, _S.CLOSED, _S.UNSAFE}),
    _S.FULL: frozenset({_S.OPEN, _S.STANDBY, _S.CLOSED, _S.UNSAFE}),
    _S.CLOSED: frozenset({_S.STANDBY, _S.UNSAFE}),
    _S.UNSAFE: frozenset({_S.STANDBY, _S.OPEN, _S.CLOSED}),
}
"""Where a shelter may go from a state; what is not here is not allowed."""


def check_transition(before: ShelterState, after: ShelterState) -> None:
    """Raises IllegalTransitionError, which names what is allowed instead.

    >>> check_transition(ShelterState.STANDBY, ShelterState.OPENING)
    """
    if after not in TRANSITIONS[before]:
        allowed = ", ".join(state.value for state in ShelterState if state in TRANSITIONS[before])
        raise IllegalTransitionError(
            f"a shelter that is {before.value} cannot become {after.value}", advice=f"allowed now: {allowed}"
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How a shelter stands. `people` is None where nobody has counted, which is not nobody inside."""

    shelter: Shelter
    mode: ShelterMode
    state: ShelterState
    reason: str
    version: int
    """0: nobody has said anything of it yet; it stands as its pack says"""
    note: str = ""
    people: int | None = None
    counted_at: datetime | None = None
    counted_by: str | None = None
    changed_at: datetime | None = None
    changed_by: str | None = None
    exposure: str = "unknown"
    """dry, threatened, flooded, unknown: water at the site and on its last 500 m"""
    exposure_reason: str = "not-looked-at"
    exposure_at: datetime | None = None
    places: int | None = None
    """how many it takes in `season`, as of `places_at`; None: not worked out yet"""
    season: Season | None = None
    places_at: datetime | None = None

    def takes(self, now: datetime) -> int | None:
        """How many people it takes in this season; None where nobody has worked that out lately, which is not none."""
        return self.places if self.places_at is not None and now - self.places_at <= _SEASON_FOR else None

    def count_age_s(self, now: datetime) -> float | None:
        """How old the count is; None where there is none."""
        return None if self.counted_at is None else (now - self.counted_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Task:
    """One line of a conversion's checklist; hours count from the order."""

    task: str
    title: Name
    promised_hours: float
    done_at: datetime | None = None
    done_by: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """A shelter on its way from one mode to the other."""

    conversion_id: int
    shelter_id: str
    city_code: str
    to_mode: ShelterMode
    ordered_at: datetime
    ordered_by: str
    promised_hours: float
    exercise: bool
    tasks: tuple[Task, ...]
    ended_at: datetime | None = None
    outcome: str | None = None

    @property
    def actual_hours(self) -> float | None:
        """From the order to the end; None while it lasts."""
        return None if self.ended_at is None else (self.ended_at - self.ordered_at).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class EvacuationCell:
    """People of a population cell who must leave; those with special needs are among them."""

    cell_id: str
    position: Position
    people: int
    special_needs: int


@dataclass(frozen=True, slots=True)
class Move:
    """People of a cell who have set out for a shelter and who have arrived there."""

    cell_id: str
    shelter_id: str
    special: bool
    under_way: int
    arrived: int


@dataclass(frozen=True, slots=True)
class Evacuation:
    """People who must leave their homes."""

    evacuation_id: int
    city_code: str
    ordered_at: datetime
    ordered_by: str
    reason: str
    exercise: bool
    cells: tuple[EvacuationCell, ...]
    moves: tuple[Move, ...] = ()
    ended_at: datetime | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """People of a cell and where they go; `shelter_id` None: they have no place, `reason` says why."""

    cell_id: str
    special: bool
    shelter_id: str | None
    people: int
    distance_m: float | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Who goes where, as planned at `at`; `opens` are the sites on standby that it needs."""

    plan_id: int
    evacuation_id: int
    at: datetime
    reason: str
    opens: tuple[str, ...]
    figures: dict[str, float]
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposure:
    """Water at a site and on its last 500 m, now and within the hour, in m; None: unknown."""

    shelter_id: str
    at: datetime
    site_depth_m: float | None
    way_depth_m: float | None
    site_60_m: float | None
    way_60_m: float | None
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Places:
    """How many people a shelter takes in the season of its city, and why that is the season."""

    shelter_id: str
    at: datetime
    season: Season
    reason: str
    places: int


@dataclass(frozen=True, slots=True)
class WaterAt:
    """What a depth sensor says: depth now, and the most that is expected within the hour (median); None: unknown."""

    sensor_id: str
    city_code: str
    position: Position
    depth_m: float | None
    expected_60_m: float | None
