"""Calls the next one in the line about alarms that nobody answers, and says so when nobody does."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts import escalate, roster, text
from alerts.escalate import Watch, Why
from alerts.policy import Audience, Policy
from alerts.roster import Person, Roster, Rung
from alerts.teller import ACTOR, Links, link, link_ids, receiver_of, scene_of
from alerts.telling import Case, draft, gravest_first
from lifeline import log
from lifeline.alarm import Alarm, AlarmAction
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.metrics import CALLS
from lifeline.settings import Settings
from lifeline.store import answers, duty, findings
from lifeline.store.decisions import Docket
from lifeline.store.duty import Call, Waiting

AT_ONCE = 500
DETECTOR = "alerts"
_log = log.logger("caller")


@dataclass(frozen=True, slots=True)
class Step:
    """One alarm whose next rung is called now."""

    waiting: Waiting
    rung: Rung
    number: int


class Caller:
    """Watches open alarms until somebody answers. Without a roster there is nobody to call by name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def work(self, opened: Docket, policy: Policy, known: Roster) -> None:
        """Begins watches, calls whose turn it is, and tells in a finding of its own where the line is at its end."""
        connection, now = opened.connection, opened.now
        duty.unwatch(connection)
        for alarm, since in duty.unwatched(connection, limit=AT_ONCE):
            rule = policy.escalation_of(alarm.level)
            line = roster.rungs(known, rule.line, alarm.city_code, now)
            duty.watch(connection, alarm.alarm_id, since=since, rung=0, next_at=escalate.begin(rule, since))
            for person in line[0].people if line else ():
                call = Call(now, 0, line[0].role.value, person.id, Why.ON_DUTY.value)
                duty.called(connection, alarm.alarm_id, call)
        steps = self._steps(opened, policy, known)
        by_person: dict[str, tuple[Person, list[Step]]] = {}
        for step in steps:
            for person in step.rung.people:
                by_person.setdefault(person.id, (person, []))[1].append(step)
        for person, own in by_person.values():
            self._call(opened, person, own, known)
        self._in_vain(opened)

    def _steps(self, opened: Docket, policy: Policy, known: Roster) -> list[Step]:
        """The alarms whose next rung is called now; what nobody is left for is noted, what must wait is left."""
        due = duty.watched(opened.connection, now=opened.now, limit=AT_ONCE)
        found: list[tuple[Waiting, escalate.Next]] = []
        for one in due:
            rule = policy.escalation_of(one.alarm.level)
            line = roster.rungs(known, rule.line, one.alarm.city_code, opened.now)
            step = escalate.due(Watch(one.alarm, one.since, one.rung, one.next_at), line, rule, opened.now)
            if step is not None:
                found.append((one, step))
        people = {person.id for _, step in found if step.rung for person in step.rung.people}
        last = duty.last_calls(opened.connection, people) if people else {}
        steps = []
        for one, step in found:
            if step.rung is not None:
                latest = max((last[p.id] for p in step.rung.people if p.id in last), default=None)
                if not escalate.may_call(one.alarm, latest, policy.grouping, opened.now):
                    continue
                steps.append(Step(one, step.rung, step.number))
            duty.watch(opened.connection, one.alarm.alarm_id, since=one.since, rung=step.number, next_at=step.next_at)
        return steps

    def _call(self, opened: Docket, person: Person, steps: Sequence[Step], known: Roster) -> None:
        """One notice to a person about all alarms that are theirs now, through their contacts."""
        links = Links(self._settings, opened.now)
        alarms = [step.waiting.alarm for step in steps]
        cases = gravest_first(self._cases(opened, alarms))
        made = draft(
            cases,
            receiver_of(person),
            f"call/{person.id}",
            answer_url=links.url,
            call=max(step.number for step in steps),
        )
        opened.tell([made], {})
        answers.put(opened.connection, links.of(link_ids([made]), known))
        for step in steps:
            why = Why.DECLINED if step.waiting.declined else Why.UNANSWERED
            call = Call(opened.now, step.number, step.rung.role.value, person.id, why.value)
            duty.called(opened.connection, step.waiting.alarm.alarm_id, call)
            CALLS.labels(step.rung.role.value).inc()
        _log.warning("called", person=person.id, alarms=[alarm.alarm_id for alarm in alarms])

    def _cases(self, opened: Docket, alarms: Sequence[Alarm]) -> list[Case]:
        behind, events = opened.backgrounds(alarms), opened.last_events(alarms)
        cases = []
        for alarm in alarms:
            known = behind[alarm.alarm_id]
            happening = text.Happening(
                alarm=alarm,
                action=AlarmAction.OPEN,
                reason=Why.UNANSWERED.value,
                actor=ACTOR,
                note="",
                at=opened.now,
                finding=known.finding,
                scene=scene_of(opened.place(known.finding or alarm)),
                level_reason=known.level_reason,
                link=link(self._settings, alarm.alarm_id),
            )
            cases.append(Case(happening, events[alarm.alarm_id], Audience.REACHED))
        return cases

    def _in_vain(self, opened: Docket) -> None:
        """One finding a city as long as nobody answers there, and its end when somebody does."""
        said = duty.conditions(opened.connection, FindingKind.UNANSWERED)
        there = {f"unanswered:{one.city_code}": one for one in duty.in_vain(opened.connection)}
        made = []
        for subject, one in there.items():
            if not said.get(subject, ("", False))[1]:
                _log.error("nobody answers", city=one.city_code, alarms=one.alarm_ids)
                explanation: dict[str, object] = {"alarms": list(one.alarm_ids), "gravest": one.level.name.lower()}
                made.append(_finding(opened, subject, one.city_code, Phase.ONSET, "line-at-its-end", explanation))
        for subject, (city_code, is_there) in said.items():
            if is_there and subject not in there:
                made.append(_finding(opened, subject, city_code, Phase.END, "answered", {}))
        findings.insert(opened.connection, made, now=opened.now)


def _finding(
    opened: Docket, subject: str, city_code: str, phase: Phase, reason: str, explanation: dict[str, object]
) -> Finding:
    return Finding(
        subject=subject,
        kind=FindingKind.UNANSWERED,
        phase=phase,
        city_code=city_code,
        detector=DETECTOR,
        reason=reason,
        began_at=opened.now,
        detected_at=opened.now,
        probability=1.0,
        explanation=explanation,
    )
