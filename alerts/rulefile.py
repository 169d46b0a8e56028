"""Reads a rule file (TOML) into its model; every fault names file, line, column and field. Pure but for the reading."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lifeline.city import document
from lifeline.city.document import Table
from lifeline.city.fault import Fault, Faults
from lifeline.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)
Made = TypeVar("Made")


def read(path: Path) -> str:
    """The text of a file. Raises SettingsError where it cannot be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}", advice="give a file of UTF-8 text") from error


def check(
    text: str, file: str, model: type[Model], shape: Callable[[dict[str, Any]], dict[str, Any]]
) -> tuple[Model | None, list[str]]:
    """The model and no faults, or None and every fault as `file:line:column: field: what was expected`.

    `shape` turns the document into what the model takes, keeping the places of its fields.
    """
    faults = Faults()
    table = document.parse(text, file, faults)
    if table is None:
        return None, [str(fault) for fault in faults.sorted()]
    try:
        return model.model_validate(shape(table.content)), []
    except ValidationError as error:
        wrong = error.errors()
        # a list whose entries are wrong is said to be too short as well: the entries tell more
        wrong = [
            one
            for one in wrong
            if one["type"] != "too_short" or not any(_within(other["loc"], one["loc"]) for other in wrong)
        ]
        found = [(table.place(*_path(one["loc"], table.content)), one) for one in wrong]
        named = [(place, one["msg"].removeprefix("Value error, ")) for place, one in found]
        return None, [f"{place}: {said}" for place, said in sorted(named, key=lambda each: each[0])]


def load(
    path: Path, what: str, model: type[Model], shape: Callable[[dict[str, Any]], dict[str, Any]], *, advice: str
) -> Model:
    """The model in a file. Raises SettingsError, which names the file and every fault with line and field."""
    made, faults = check(read(path), str(path), model, shape)
    if made is None:
        raise SettingsError(f"{what}: {'; '.join(faults)}", advice=advice)
    return made


def load_table(path: Path, build: Callable[[Table], Made], *, setting: str, built_in: str) -> Made:
    """What `build` makes of a file whose faults it notes. Raises SettingsError, which names file, line, column and key
    of every fault, the `setting` that names the file, and the file that is `built_in`."""
    faults = Faults()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", advice=f"correct {setting}") from error
    table = document.parse(text, path.name, faults)
    made = build(table) if table is not None else None
    if made is None or len(faults):
        said = "; ".join(str(fault) for fault in faults.sorted())
        raise SettingsError(f"{path}: {said}", advice=f"mend it; {built_in} is the built-in one")
    return made


def listed(faults: list[Fault], what: str, advice: str) -> SettingsError:
    """The error of a CSV file with these faults."""
    return SettingsError(f"{what}: {'; '.join(map(str, faults))}", advice=advice)


def _within(place: tuple[int | str, ...], whole: tuple[int | str, ...]) -> bool:
    return len(place) > len(whole) and place[: len(whole)] == whole


def _path(place: tuple[int | str, ...], content: Any) -> tuple[int | str, ...]:
    """The part of pydantic's place that stands in the document, and the field that it names."""
    known: list[int | str] = []
    for part in place:
        known.append(part)
        if isinstance(content, dict):
            content = content.get(part)
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            content = content[part]
        if content is None:
            break
    return tuple(known)
