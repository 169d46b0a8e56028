"""The drains of the cities while they live: SWMM run from instant to instant under rain that is set as it falls.

The SWMM engine holds one model per process: the drains of several cities run as one model, and a second model is
refused until the first is closed.
"""

import tempfile
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lifeline.asset import Position, Sensor
from lifeline.city import CityPack
from lifeline.errors import SimulationError
from lifeline.units import Quantity
from simulators.swmm_merge import merge

RainAt = Callable[[datetime, Position], float]
"""Intensity in mm/h at an instant and a place."""
RAIN_STEP_S = 30
"""Rain is set anew this often: the runoff step of the packs."""
SHORTEST_STEP_S = 1
METRES_PER_FOOT = 0.3048
MM_PER_INCH = 25.4
_LAST_YEAR = 2199
_ENGINE = threading.Lock()


class Drainage:
    """The drains of some cities at an instant, `now`; dry at the start."""

    def __init__(self, packs: Sequence[CityPack], *, start: datetime, rain: RainAt) -> None:
        """Cities without drains are left out. Raises SimulationError where none has drains or the engine is taken."""
        texts = [pack.drainage_inp for pack in packs if pack.drainage_inp is not None]
        if not texts:
            raise SimulationError("no city has a drainage.inp", advice="add one to a pack")
        if not _ENGINE.acquire(blocking=False):
            raise SimulationError("SWMM already runs in this process", advice="close it first, or use another process")
        try:
            from swmm.toolkit import shared_enum, solver

            self._solver: Any = solver
            self._enum: Any = shared_enum
            self._open(merge(texts))
        except BaseException:
            _ENGINE.release()
            raise
        self._rain = rain
        self.now = start
        metric = bool(solver.simulation_get_unit(shared_enum.UnitProperty.SYSTEM_UNIT))
        self._metres, self._millimetres = (1.0, 1.0) if metric else (METRES_PER_FOOT, MM_PER_INCH)
        self._nodes = self._names(shared_enum.ObjectType.NODE)
        sensors = [sensor for pack in packs for sensor in pack.sensors]
        self._sensors = [(s, self._nodes[s.element]) for s in sensors if s.element in self._nodes]
        places = {s.element: s.position for s in sensors if s.quantity is Quantity.RAIN_INTENSITY}
        gauges = self._names(shared_enum.ObjectType.GAGE)
        self._gauges = [(index, places.get(name, packs[0].centre)) for name, index in gauges.items()]

    def close(self) -> tuple[float, float]:
        """Ends the run and frees the engine; continuity errors of runoff and flow in percent."""
        self._solver.swmm_end()
        runoff, flow, _ = self._solver.swmm_get_mass_balance()
        self._solver.swmm_close()
        _ENGINE.release()
        return float(runoff), float(flow)

    @property
    def sensor_ids(self) -> tuple[str, ...]:
        """The sensors of the pack that these drains answer for."""
        return tuple(sensor.sensor_id for sensor, _ in self._sensors)

    def advance(self, to: datetime) -> dict[str, float]:
        """Moves on to `to` (whole seconds) and reads every sensor there, SI, without noise."""
        while (left_s := int((to - self.now).total_seconds())) >= SHORTEST_STEP_S:
            for index, place in self._gauges:
                intensity = self._rain(self.now, place) / self._millimetres
                self._solver.raingage_set_precipitation(index, intensity)
            step_s = min(left_s, RAIN_STEP_S)
            self._solver.swmm_stride(step_s)
            self.now += timedelta(seconds=step_s)
        return self.read()

    def read(self) -> dict[str, float]:
        """Levels above the bottom of manholes, water depths on the street, in m."""
        return {
            sensor.sensor_id: self.street_depth_m(index) if _on_street(sensor) else self.depth_m(index)
            for sensor, index in self._sensors
        }

    def node(self, name: str) -> int:
        """Index of a node. Raises SimulationError for an unknown one."""
        if name not in self._nodes:
            raise SimulationError(f"the drains have no node {name!r}", advice="take an id of drainage.inp")
        return self._nodes[name]

    def depth_m(self, index: int) -> float:
        """Water above the bottom of a node."""
        return float(self._solver.node_get_result(index, self._enum.NodeResult.DEPTH)) * self._metres

    def street_depth_m(self, index: int) -> float:
        """Water above the rim of a node, 0 while the street is dry."""
        rim = float(self._solver.node_get_parameter(index, self._enum.NodeProperty.FULL_DEPTH)) * self._metres
        return max(0.0, self.depth_m(index) - rim)

    def _open(self, inp: str) -> None:
        # the engine keeps its files open: nothing is left behind even if the process is killed
        with tempfile.TemporaryDirectory(prefix="lifeline-swmm-") as folder:
            path = Path(folder) / "drainage.inp"
            path.write_text(inp, encoding="utf-8")
            report = path.with_suffix(".rpt")
            try:
                self._solver.swmm_open(str(path), str(report), str(path.with_suffix(".out")))
                self._solver.simulation_set_datetime(self._enum.TimeProperty.END_DATE, _LAST_YEAR, 1, 1, 0, 0, 0)
                self._solver.swmm_start(0)
            except Exception as error:  # the toolkit raises nothing more special
                self._solver.swmm_close()
                said = [line.strip() for line in report.read_text(encoding="utf-8").splitlines() if "ERROR" in line]
                raise SimulationError(
                    f"SWMM refuses drainage.inp: {'; '.join(said) or str(error).strip()}",
                    advice="check it with `lifeline city check`",
                ) from error

    def _names(self, kind: Any) -> dict[str, int]:
        return {
            self._solver.project_get_id(kind, index): index for index in range(self._solver.project_get_count(kind))
        }


def _on_street(sensor: Sensor) -> bool:
    return sensor.quantity is Quantity.WATER_DEPTH
