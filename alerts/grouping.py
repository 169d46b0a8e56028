"""Which untold events go out now and which wait to go as one: a storm must not become a flood of notices. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from alerts.policy import Grouping, Policy
from lifeline.alarm import Alarm
from lifeline.finding import FindingKind
from lifeline.store.decisions import Untold


def group_of(alarm: Alarm) -> str:
    """Alarms of one city and one kind have one cause more often than not: they share an allowance."""
    return f"{alarm.city_code}/{alarm.kind.value}"


def ripe(
    untold: Sequence[Untold], sent: Mapping[str, Collection[datetime]], rules: Grouping, now: datetime
) -> dict[str, list[Untold]]:
    """What goes now, as one batch for each group. `sent`: when batches of each group went lately.

    A group with something left of its allowance sends all it has at once. One that has used it up waits until its last
    batch is `gap_s` ago; something urgent waits `urgent_wait_s` only, and takes along what there is.
    """
    groups: dict[str, list[Untold]] = defaultdict(list)
    for one in untold:
        groups[group_of(one.alarm)].append(one)
    return {
        group: members
        for group, members in groups.items()
        if _allowed(sent.get(group, ()), rules, now) or _urgent(members, rules, now)
    }


def inhibited(alarm: Alarm, present: Collection[tuple[str, FindingKind]], policy: Policy) -> bool:
    """Whether a condition that is there explains `alarm`, so that nobody needs to hear of it while that lasts.

    `present`: city and kind of the live alarms that are not cleared.
    """
    return any(
        alarm.kind in rule.kinds and (alarm.city_code, rule.by) in present and alarm.kind is not rule.by
        for rule in policy.inhibit
    )


def _allowed(sent: Collection[datetime], rules: Grouping, now: datetime) -> bool:
    recent = [at for at in sent if now - at < timedelta(seconds=rules.within_s)]
    return len(recent) < rules.most or now - max(recent) >= timedelta(seconds=rules.gap_s)


def _urgent(members: Sequence[Untold], rules: Grouping, now: datetime) -> bool:
    wait = timedelta(seconds=rules.urgent_wait_s)
    return any(
        one.alarm.level <= rules.urgent and one.alarm.cleared_at is None and now - one.event.at >= wait
        for one in members
    )
