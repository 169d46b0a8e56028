"""Which crew is asked, with what, by when: rules as data, the choice pure and with its reasons."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from alerts import rulefile
from lifeline.alarm import Level
from lifeline.asset import Name
from lifeline.city.document import Table
from lifeline.city.people import Skill
from lifeline.finding import FindingKind
from lifeline.store.crews import CrewStanding
from lifeline.work_order import Material, OrderState, WorkOrder

BUILT_IN = Path(__file__).with_name("dispatch.toml")
_STEPS = ("answer", "arrive", "mitigate", "verify")
STEP_OF = {OrderState.ACCEPTED: "arrive", OrderState.ON_SITE: "mitigate", OrderState.MITIGATED: "verify"}
"""The step that an order waits for."""


class LevelName(StrEnum):
    """Levels as the file writes them."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    BLUE = "blue"


class Reason(StrEnum):
    """Why a crew was asked, or none."""

    SKILLED = "skilled"
    UNSKILLED = "no-skilled-crew"
    NEAREST = "shortest-way"
    LESS_BUSY = "less-busy"
    ACROSS_BORDER = "across-border"
    NO_WAY_KNOWN = "no-open-road"
    ASKED_AGAIN = "asked-again"
    """everybody else has declined or not answered"""
    NOBODY_ON_DUTY = "nobody-on-duty"
    ALL_BUSY = "all-busy"
    ALL_ASKED = "all-asked"


@dataclass(frozen=True, slots=True)
class Work:
    """What a kind of finding needs."""

    skills: tuple[str, ...]
    materials: tuple[Material, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """All of dispatch.toml."""

    version: str
    most_orders: int
    busy_min: float
    other_city_min: float
    lesser_skill_min: float
    auto: Level | None
    limits_min: dict[tuple[Level, str], float]
    works: dict[FindingKind, Work]

    def work(self, kind: FindingKind) -> Work:
        """What findings of a kind need; what the file does not know is `other`."""
        return self.works.get(kind, self.works[FindingKind.OTHER])

    def due(self, level: Level, step: str, since: datetime) -> datetime:
        """When `step` (answer, arrive, mitigate, verify) has to be done."""
        return since + timedelta(minutes=self.limits_min[level, step])


@dataclass(frozen=True, slots=True)
class Choice:
    """The crew to ask, None where nobody can be, and why."""

    crew_id: str | None
    minutes: float
    reasons: tuple[Reason, ...]


def choose(
    order: WorkOrder,
    crews: Sequence[CrewStanding],
    minutes: Sequence[float],
    asked: Collection[str],
    rules: Rules,
    now: datetime,
) -> Choice:
    """The best crew for `order`; `minutes` is each crew's way over open roads, `asked` those that said no or nothing.

    On duty and not full of work; skilled before unskilled; then the shortest way, where work in hand and another city
    count as minutes. When everybody has been asked, the best is asked again: better twice than nobody.
    """
    on_duty = [k for k, crew in enumerate(crews) if crew.on_duty_at(now)]
    free = [k for k in on_duty if crews[k].orders < rules.most_orders and crews[k].offers == 0]
    if not free:
        return Choice(None, 0.0, (Reason.ALL_BUSY if on_duty else Reason.NOBODY_ON_DUTY,))
    reasons: list[Reason] = []
    left = [k for k in free if crews[k].crew.crew_id not in asked]
    if not left:
        left = free
        reasons.append(Reason.ASKED_AGAIN)
    skilled = [k for k in left if _skill(order, crews[k]) < len(order.skills)] if order.skills else left
    if not skilled and not reasons and any(_skill(order, crews[k]) < len(order.skills) for k in free):
        skilled = [k for k in free if _skill(order, crews[k]) < len(order.skills)]  # rather a skilled one once more
        reasons.append(Reason.ASKED_AGAIN)

    def cost(k: int) -> tuple[float, str]:
        crew = crews[k]
        far = rules.other_city_min if crew.crew.city_code != order.city_code else 0.0
        lesser = rules.lesser_skill_min * _skill(order, crew)
        return minutes[k] + rules.busy_min * crew.orders + far + lesser, crew.crew.crew_id

    candidates = skilled or left
    best = min(candidates, key=cost)
    reasons.append(Reason.SKILLED if skilled else Reason.UNSKILLED)
    if minutes[best] == float("inf"):
        reasons.append(Reason.NO_WAY_KNOWN)
    elif minutes[best] == min(minutes[k] for k in candidates):
        reasons.append(Reason.NEAREST)
    elif crews[min(candidates, key=lambda k: minutes[k])].orders > crews[best].orders:
        reasons.append(Reason.LESS_BUSY)
    if crews[best].crew.city_code != order.city_code:
        reasons.append(Reason.ACROSS_BORDER)
    return Choice(crews[best].crew.crew_id, minutes[best], tuple(reasons))


def load(path: Path) -> Rules:
    """The rules of a file. Raises SettingsError, which names file, line, column and key of every fault."""
    return rulefile.load_table(path, _rules, setting="field.dispatch_file", built_in="alerts/dispatch.toml")


def _rules(table: Table) -> Rules:
    table.only("version", "crews", "auto", "limit", "kind")
    crews, auto = table.table("crews", example="[crews]"), table.table("auto", example='[auto]\nlevel = ""')
    limits: dict[tuple[Level, str], float] = {}
    for entry in table.tables("limit"):
        entry.only("level", *(f"{step}_min" for step in _STEPS))
        level = Level[entry.choice("level", LevelName).name]
        limits |= {(level, step): entry.number(f"{step}_min", low=0.1) for step in _STEPS}
    for level in Level:
        if (level, "answer") not in limits:
            table.fault("limit", expected=f"a [[limit]] of level {level.name.lower()}")
    works: dict[FindingKind, Work] = {}
    for entry in table.tables("kind"):
        entry.only("kind", "skills", "materials", "source")
        entry.text("source")
        skills = entry.texts("skills")
        if not set(skills) <= set(Skill):
            entry.fault("skills", expected=f"some of {', '.join(Skill)}", got=list(skills))
        kind = entry.text("kind")
        if kind not in list(FindingKind):
            entry.fault("kind", expected=f"one of {', '.join(FindingKind)}", got=kind)
        works[FindingKind(kind)] = Work(skills, tuple(_material(one) for one in entry.tables("materials")))
    if FindingKind.OTHER not in works:
        table.fault("kind", expected="a [[kind]] for other")
    chosen: Any = auto.content.get("level") if auto else None
    if chosen not in ("", *LevelName):
        table.fault("auto", expected=f'level: "" or one of {", ".join(LevelName)}', got=chosen)
        chosen = ""
    return Rules(
        version=table.text("version"),
        most_orders=int(crews.number("most_orders", low=1)) if crews else 1,
        busy_min=crews.number("busy_min", low=0) if crews else 0.0,
        other_city_min=crews.number("other_city_min", low=0) if crews else 0.0,
        lesser_skill_min=crews.number("lesser_skill_min", low=0) if crews else 0.0,
        auto=Level[chosen.upper()] if chosen else None,
        limits_min=limits,
        works=works,
    )


def _material(entry: Table) -> Material:
    entry.only("zh", "en", "quantity")
    return Material(Name(entry.text("zh"), entry.text("en")), entry.text("quantity"))


def _skill(order: WorkOrder, crew: CrewStanding) -> int:
    """Place of the first wanted skill that the crew has; their number where it has none."""
    return next((n for n, skill in enumerate(order.skills) if skill in crew.crew.skills), len(order.skills))
