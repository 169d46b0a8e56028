"""What the writer stores in one transaction, column by column: made of messages, or of a part of a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from lifeline.reading import RejectReason
from lifeline.store.devices import TALLY, State
from lifeline.store.readings import READING
from lifeline.store.rejects import Reject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DETAILS = 3
"""Faults of one message and reason that are told one by one; the others are counted."""


@dataclass(slots=True)
class Stranger:
    """What a sender that no city pack names has sent in this batch; without a city and a device where none is named."""

    city_code: str
    device_id: str
    topic: str = ""
    """of the newest message"""
    payload: bytes = b""
    """the newest"""
    messages: int = 0
    channels: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Batch:
    """What one transaction stores."""

    messages: int = 0
    """how many messages it is made of"""
    rows: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, READING))
    """(n,) of READING in the order of arrival, duplicates included"""
    owner: npt.NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    """(n,) whose row it is: position in `tallies`"""
    device_ids: list[str] = field(default_factory=list)
    city_codes: list[str | None] = field(default_factory=list)
    """of each device; None: not known"""
    tallies: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, TALLY))
    """(devices,) of TALLY; received and rejected are counted, the key and what becomes of `rows` are the writer's"""
    states: dict[int, State] = field(default_factory=dict)
    """newest state by position in `tallies`"""
    rejects: list[Reject] = field(default_factory=list)
    reject_owners: list[int] = field(default_factory=list)
    """of each reject of a message: position in `tallies`"""
    strangers: dict[int, Stranger] = field(default_factory=dict)
    """by position in `tallies`"""
    receipts: dict[str, list[str]] = field(default_factory=dict)
    """message ids to confirm, by receipt topic"""
    may_collide: bool = False
    """some may be stored already"""
    unknown_devices: bool = False
    """a device that no city pack names has spoken"""


def reject(
    device_id: str, topic: str, reason: RejectReason, details: Sequence[str], payload: bytes, *, received_us: int
) -> Reject:
    """One reject row for all records of a message that have the same `reason`; tells the first few of `details`."""
    detail = "; ".join(details[:_DETAILS])
    if len(details) > _DETAILS:
        detail += f"; and {len(details) - _DETAILS} more"
    return Reject(
        received_at=instant(received_us),
        device_id=device_id,
        topic=_storable(topic),
        reason=reason,
        detail=_storable(detail),
        payload=payload,
        times=len(details),
    )


def instant(microseconds: int) -> datetime:
    """Microseconds since 1970 as UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _storable(text: str) -> str:
    """`text` as PostgreSQL can keep it: no NUL, no half surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
