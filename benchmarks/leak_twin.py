"""Makes a recorded year of a network with known leaks, in the layout that `detect.leak.recording` reads.

The twin differs from the file that the detector gets: roughness, diameters and demands are perturbed, demands vary by
season, day, hour and node. Leaks are orifices whose flow follows the pressure. EPANET solves every step, with tanks
and controls as they are in the file.
"""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from detect.leak.balance import Sensors
from detect.leak.network import Network, read_network


@dataclass(frozen=True)
class PlannedLeak:
    """A leak at a pipe: grows linearly in opening from `start` to `peak` (steps), runs until `end`."""

    pipe: str
    start: int
    peak: int
    end: int
    flow_m3_per_h: float
    """at 40 m of pressure, fully open"""


@dataclass(frozen=True)
class TwinSettings:
    """How far the twin is from the nominal model, and how its demand varies."""

    roughness: float = 0.10
    diameter: float = 0.03
    demand: float = 0.10
    season: float = 0.12
    common_noise: float = 0.008
    """standard deviation of the common day-to-day factor"""
    node_noise: float = 0.4
    """of one node in one step"""
    node_drift: float = 0.05
    """of one node over a week"""


def plan_leaks(
    network: Network, *, n_steps: int, count: int, seed: int, first: int, days: float = 365
) -> list[PlannedLeak]:
    """Random leaks: half abrupt, half growing; a third never repaired; 5 to 30 m3/h by the scale of the network."""
    rng = np.random.default_rng(seed)
    pipes = [network.links[i] for i in network.pipes]
    day = n_steps / days
    scale = float((network.demand @ network.multiplier.mean(axis=1)).sum()) / 190.0
    leaks = []
    for start in np.sort(rng.integers(first, round(n_steps * 0.94), count)):
        abrupt = rng.random() < 0.5
        peak = start if abrupt else start + round(rng.uniform(5, 50) * day)
        end = n_steps - 1 if rng.random() < 0.35 else min(n_steps - 1, start + round(rng.uniform(12, 60) * day))
        size = scale * float(np.exp(rng.uniform(np.log(4.0), np.log(28.0))))
        leaks.append(PlannedLeak(pipes[int(rng.integers(len(pipes)))], int(start), int(peak), int(end), size))
    return leaks


