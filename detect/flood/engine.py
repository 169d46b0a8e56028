"""Runs one storm over one drainage model in SWMM: what stands on the street and in the manholes, minute by minute.

The engine holds one model per process. Needs swmm-toolkit (extra `train`).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.flood.drains import Drains
from detect.flood.storms import Storm
from detect.port import Floats
from lifeline.errors import SimulationError

_FOOT, _INCH_MM = 0.3048, 25.4
_LAST_YEAR = 2199


@dataclass(frozen=True)
class Course:
    """What happened, by minute and place, (n_minutes, n_places): water above the rim, m, and share of the manhole."""

    street_m: Floats
    fill: Floats


def run(drains: Drains, storm: Storm) -> Course:
    """One storm. Raises SimulationError where the engine is missing or refuses the model."""
    try:
        from swmm.toolkit import shared_enum, solver
    except ImportError as error:
        raise SimulationError("SWMM is not installed", advice="pip install 'lifeline[train]'") from error
    with tempfile.TemporaryDirectory(prefix="lifeline-swmm-") as folder:
        path = Path(folder) / "model.inp"
        path.write_text(drains.text, encoding="utf-8")
        try:
            solver.swmm_open(str(path), str(path.with_suffix(".rpt")), str(path.with_suffix(".out")))
            try:
                return _followed(solver, shared_enum, drains, storm)
            finally:
                solver.swmm_end()
        except Exception as error:  # the toolkit raises nothing more special
            said = path.with_suffix(".rpt")
            lines = said.read_text(encoding="utf-8", errors="replace").splitlines() if said.is_file() else []
            told = "; ".join(line.strip() for line in lines if "ERROR" in line) or str(error).strip()
            raise SimulationError(
                f"SWMM refuses {drains.name}: {told}", advice="run the model in SWMM first"
            ) from error
        finally:
            solver.swmm_close()


def _followed(solver: Any, enum: Any, drains: Drains, storm: Storm) -> Course:
    metric = bool(solver.simulation_get_unit(enum.UnitProperty.SYSTEM_UNIT))
    metre, millimetre = (1.0, 1.0) if metric else (_FOOT, _INCH_MM)
    nodes, links, gauges = (
        {solver.project_get_id(kind, n): n for n in range(solver.project_get_count(kind))}
        for kind in (enum.ObjectType.NODE, enum.ObjectType.LINK, enum.ObjectType.GAGE)
    )
    solver.simulation_set_datetime(enum.TimeProperty.END_DATE, _LAST_YEAR, 1, 1, 0, 0, 0)
    for node, area_m2 in drains.pond_m2.items():
        solver.node_set_parameter(nodes[node], enum.NodeProperty.POND_AREA, area_m2 / metre**2)
    for pipe, share in storm.blocked.items():
        # a flow limit is in the flow units of the model: a share of the pipe's own full flow in them
        if pipe in drains.full_m3_per_s and pipe in links:
            limit = share * drains.full_m3_per_s[pipe] / drains.flow_m3_per_s
            solver.link_set_parameter(links[pipe], enum.LinkProperty.FLOW_LIMIT, limit)
    solver.swmm_start(0)
    indices = [nodes[place] for place in drains.places]
    own = [gauges[gauge] for gauge in drains.gauges]
    depths = np.empty((len(storm.mm_per_h), len(indices)))
    for minute, rain in enumerate((storm.mm_per_h / millimetre).tolist()):
        for gauge, intensity in zip(own, rain, strict=True):
            solver.raingage_set_precipitation(gauge, intensity)
        solver.swmm_stride(60)
        depths[minute] = [solver.node_get_result(n, enum.NodeResult.DEPTH) for n in indices]
    depths *= metre
    street_m = np.maximum(depths - drains.manhole_m[None, :], 0.0)
    return Course(street_m, np.clip(depths / drains.manhole_m[None, :], 0.0, 1.5))
