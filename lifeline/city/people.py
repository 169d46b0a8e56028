"""shelters.csv, population.csv, crews.csv: where people live, where they go, who helps them."""

from enum import StrEnum

from lifeline.asset import Crew, PopulationCell, Position, Shelter
from lifeline.city.fault import Faults
from lifeline.city.table import Row, rows, unique

SHELTER_COLUMNS = (
    "shelter_id", "name_zh", "name_en", "district", "lon", "lat", "grade", "area_m2", "area_per_person_m2", "heated",
    "mode", "conversion_hours",
)  # fmt: skip
POPULATION_COLUMNS = ("cell_id", "district", "lon", "lat", "people", "special_needs")
CREW_COLUMNS = ("crew_id", "name_zh", "name_en", "district", "lon", "lat", "skills", "people", "contact")


class Grade(StrEnum):
    """How long a shelter serves: 紧急, 短期, 长期."""

    EMERGENCY = "emergency"
    SHORT = "short"
    LONG = "long"


class Mode(StrEnum):
    """Whether a dual-use shelter stands as everyday (平) or as emergency (急) facility."""

    EVERYDAY = "平"
    EMERGENCY = "急"


class Skill(StrEnum):
    """What a crew can do."""

    LEAK = "leak"
    FLOOD = "flood"
    VALVE = "valve"
    PUMP = "pump"
    GAS = "gas"
    HEATING = "heating"


def shelters(text: str, file: str, faults: Faults, code: str, centre: Position | None) -> tuple[Shelter, ...]:
    """The shelters without faults."""
    found, seen = [], dict[str, int]()
    for row in rows(text, file, SHELTER_COLUMNS, faults):
        shelter = Shelter(
            shelter_id=row.identifier("shelter_id"),
            city_code=code,
            name=row.name(),
            district=row.division("district"),
            position=row.position(centre),
            grade=row.choice("grade", Grade).value,
            area_m2=row.number("area_m2", low=1),
            area_per_person_m2=row.number("area_per_person_m2", low=0.1),
            heated=row.yes_no("heated"),
            mode=row.choice("mode", Mode).value,
            conversion_hours=row.number("conversion_hours", low=0),
        )
        unique(row, "shelter_id", shelter.shelter_id, seen)
        if row.sound:
            found.append(shelter)
    return tuple(found)


def population(text: str, file: str, faults: Faults, code: str, centre: Position | None) -> tuple[PopulationCell, ...]:
    """The cells without faults."""
    found, seen = [], dict[str, int]()
    for row in rows(text, file, POPULATION_COLUMNS, faults):
        cell = PopulationCell(
            cell_id=row.identifier("cell_id"),
            city_code=code,
            district=row.division("district"),
            position=row.position(centre),
            people=row.integer("people"),
            special_needs=row.integer("special_needs"),
        )
        unique(row, "cell_id", cell.cell_id, seen)
        if row.sound and cell.special_needs > cell.people:
            row.fault("special_needs", f"at most people = {cell.people}")
        if row.sound:
            found.append(cell)
    return tuple(found)


def crews(text: str, file: str, faults: Faults, code: str, centre: Position | None) -> tuple[Crew, ...]:
    """The crews without faults."""
    found, seen = [], dict[str, int]()
    for row in rows(text, file, CREW_COLUMNS, faults):
        crew = Crew(
            crew_id=row.identifier("crew_id"),
            city_code=code,
            name=row.name(),
            district=row.division("district"),
            position=row.position(centre),
            skills=_skills(row),
            people=row.integer("people", low=1),
            contact=row.words("contact"),
        )
        unique(row, "crew_id", crew.crew_id, seen)
        if row.sound:
            found.append(crew)
    return tuple(found)


def _skills(row: Row) -> tuple[str, ...]:
    given = tuple(row.words("skills").split(";"))
    if row.raw("skills") and (not set(given) <= set(Skill) or len(set(given)) != len(given)):
        row.fault("skills", f"each once, separated by `;`: {', '.join(Skill)}")
    return given
