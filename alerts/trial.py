"""What another policy would have made of recorded findings: every finding judged by both, alarms followed. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from alerts import lifecycle
from alerts.assess import Assessment
from alerts.lifecycle import Step
from alerts.policy import Policy
from lifeline.alarm import Alarm, AlarmState, Level, Standing
from lifeline.finding import Finding

Judge = Callable[[Finding, Policy], Assessment]


@dataclass
class Ledger:
    """The alarms that a policy would have opened and moved, nobody acting on them."""

    policy: Policy
    opened: Counter[Level] = field(default_factory=Counter)
    held: int = 0
    steps: Counter[Step] = field(default_factory=Counter)
    _standing: dict[str, Standing] = field(default_factory=dict)
    _previous: dict[str, Alarm] = field(default_factory=dict)
    _number: int = 0

    def take(self, finding: Finding, assessed: Assessment) -> None:
        """One finding, in the order of their writing."""
        subject, rhythm = finding.subject, self.policy.rhythm
        standing = self._standing.get(subject)
        previous = None if standing else self._previous.get(subject)
        decision = lifecycle.decide(finding, assessed, standing, previous, rhythm)
        self.steps[decision.step] += 1
        if decision.step is Step.OPEN:
            self._number += 1
            held = assessed.hold_s > 0 and decision.why is lifecycle.Why.NEW
            self.held += held
            self.opened[decision.level] += 1
            self._standing[subject] = Standing(_alarm(finding, decision.level, self._number), finding.detected_at)
        elif standing is not None and decision.step is Step.CLEAR:
            # nobody acts in a trial: what is over is taken off the list, as an operator would have
            ended = replace(standing.alarm, cleared_at=finding.detected_at, closed_at=finding.detected_at)
            self._previous[subject] = replace(ended, state=AlarmState.CLOSED)
            del self._standing[subject]
        elif standing is not None and decision.step is not Step.IGNORE:
            changed = decision.level is not standing.alarm.level
            at = finding.detected_at if changed else standing.level_at
            alarm = replace(standing.alarm, level=decision.level)
            self._standing[subject] = Standing(alarm, at, decision.next_level)


@dataclass(frozen=True, slots=True)
class Change:
    """A finding that the two policies judge differently."""

    finding: Finding
    before: Assessment
    after: Assessment


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it: the number of findings, those that are judged differently, and both ledgers."""

    findings: int
    changes: tuple[Change, ...]
    before: Ledger
    after: Ledger


def run(findings: Iterable[Finding], before: Policy, after: Policy, judge: Judge) -> Trial:
    """Judges every finding by both policies."""
    ledgers = Ledger(before), Ledger(after)
    changes: list[Change] = []
    number = 0
    for number, finding in enumerate(findings, start=1):  # noqa: B007  # how many there were
        assessed = judge(finding, before), judge(finding, after)
        for ledger, one in zip(ledgers, assessed, strict=True):
            ledger.take(finding, one)
        if (assessed[0].level, assessed[0].reason) != (assessed[1].level, assessed[1].reason):
            changes.append(Change(finding, *assessed))
    return Trial(number, tuple(changes), *ledgers)


def _alarm(finding: Finding, level: Level, number: int) -> Alarm:
    return Alarm(
        alarm_id=number,
        subject=finding.subject,
        city_code=finding.city_code,
        kind=finding.kind,
        level=level,
        state=AlarmState.OPEN,
        title_zh="",
        title_en="",
        opened_at=finding.detected_at,
        began_at=finding.began_at,
        probability=finding.probability,
        provisions=(),
        version=1,
        finding_id=finding.finding_id,
    )
