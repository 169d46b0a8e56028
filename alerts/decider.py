"""Turns findings and time into alarms and notices: what the pure parts decide, written in one transaction."""

from dataclasses import replace

from alerts import lifecycle, telling, text
from alerts.lifecycle import Decision, Step, Why
from alerts.policy import Audience, Policy, assess
from alerts.telling import Told
from lifeline import log
from lifeline.alarm import Alarm, AlarmAction, Level, Standing
from lifeline.asset import Name
from lifeline.clock import Clock
from lifeline.finding import Finding
from lifeline.metrics import ALARMS
from lifeline.settings import Settings
from lifeline.store.decisions import Docket, Place, Untold, docket
from lifeline.store.pool import Store

ACTOR = "system:alerts"
NAME = "alerts"
AT_ONCE = 50
"""Findings of one transaction: a storm is told of in steps, not at its end."""

_log = log.logger("engine")


class Decider:
    """Decides what the docket holds. Several may run; the docket lets one decide at a time."""

    def __init__(self, store: Store, settings: Settings, policy: Policy, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._policy = policy
        self._clock = clock

    def work(self) -> bool:
        """One transaction; True where more findings may wait. Raises StoreError, and then nothing has happened."""
        rhythm = self._policy.rhythm
        with docket(self._store, engine=NAME, now=self._clock.now()) as opened:
            findings = opened.findings(AT_ONCE)
            for finding in findings:
                self._finding(opened, finding)
            for standing in opened.due(settle_s=rhythm.settle_s, lower_after_s=rhythm.lower_after_s, limit=AT_ONCE):
                self._time(opened, standing)
            for untold in opened.untold(settle_s=rhythm.settle_s, limit=AT_ONCE * 4):
                self._untold(opened, untold)
        return bool(findings)

    def _finding(self, opened: Docket, finding: Finding) -> None:
        try:
            with opened.guarded():
                self._decide(opened, finding)
        except Exception:
            _log.exception("finding cannot be decided", finding=finding.finding_id, subject=finding.subject)
            self._undecidable(opened, finding)

    def _decide(self, opened: Docket, finding: Finding) -> None:
        place = opened.place(finding)
        assessed = assess(finding, self._policy, place.levels, place.site)
        standing = opened.standing(finding.subject)
        previous = None if standing else opened.previous(finding.subject)
        decision = lifecycle.decide(finding, assessed, standing, previous, self._policy.rhythm)
        alarm = standing.alarm if standing else None
        event_id = None
        if decision.step is Step.UPDATE and alarm is not None:
            opened.follow(_following(alarm, finding, place), decision.next_level)
        elif decision.step is not Step.IGNORE:
            alarm, event_id = self._step(opened, decision, finding, place, alarm)
        opened.decide(
            finding,
            alarm_id=alarm.alarm_id if alarm else None,
            step=decision.step.value,
            reason=decision.why.value,
            level_reason=assessed.reason,
        )
        _log.info(
            "finding decided", finding=finding.finding_id, subject=finding.subject, step=decision.step.value,
            reason=decision.why.value, level=decision.level.name.lower(), level_reason=assessed.reason,
        )  # fmt: skip
        if alarm is None or event_id is None or decision.step is Step.CLEAR:
            return  # an end is told when it has settled
        if decision.quiet:
            opened.tell(event_id, (), told=Told.KNOWN.value)
            return
        happening = text.Happening(
            alarm, AlarmAction(decision.step.value), decision.why.value, ACTOR, "", opened.now, finding, _scene(place)
        )
        self._tell(opened, happening, event_id, assessed.reason)

    def _step(
        self, opened: Docket, decision: Decision, finding: Finding, place: Place, alarm: Alarm | None
    ) -> tuple[Alarm, int]:
        """Opens or moves the alarm; it and the event."""
        action, why = AlarmAction(decision.step.value), decision.why.value
        ALARMS.labels(finding.kind.value, action.value).inc()
        if alarm is None:
            name = text.title(finding, _scene(place))
            return opened.open(finding, level=decision.level, title=name, actor=ACTOR, reason=why)
        if decision.step is Step.CLEAR:
            after = replace(alarm, cleared_at=finding.detected_at, finding_id=finding.finding_id)
            return opened.change(after, action, actor=ACTOR, reason=why)
        after = replace(_following(alarm, finding, place), level=decision.level, cleared_at=None)
        level_at = finding.detected_at if decision.level is not alarm.level else None
        return opened.change(after, action, actor=ACTOR, reason=why, level_at=level_at, next_level=decision.next_level)

    def _undecidable(self, opened: Docket, finding: Finding) -> None:
        """People look at what we cannot judge: a yellow alarm, unless the subject has one."""
        standing = opened.standing(finding.subject)
        alarm = standing.alarm if standing else None
        if alarm is None:
            name = Name(finding.subject, finding.subject)
            alarm, _ = opened.open(finding, level=Level.YELLOW, title=name, actor=ACTOR, reason=Why.UNDECIDABLE.value)
        step = Step.IGNORE if standing else Step.OPEN
        opened.decide(
            finding, alarm_id=alarm.alarm_id, step=step.value, reason=Why.UNDECIDABLE.value, level_reason="undecidable"
        )

    def _time(self, opened: Docket, standing: Standing) -> None:
        alarm, rhythm = standing.alarm, self._policy.rhythm
        if why := lifecycle.over(alarm, opened.now, rhythm):
            action = AlarmAction.CLOSE
            opened.change(alarm, action, actor=ACTOR, reason=why.value)
        elif why := lifecycle.shelf_ended(alarm, opened.now):
            action = AlarmAction.UNSHELVE
            opened.change(alarm, action, actor=ACTOR, reason=why.value)
        elif (why := lifecycle.level_fell(standing, opened.now, rhythm)) and standing.next_level:
            action = AlarmAction.LOWER
            after = replace(alarm, level=standing.next_level)
            opened.change(after, action, actor=ACTOR, reason=why.value, level_at=opened.now)
        else:
            return
        ALARMS.labels(alarm.kind.value, action.value).inc()
        _log.info("alarm moved by time", alarm=alarm.alarm_id, action=action.value, reason=why.value)

    def _untold(self, opened: Docket, untold: Untold) -> None:
        event, alarm = untold.event, untold.alarm
        if event.action is AlarmAction.CLEAR and untold.went_on:
            opened.tell(event.event_id, (), told=Told.CAME_BACK.value)
            return
        try:
            with opened.guarded():
                finding = opened.finding_behind(alarm)
                scene = _scene(opened.place(finding or alarm))
                happening = text.Happening(
                    alarm, event.action, event.reason, event.actor, event.note, event.at, finding, scene
                )
                self._tell(opened, happening, event.event_id, opened.level_reason(alarm))
        except Exception:
            _log.exception("event cannot be told", event_id=event.event_id, alarm=alarm.alarm_id)
            opened.tell(event.event_id, (), told=Told.UNTELLABLE.value)

    def _tell(self, opened: Docket, happening: text.Happening, event_id: int, level_reason: str) -> None:
        hearers = self._policy.audience(happening.action) is Audience.HEARD
        told = telling.tell(
            happening,
            event_id,
            policy=self._policy,
            channels=self._settings.alerts.channels,
            heard=opened.heard(happening.alarm.alarm_id) if hearers else (),
            level_reason=level_reason,
            link=link(self._settings, happening.alarm.alarm_id),
        )
        opened.tell(event_id, told.drafts, told=told.told.value)


def link(settings: Settings, alarm_id: int) -> str:
    """Where people act on the alarm; empty where the console's address is not known beforehand."""
    base = settings.alerts.console_url
    if not base and settings.console.port:
        base = f"http://{settings.console.host}:{settings.console.port}"
    return f"{base.rstrip('/')}/alarms/{alarm_id}" if base else ""


def _following(alarm: Alarm, finding: Finding, place: Place) -> Alarm:
    """The alarm as it is after a newer finding about it."""
    measured = finding.depth_m is not None or finding.flow_m3_per_h is not None
    name = text.title(finding, _scene(place)) if measured else Name(alarm.title_zh, alarm.title_en)
    return replace(
        alarm,
        title_zh=name.zh,
        title_en=name.en,
        probability=finding.probability,
        finding_id=finding.finding_id,
        position=finding.position or alarm.position,
    )


def _scene(place: Place) -> text.Scene:
    return text.Scene(place.city, place.timezone, place.zone, place.sensor)
