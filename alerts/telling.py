"""Who is told of which events, on which channels, in which words: the notices of the outbox. Pure."""

import math
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alerts import text
from alerts.policy import Audience
from lifeline.alarm import Alarm, Level
from lifeline.settings import ChannelSettings
from lifeline.store.notices import GOOD_NEWS, Draft

_KEYS = uuid.UUID("5f1e9a54-3c0e-5c1c-9d3b-6c1f0b0f6a11")


class Told(StrEnum):
    """Why people were told of an event or not; stored with the event."""

    TOLD = "told"
    NOBODY_BY_POLICY = "nobody-by-policy"
    """the policy tells nobody of such events"""
    NO_CHANNEL = "no-channel-at-this-level"
    """no channel is used for alarms of this level"""
    NOBODY_HEARD = "nobody-heard-before"
    """nobody was told of the alarm, so nobody is told that it is over"""
    KNOWN = "known"
    """the end was never told, so that it goes on is no news"""
    CAME_BACK = "came-back"
    """the end did not last; it was not told"""
    EXPLAINED = "explained"
    """another alarm explained it, and it was over before that one was"""
    SILENCED = "silenced"
    """a person made its sensors or its zone silent"""
    HELD = "held"
    """held back until it has lasted; it is told then"""
    UNTELLABLE = "untellable"
    """writing the notice failed; the log has the trace"""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a notice goes: a channel of the settings, or a person on duty through one. `fallbacks`: channel and address
    of what is tried after it."""

    channel: str
    address: str
    language: text.Language
    min_level: Level
    person: str | None = None
    fallbacks: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, channel: ChannelSettings, channels: Sequence[ChannelSettings] = ()) -> "Receiver":
        """The receiver that a channel of the settings stands for; its fallbacks are found among `channels`."""
        fallbacks: list[tuple[str, str]] = []
        by_name = {one.name: one for one in channels}
        seen, after = {channel.name}, by_name.get(channel.fallback)
        while after is not None and after.name not in seen:
            seen.add(after.name)
            fallbacks.append((after.name, after.address))
            after = by_name.get(after.fallback)
        level = Level[channel.min_level.upper()]
        return cls(channel.name, channel.address, channel.language, level, None, tuple(fallbacks))


@dataclass(frozen=True, slots=True)
class Case:
    """One alarm in a batch: its last event, all events that are told with it, and who is to hear of them."""

    happening: text.Happening
    event_ids: tuple[int, ...]
    audience: Audience
    heard: Collection[tuple[str, str]] = ()
    """channel and address of everybody who was told of the alarm before"""

    @property
    def alarm(self) -> Alarm:
        return self.happening.alarm

    @property
    def is_good(self) -> bool:
        return self.happening.action in text.GOOD_NEWS

    def reaches(self, receiver: Receiver) -> bool:
        """Whether `receiver` is told: who heard before hears on; bad news goes to who must act on its level."""
        if (receiver.channel, receiver.address) in self.heard:
            return True
        return self.audience is Audience.REACHED and self.alarm.level <= receiver.min_level


@dataclass(frozen=True, slots=True)
class Telling:
    """The notices of a batch, and for each event why these or none."""

    told: dict[int, Told]
    drafts: tuple[Draft, ...]


AnswerUrl = Callable[[str, Receiver], str]
"""The address at which the person of a notice answers, from its idempotency key; empty where there is none."""


def no_answer(key: str, receiver: Receiver) -> str:
    """No links."""
    del key, receiver
    return ""


def tell(
    cases: Sequence[Case],
    receivers: Sequence[Receiver],
    *,
    group: str,
    answer_url: AnswerUrl = no_answer,
    rang: Mapping[tuple[str, str], str] | None = None,
) -> Telling:
    """One notice for each receiver that one of `cases` reaches, about all that reach it, the gravest first.

    `rang`: by channel and address, the key of the notice that this one follows; elsewhere it is a new one."""
    cases = gravest_first(cases)
    told: dict[int, Told] = {}
    for case in cases:
        reached = any(case.reaches(receiver) for receiver in receivers)
        nobody = Told.NO_CHANNEL if case.audience is Audience.REACHED else Told.NOBODY_HEARD
        told |= dict.fromkeys(case.event_ids, Told.TOLD if reached else nobody)
    drafts = []
    for receiver in receivers:
        if seen := [case for case in cases if case.reaches(receiver)]:
            follows = (rang or {}).get((receiver.channel, receiver.address))
            drafts.append(draft(seen, receiver, group, answer_url=answer_url, follows=follows))
    return Telling(told, tuple(drafts))


def gravest_first(cases: Sequence[Case]) -> list[Case]:
    """Bad news before good, the gravest first."""
    return sorted(cases, key=lambda case: (case.is_good, case.alarm.level, case.alarm.alarm_id))


def idempotency_key(cases: Sequence[Case], receiver: Receiver, *, call: int = 0) -> str:
    """The same for every attempt to tell the same events at the same place, and for nothing else anywhere; `call`: the
    rung of the line that is called, 0 where it is told."""
    events = sorted(number for case in cases for number in case.event_ids)
    first = cases[0].alarm
    parts = [*map(str, events), first.subject, first.opened_at.isoformat(), receiver.channel, receiver.address]
    return str(uuid.uuid5(_KEYS, "\n".join([*parts, f"call {call}"] if call else parts)))


def fallback_key(key: str, channel: str, address: str) -> str:
    """The idempotency key of the same notice on a fallback."""
    return str(uuid.uuid5(_KEYS, f"{key}\n{channel}\n{address}"))


def draft(
    cases: Sequence[Case],
    receiver: Receiver,
    group: str,
    *,
    answer_url: AnswerUrl = no_answer,
    call: int = 0,
    follows: str | None = None,
) -> Draft:
    """The notice about `cases`, the gravest first, for one receiver; `call`: the rung of the line that it calls;
    `follows`: the key of the notice that it adds to."""
    language = receiver.language
    happenings = [case.happening for case in cases]
    key = idempotency_key(cases, receiver, call=call)
    url = "" if cases[0].is_good else answer_url(key, receiver)
    line = text.subject_line(happenings, language, called=bool(call), follows=follows is not None)
    words = text.body(happenings, language, called=bool(call), follows=follows is not None, answer_url=url)
    return Draft(
        alarm_id=cases[0].alarm.alarm_id,
        event_ids=tuple(sorted(number for case in cases for number in case.event_ids)),
        group_key=group,
        urgency=min((int(case.alarm.level) for case in cases if not case.is_good), default=GOOD_NEWS),
        idempotency_key=key,
        channel=receiver.channel,
        address=receiver.address,
        person=receiver.person,
        fallbacks=receiver.fallbacks,
        subject_line=line,
        body=words,
        payload={
            "format": 1,
            "idempotency_key": key,
            "language": language,
            "subject_line": line,
            "body": words,
            "answer": url or None,
            "follows": follows,
            "events": [_document(happening) for happening in happenings],
        },
    )


def _document(happening: text.Happening) -> dict[str, Any]:
    """One event as docs/alarms.md describes it."""
    alarm, finding = happening.alarm, happening.finding
    return {
        "event": happening.action.value,
        "reason": happening.reason,
        "actor": happening.actor,
        "note": happening.note,
        "at": happening.at.isoformat(),
        "link": happening.link or None,
        "alarm": {
            "alarm_id": alarm.alarm_id,
            "version": alarm.version,
            "subject": alarm.subject,
            "kind": alarm.kind.value,
            "level": alarm.level.name.lower(),
            "level_reason": happening.level_reason,
            "state": alarm.state.value,
            "title": {"zh": alarm.title_zh, "en": alarm.title_en},
            "city_code": alarm.city_code,
            "zone_id": alarm.zone_id,
            "began_at": alarm.began_at.isoformat(),
            "opened_at": alarm.opened_at.isoformat(),
            "cleared_at": alarm.cleared_at.isoformat() if alarm.cleared_at else None,
            "probability": alarm.probability,
            "position": {"lon": alarm.position.lon, "lat": alarm.position.lat} if alarm.position else None,
            "depth_m": _finite(finding.depth_m) if finding else None,
            "flow_m3_per_h": _finite(finding.flow_m3_per_h) if finding else None,
            "candidates": [
                {"asset_id": candidate.asset_id, "probability": candidate.probability}
                for candidate in (finding.candidates if finding else ())
            ],
            "provisions": [provision.value for provision in alarm.provisions],
        },
        "finding": {
            "finding_id": finding.finding_id,
            "phase": finding.phase.value,
            "detector": finding.detector,
            "reason": finding.reason,
            "detected_at": finding.detected_at.isoformat(),
            "sensor_ids": list(finding.sensor_ids),
        }
        if finding
        else None,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
