"""Which crew is asked: the choice weighs way, skill, work and city, and names its reasons."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.dispatch import BUILT_IN, choose, load
from lifeline.alarm import Level
from lifeline.asset import Crew, Name, Position
from lifeline.finding import FindingKind
from lifeline.store.crews import CrewStanding
from lifeline.work_order import OrderState, WorkOrder

NOW = datetime(2026, 7, 20, 8, 0, tzinfo=UTC)
RULES = load(BUILT_IN)
HERE = Position(125.3, 43.9)
ORDER = WorkOrder(
    1, 1, "220100", FindingKind.BURST, Level.RED, ("leak", "valve"), (), Name("", ""), HERE, False,
    OrderState.WAITING, NOW, 1,
)  # fmt: skip


def _crew(crew_id: str, *skills: str, city: str = "220100", **more: object) -> CrewStanding:
    crew = Crew(crew_id, city, Name("", ""), city, HERE, skills, 4, "")
    return replace(CrewStanding(crew, True, None, 0, 0), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("crews", "minutes", "asked", "expected"),
    [
        ([_crew("A", "leak"), _crew("B", "leak")], [9, 4], (), ("B", ["skilled", "shortest-way"])),
        ([_crew("A", "gas"), _crew("B", "leak")], [1, 40], (), ("B", ["skilled", "shortest-way"])),
        ([_crew("A", "valve"), _crew("B", "leak")], [4, 9], (), ("B", ["skilled"])),
        ([_crew("A", "valve"), _crew("B", "leak")], [4, 30], (), ("A", ["skilled", "shortest-way"])),
        ([_crew("A", "leak", orders=1), _crew("B", "leak")], [4, 9], (), ("B", ["skilled", "less-busy"])),
        ([_crew("A", "leak", orders=2), _crew("B", "gas")], [4, 9], (), ("B", ["no-skilled-crew", "shortest-way"])),
        ([_crew("A", "leak", city="220300"), _crew("B", "leak")], [4, 8], (), ("B", ["skilled"])),
        ([_crew("A", "leak", city="220300")], [4], (), ("A", ["skilled", "shortest-way", "across-border"])),
        ([_crew("A", "leak"), _crew("B", "leak")], [4, 8], ("A",), ("B", ["skilled", "shortest-way"])),
        ([_crew("A", "leak"), _crew("B", "gas")], [4, 8], ("A",), ("A", ["asked-again", "skilled", "shortest-way"])),
        ([_crew("A", "leak")], [float("inf")], (), ("A", ["skilled", "no-open-road"])),
        ([_crew("A", "leak", orders=2)], [4], (), (None, ["all-busy"])),
        ([_crew("A", "leak", offers=1)], [4], (), (None, ["all-busy"])),
        ([_crew("A", "leak", on_duty=False)], [4], (), (None, ["nobody-on-duty"])),
        ([_crew("A", "leak", until=NOW - timedelta(hours=1))], [4], (), (None, ["nobody-on-duty"])),
        ([], [], (), (None, ["nobody-on-duty"])),
    ],
)
def test_the_choice_and_its_reasons(
    crews: list[CrewStanding], minutes: list[float], asked: tuple[str, ...], expected: tuple[str | None, list[str]]
) -> None:
    choice = choose(ORDER, crews, minutes, asked, RULES, NOW)
    assert (choice.crew_id, [reason.value for reason in choice.reasons]) == expected
