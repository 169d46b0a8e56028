"""Scenarios are data: those shipped fit the demo packs, faults in one are named with file and place."""

import doctest
import importlib
import tomllib
from pathlib import Path

import pytest

from lifeline.city import CityPack, load
from lifeline.errors import SimulationError
from simulators.faults import FaultKind
from simulators.packs import PACKS
from simulators.scenario import Event, OpenHole, Repair, Scenario, check_targets, load_scenario, names


@pytest.fixture(scope="module")
def packs() -> list[CityPack]:
    return [load(folder) for folder in PACKS]


@pytest.mark.parametrize("name", names())
def test_shipped_scenarios_fit_the_demo_packs(name: str, packs: list[CityPack]) -> None:
    check_targets(load_scenario(name), packs)


def test_the_demo_breaks_a_main_mends_it_and_lets_it_rain() -> None:
    events = load_scenario("demo").in_order
    assert [event.what for event in events] == ["burst", "repair", "cloudburst"]
    burst, repair = events[:2]
    assert isinstance(burst, OpenHole) and isinstance(repair, Repair) and burst.pipe == repair.pipe
    assert burst.after_s <= 20.0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('about = "x"\nabout = "y"\n', "line 2"),
        ("events = []", "about: Field required"),
        ('about = "x"\n[[events]]\nafter_s = 1\nwhat = "meteor"', "event 1: what"),
        ('about = "x"\n[[events]]\nafter_s = 1\nwhat = "burst"\npipe = "P"', "event 1: diameter_mm: Field required"),
        ('about = "x"\n[[events]]\nafter_s = -1\nwhat = "repair"\npipe = "P"', "event 1: after_s: Input should be"),
        ('about = "x"\n[[events]]\nafter_s = 1\nwhat = "repair"\npipe = "P"\nsize = 3', "event 1: size: Extra inputs"),
        (
            'about = "x"\n[[events]]\nafter_s = 1\nwhat = "fault"\nsensor = "S"\nkind = "tired"',
            "event 1: kind: Input should be",
        ),
    ],
)
def test_a_fault_in_a_scenario_is_named_with_file_and_place(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SimulationError) as error:
        load_scenario(str(file))
    assert f"{file}: " in str(error.value) and place in str(error.value)


def test_an_unknown_scenario_is_answered_with_those_there_are() -> None:
    with pytest.raises(SimulationError, match=r"no scenario 'x'.*burst.*demo"):
        load_scenario("x")


def test_events_must_name_what_a_pack_has(tmp_path: Path, packs: list[CityPack]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'about = "x"\n'
        '[[events]]\nafter_s = 1\nwhat = "burst"\npipe = "CC-J-1001"\ndiameter_mm = 9\n'
        '[[events]]\nafter_s = 1\nwhat = "shut"\nlink = "CC-V-1"\n'
        '[[events]]\nafter_s = 1\nwhat = "cloudburst"\ncity = "110000"\npeak_mm_per_h = 60\nminutes = 9\n'
        '[[events]]\nafter_s = 1\nwhat = "fault"\nsensor = "CC-L-999"\nkind = "stuck"\n',
        encoding="utf-8",
    )
    with pytest.raises(SimulationError) as error:
        check_targets(load_scenario(str(file)), packs)
    message = str(error.value)
    assert "event 1: pipe: no pack has a pipe 'CC-J-1001'" in message
    assert "event 3: city" in message and "event 4: sensor" in message and "event 2" not in message


def test_the_document_names_every_scenario_event_and_fault() -> None:
    text = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text(encoding="utf-8")
    events = [value for kind in Event.__args__ for value in kind.model_fields["what"].annotation.__args__]
    for name in [*names(), *events, *FaultKind]:
        assert f"`{name}`" in text, name
    example = text.split("```toml")[1].split("```")[0]
    assert Scenario.model_validate(tomllib.loads(example)).in_order[0].what == "burst"


@pytest.mark.parametrize(
    "name",
    ["senml", "hydraulics", "weather", "demo_city.supply", "demo_city.instruments"],
)
def test_examples_in_docstrings_hold(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(f"simulators.{name}"))
    assert tried and not failed
