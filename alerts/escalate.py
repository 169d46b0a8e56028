"""When the next one is called about an alarm that nobody answers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.policy import Escalation, Grouping
from alerts.roster import Rung
from lifeline.alarm import Alarm


class Why(StrEnum):
    """Why somebody is called; stored with the call."""

    ON_DUTY = "on-duty"
    """the first of the line, told when the alarm was"""
    UNANSWERED = "unanswered"
    """who was called before has not answered in time"""
    DECLINED = "declined"
    """who was called before cannot come"""


@dataclass(frozen=True, slots=True)
class Watch:
    """An alarm that waits for an answer since the event at `since`; `rung` is the last one that was called."""

    alarm: Alarm
    since: datetime
    rung: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Next:
    """What happens now: `rung` is called (None: the line is at its end), and the one after it at `next_at`."""

    rung: Rung | None
    number: int
    next_at: datetime | None


def begin(rule: Escalation, since: datetime) -> datetime:
    """When the second rung is called about an alarm whose first one is told at `since`."""
    return since + timedelta(seconds=rule.answer_s)


def due(watch: Watch, line: Sequence[Rung], rule: Escalation, now: datetime) -> Next | None:
    """The next step of a watch; None while there is time to answer.

    A line that nobody fills is at its end at once when its time is over: that nobody is on duty is no answer.
    """
    if watch.next_at is None or now < watch.next_at:
        return None
    number = watch.rung + 1
    if number >= len(line):
        return Next(None, watch.rung, None)
    return Next(line[number], number, now + timedelta(seconds=rule.answer_s))


def may_call(alarm: Alarm, called_at: datetime | None, rules: Grouping, now: datetime) -> bool:
    """Whether somebody who was called at `called_at` may be called again: calls of a storm come together, grave ones
    sooner."""
    if called_at is None:
        return True
    wait_s = rules.urgent_wait_s if alarm.level <= rules.urgent else rules.gap_s
    return now - called_at >= timedelta(seconds=wait_s)
