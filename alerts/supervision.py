"""The yearly supervision report (P14.1): per provision its figures, counted from the audit trail alone. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from lifeline.finding import DRILL
from lifeline.provision import Provision
from lifeline.store.audit import Entry

_KINDS = ("burst", "leak", "flood", "sensor-fault", "sensor-silent", "other")
_COLD_MONTHS = frozenset({11, 12, 1, 2, 3})


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, said in both languages; `value` is text as it is printed, `none yet` where nothing was recorded."""

    provision: Provision
    zh: str
    en: str
    value: str


@dataclass(slots=True)
class Counted:
    """What the trail holds of a year."""

    entries: int = 0
    people: set[str] = field(default_factory=set)
    opened: Counter[str] = field(default_factory=Counter)
    """alarms by kind"""
    levels: Counter[int] = field(default_factory=Counter)
    months: Counter[int] = field(default_factory=Counter)
    answered_s: list[float] = field(default_factory=list)
    dispatched_s: list[float] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    full_record: int = 0
    orders: int = 0
    offers: int = 0
    across_border: int = 0
    breaches: Counter[str] = field(default_factory=Counter)
    conversions: int = 0
    conversion_hours: list[tuple[float, float]] = field(default_factory=list)
    """promised, actual"""
    plans: int = 0
    planned: float = 0.0
    unassigned: float = 0.0
    evacuations: int = 0
    drills: int = 0
    bulletins: int = 0
    cold_floods: int = 0
    cold_floods_false: int = 0


def count(entries: Iterable[Entry]) -> Counted:
    """Goes through a year's entries, oldest first. Drills are counted apart."""
    found = Counted()
    opened: dict[str, datetime] = {}
    steps: dict[str, set[str]] = {}
    kinds: dict[str, tuple[str, bool]] = {}
    promised: dict[str, tuple[datetime, float]] = {}
    drilled: set[str] = set()
    newest_plan: dict[str, tuple[float, float]] = {}
    for entry in entries:
        found.entries += 1
        if not entry.who.startswith("system:"):
            found.people.add(entry.who)
        noun, _, verb = entry.action.partition(".")
        detail = entry.detail
        if detail.get("exercise") or str(detail.get("of", "")).startswith(DRILL) or entry.subject in drilled:
            drilled.add(entry.subject)
            continue
        if noun == "alarm":
            _alarm(found, entry, verb, opened, steps, kinds)
        elif noun == "order":
            found.orders += verb == "open"
            found.offers += verb == "offer"
            found.across_border += verb == "offer" and "across-border" in str(detail.get("note", ""))
            if verb in {"breach", "time-out"}:
                found.breaches[str(detail.get("reason", verb))] += 1
        elif entry.action == "shelter.convert":
            found.conversions += 1
            promised[entry.subject] = entry.at, float(detail.get("promised_hours", 0.0))
        elif entry.action == "shelter.conversion-done" and entry.subject in promised:
            at, hours = promised.pop(entry.subject)
            found.conversion_hours.append((hours, (entry.at - at).total_seconds() / 3600))
        elif entry.action == "evacuation.order":
            found.evacuations += 1
        elif entry.action == "evacuation.plan":
            found.plans += 1
            newest_plan[entry.subject] = float(detail.get("people", 0)), float(detail.get("unassigned", 0))
        elif noun == "bulletin":
            found.bulletins += 1
        elif entry.action == "drill.end":
            found.drills += 1
    found.planned = sum(people for people, _ in newest_plan.values())
    found.unassigned = sum(left for _, left in newest_plan.values())
    return found


def _alarm(
    found: Counted, entry: Entry, verb: str, opened: dict[str, datetime], steps: dict[str, set[str]],
    kinds: dict[str, tuple[str, bool]],
) -> None:  # fmt: skip
    kind = str(entry.detail.get("kind", "other"))
    if verb == "open":
        opened[entry.subject] = entry.at
        found.opened[kind] += 1
        found.levels[int(entry.detail.get("level", 4))] += 1
        found.months[entry.at.month] += 1
        cold = kind == "flood" and entry.at.month in _COLD_MONTHS
        found.cold_floods += cold
        kinds[entry.subject] = kind, cold
    done = steps.setdefault(entry.subject, set())
    since = opened.get(entry.subject)
    if since is not None and verb in ("acknowledge", "dispatch") and verb not in done:
        spent = (entry.at - since).total_seconds()
        if verb == "dispatch":
            found.dispatched_s.append(spent)
        if not done & {"acknowledge", "dispatch"}:
            found.answered_s.append(spent)
    done.add(verb)
    if verb in ("close", "cancel", "supersede"):
        found.ended[verb] += 1
        found.full_record += verb == "close" and {"dispatch", "accept", "arrive", "mitigate", "verify"} <= done
        found.cold_floods_false += verb == "cancel" and kinds.get(entry.subject, ("", False))[1]


