"""Watches the channels: one that gives notices up becomes a finding of its own, and its end when it delivers again."""

from datetime import datetime, timedelta

from alerts.caller import DETECTOR
from lifeline import log
from lifeline.clock import Clock
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.store import channel_trials, duty, findings, notices
from lifeline.store.cities import cities
from lifeline.store.pool import Store

_BACK_DAYS = 7.0
_FAILURES = 2
"""One failure may be the net of a moment."""
_log = log.logger("channels")


def watch_channels(store: Store, clock: Clock) -> None:
    """Says once that a channel is down and once that it works again. Raises StoreError."""
    now = clock.now()
    troubled = _troubled(store, now)
    with store.transaction() as connection:
        said = duty.conditions(connection, FindingKind.CHANNEL_DOWN)
        made = []
        for channel, (city_code, reason, error) in troubled.items():
            if not said.get(f"channel:{channel}", ("", False))[1]:
                _log.error("channel is down", channel=channel, error=error)
                made.append(_finding(channel, city_code, Phase.ONSET, reason, error, now))
        for subject, (city_code, is_there) in said.items():
            channel = subject.partition(":")[2]
            if is_there and channel not in troubled:
                made.append(_finding(channel, city_code, Phase.END, "delivers-again", "", now))
        findings.insert(connection, made, now=now)


def _troubled(store: Store, now: datetime) -> dict[str, tuple[str, str, str]]:
    """City, reason and error of each channel that gave notices up and took neither another nor its test since, or that
    failed its test _FAILURES times in a row."""
    trials = channel_trials.trials(store)
    taken = {one.channel: one.taken_at for one in trials.values() if one.taken_at is not None}
    found = {
        channel: (city_code, "notices-given-up", error)
        for channel, (city_code, error, at) in notices.troubled(store, since=now - timedelta(days=_BACK_DAYS)).items()
        if channel not in taken or taken[channel] <= at
    }
    failing = [one for one in trials.values() if one.failures >= _FAILURES and one.channel not in found]
    places = cities(store) if failing else []
    if places:
        found |= {one.channel: (places[0].code, "test-failed", one.error) for one in failing}
    return found


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
