"""What the API sends and takes, as the OpenAPI document shows it. SI units, UTC times."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from console.api.instant import Instant
from console.sensing import SensorNow
from lifeline.alarm import SYSTEM_ACTIONS, Alarm, AlarmAction, AlarmEvent, AlarmState, allowed_actions
from lifeline.units import SI_UNIT

Item = TypeVar("Item")
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")]
"""What somebody adds in words."""
PEOPLE_ACTIONS = tuple(
    action for action in AlarmAction if action not in SYSTEM_ACTIONS and action is not AlarmAction.SUPERSEDE
)
"""What a page offers people, in that order."""


class Page(BaseModel, Generic[Item]):
    """Part of a list; `next` is the address of the following part, null at the end."""

    items: list[Item]
    next: str | None = None


class Title(BaseModel):
    """What people read."""

    zh: str
    en: str


class Point(BaseModel):
    """WGS 84, degrees."""

    lon: float
    lat: float


class AlarmDocument(BaseModel):
    """An alarm; `version` must be sent with an action."""

    alarm_id: int
    version: int
    subject: str
    city: str
    zone: str | None
    kind: str
    level: int = Field(description="1 red, 2 orange, 3 yellow, 4 blue")
    state: AlarmState
    title: Title
    began_at: datetime
    opened_at: datetime
    cleared_at: datetime | None
    closed_at: datetime | None
    shelved_until: datetime | None
    probability: float
    provisions: list[str]
    finding_id: int
    position: Point | None
    actions: list[AlarmAction] = Field(description="what the life cycle allows now")

    @classmethod
    def of(cls, alarm: Alarm) -> "AlarmDocument":
        """The document of `alarm`."""
        return cls(
            alarm_id=alarm.alarm_id,
            version=alarm.version,
            subject=alarm.subject,
            city=alarm.city_code,
            zone=alarm.zone_id,
            kind=alarm.kind.value,
            level=alarm.level.value,
            state=alarm.state,
            title=Title(zh=alarm.title_zh, en=alarm.title_en),
            began_at=alarm.began_at,
            opened_at=alarm.opened_at,
            cleared_at=alarm.cleared_at,
            closed_at=alarm.closed_at,
            shelved_until=alarm.shelved_until,
            probability=alarm.probability,
            provisions=[provision.value for provision in alarm.provisions],
            finding_id=alarm.finding_id,
            position=Point(lon=alarm.position.lon, lat=alarm.position.lat) if alarm.position else None,
            actions=[action for action in allowed_actions(alarm.state) if action in PEOPLE_ACTIONS],
        )


class EventDocument(BaseModel):
    """One entry of an alarm's history."""

    at: datetime
    actor: str
    action: AlarmAction
    from_state: AlarmState | None
    to_state: AlarmState
    reason: str
    note: str
    told: str | None = Field(description="named reason why people were told of it or not")

    @classmethod
    def of(cls, event: AlarmEvent) -> "EventDocument":
        """The document of `event`."""
        return cls(
            at=event.at,
            actor=event.actor,
            action=event.action,
            from_state=event.from_state,
            to_state=event.to_state,
            reason=event.reason,
            note=event.note,
            told=event.told,
        )


class NoticeDocument(BaseModel):
    """What was told to whom, and whether it arrived."""

    model_config = ConfigDict(from_attributes=True)
    notice_id: int
    channel: str
    address: str
    subject_line: str
    state: str
    attempts: int
    created_at: datetime
    delivered_at: datetime | None
    last_error: str | None


class FindingDocument(BaseModel):
    """What a detector said."""

    model_config = ConfigDict(from_attributes=True)
    finding_id: int
    subject: str
    kind: str
    phase: str
    city_code: str
    zone_id: str | None
    detector: str
    reason: str
    began_at: datetime
    detected_at: datetime
    stored_at: datetime
    probability: float
    sensor_ids: list[str]
    lon: float | None
    lat: float | None
    candidates: list[dict[str, Any]]
    flow_m3_per_h: float | None
    depth_m: float | None
    area: dict[str, Any] | None = None
    explanation: dict[str, Any] | None = None


class AlarmDetail(AlarmDocument):
    """An alarm with its history, the newest finding about it, and what was told."""

    events: list[EventDocument]
    finding: FindingDocument | None
    notices: list[NoticeDocument]


class ActionRequest(BaseModel):
    """On which version of the alarm, and why; who does it, the session or token says."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=1, description="of the alarm as the person saw it", strict=True)
    note: Note = ""
    until: Instant | None = Field(None, description="end of a shelving; shelve needs it")


class SensorDocument(BaseModel):
    """A sensor as it stands; silent is unknown, never normal."""

    sensor_id: str
    device_id: str
    channel: str
    city: str
    zone: str | None
    element: str | None
    quantity: str
    unit: str = Field(description="of `value` and `range`, SI")
    site: str
    name: Title
    position: Point
    interval_s: float
    range: tuple[float, float]
    state: str
    reason: str
    level: int | None = Field(description="of the gravest live alarm that names it")
    value: float | None
    observed_at: datetime | None

    @classmethod
    def of(cls, now: SensorNow) -> "SensorDocument":
        """The document of a sensor as it stands."""
        sensor, latest = now.sensor, now.latest
        return cls(
            sensor_id=sensor.sensor_id,
            device_id=sensor.device_id,
            channel=sensor.channel,
            city=sensor.city_code,
            zone=sensor.zone_id,
            element=sensor.element,
            quantity=sensor.quantity.value,
            unit=SI_UNIT[sensor.quantity],
            site=sensor.site.value,
            name=Title(zh=sensor.name.zh, en=sensor.name.en),
            position=Point(lon=sensor.position.lon, lat=sensor.position.lat),
            interval_s=sensor.interval_s,
            range=(sensor.range_min, sensor.range_max),
            state=now.state.value,
            reason=now.reason.value,
            level=now.level.value if now.level else None,
            value=latest.value if latest else None,
            observed_at=latest.observed_at if latest else None,
        )


class ReadingDocument(BaseModel):
    """One reading, SI."""

    observed_at: datetime
    received_at: datetime
    value: float
    quality: str
    reason: str


class StepDocument(BaseModel):
    """All readings of one step, SI; bad ones stay out."""

    at: datetime
    mean: float
    min: float
    max: float
    readings: int


class StageDocument(BaseModel):
    """A worker's last sign of life."""

    stage: str
    worker: str
    started_at: datetime
    beat_at: datetime
    age_s: float


class HealthDocument(BaseModel):
    """Whether what is shown can be believed."""

    status: str = Field(description="ok, or degraded: a stage is late or the database does not answer")
    database: bool
    newest_reading_at: datetime | None
    newest_reading_age_s: float | None
    readings_per_minute: float | None
    silent_sensors: int
    sensors: int
    live_alarms: int
    watchers: int
    stages: list[StageDocument]