@dataclass(frozen=True, slots=True)
class Extras:
    """What is not in the trail but in the register: named as such in the report."""

    devices: int
    covered: Sequence[tuple[str, float, float]]
    """city, share of people with a place, share within walking distance"""
    renewal: Sequence[tuple[str, int, str]]
    """city, pipes in the ledger, the first with its reasons"""
    trail_rows: int
    trail_sound: bool
    trail_head: str


def measures(found: Counted, extras: Extras) -> list[Measure]:
    """Every provision with its figures, in the order of the decision."""
    p, made = Provision, list[Measure]()

    def add(provision: Provision, zh: str, en: str, value: str) -> None:
        made.append(Measure(provision, zh, en, value))

    def pair(one: float, other: float) -> str:
        return f"{one:,.0f} / {other:,.0f}"

    add(p.P6_1, "监测设备", "devices watched (register)", f"{extras.devices:,}")
    add(p.P6_1, "报警总数", "alarms opened", f"{found.opened.total():,}")
    for kind in sorted(found.opened, key=lambda k: (_KINDS.index(k) if k in _KINDS else 99, k)):
        add(p.P6_1, f"其中 {kind}", f"of which {kind}", f"{found.opened[kind]:,}")
    for city, pipes, first in extras.renewal:
        add(p.P6_2, f"{city} 更新台账管段", f"pipes in the renewal ledger of {city}", f"{pipes:,}; 1: {first}")
    add(p.P6_3, "平急转换次数", "conversions ordered", f"{found.conversions:,}")
    if found.conversion_hours:
        kept = sum(actual <= promised for promised, actual in found.conversion_hours)
        late = median(actual - promised for promised, actual in found.conversion_hours)
        add(p.P6_3, "按承诺时间完成", "done within the promised hours", f"{kept} / {len(found.conversion_hours)}")
        add(p.P6_3, "实际减承诺（中位数）", "actual minus promised, median", f"{late:+.2f} h")
    add(p.P6_3, "演练次数", "drills", f"{found.drills:,}")
    for city, placed, near in extras.covered:
        add(p.P6_4, f"{city} 有避难位置人口", f"people of {city} with a place (now)", f"{placed:.1%}")
        add(p.P6_4, f"{city} 步行可达人口", f"people of {city} within walking distance (now)", f"{near:.1%}")
    add(p.P6_4, "疏散次数", "evacuations", f"{found.evacuations:,}")
    add(
        p.P6_4,
        "安置人数 / 未安置",
        "people planned / without a place",
        pair(found.planned, found.unassigned),
    )
    add(p.P6_5, "积水报警", "flood alarms", f"{found.opened['flood']:,}")
    add(p.P6_5, "红色报警", "alarms opened red", f"{found.levels[1]:,}")
    add(p.P6_6, "发布预警信息", "public messages", f"{found.bulletins:,}")
    add(p.P11_1, "办结 / 取消", "closed / cancelled", f"{found.ended['close']:,} / {found.ended['cancel']:,}")
    closed = found.ended["close"]
    share = f"{found.full_record / closed:.1%} ({found.full_record} / {closed})" if closed else "尚无 / none yet"
    add(p.P11_1, "全流程记录办结率", "closed with a full record", share)
    add(p.P11_1, "报警到响应（中位数）", "alarm to answer, median", _minutes(found.answered_s))
    add(p.P11_1, "报警到派单（中位数）", "alarm to dispatch, median", _minutes(found.dispatched_s))
    add(p.P11_1, "超时", "time limits passed", f"{found.breaches.total():,}")
    add(
        p.P11_2,
        "寒冷期积水报警 / 误报",
        "flood alarms in the cold months / false",
        pair(found.cold_floods, found.cold_floods_false),
    )
    add(p.P4_1, "跨市派单", "crews asked across a city border", f"{found.across_border:,} / {found.offers:,}")
    add(
        p.P14_1,
        "审计记录（本年 / 全部）",
        "entries of the trail (this year / all)",
        pair(found.entries, extras.trail_rows),
    )
    add(p.P14_1, "审计链验证", "the trail verifies", "完整 / sound" if extras.trail_sound else "有篡改 / ALTERED")
    add(p.P14_1, "链尾", "it stands at", extras.trail_head)
    add(p.P14_1, "参与人员", "people who acted", f"{len(found.people):,}")
    return made


def _minutes(seconds: Sequence[float]) -> str:
    return f"{median(seconds) / 60:.1f} min (n = {len(seconds)})" if seconds else "尚无 / none yet"
