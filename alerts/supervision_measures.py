"""What the supervision report says of each provision: its figures, in both languages. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from alerts.supervision import Counted
from alerts.text import catalogue
from lifeline.provision import Provision

NONE_YET = "本年无 / none this year"
_KINDS = ("burst", "leak", "flood", "flood-expected", "sensor-fault", "sensor-silent", "backlog", "unanswered", "other")
STEP_WORDS = {
    "answered": ("响应", "answer"), "dispatched": ("派单", "dispatch"), "on-site": ("到场", "arrival"),
    "mitigated": ("处置完成", "repair"),
}  # fmt: skip
LEVEL_WORDS = {1: ("红 I", "red I"), 2: ("橙 II", "orange II"), 3: ("黄 III", "yellow III"), 4: ("蓝 IV", "blue IV")}


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, said in both languages; `value` is text as it is printed, NONE_YET where nothing was recorded."""

    provision: Provision
    zh: str
    en: str
    value: str


@dataclass(frozen=True, slots=True)
class Covered:
    """How shelters would serve a city now."""

    city: str
    placed_share: float
    near_share: float
    season: str
    shelters: int
    places: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """The renewal ledger of a city; `in_tenth` of the year's `breaks` were in the top tenth of length of the ledger as
    it stood when the year began."""

    city: str
    pipes: int
    first: str
    breaks: int
    in_tenth: int


@dataclass(frozen=True, slots=True)
class Messages:
    """Public messages of the year as they are kept."""

    sent: int
    actual: int
    valid: int
    equal: int
    """read back and written again, the same to the letter"""


@dataclass(frozen=True, slots=True)
class Extras:
    """What is not in the trail but in the register, or is worked out now: named as such in the report."""

    devices: int
    devices_heard: int
    covered: Sequence[Covered]
    renewal: Sequence[Renewed]
    messages: Messages
    trail_rows: int
    trail_sound: bool
    trail_head: str


def kind_words(kind: str) -> str:
    """The kind in Chinese; as it stands where it has no word."""
    return str(catalogue("zh")["kind"].get(kind, kind))


def kinds(found: Counted) -> list[str]:
    """The kinds of alarms of the year, the known ones first."""
    return sorted(found.opened, key=lambda k: (_KINDS.index(k) if k in _KINDS else 99, k))