def make_twin(
    inp: Path,
    folder: Path,
    sensors: Sensors,
    leaks: Sequence[PlannedLeak],
    *,
    seed: int,
    days: int = 365,
    step_s: int = 900,
    begin: datetime = datetime(2021, 1, 1, tzinfo=UTC),
    settings: TwinSettings | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> None:
    """Simulate and write the files `<year>_SCADA_*.csv.gz`, `<year>_Leakages.csv.gz` into `folder`."""
    import wntr
    from wntr.epanet.toolkit import ENepanet

    set_ = settings or TwinSettings()
    rng = np.random.default_rng(seed)
    network = read_network(inp)
    model = wntr.network.from_dict(wntr.network.to_dict(network.model))
    for _, pipe in model.pipes():
        pipe.roughness *= 1 + set_.roughness * rng.uniform(-1, 1)
        pipe.diameter *= 1 + set_.diameter * rng.uniform(-1, 1)
    for _, node in model.junctions():
        node.demand_timeseries_list.clear()
        node.add_demand(0.0, None)
    model.options.time.duration = days * 86400
    model.options.time.hydraulic_timestep = model.options.time.report_timestep = step_s
    model.options.time.pattern_timestep = step_s
    model.options.hydraulic.demand_multiplier = 1.0
    n, nodes = days * 86400 // step_s, len(network.nodes)
    own = 1 + set_.demand * rng.uniform(-1, 1, nodes)
    keep = np.exp(-step_s / (7 * 86400.0))
    drift = np.zeros(nodes)
    common = 0.0
    junction = [i for i, name in enumerate(network.nodes) if name in model.junction_name_list]
    number = {name: k for k, name in enumerate(network.links)}
    values: dict[str, list[list[float]]] = {"Pressures": [], "Flows": [], "Levels": [], "Demands": [], "Leakages": []}
    with TemporaryDirectory() as temporary:
        parts = [str(Path(temporary) / f"twin.{part}") for part in ("inp", "rpt", "bin")]
        wntr.network.write_inpfile(model, parts[0], units="CMH")
        e = ENepanet()
        e.ENopen(*parts)
        e.ENopenH()
        e.ENinitH(10)
        index = [e.ENgetnodeindex(name) for name in network.nodes]
        time_s, pressure_of = 0, np.full(nodes, 40.0)
        where = {name: e.ENgetnodeindex(name) for name in (*sensors.pressure, *sensors.level)}
        through = [e.ENgetlinkindex(name) for name in sensors.flow]
        while len(values["Flows"]) < n:
            k = min(time_s // step_s, n - 1)
            if time_s % step_s == 0:
                moment = begin + timedelta(seconds=int(time_s))
                week_s = moment.weekday() * 86400 + moment.hour * 3600 + moment.minute * 60
                season = 1 + set_.season * np.sin(2 * np.pi * (k * step_s / 86400 - 110) / 365)
                drift = keep * drift + set_.node_drift * np.sqrt(1 - keep**2) * rng.standard_normal(nodes)
                day = np.exp(-step_s / 86400.0)
                common = day * common + set_.common_noise * np.sqrt(1 - day**2) * rng.standard_normal()
                chance = np.exp(set_.node_noise * rng.standard_normal(nodes) - set_.node_noise**2 / 2)
                demand = network.nominal(week_s) * own * season * (1 + common) * np.maximum(1 + drift, 0) * chance
                flows = []
                for leak in leaks:
                    opening = 0.0
                    if leak.start <= k <= leak.end:
                        opening = min(1.0, (k - leak.start + 1) / max(leak.peak - leak.start, 1))
                    ends = network.ends[number[leak.pipe]]
                    head = max(float(pressure_of[ends].mean()), 0.0)
                    flow = leak.flow_m3_per_h * opening * np.sqrt(head / 40.0)
                    demand[ends] += flow / 2
                    flows.append(flow)
                for i in junction:
                    e.ENsetnodevalue(index[i], 1, float(demand[i]))
            e.ENrunH()
            if time_s % step_s == 0:
                pressure_of = np.array([e.ENgetnodevalue(i, 11) for i in index])
                values["Pressures"].append([e.ENgetnodevalue(where[name], 11) for name in sensors.pressure])
                values["Flows"].append([e.ENgetlinkvalue(i, 8) for i in through])
                values["Levels"].append([e.ENgetnodevalue(where[name], 11) for name in sensors.level])
                values["Demands"].append([1000 * demand[network.node_number[name]] for name in sensors.demand])
                values["Leakages"].append(flows)
                if k % 200 == 0:
                    progress(k / n)
            step = e.ENnextH()
            if step <= 0:
                break
            time_s += step
        e.ENclose()
    columns = {
        "Pressures": sensors.pressure,
        "Flows": sensors.flow,
        "Levels": sensors.level,
        "Demands": sensors.demand,
        "Leakages": tuple(leak.pipe for leak in leaks),
    }
    for part, names in columns.items():
        if names or part == "Leakages":
            stem = part if part == "Leakages" else f"SCADA_{part}"
            _write(folder / f"{begin.year}_{stem}.csv.gz", names, values[part], begin, step_s)


def _write(path: Path, names: Sequence[str], rows: list[list[float]], begin: datetime, step_s: int) -> None:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=3) as file:
        file.write(";".join(("Timestamp", *(names or ("none",)))) + "\n")
        for k, row in enumerate(rows):
            when = begin + timedelta(seconds=k * step_s)
            cells = (f"{v:.2f}".replace(".", ",") for v in (row if names else [0.0]))
            file.write(f"{when:%Y-%m-%d %H:%M:%S};" + ";".join(cells) + "\n")
