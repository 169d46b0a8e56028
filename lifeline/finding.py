"""A finding: what a detector says about the world, how sure it is, and why."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from lifeline.asset import Position
from lifeline.provision import Provision


class FindingKind(StrEnum):
    """What was found; docs/alarms.md says what each means for people."""

    BURST = "burst"
    LEAK = "leak"
    FLOOD = "flood"
    FLOOD_EXPECTED = "flood-expected"
    """water that is foreseen, not there yet"""
    SENSOR_FAULT = "sensor-fault"
    SENSOR_SILENT = "sensor-silent"
    BACKLOG = "backlog"
    UNANSWERED = "unanswered"
    """people were called and nobody answered"""
    CHANNEL_DOWN = "channel-down"
    """a way to tell people does not work"""
    OTHER = "other"
    """a kind that this version does not know: people are told rather than not"""

    @classmethod
    def _missing_(cls, value: object) -> "FindingKind":
        del value
        return cls.OTHER


PROVISIONS: dict[FindingKind, tuple[Provision, ...]] = {
    FindingKind.BURST: (Provision.P6_1,),
    FindingKind.LEAK: (Provision.P6_1, Provision.P6_2),
    FindingKind.FLOOD: (Provision.P6_5,),
    FindingKind.FLOOD_EXPECTED: (Provision.P6_5,),
    FindingKind.SENSOR_FAULT: (Provision.P6_1,),
    FindingKind.SENSOR_SILENT: (Provision.P6_1,),
    FindingKind.BACKLOG: (Provision.P6_5,),
    FindingKind.UNANSWERED: (Provision.P11_1,),
    FindingKind.CHANNEL_DOWN: (Provision.P11_1,),
    FindingKind.OTHER: (Provision.P6_1,),
}


DRILL = "drill:"
"""Subjects of exercises begin so."""


class Phase(StrEnum):
    """Where in its life the finding stands; rows are only ever added."""

    ONSET = "onset"
    UPDATE = "update"
    END = "end"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pipe (or other asset) that may be the cause."""

    asset_id: str
    probability: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement of a detector about one subject.

    `subject` names what the statement is about (`burst:CC-DMA-1`, `flood:CC-WD-03`): the alerts stage keeps one
    open alarm per subject. `reason` is the detector's named reason, `explanation` the numbers and curves behind it.
    `finding_id` is 0 before it is stored.
    """

    subject: str
    kind: FindingKind
    phase: Phase
    city_code: str
    detector: str
    reason: str
    began_at: datetime
    detected_at: datetime
    probability: float
    zone_id: str | None = None
    sensor_ids: tuple[str, ...] = ()
    position: Position | None = None
    area: dict[str, Any] | None = None
    """GeoJSON geometry of where it may be"""
    candidates: tuple[Candidate, ...] = ()
    flow_m3_per_h: float | None = None
    depth_m: float | None = None
    explanation: dict[str, Any] = field(default_factory=dict)
    finding_id: int = 0

    @property
    def is_about_zone(self) -> bool:
        """True where the subject is the zone itself and the sensors are only its witnesses."""
        return self.zone_id is not None and self.subject.partition(":")[2] == self.zone_id

    @property
    def exercise(self) -> bool:
        """Whether a drill made it up: everything that is told of it says so."""
        return self.subject.startswith(DRILL)

    @property
    def provisions(self) -> tuple[Provision, ...]:
        """The provisions that an alarm of this kind serves."""
        return PROVISIONS[self.kind]