def measures(found: Counted, extras: Extras) -> list[Measure]:
    """Every provision with its figures."""
    p, made = Provision, list[Measure]()

    def add(provision: Provision, zh: str, en: str, value: str) -> None:
        made.append(Measure(provision, zh, en, value))

    said = "监测设备 / 其中已上线（名录）", "devices / of them ever heard (register)"
    add(p.P6_1, *said, _pair(extras.devices, extras.devices_heard))
    add(p.P6_1, "报警总数", "alarms opened", f"{found.opened.total():,}")
    for kind in kinds(found):
        add(p.P6_1, f"其中：{kind_words(kind)}", f"of which {kind}", f"{found.opened[kind]:,}")
    for kind in ("burst", "leak"):
        said = f"其中取消（误报）：{kind_words(kind)}", f"cancelled as false: {kind}"
        add(p.P6_1, *said, _share(found.false[kind], found.opened[kind]))
    for ledger in extras.renewal:
        said = f"{ledger.city}更新台账管段", f"pipes in the renewal ledger of {ledger.city}"
        add(p.P6_2, *said, f"{ledger.pipes:,}; 1: {ledger.first}")
        said = (
            f"{ledger.city}本年爆管位于年初台账前 10% 管长",
            "the year's breaks in the first tenth of the ledger as of 1 January",
        )
        add(p.P6_2, *said, _share(ledger.in_tenth, ledger.breaks))
    add(p.P6_3, "平急转换次数", "conversions ordered", f"{found.conversions:,}")
    if found.conversion_hours:
        kept = sum(actual <= promised for _, promised, actual in found.conversion_hours)
        late = median(actual - promised for _, promised, actual in found.conversion_hours)
        add(p.P6_3, "按承诺时间完成", "done within the promised hours", f"{kept} / {len(found.conversion_hours)}")
        add(p.P6_3, "实际减承诺（中位数）", "actual minus promised, median", f"{late:+.2f} h")
    add(p.P6_3, "演练次数", "drills", f"{len(found.drills):,}")
    if found.drills:
        met, steps = (sum(column) for column in zip(*found.drills, strict=True))
        add(p.P6_3, "演练环节按时完成", "steps of drills within their limit", _share(met, steps))
    for city in extras.covered:
        said = f"{city.city}避难场所 / 可容纳人数（现在）", f"shelters of {city.city} / people they take (now)"
        add(p.P6_4, *said, f"{city.shelters:,} / {city.places:,}（{'寒冷季' if city.season == 'cold' else '暖季'}）")
        said = f"{city.city}有避难位置人口（现在）", f"people of {city.city} with a place (now)"
        add(p.P6_4, *said, f"{city.placed_share:.1%}")
        said = f"{city.city}步行可达人口（现在）", f"people of {city.city} within walking distance (now)"
        add(p.P6_4, *said, f"{city.near_share:.1%}")
    add(p.P6_4, "疏散次数", "evacuations", f"{found.evacuations:,}")
    add(p.P6_4, "安置人数 / 未安置", "people planned / without a place", _pair(found.planned, found.unassigned))
    add(p.P6_5, "积水报警", "flood alarms", f"{found.opened['flood']:,}")
    add(p.P6_5, "其中取消（误报）", "cancelled as false", _share(found.false["flood"], found.opened["flood"]))
    foreseen = _share(len(found.foreseen_s), found.opened["flood"])
    add(p.P6_5, "积水前已预警", "flood alarms with a warning before at the same place", foreseen)
    add(p.P6_5, "预警提前量（中位数）", "lead of the warning, median", minutes(found.foreseen_s))
    add(p.P6_5, "红色报警", "alarms opened red", f"{found.levels[1]:,}")
    sent = extras.messages
    add(p.P6_6, "预警信息 / 其中正式发布", "public messages / of them Actual", f"{sent.sent:,} / {sent.actual:,}")
    add(p.P6_6, "签批", "signatures by named persons", f"{found.approvals:,}")
    add(p.P6_6, "符合 CAP 1.2 结构", "valid against CAP 1.2", _share(sent.valid, sent.sent))
    add(p.P6_6, "往返一致", "the same after reading and writing", _share(sent.equal, sent.sent))
    add(p.P11_1, "办结 / 取消", "closed / cancelled", f"{found.ended['close']:,} / {found.ended['cancel']:,}")
    add(p.P11_1, "全流程记录办结率", "closed with a full record", _share(found.full_record, found.ended["close"]))
    for step, (zh, en) in STEP_WORDS.items():
        add(p.P11_1, f"报警到{zh}（中位数）", f"alarm to {en}, median", minutes(found.spent(step)))
    add(p.P11_1, "工单 / 超时", "work orders / time limits passed", _pair(found.orders, found.breaches.total()))
    said = "寒冷期积水报警 / 误报", "flood alarms in the cold months / false"
    add(p.P11_2, *said, _pair(found.cold_floods, found.cold_floods_false))
    add(p.P4_1, "跨市派单", "crews asked across a city border", f"{found.across_border:,} / {found.offers:,}")
    said = "审计记录（本年 / 全部）", "entries of the trail (this year / all)"
    add(p.P14_1, *said, _pair(found.entries, extras.trail_rows))
    add(p.P14_1, "审计链验证", "the trail verifies", "完整 / sound" if extras.trail_sound else "有篡改 / ALTERED")
    add(p.P14_1, "链尾", "it stands at", extras.trail_head)
    add(p.P14_1, "参与人员", "people who acted", f"{len(found.people):,}")
    return made


def responses(found: Counted) -> list[tuple[str, ...]]:
    """A line for each level: the level, then for each step median and 90 % in minutes, with how many."""
    lines = []
    for level, (zh, en) in LEVEL_WORDS.items():
        if not any(found.spent(step, level) for step in STEP_WORDS):
            continue
        cells = [f"{zh} / {en}"]
        for step in STEP_WORDS:
            spent = found.spent(step, level)
            cells.append(f"{median(spent) / 60:.1f} / {_ninety(spent) / 60:.1f} ({len(spent)})" if spent else "–")
        lines.append(tuple(cells))
    return lines


def minutes(seconds: Sequence[float]) -> str:
    """Median and how many."""
    return f"{median(seconds) / 60:.1f} min (n = {len(seconds)})" if seconds else NONE_YET


def _ninety(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=10, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} ({part:,} / {whole:,})" if whole else NONE_YET


def _pair(one: float, other: float) -> str:
    return f"{one:,.0f} / {other:,.0f}"
