"""Several SWMM files as one: the engine holds one model per process, and cities' drains do not touch each other."""

from collections.abc import Sequence

from lifeline.errors import SimulationError

_ONCE = {"TITLE", "OPTIONS", "EVAPORATION", "REPORT", "FILES", "MAP", "TEMPERATURE", "ADJUSTMENTS"}
"""Sections that speak of the whole model: those of the first file hold."""
_NAMED = {"JUNCTIONS", "OUTFALLS", "STORAGE", "DIVIDERS", "CONDUITS", "PUMPS", "RAINGAGES", "SUBCATCHMENTS"}


def merge(texts: Sequence[str]) -> str:
    """One file with all elements of `texts`. Raises SimulationError where two files name the same element."""
    sections: dict[str, list[str]] = {}
    taken: set[tuple[str, str]] = set()
    for number, text in enumerate(texts):
        mine: set[tuple[str, str]] = set()
        name = ""
        for line in text.splitlines():
            if line.startswith("["):
                name = line.strip("[] \t").upper()
                sections.setdefault(name, [])
            elif line.strip() and not line.startswith(";") and (number == 0 or name not in _ONCE):
                if name in _NAMED:
                    mine.add((name, line.split()[0]))
                sections[name].append(line)
        if doubled := sorted(element for _, element in mine & taken):
            raise SimulationError(
                f"two drainage files name {', '.join(doubled[:5])}",
                advice="give each city's elements a prefix of its own",
            )
        taken |= mine
    return "\n".join(line for name, lines in sections.items() for line in (f"[{name}]", *lines, "")) + "\n"
