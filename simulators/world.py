"""The physical world of the simulated cities: networks, drains, sky and instruments, moved on together.

Nothing here knows detectors: an event changes a pipe, a valve, the rain or a sensor, and the models say what follows.
"""

import math
from collections.abc import Sequence
from datetime import datetime

from lifeline.asset import Position, Sensor
from lifeline.city import CityPack
from lifeline.errors import SimulationError
from lifeline.units import Quantity, m3_per_h
from simulators.drainage_run import Drainage
from simulators.faults import Fault, Instrument
from simulators.hydraulics import Hydraulics
from simulators.scenario import (
    BreakSensor,
    CellRain,
    Event,
    MendSensor,
    OpenHole,
    Repair,
    Scenario,
    SetValve,
    StormRain,
    check_targets,
)
from simulators.weather import (
    INTENSITY_FORMULAS,
    MM_PER_H_TO_M_PER_S,
    Cloudburst,
    DesignStorm,
    Rain,
    air_temperature_c,
)

SMALLEST_SHARE = 0.02
"""A growing hole begins with this share of its area."""


class World:
    """Some cities at an instant. Use it as one, and close it."""

    def __init__(self, packs: Sequence[CityPack], scenario: Scenario, *, seed: int, start: datetime) -> None:
        """Raises SimulationError where the scenario names what no pack has, or a model does not run."""
        check_targets(scenario, packs)
        self.now = start
        self._cities = {pack.code: pack for pack in packs}
        self._rains: list[Rain] = []
        self._growing: dict[str, tuple[OpenHole, datetime]] = {}
        self._faults: dict[str, list[Fault]] = {}
        self._seed = seed
        self._timezone = packs[0].timezone
        typical_c = air_temperature_c(start, self._timezone)
        self._warmer_c = 0.0 if scenario.air_temperature_c is None else scenario.air_temperature_c - typical_c
        self._networks = {
            pack.code: Hydraulics(pack, seed=seed, start=start) for pack in packs if pack.network_inp is not None
        }
        self._network_of = {
            asset.asset_id: self._networks[pack.code]
            for pack in packs
            if pack.code in self._networks
            for asset in pack.assets
        }
        drained = [pack for pack in packs if pack.drainage_inp is not None]
        self._drains = Drainage(drained, start=start, rain=self.rain_mm_per_h) if drained else None
        self._sky = [s for pack in packs for s in pack.sensors if s.quantity in _SKY]
        sensors = [sensor for pack in packs for sensor in pack.sensors]
        self._instruments = {sensor.sensor_id: Instrument(sensor, seed=seed) for sensor in sensors}

    def close(self) -> None:
        """Frees the models."""
        for network in self._networks.values():
            network.close()
        if self._drains is not None:
            self._drains.close()

    def advance(self, to: datetime) -> dict[str, float]:
        """Moves everything on to `to`; what is true at each sensor then, SI. Sensors on nothing are left out."""
        self.now = max(self.now, to)
        self._grow()
        truth: dict[str, float] = {}
        for network in self._networks.values():
            truth |= network.advance(to)
        if self._drains is not None:
            truth |= self._drains.advance(to)
        return truth | {sensor.sensor_id: self._weather(sensor) for sensor in self._sky}

    def measure(self, sensor_id: str, truth: float, when: datetime) -> tuple[datetime, float] | None:
        """What the sensor sends for `truth` at `when`: time and value, SI; None where it sends nothing."""
        sent: tuple[datetime, float] | None = (when, self._instruments[sensor_id].measure_one(truth))
        for fault in self._faults.get(sensor_id, ()):
            if sent is not None:
                sent = fault.apply(when, sent[1])
        return sent

    def rain_mm_per_h(self, when: datetime, position: Position) -> float:
        """Rain at an instant and a place."""
        return sum(rain.mm_per_h(when, position) for rain in self._rains)

    def happen(self, event: Event, stamp: datetime) -> str:
        """Lets an event happen now; a line that tells it. `stamp` is the devices' time, for faults of sensors."""
        match event:
            case OpenHole():
                return self._open_hole(event)
            case Repair(pipe=pipe):
                self._growing.pop(pipe, None)
                self._network_of[pipe].repair(pipe)
                return f"pipe {pipe} repaired"
            case SetValve(link=link, what=what):
                self._network_of[link].set_open(link, what == "open")
                return f"{link} {'opened' if what == 'open' else 'shut'}"
            case CellRain():
                over = self._cities[event.city].centre
                self._rains.append(
                    Cloudburst(
                        begins=self.now,
                        over=over,
                        peak_mm_per_h=event.peak_mm_per_h,
                        minutes=event.minutes,
                        radius_km=event.radius_km,
                        speed_km_per_h=event.speed_km_per_h,
                        heading_deg=event.heading_deg,
                    )
                )
                name = self._cities[event.city].name.en
                return f"cloudburst over {name}: up to {event.peak_mm_per_h:g} mm/h for {event.minutes:g} min"
            case StormRain(city=code, years=years, minutes=minutes):
                formula = INTENSITY_FORMULAS.get(code)
                if formula is None:
                    raise SimulationError(f"no rainstorm formula for city {code}", advice="use `cloudburst` instead")
                self._rains.append(
                    DesignStorm(
                        begins=self.now, over=self._cities[code].centre, formula=formula, years=years, minutes=minutes
                    )
                )
                return f"design storm over {self._cities[code].name.en}: {years:g} years, {minutes:g} min"
            case BreakSensor(sensor=sensor, kind=kind, size=size):
                self._faults.setdefault(sensor, []).append(Fault(kind, stamp, size, self._seed))
                return f"sensor {sensor}: {kind.value}" + (f" {size:g}" if size else "")
            case MendSensor(sensor=sensor):
                self._faults.pop(sensor, None)
                return f"sensor {sensor} mended"

    def hole_flow_m3_per_h(self, pipe: str) -> float:
        """What runs out of a hole now."""
        return m3_per_h(self._network_of[pipe].hole_flow_m3_per_s(pipe))

    def _open_hole(self, event: OpenHole) -> str:
        if event.grows_s:
            self._growing[event.pipe] = (event, self.now)
            self._grow()
        else:
            self._network_of[event.pipe].open_hole(event.pipe, diameter_m=event.diameter_mm / 1000.0)
        growing = f", growing for {event.grows_s / 60.0:g} min" if event.grows_s else ""
        return f"{event.what} opened at pipe {event.pipe}, {self.hole_flow_m3_per_h(event.pipe):.1f} m3/h{growing}"

    def _grow(self) -> None:
        """Areas of growing holes are a linear function of time."""
        for pipe, (event, began) in list(self._growing.items()):
            share = min(1.0, max(SMALLEST_SHARE, (self.now - began).total_seconds() / event.grows_s))
            self._network_of[pipe].open_hole(pipe, diameter_m=event.diameter_mm / 1000.0 * math.sqrt(share))
            if share >= 1.0:
                del self._growing[pipe]

    def _weather(self, sensor: Sensor) -> float:
        if sensor.quantity is Quantity.TEMPERATURE:
            return air_temperature_c(self.now, self._timezone) + self._warmer_c
        return self.rain_mm_per_h(self.now, sensor.position) * MM_PER_H_TO_M_PER_S


_SKY = {Quantity.RAIN_INTENSITY, Quantity.TEMPERATURE}
