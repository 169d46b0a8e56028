"""Turns findings and time into alarms and notices: what the pure parts decide, written in one transaction."""

from collections.abc import Sequence
from dataclasses import replace

from alerts import grouping, lifecycle, text
from alerts.lifecycle import Decision, Step, Why
from alerts.policy import Audience, Policy, assess
from alerts.telling import Case, Told, tell
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
UNTOLD_AT_ONCE = 1000
"""Events of one transaction that may be told."""

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
            self._tell(opened)
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
        if decision.quiet and event_id is not None:
            opened.tell((), {event_id: Told.KNOWN.value})

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

    def _tell(self, opened: Docket) -> None:
        """Decides about every event that is not decided yet: told now, later with others, or never."""
        policy = self._policy
        waiting: list[Untold] = []
        never: dict[int, str] = {}
        present = opened.present() if policy.inhibit else set()
        for untold in opened.untold(settle_s=policy.rhythm.settle_s, limit=UNTOLD_AT_ONCE):
            event, alarm = untold.event, untold.alarm
            if policy.audience(event.action) is Audience.NOBODY:
                never[event.event_id] = Told.NOBODY_BY_POLICY.value
            elif event.action is AlarmAction.CLEAR and untold.went_on:
                never[event.event_id] = Told.CAME_BACK.value
            elif not grouping.inhibited(alarm, present, policy):
                waiting.append(untold)
            elif alarm.ended or alarm.cleared_at is not None:
                never[event.event_id] = Told.EXPLAINED.value
        opened.tell((), never)
        sent = opened.sent({grouping.group_of(one.alarm) for one in waiting}, within_s=policy.grouping.within_s)
        for group, batch in grouping.ripe(waiting, sent, policy.grouping, opened.now).items():
            try:
                with opened.guarded():
                    cases = self._cases(opened, batch)
                    telling = tell(cases, self._settings.alerts.channels, group=group)
                    opened.tell(telling.drafts, telling.told)
            except Exception:
                _log.exception("events cannot be told", group=group, events=[one.event.event_id for one in batch])
                opened.tell((), {one.event.event_id: Told.UNTELLABLE.value for one in batch})

    def _cases(self, opened: Docket, batch: Sequence[Untold]) -> list[Case]:
        """The alarms of a batch, each with its last event."""
        by_alarm: dict[int, list[Untold]] = {}
        for untold in batch:
            by_alarm.setdefault(untold.alarm.alarm_id, []).append(untold)
        cases = []
        for alarm_id, events in by_alarm.items():
            event, alarm = events[-1].event, events[-1].alarm
            finding = opened.finding_behind(alarm)
            happening = text.Happening(
                alarm=alarm,
                action=event.action,
                reason=event.reason,
                actor=event.actor,
                note=event.note,
                at=event.at,
                finding=finding,
                scene=_scene(opened.place(finding or alarm)),
                level_reason=opened.level_reason(alarm),
                link=link(self._settings, alarm_id),
            )
            audiences = {self._policy.audience(one.event.action) for one in events}
            audience = Audience.REACHED if Audience.REACHED in audiences else Audience.HEARD
            event_ids = tuple(one.event.event_id for one in events)
            cases.append(Case(happening, event_ids, audience, opened.heard(alarm_id)))
        return cases


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
