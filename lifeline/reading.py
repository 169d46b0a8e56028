"""A reading: what a sensor measured, when, and how far it can be trusted."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Quality(IntEnum):
    """How far a stored reading can be trusted."""

    GOOD = 0
    DOUBTFUL = 1
    BAD = 2


class QualityReason(IntEnum):
    """Why a stored reading has its quality; the numbers are stored and never reused."""

    OK = 0
    OUT_OF_RANGE = 1
    """outside the sensor's physical range: bad"""
    RATE_OF_CHANGE = 2
    """changed faster than the quantity can: doubtful"""
    LATE = 3
    """observed long before it came: good for the record, too late for a live decision: good"""
    CLOCK_AHEAD = 4
    """observed after it was received, by more than the tolerance: doubtful"""
    BACKFILLED = 5
    """came from a file, not from the device: good"""
    HISTORICAL = 6
    """the device says that it is from its memory: good for the record, never for a live decision"""
    RELEASED = 7
    """was a reject until its device was adopted or its channel named: good for the record"""
    CLOCK_BEHIND = 8
    """observed long before it came, by a device whose clock is measured to be behind: doubtful"""


FOR_THE_RECORD = (QualityReason.HISTORICAL, QualityReason.RELEASED)
"""Readings with these reasons are stored and shown, but no detector takes them for what is happening now."""


class RejectReason(StrEnum):
    """Why something published is not stored as a reading; kept with the raw payload."""

    TOPIC = "topic"
    """the topic does not follow docs/wire.md"""
    FORMAT = "format"
    """no codec is registered under the topic's format"""
    MALFORMED = "malformed"
    """the payload is not what its format says"""
    TOO_LARGE = "too-large"
    """the payload is larger than the limit of the settings"""
    UNKNOWN_DEVICE = "unknown-device"
    """no city pack names the device"""
    UNKNOWN_CHANNEL = "unknown-channel"
    """the device is known, its channel is not"""
    UNKNOWN_SENSOR = "unknown-sensor"
    """no city pack names the sensor of a file's row"""
    DEVICE_MISMATCH = "device-mismatch"
    """the payload speaks for another device than its topic"""
    NO_VALUE = "no-value"
    """a record without a numeric value"""
    FLAGGED = "flagged"
    """the device itself says that the value is no measurement: test, maintenance, fault, calibration"""
    NOT_FINITE = "not-finite"
    """NaN or infinite"""
    UNIT = "unit"
    """the unit is unknown or measures something else"""
    FUTURE = "future"
    """observed so far after its reception that the time cannot be true"""
    TOO_OLD = "too-old"
    """observed before the earliest time that the store keeps"""


@dataclass(frozen=True, slots=True)
class Reading:
    """One stored value, SI."""

    sensor_key: int
    observed_at: datetime
    received_at: datetime
    value: float
    quality: Quality = Quality.GOOD
    reason: QualityReason = QualityReason.OK
