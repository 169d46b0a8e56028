"""Who is told of an event, on which channels, in which words: the notices of the outbox. Pure."""

import math
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alerts import text
from alerts.policy import Audience, Policy
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
    UNTELLABLE = "untellable"
    """writing the notice failed; the log has the trace"""


@dataclass(frozen=True, slots=True)
class Telling:
    """The notices of an event, and why these or none."""

    told: Told
    drafts: tuple[Draft, ...] = ()


def tell(
    happening: text.Happening,
    event_id: int,
    *,
    policy: Policy,
    channels: Sequence[ChannelSettings],
    heard: Collection[tuple[str, str]],
    level_reason: str,
    link: str,
) -> Telling:
    """Who is told of `happening`. `heard`: channel and address of everybody who was told of the alarm before."""
    alarm, action = happening.alarm, happening.action
    audience = policy.audience(action)
    if audience is Audience.NOBODY:
        return Telling(Told.NOBODY_BY_POLICY)
    if audience is Audience.HEARD:
        chosen = [channel for channel in channels if (channel.name, channel.address) in heard]
        if not chosen:
            return Telling(Told.NOBODY_HEARD)
    else:
        chosen = [channel for channel in channels if alarm.level <= Level[channel.min_level.upper()]]
        if not chosen:
            return Telling(Told.NO_CHANNEL)
    urgency = GOOD_NEWS if action in text.GOOD_NEWS else int(alarm.level)
    drafts = tuple(
        _draft(happening, event_id, channel, urgency=urgency, level_reason=level_reason, link=link)
        for channel in chosen
    )
    return Telling(Told.TOLD, drafts)


def idempotency_key(alarm: Alarm, event_id: int, channel: ChannelSettings) -> str:
    """The same for every attempt to tell the same event on the same channel, and for nothing else anywhere."""
    parts = (str(event_id), alarm.subject, alarm.opened_at.isoformat(), channel.name, channel.address)
    return str(uuid.uuid5(_KEYS, "\n".join(parts)))


def _draft(
    happening: text.Happening,
    event_id: int,
    channel: ChannelSettings,
    *,
    urgency: int,
    level_reason: str,
    link: str,
) -> Draft:
    line = text.subject_line(happening, channel.language)
    words = text.body(happening, channel.language, level_reason=level_reason, link=link)
    key = idempotency_key(happening.alarm, event_id, channel)
    return Draft(
        alarm_id=happening.alarm.alarm_id,
        event_id=event_id,
        urgency=urgency,
        idempotency_key=key,
        channel=channel.name,
        address=channel.address,
        subject_line=line,
        body=words,
        payload=_payload(happening, key, level_reason=level_reason, link=link)
        | {"language": channel.language, "subject_line": line, "body": words},
    )


def _payload(happening: text.Happening, key: str, *, level_reason: str, link: str) -> dict[str, Any]:
    """The document of docs/alarms.md that machines read."""
    alarm, finding = happening.alarm, happening.finding
    return {
        "format": 1,
        "idempotency_key": key,
        "event": happening.action.value,
        "reason": happening.reason,
        "actor": happening.actor,
        "note": happening.note,
        "at": happening.at.isoformat(),
        "link": link or None,
        "alarm": {
            "alarm_id": alarm.alarm_id,
            "version": alarm.version,
            "subject": alarm.subject,
            "kind": alarm.kind.value,
            "level": alarm.level.name.lower(),
            "level_reason": level_reason,
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
