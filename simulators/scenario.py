"""Scenarios as data: what happens to the pipes and the sky, and when. A scenario never says what shall be detected.

A TOML file: `about`, perhaps `air_temperature_c`, and a list of `[[events]]`, each with `after_s` and `what`.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lifeline.asset import AssetKind
from lifeline.city import CityPack
from lifeline.errors import SimulationError
from simulators.faults import FaultKind

SCENARIOS = Path(__file__).parent / "scenarios"
"""Folder of those that are shipped."""
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
After = Annotated[float, Field(ge=0, description="seconds since the story began, by the clock, whatever the speed")]


class _Event(BaseModel):
    model_config = _STRICT
    after_s: After


class OpenHole(_Event):
    """A burst, or a leak: a hole in a pipe, which grows to its size within `grows_s`."""

    what: Literal["burst", "leak"]
    pipe: str
    diameter_mm: float = Field(gt=0, le=500)
    grows_s: float = Field(0.0, ge=0)


class Repair(_Event):
    """The hole in a pipe is closed."""

    what: Literal["repair"]
    pipe: str


class SetValve(_Event):
    """A pipe, valve or pump is shut or opened."""

    what: Literal["shut", "open"]
    link: str


class CellRain(_Event):
    """A cloudburst cell that crosses a city (simulators.weather.Cloudburst)."""

    what: Literal["cloudburst"]
    city: str
    peak_mm_per_h: float = Field(gt=0, le=400)
    minutes: float = Field(gt=0, le=1440)
    radius_km: float = Field(3.0, gt=0)
    speed_km_per_h: float = Field(6.0, ge=0)
    heading_deg: float = Field(60.0, ge=0, lt=360)


class StormRain(_Event):
    """A design storm over a city (simulators.weather.DesignStorm)."""

    what: Literal["design-storm"]
    city: str
    years: float = Field(gt=0.2, le=1000)
    minutes: float = Field(60.0, gt=0, le=1440)


class BreakSensor(_Event):
    """A sensor's fault begins (simulators.faults.FaultKind says what `size` means)."""

    what: Literal["fault"]
    sensor: str
    kind: Annotated[FaultKind, Field(strict=False)]
    size: float = 0.0


class MendSensor(_Event):
    """All faults of a sensor end."""

    what: Literal["mend"]
    sensor: str


Event = OpenHole | Repair | SetValve | CellRain | StormRain | BreakSensor | MendSensor


class Scenario(BaseModel):
    """A story: `events` in the order in which they happen."""

    model_config = _STRICT
    about: str
    air_temperature_c: float | None = Field(None, description="instead of the season's", ge=-45, le=45)
    events: list[Annotated[Event, Field(discriminator="what")]] = []

    @property
    def in_order(self) -> list[Event]:
        """The events by their time."""
        return sorted(self.events, key=lambda event: event.after_s)


def names() -> list[str]:
    """Names of the scenarios that are shipped."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def load_scenario(name: str) -> Scenario:
    """The shipped scenario of that name, or the one in that file. Raises SimulationError with file and place."""
    path = SCENARIOS / f"{name}.toml" if name in names() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
        return Scenario.model_validate(tomllib.loads(text))
    except OSError:
        known = ", ".join(names())
        raise SimulationError(f"no scenario {name!r}", advice=f"name a file, or one of {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SimulationError(f"{path}: {error}", advice="mend the TOML") from None
    except ValidationError as error:
        faults = (f"{path}: {_place(fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise SimulationError(
            "\n".join(faults), advice="the classes in simulators/scenario.py say what an event has"
        ) from None


def check_targets(scenario: Scenario, packs: Sequence[CityPack]) -> None:
    """Raises SimulationError where an event names a pipe, link, sensor or city that no pack has."""
    kinds = {asset.asset_id: asset.kind for pack in packs for asset in pack.assets}
    sensors = {sensor.sensor_id for pack in packs for sensor in pack.sensors}
    cities = {pack.code for pack in packs}
    faults = []
    for number, event in enumerate(scenario.events, start=1):
        match event:
            case OpenHole(pipe=name) | Repair(pipe=name) if kinds.get(name) is not AssetKind.PIPE:
                faults.append(f"event {number}: pipe: no pack has a pipe {name!r}")
            case SetValve(link=name) if kinds.get(name) not in {AssetKind.PIPE, AssetKind.VALVE, AssetKind.PUMP}:
                faults.append(f"event {number}: link: no pack has a pipe, valve or pump {name!r}")
            case CellRain(city=code) | StormRain(city=code) if code not in cities:
                faults.append(f"event {number}: city: no pack has the code {code!r}")
            case BreakSensor(sensor=name) | MendSensor(sensor=name) if name not in sensors:
                faults.append(f"event {number}: sensor: no pack has a sensor {name!r}")
            case _:
                pass
    if faults:
        raise SimulationError("\n".join(faults), advice="use names of the city packs that are simulated")


def _place(location: tuple[int | str, ...]) -> str:
    """`event 3: diameter_mm` for what pydantic calls ('events', 2, 'burst', 'diameter_mm')."""
    if len(location) > 1 and location[0] == "events" and isinstance(location[1], int):
        return f"event {location[1] + 1}: {location[-1] if len(location) > 2 else 'what'}"
    return ".".join(map(str, location))
