"""Watches the channels: one that gives notices up becomes a finding of its own, and its end when it delivers again."""

from datetime import datetime, timedelta

from alerts.caller import DETECTOR
from lifeline import log
from lifeline.clock import Clock
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.store import duty, findings, notices
from lifeline.store.pool import Store

_BACK_DAYS = 7.0
_log = log.logger("channels")


def watch_channels(store: Store, clock: Clock) -> None:
    """Says once that a channel is down and once that it works again. Raises StoreError."""
    now = clock.now()
    troubled = notices.troubled(store, since=now - timedelta(days=_BACK_DAYS))
    with store.transaction() as connection:
        said = duty.conditions(connection, FindingKind.CHANNEL_DOWN)
        made = []
        for channel, (city_code, error, _) in troubled.items():
            if not said.get(f"channel:{channel}", ("", False))[1]:
                _log.error("channel is down", channel=channel, error=error)
                made.append(_finding(channel, city_code, Phase.ONSET, "notices-given-up", error, now))
        for subject, (city_code, is_there) in said.items():
            channel = subject.partition(":")[2]
            if is_there and channel not in troubled:
                made.append(_finding(channel, city_code, Phase.END, "delivers-again", "", now))
        findings.insert(connection, made, now=now)


def _finding(channel: str, city_code: str, phase: Phase, reason: str, error: str, now: datetime) -> Finding:
    return Finding(
        subject=f"channel:{channel}",
        kind=FindingKind.CHANNEL_DOWN,
        phase=phase,
        city_code=city_code,
        detector=DETECTOR,
        reason=reason,
        began_at=now,
        detected_at=now,
        probability=1.0,
        explanation={"error": error} if error else {},
    )
