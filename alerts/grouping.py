"""Which untold events go out now and which wait to go as one: a storm must not become a flood of notices. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from alerts.policy import Grouping, Policy, Same
from lifeline.alarm import Alarm
from lifeline.store.decisions import Present, Untold


def group_of(alarm: Alarm, rules: Grouping) -> str:
    """Alarms of one city and one family of kinds have one cause more often than not: they share an allowance."""
    family = next((kinds for kinds in rules.together if alarm.kind in kinds), (alarm.kind,))
    return f"{alarm.city_code}/{family[0].value}"


def ripe(
    untold: Sequence[Untold], sent: Mapping[str, Collection[datetime]], rules: Grouping, now: datetime
) -> dict[str, list[Untold]]:
    """What goes now, as one batch for each group. `sent`: when batches of each group went lately.

    A group with something left of its allowance sends all it has at once. One that has used it up waits until its last
    batch is long enough ago, longer with each; something urgent waits `urgent_wait_s` only, and takes along what there
    is.
    """
    groups: dict[str, list[Untold]] = defaultdict(list)
    for one in untold:
        groups[group_of(one.alarm, rules)].append(one)
    return {
        group: members
        for group, members in groups.items()
        if _allowed(sent.get(group, ()), rules, now) or _urgent(members, rules, now)
    }


def inhibited(alarm: Alarm, sensor_ids: Collection[str], present: Collection[Present], policy: Policy) -> Alarm | None:
    """The alarm that explains `alarm`, so that nobody needs to hear of it while that lasts; None where there is none.

    `sensor_ids`: of its newest finding; `present`: the conditions that are there.
    """
    for rule in policy.inhibit:
        if alarm.kind not in rule.kinds:
            continue
        for one in present:
            other = one.alarm
            if (
                other.alarm_id != alarm.alarm_id
                and other.kind is rule.by
                and other.city_code == alarm.city_code
                and other.subject.startswith(rule.subject)
                and (rule.same is Same.CITY or (bool(sensor_ids) and one.sensor_ids > set(sensor_ids)))
                and not (rule.same is Same.CITY and other.kind is alarm.kind and alarm.subject.startswith(rule.subject))
            ):
                return other
    return None


def _allowed(sent: Collection[datetime], rules: Grouping, now: datetime) -> bool:
    calm = timedelta(seconds=rules.longest_gap_s)
    storm, later = 0, now
    for at in sorted(sent, reverse=True):
        if later - at >= calm:
            break
        storm, later = storm + 1, at
    if storm < rules.most:
        return True
    gap_s = min(rules.gap_s * rules.grow ** min(storm - rules.most, 60), rules.longest_gap_s)
    return now - max(sent) >= timedelta(seconds=gap_s)


def _urgent(members: Sequence[Untold], rules: Grouping, now: datetime) -> bool:
    wait = timedelta(seconds=rules.urgent_wait_s)
    return any(
        one.alarm.level <= rules.urgent and one.alarm.cleared_at is None and now - one.event.at >= wait
        for one in members
    )
