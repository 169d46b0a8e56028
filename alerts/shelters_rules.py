"""The rules of shelters as data: area per person by season, reserve, ways, weights, checklists, sources."""

from dataclasses import dataclass
from pathlib import Path

from alerts import rulefile
from alerts.assignment import Weights
from lifeline.asset import Name, Shelter
from lifeline.city.document import Table
from lifeline.city.people import Grade, Mode
from lifeline.shelter import Season, ShelterMode, Task

BUILT_IN = Path(__file__).with_name("shelters.toml")
_KEYS = ("version", "places", "area", "ways", "weights", "count", "task")


@dataclass(frozen=True, slots=True)
class Ways:
    """How far people go and what water does to roads; m, km/h."""

    limit_m: float
    covered_m: float
    walk_km_per_h: float
    closed_from_m: float
    closed_within_m: float
    slow_from_m: float
    slower: float
    last_m: float
    site_within_m: float


@dataclass(frozen=True, slots=True)
class Rules:
    """All of shelters.toml."""

    version: str
    reserve_share: float
    heated_below_c: float
    heated_months: frozenset[int]
    area_m2: dict[tuple[str, Season], float]
    """by grade and season"""
    ways: Ways
    weights: Weights
    stale_s: float
    tasks: tuple[tuple[ShelterMode, str, Name, float], ...]
    """to which mode, id, words, share of the promised hours"""

    def season(self, temperature_c: float | None, month: int) -> tuple[Season, str]:
        """The season and why: by the thermometer, without one by the month.

        >>> load(BUILT_IN).season(None, 1)
        (<Season.COLD: 'cold'>, 'by-month')
        """
        if temperature_c is not None:
            return (Season.COLD if temperature_c < self.heated_below_c else Season.WARM), "by-temperature"
        return (Season.COLD if month in self.heated_months else Season.WARM), "by-month"

    def places(self, shelter: Shelter, season: Season) -> int:
        """How many people it takes; none in the cold where it has no heating."""
        if season is Season.COLD and not shelter.heated:
            return 0
        return int(shelter.area_m2 / max(shelter.area_per_person_m2, self.area_m2[shelter.grade, season]))

    def checklist(self, shelter: Shelter, to_mode: ShelterMode) -> list[Task]:
        """The lines of a conversion of this shelter, promised by the hours of its pack."""
        return [
            Task(task, name, round(share * shelter.conversion_hours, 2))
            for mode, task, name, share in self.tasks
            if mode is to_mode
        ]


def load(path: Path) -> Rules:
    """The rules of a file. Raises SettingsError, which names file, line, column and key of every fault."""
    return rulefile.load_table(path, _rules, setting="field.shelters_file", built_in="alerts/shelters.toml")


def _rules(table: Table) -> Rules:
    table.only(*_KEYS)
    places = _part(table, "places", "reserve_share", "heated_below_c", "heated_months")
    ways = _part(table, "ways", *Ways.__slots__)
    weights = _part(table, "weights", "special", "reserve_m", "unplaced_m", "unplaced_special_m", "keep")
    count = _part(table, "count", "stale_s")
    months = places.content.get("heated_months") if places else None
    if not isinstance(months, list) or not all(isinstance(m, int) and 1 <= m <= 12 for m in months):
        table.fault("places", expected="heated_months: months 1 to 12", got=months)
        months = []
    area: dict[tuple[str, Season], float] = {}
    for entry in table.tables("area"):
        entry.only("grade", "warm_m2", "cold_m2", "source")
        grade = entry.choice("grade", Grade)
        entry.text("source")
        for season in Season:
            area[grade.value, season] = entry.number(f"{season.value}_m2", low=0.1)
    for grade in Grade:
        if (grade.value, Season.WARM) not in area:
            table.fault("area", expected=f"an [[area]] of grade {grade.value}")
    tasks = []
    for entry in table.tables("task"):
        entry.only("to", "task", "zh", "en", "share")
        name = Name(entry.text("zh"), entry.text("en"))
        share = entry.number("share", low=0, high=1)
        tasks.append((ShelterMode(entry.choice("to", Mode).value), entry.identifier("task"), name, share))
    limit = ways.number("limit_m", low=1) if ways else 1.0
    return Rules(
        version=table.text("version"),
        reserve_share=places.number("reserve_share", low=0, high=0.9) if places else 0.0,
        heated_below_c=places.number("heated_below_c", low=-50, high=30) if places else 0.0,
        heated_months=frozenset(months),
        area_m2=area,
        ways=Ways(*(ways.number(name, low=0) if ways else 0.0 for name in Ways.__slots__)),
        weights=Weights(
            limit,
            *(
                weights.number(name, low=0) if weights else 0.0
                for name in ("special", "reserve_m", "unplaced_m", "unplaced_special_m", "keep")
            ),
        ),
        stale_s=count.number("stale_s", low=1) if count else 0.0,
        tasks=tuple(tasks),
    )


def _part(table: Table, name: str, *keys: str) -> Table | None:
    part = table.table(name, example=f"[{name}]")
    if part is not None:
        part.only(*keys, "source")
        part.text("source")
    return part
