"""A public message about an alarm: the one record that CAP 1.2 and the national form are written from. Pure."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from lifeline.alarm import Level
from lifeline.asset import Position

HEADLINE_LIMIT = 160
_LONGEST_POLYGON = 100
_WEEKS_BEFORE = timedelta(days=7)
_IDENTIFIER = re.compile(r"[^\s,<&]+")


class Status(StrEnum):
    """Whether a message is meant."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


class MsgType(StrEnum):
    """What a message does to the ones before it."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


class Certainty(StrEnum):
    """How sure it is, in the words that both forms have."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Reference:
    """An earlier message."""

    sender: str
    identifier: str
    sent: datetime


@dataclass(frozen=True, slots=True)
class Area:
    """Where: words, divisions (GB/T 2260), and a closed ring or a circle, WGS 84."""

    words: str
    geocodes: tuple[str, ...]
    ring: tuple[Position, ...] = ()
    centre: Position | None = None
    radius_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Bulletin:
    """One message. `references`: all earlier ones of its event, the first one first; times are whole seconds."""

    identifier: str
    sender: str
    sender_name: str
    sent: datetime
    status: Status
    msg_type: MsgType
    event: str
    event_code: str
    level: Level
    certainty: Certainty
    effective: datetime
    expires: datetime
    headline: str
    description: str
    instruction: str
    area: Area
    references: tuple[Reference, ...] = ()
    note: str = ""
    approved_by: str = ""

    @property
    def chain(self) -> str:
        """Identifier of the first message of the event."""
        return self.references[0].identifier if self.references else self.identifier


COLOURS = {Level.RED: "Red", Level.ORANGE: "Orange", Level.YELLOW: "Yellow", Level.BLUE: "Blue"}
SEVERITIES = {Level.RED: "Extreme", Level.ORANGE: "Severe", Level.YELLOW: "Moderate", Level.BLUE: "Minor"}
URGENCIES = {Level.RED: "Immediate", Level.ORANGE: "Immediate", Level.YELLOW: "Expected", Level.BLUE: "Expected"}


def wrong(bulletin: Bulletin, known: Collection[Reference] = (), *, sent_before: Sequence[str] = ()) -> list[str]:
    """What the rules of the standard and its consumers forbid and no schema catches; empty where it may go out.

    `known`: the messages that may be referred to; `sent_before`: identifiers that are used up.
    """
    faults = []
    if not _IDENTIFIER.fullmatch(bulletin.identifier) or not _IDENTIFIER.fullmatch(bulletin.sender):
        faults.append("identifier, sender: no blanks, commas, < and &")
    if bulletin.identifier in sent_before:
        faults.append("identifier: each message has a new one")
    if bulletin.status is Status.ACTUAL and not bulletin.approved_by.strip():
        faults.append("status: Actual needs a named person who approved it")
    if bulletin.status is not Status.ACTUAL and not re.search("演练|测试", bulletin.headline):
        faults.append("headline: an exercise or test says so")
    if not bulletin.effective <= bulletin.expires or bulletin.sent > bulletin.expires:
        faults.append("expires: after effective and sent")
    if bulletin.effective < bulletin.sent - _WEEKS_BEFORE:
        faults.append("effective: not weeks before sent")
    if any(at.tzinfo is None or at.microsecond for at in (bulletin.sent, bulletin.effective, bulletin.expires)):
        faults.append("times: with offset, in whole seconds")
    if (bulletin.msg_type is MsgType.ALERT) == bool(bulletin.references):
        faults.append("references: Update and Cancel have them, Alert has none")
    for reference in bulletin.references:
        if reference.identifier == bulletin.identifier:
            faults.append("references: not to itself")
        elif reference not in known:
            faults.append(f"references: there is no message {reference.identifier}")
        if reference.sent > bulletin.sent:
            faults.append("references: not to what was sent later")
    if len(bulletin.headline) > HEADLINE_LIMIT or bulletin.headline == bulletin.description:
        faults.append(f"headline: {HEADLINE_LIMIT} characters at most, and not the description")
    faults += _wrong_area(bulletin.area)
    return faults


def _wrong_area(area: Area) -> list[str]:
    faults = []
    if not area.geocodes or not (area.ring or area.centre):
        faults.append("area: a geocode, and a ring or a circle")
    if area.centre and not 0 <= area.radius_m < 500_000:
        faults.append("area: a radius up to 500 km")
    if area.ring:
        if len(area.ring) < 4 or area.ring[0] != area.ring[-1]:
            faults.append("area: a ring of four points at least, the first one last")
        elif len(area.ring) > _LONGEST_POLYGON:
            faults.append(f"area: {_LONGEST_POLYGON} points at most")
        elif _crosses(area.ring):
            faults.append("area: a ring that does not cross itself")
    return faults


def _crosses(ring: Sequence[Position]) -> bool:
    """Whether two sides that are not neighbours meet."""
    sides = list(pairwise(ring))
    for one, (a, b) in enumerate(sides):
        for other in range(one + 2, len(sides)):
            if one == 0 and other == len(sides) - 1:
                continue
            c, d = sides[other]
            if _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) <= 0:
                return True
    return False


def _side(a: Position, b: Position, c: Position) -> float:
    return (b.lon - a.lon) * (c.lat - a.lat) - (b.lat - a.lat) * (c.lon - a.lon)
