"""Which untold events go out now and which wait to go as one: a storm must not become a flood of notices. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.policy import Grouping, Policy, Same
from lifeline.alarm import Alarm, AlarmAction
from lifeline.store.decisions import Present, Sent, Untold


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes now as one notice. `rings`: as a new one; else it follows the one that rang last."""

    members: tuple[Untold, ...]
    rings: bool


def group_of(alarm: Alarm, rules: Grouping) -> str:
    """Alarms of one city and one family of kinds have one cause more often than not: they share an allowance."""
    family = next((kinds for kinds in rules.together if alarm.kind in kinds), (alarm.kind,))
    return f"{alarm.city_code}/{family[0].value}"


def ripe(
    untold: Sequence[Untold], sent: Mapping[str, Collection[Sent]], rules: Grouping, now: datetime
) -> dict[str, Batch]:
    """What goes now, as one batch for each group. `sent`: the batches of each group that went lately.

    A group with something left of its allowance sends all it has at once. One that has used it up waits until its last
    batch is long enough ago, longer with each, and longest with good news alone; something urgent waits
    `urgent_wait_s` only, and takes along what there is.
    """
    groups: dict[str, list[Untold]] = defaultdict(list)
    for one in untold:
        groups[group_of(one.alarm, rules)].append(one)
    batches = {}
    for group, members in groups.items():
        storm = storm_of(sent.get(group, ()), rules, now)
        urgent = [one for one in members if _is_urgent(one, rules)]
        waited = any(now - one.event.at >= timedelta(seconds=rules.urgent_wait_s) for one in urgent)
        if waited or _allowed(storm, members, rules, now):
            batches[group] = Batch(tuple(members), _rings(storm, members, bool(urgent), rules, now))
    return batches


def storm_of(sent: Collection[Sent], rules: Grouping, now: datetime) -> list[Sent]:
    """The batches of the storm that is on, the newest first; none where nothing was told for `over_s`."""
    storm: list[Sent] = []
    later = now
    for one in sorted(sent, key=lambda each: each.at, reverse=True):
        if later - one.at >= timedelta(seconds=rules.over_s):
            break
        storm.append(one)
        later = one.at
    return storm


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


def _allowed(storm: Sequence[Sent], members: Sequence[Untold], rules: Grouping, now: datetime) -> bool:
    """Whether the wait of what is not urgent is over."""
    if len(storm) < rules.most:
        return True
    gap_s = min(rules.gap_s * rules.grow ** min(len(storm) - rules.most, 60), rules.longest_gap_s)
    if all(one.event.action is AlarmAction.CLEAR for one in members):
        gap_s = rules.longest_gap_s
    return now - storm[0].at >= timedelta(seconds=gap_s)


def _rings(storm: Sequence[Sent], members: Sequence[Untold], urgent: bool, rules: Grouping, now: datetime) -> bool:
    """Whether a batch is a new notice: within the allowance, with something urgent, or where it was quiet for long."""
    rang = [one.at for one in storm if one.rang]
    if not rang:
        return True
    if sum(now - at < timedelta(seconds=rules.window_s) for at in rang) >= rules.most_in_window:
        return False
    if len(storm) < rules.most or urgent:
        return True
    bad = any(one.event.action is not AlarmAction.CLEAR for one in members)
    return bad and now - max(rang) >= timedelta(seconds=rules.renew_s)


def _is_urgent(one: Untold, rules: Grouping) -> bool:
    return one.alarm.level <= rules.urgent and one.alarm.cleared_at is None
