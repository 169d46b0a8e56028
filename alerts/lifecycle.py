"""What findings and time do to the alarm of a subject; each step has a named reason. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.assess import Assessment
from alerts.policy import Policy, Rhythm
from lifeline.alarm import Alarm, AlarmAction, AlarmState, Level, Standing, next_state
from lifeline.finding import Finding, Phase


class Step(StrEnum):
    """What is done about a finding; stored with its decision."""

    OPEN = "open"
    ESCALATE = "escalate"
    LOWER = "lower"
    UPDATE = "update"
    """the alarm follows the newest finding; no event, nobody is told"""
    CLEAR = "clear"
    RETURN = "return"
    IGNORE = "ignore"


class Why(StrEnum):
    """Why it is done; stored with the decision and with the event."""

    NEW = "new"
    """the subject had no alarm"""
    RETURNED = "returned"
    """the condition came back: before its alarm ended, or within the hold-off after it"""
    ONSET_UNSEEN = "onset-unseen"
    """an update about a condition whose onset led to no alarm"""
    WORSE_THAN_ENDED = "worse-than-ended"
    """a person ended the alarm while the condition lasted; now it is graver than what they saw"""
    LEVEL_ROSE = "level-rose"
    LEVEL_FELL = "level-fell"
    STILL_THERE = "still-there"
    """the condition goes on at its level"""
    CONDITION_ENDED = "condition-ended"
    ENDED_BY_PERSON = "ended-by-person"
    """a person ended the alarm while the condition lasted; it goes on as they know it"""
    NOTHING_TO_CLEAR = "nothing-to-clear"
    """no live alarm, or it is cleared already"""
    OVER_AND_SEEN = "over-and-seen"
    OVER_BY_ITSELF = "over-by-itself"
    """of a kind that nobody need have seen"""
    """closed by itself: the condition ended, stayed away, and a person has seen the alarm"""
    SHELF_ENDED = "shelf-ended"
    """shelved until now"""
    DID_NOT_LAST = "did-not-last"
    """a candidate was over before it had lasted"""
    LASTED = "lasted"
    """a candidate has lasted: it is an alarm"""
    EXPLAINED = "explained"
    """another alarm explains it"""
    EXPLANATION_OVER = "explanation-over"
    """what explained it is over, and it is still there"""
    SILENCED = "silenced"
    """a person made its sensors or its zone silent"""
    SILENCE_OVER = "silence-over"
    """the silence is over, and it is still there; or it turned red"""
    OVER_UNTOLD = "over-untold"
    """it was over while it was suppressed"""
    NOTHING_FOLLOWED = "nothing-followed"
    """it was acknowledged, and nothing followed in time"""
    UNDECIDABLE = "undecidable"
    """deciding failed; the log has the trace. People are told rather than not"""


@dataclass(frozen=True, slots=True)
class Decision:
    """One step. `level` is the alarm's after it; `quiet`: who was to be told knows already; `next_level`: to which the
    level goes down by itself when it has stood long enough."""

    step: Step
    why: Why
    level: Level
    quiet: bool = False
    next_level: Level | None = None


def decide(
    finding: Finding, assessed: Assessment, standing: Standing | None, previous: Alarm | None, rhythm: Rhythm
) -> Decision:
    """What `finding` does to its subject, which has the live alarm `standing`, or had `previous` last.

    Times are event times, so that a replay of last year decides as last year would have.
    """
    if standing is None:
        return _without_alarm(finding, assessed, previous, rhythm)
    alarm = standing.alarm
    if finding.phase is Phase.END:
        if alarm.cleared_at is not None:
            return Decision(Step.IGNORE, Why.NOTHING_TO_CLEAR, alarm.level)
        return Decision(Step.CLEAR, Why.CONDITION_ENDED, alarm.level)
    if alarm.cleared_at is not None:
        return _back(assessed, standing)
    return _goes_on(finding, assessed, standing, rhythm)


def over(alarm: Alarm, now: datetime, rhythm: Rhythm) -> Why | None:
    """Why a live alarm closes by itself now; None while it must not.

    Only what a person has seen, and where no crew is under way: what nobody has acknowledged stays on the list, and
    what was dispatched is closed by people. Of what was held back or explained nobody was told: it goes quietly.
    """
    if alarm.cleared_at is None:
        return None
    if alarm.state is AlarmState.CANDIDATE:
        return Why.DID_NOT_LAST
    seen = alarm.state in {AlarmState.ACKNOWLEDGED, AlarmState.VERIFIED, AlarmState.SHELVED, AlarmState.SUPPRESSED}
    if seen and now - alarm.cleared_at >= timedelta(seconds=rhythm.settle_s):
        return Why.OVER_AND_SEEN if alarm.state is not AlarmState.SUPPRESSED else Why.OVER_UNTOLD
    return None


def expired(alarm: Alarm, now: datetime, rhythm: Rhythm) -> Why | None:
    """Why a live alarm that nobody has seen ends by itself now; None while it must not. Policy names the kinds."""
    if alarm.state is not AlarmState.OPEN or alarm.kind not in rhythm.expires or alarm.cleared_at is None:
        return None
    return Why.OVER_BY_ITSELF if now - alarm.cleared_at >= timedelta(seconds=rhythm.settle_s) else None


def confirmed(alarm: Alarm, now: datetime, hold_s: float) -> Why | None:
    """Why a candidate becomes an alarm now; None while it has not lasted."""
    waits = alarm.state is AlarmState.CANDIDATE and alarm.cleared_at is None
    return Why.LASTED if waits and now - alarm.opened_at >= timedelta(seconds=hold_s) else None


def lapsed(standing: Standing, now: datetime, policy: Policy) -> Why | None:
    """Why an acknowledgement counts no more; None while there is time, or where the condition is over."""
    alarm = standing.alarm
    if alarm.state is not AlarmState.ACKNOWLEDGED or alarm.cleared_at is not None or standing.acted_at is None:
        return None
    follow = timedelta(seconds=policy.escalation_of(alarm.level).follow_s)
    return Why.NOTHING_FOLLOWED if now - standing.acted_at >= follow else None


def level_fell(standing: Standing, now: datetime, rhythm: Rhythm) -> Why | None:
    """Why the level goes down to `next_level` now; None while it must not.

    Detectors speak when something changes: what fell too early to be believed is not said a second time.
    """
    waits = standing.next_level is not None and standing.alarm.cleared_at is None
    return Why.LEVEL_FELL if waits and _stood(standing, now, rhythm) else None


def shelf_ended(alarm: Alarm, now: datetime) -> Why | None:
    """Why a shelved alarm opens again now; None while its time runs."""
    if alarm.state is AlarmState.SHELVED and alarm.shelved_until is not None and alarm.shelved_until <= now:
        return Why.SHELF_ENDED
    return None


def _without_alarm(finding: Finding, assessed: Assessment, previous: Alarm | None, rhythm: Rhythm) -> Decision:
    level = assessed.level
    if finding.phase is Phase.END:
        return Decision(Step.IGNORE, Why.NOTHING_TO_CLEAR, level)
    if previous is None:
        why = Why.NEW if finding.phase is Phase.ONSET else Why.ONSET_UNSEEN
        return Decision(Step.OPEN, why, level)
    if finding.phase is Phase.UPDATE and previous.cleared_at is None:
        # a person ended it, the condition has never ended: this is no news unless it is graver
        if level < previous.level:
            return Decision(Step.OPEN, Why.WORSE_THAN_ENDED, level)
        return Decision(Step.IGNORE, Why.ENDED_BY_PERSON, level)
    last_seen = previous.cleared_at or previous.closed_at
    if last_seen is not None and finding.began_at - last_seen < timedelta(seconds=rhythm.hold_off_s):
        return Decision(Step.OPEN, Why.RETURNED, level)
    return Decision(Step.OPEN, Why.NEW if finding.phase is Phase.ONSET else Why.ONSET_UNSEEN, level)


def _back(assessed: Assessment, standing: Standing) -> Decision:
    """The condition of a cleared alarm is there again; quiet where nobody was told that it had gone."""
    alarm = standing.alarm
    if assessed.level < alarm.level:
        return Decision(Step.ESCALATE, Why.RETURNED, assessed.level)
    if standing.end_told:
        return Decision(Step.RETURN, Why.RETURNED, assessed.level)
    reopened = next_state(alarm.state, AlarmAction.RETURN) is not alarm.state
    lower = assessed.eased if assessed.eased > alarm.level else None
    return Decision(Step.RETURN, Why.RETURNED, alarm.level, quiet=not reopened, next_level=lower)


def _goes_on(finding: Finding, assessed: Assessment, standing: Standing, rhythm: Rhythm) -> Decision:
    level = standing.alarm.level
    if assessed.level < level:
        return Decision(Step.ESCALATE, Why.LEVEL_ROSE, assessed.level)
    lower = assessed.eased if assessed.eased > level else None
    if lower is not None and _stood(standing, finding.detected_at, rhythm):
        return Decision(Step.LOWER, Why.LEVEL_FELL, lower)
    return Decision(Step.UPDATE, Why.STILL_THERE, level, next_level=lower)


def _stood(standing: Standing, now: datetime, rhythm: Rhythm) -> bool:
    return now - standing.level_at >= timedelta(seconds=rhythm.lower_after_s)
