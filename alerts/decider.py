"""Turns findings and time into alarms and notices: what the pure parts decide, written in one transaction."""

from collections.abc import Sequence
from dataclasses import replace

from alerts import lifecycle, text
from alerts.assess import Assessment, assess
from alerts.bulletins import Bulletins
from alerts.caller import Caller
from alerts.inforce import Rules
from alerts.lifecycle import Decision, Step, Why
from alerts.summoner import Summoner
from alerts.surroundings import Surroundings
from alerts.teller import ACTOR, Teller, scene_of
from lifeline import log
from lifeline.alarm import Alarm, AlarmAction, AlarmState, Level, Standing
from lifeline.asset import Name
from lifeline.clock import Clock
from lifeline.errors import StoreError
from lifeline.finding import Finding
from lifeline.metrics import ALARMS
from lifeline.settings import Settings
from lifeline.store.decisions import Docket, docket
from lifeline.store.places import Place
from lifeline.store.pool import Store

NAME = "alerts"
AT_ONCE = 1000
"""Findings of one transaction, which take one round trip together."""
CAREFULLY = 50
"""Findings of one transaction where each is guarded by itself, after one of many could not be written."""

_log = log.logger("engine")


class Decider:
    """Decides what the docket holds. Several may run; the docket lets one decide at a time."""

    def __init__(self, store: Store, settings: Settings, rules: Rules, clock: Clock) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._surroundings = Surroundings(store)
        self._teller = Teller(settings)
        self._caller = Caller(settings)
        self._summoner = Summoner(settings)
        self._bulletins = Bulletins(settings.alerts)
        self._careful = 0

    def work(self) -> bool:
        """One transaction; True where more findings may wait. Raises StoreError, and then nothing has happened."""
        now = self._clock.now()
        self._rules.look(now)
        try:
            with docket(self._store, engine=NAME, now=now) as opened:
                return self._work(opened)
        except StoreError:
            raise
        except Exception:
            if self._careful:
                raise
            _log.exception("findings cannot be decided together; one by one they are")
            self._careful = AT_ONCE
            return True

    def _work(self, opened: Docket) -> bool:
        policy, known = self._rules.policy, self._rules.roster
        findings = opened.findings(CAREFULLY if self._careful else AT_ONCE)
        if self._careful:
            self._careful = max(0, self._careful - max(len(findings), 1))
            for finding in findings:
                self._guarded(opened, finding)
        else:
            for chunk in _subjects_once(findings):
                opened.prepare(chunk)
                with opened.together():
                    for finding in chunk:
                        self._decide(opened, finding)
        self._times(opened)
        self._teller.work(opened, policy, known)
        if known is not None:
            self._caller.work(opened, policy, known)
        self._summoner.work(opened)
        self._bulletins.work(opened, policy)
        return bool(findings)

    def _guarded(self, opened: Docket, finding: Finding) -> None:
        try:
            with opened.guarded():
                opened.prepare([finding])
                self._decide(opened, finding)
        except StoreError:
            raise
        except Exception:
            _log.exception("finding cannot be decided", finding=finding.finding_id, subject=finding.subject)
            self._undecidable(opened, finding)

    def _decide(self, opened: Docket, finding: Finding) -> None:
        place = opened.place(finding)
        around = self._surroundings.around(finding.city_code, place.timezone, self._rules.users, opened.now)
        policy = self._rules.policy
        assessed = assess(finding, policy, place.levels, place.site, around, place.zone_kind)
        standing = opened.standing(finding.subject)
        previous = None if standing else opened.previous(finding.subject)
        decision = lifecycle.decide(finding, assessed, standing, previous, policy.rhythm)
        alarm = standing.alarm if standing else None
        if decision.step is Step.UPDATE and alarm is not None:
            opened.follow(_following(alarm, finding, place), decision.next_level)
        elif decision.step is not Step.IGNORE:
            alarm = self._step(opened, decision, finding, place, alarm, assessed)
        opened.decide(
            finding,
            alarm_id=alarm.alarm_id if alarm else None,
            step=decision.step.value,
            reason=decision.why.value,
            level_reason=assessed.reason,
            policy=policy.version,
        )
        _log.info(
            "finding decided", finding=finding.finding_id, subject=finding.subject, step=decision.step.value,
            reason=decision.why.value, level=decision.level.name.lower(), level_reason=assessed.reason,
        )  # fmt: skip

    def _step(
        self,
        opened: Docket,
        decision: Decision,
        finding: Finding,
        place: Place,
        alarm: Alarm | None,
        assessed: Assessment,
    ) -> Alarm:
        """Opens or moves the alarm."""
        action, why = AlarmAction(decision.step.value), decision.why.value
        ALARMS.labels(finding.kind.value, action.value).inc()
        if alarm is None:
            name = text.title(finding, scene_of(place))
            state = AlarmState.CANDIDATE if assessed.hold_s and decision.why is Why.NEW else AlarmState.OPEN
            return opened.open(
                finding, level=decision.level, title=name, actor=ACTOR, reason=why, state=state,
                provisions=assessed.provisions,
            )[0]  # fmt: skip
        if decision.step is Step.CLEAR:
            after = replace(alarm, cleared_at=finding.detected_at, finding_id=finding.finding_id)
            return opened.change(after, action, actor=ACTOR, reason=why)[0]
        after = replace(_following(alarm, finding, place), level=decision.level, cleared_at=None)
        level_at = finding.detected_at if decision.level is not alarm.level else None
        told = "known" if decision.quiet else None
        return opened.change(
            after, action, actor=ACTOR, reason=why, level_at=level_at, next_level=decision.next_level, told=told
        )[0]

    def _undecidable(self, opened: Docket, finding: Finding) -> None:
        """People look at what we cannot judge: a yellow alarm, unless the subject has one."""
        opened.prepare([finding])
        standing = opened.standing(finding.subject)
        alarm = standing.alarm if standing else None
        if alarm is None:
            name = Name(finding.subject, finding.subject)
            alarm, _ = opened.open(finding, level=Level.YELLOW, title=name, actor=ACTOR, reason=Why.UNDECIDABLE.value)
        opened.decide(
            finding,
            alarm_id=alarm.alarm_id,
            step=(Step.IGNORE if standing else Step.OPEN).value,
            reason=Why.UNDECIDABLE.value,
            level_reason="undecidable",
            policy=self._rules.policy.version,
        )

    def _times(self, opened: Docket) -> None:
        """Moves what time moves, page by page."""
        policy, after = self._rules.policy, 0
        follow_s = min(one.follow_s for one in policy.escalate)
        while True:
            page = opened.due(
                settle_s=policy.rhythm.settle_s,
                lower_after_s=policy.rhythm.lower_after_s,
                follow_s=follow_s,
                limit=AT_ONCE,
                after=after,
            )
            for standing in page:
                self._time(opened, standing)
            if len(page) < AT_ONCE:
                return
            after = page[-1].alarm.alarm_id

    def _time(self, opened: Docket, standing: Standing) -> None:
        alarm, policy = standing.alarm, self._rules.policy
        rhythm, now, after, level_at = policy.rhythm, opened.now, standing.alarm, None
        if why := lifecycle.over(alarm, now, rhythm):
            action = AlarmAction.CLOSE
        elif why := lifecycle.expired(alarm, now, rhythm):
            action = AlarmAction.EXPIRE
        elif why := lifecycle.shelf_ended(alarm, now):
            action = AlarmAction.UNSHELVE
        elif why := lifecycle.confirmed(alarm, now, policy.rule_of(alarm.kind).hold_s):
            action = AlarmAction.CONFIRM
        elif why := lifecycle.lapsed(standing, now, policy):
            action = AlarmAction.LAPSE
        elif (why := lifecycle.level_fell(standing, now, rhythm)) and standing.next_level:
            action, level_at = AlarmAction.LOWER, now
            after = replace(alarm, level=standing.next_level)
        else:
            return
        opened.change(after, action, actor=ACTOR, reason=why.value, level_at=level_at)
        ALARMS.labels(alarm.kind.value, action.value).inc()
        _log.info("alarm moved by time", alarm=alarm.alarm_id, action=action.value, reason=why.value)


def _subjects_once(findings: Sequence[Finding]) -> list[list[Finding]]:
    """The findings in order, in parts that speak of each subject once, so that what is read beforehand stays true."""
    parts: list[list[Finding]] = []
    seen: set[str] = set()
    for finding in findings:
        if not parts or finding.subject in seen:
            parts.append([])
            seen = set()
        seen.add(finding.subject)
        parts[-1].append(finding)
    return parts


def _following(alarm: Alarm, finding: Finding, place: Place) -> Alarm:
    """The alarm as it is after a newer finding about it."""
    measured = finding.depth_m is not None or finding.flow_m3_per_h is not None
    name = text.title(finding, scene_of(place)) if measured else Name(alarm.title_zh, alarm.title_en)
    return replace(
        alarm,
        title_zh=name.zh,
        title_en=name.en,
        probability=finding.probability,
        finding_id=finding.finding_id,
        position=finding.position or alarm.position,
    )
