"""What a live step of the leak core costs: many zones of ten sensors each, and one network of more and more sensors.

Each zone is a street grid behind a metered main with nine pressures, on a core of its own. Ordinary steps take a sample
of five minutes; once an hour a step solves the hydraulic model, every third hour it weighs explanations as well, once a
day it looks at the sensors: the worst step is what people wait for. The calibration is done once and given to all.
Seconds are those of one core: what else the machine does is not counted.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.leak_twin import make_twin
from benchmarks.table import Figure
from detect.instant import instant
from detect.leak import workshop
from detect.leak.balance import Sensors
from detect.leak.live import LeakWatch
from detect.leak.recording import Recording, read_recording
from detect.port import Batch, History, Json, Scope
from lifeline.asset import Name, Position, Sensor, Site
from lifeline.units import PASCAL_PER_METRE_OF_WATER, Quantity

TITLE = "a live step of the leak core, all zones one after the other on one core"
ZONES, LIMIT_S = 300, 1.0
_STEP_S = 300
_CALIBRATION_DAYS, _DAYS = 8, 9
_MEASURED = 37
"""samples of a run: three hours and the next one's first, so that it has the dearest step too"""


def measure() -> list[Figure]:
    """300 zones beside the limit; then a zone of 36, 225 and 400 junctions with more and more sensors."""
    figures = []
    for side, pressures, zones in ((6, 9, ZONES), (6, 9, 1), (15, 30, 1), (20, 60, 1)):
        with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as folder:
            ordinary_s, worst_s, first_s = _run(Path(folder), side, pressures, zones)
        what = f"{zones} x ({side * side} junctions, {pressures + 1} sensors)"
        limit = ("limit", LIMIT_S) if zones == ZONES else ("", None)
        figures += [
            Figure(f"{what}: ordinary step", ordinary_s, "s", *limit),
            Figure(f"{what}: worst step", worst_s, "s", *limit),
            Figure(f"{what}: signatures, once", first_s, "s"),
        ]
    return figures


def _run(folder: Path, side: int, pressures: int, zones: int) -> tuple[float, float, float]:
    """Median and worst step of all zones together, and the time to build the signatures of one, s."""
    inp = folder / "grid.inp"
    _write_grid(inp, side)
    nodes = [f"J{r}-{c}" for r in range(side) for c in range(side)]
    chosen = [nodes[i] for i in np.linspace(0, len(nodes) - 1, pressures).astype(int)]
    make_twin(inp, folder, Sensors(tuple(chosen), ("MAIN",)), [], seed=1, days=_DAYS, step_s=_STEP_S)
    recording = read_recording(folder)
    sensors = tuple(_sensor(name, Quantity.PRESSURE) for name in recording.sensors.pressure)
    sensors += tuple(_sensor(name, Quantity.FLOW) for name in recording.sensors.flow)
    scope = Scope("220100", "Asia/Shanghai", sensors, network_inp=inp.read_text(), settings=_MODEL)
    began_s = time.process_time()
    signatures = workshop.build(inp.read_text(), recording.sensors)
    first_s = time.process_time() - began_s
    teacher = LeakWatch(scope)
    kept = workshop.to_json(teacher.key, signatures)
    teacher.restore(kept, None)
    split = _CALIBRATION_DAYS * 288
    history = _batch(recording, range(split))
    ones = np.ones(len(history), dtype=np.intp)
    taught = History(history.sensor, history.at_s, history.value, ones, np.zeros(len(history)))
    assert teacher.learn(taught, _after(recording, split - 1))
    watches = [teacher, *(_like(teacher, scope, kept) for _ in range(zones - 1))]
    steps = []
    for n in range(split, split + _MEASURED):
        batch, now = _batch(recording, [n]), _after(recording, n)
        began_s = time.process_time()
        for watch in watches:
            watch.hear((), [])
            watch.step(batch, now)
        steps.append(time.process_time() - began_s)
    return float(np.median(steps)), max(steps), first_s


_MODEL: Json = {"leak": {"expected_pressure": "model"}}


def _like(teacher: LeakWatch, scope: Scope, kept: Json | None) -> LeakWatch:
    watch = LeakWatch(scope)
    watch.restore(kept, json.loads(json.dumps(teacher.state())))
    return watch


def _after(recording: Recording, n: int) -> datetime:
    return instant(float(recording.times_s[n])) + timedelta(seconds=_STEP_S)


def _batch(recording: Recording, rows: Sequence[int]) -> Batch:
    factors = [PASCAL_PER_METRE_OF_WATER] * len(recording.sensors.pressure) + [1 / 3600.0] * len(recording.sensors.flow)
    samples = recording.samples[list(rows)] * np.array(factors)
    times = recording.times_s[list(rows)].astype(float)
    n = samples.shape[1]
    return Batch(np.tile(np.arange(n), len(times)), np.repeat(times, n), samples.ravel())


def _sensor(element: str, quantity: Quantity) -> Sensor:
    unit, site = ("m3/s", Site.PIPE) if quantity is Quantity.FLOW else ("Pa", Site.JUNCTION)
    return Sensor(
        sensor_id=f"B-{element}", device_id=element, channel=quantity.value, quantity=quantity, unit=unit, site=site,
        position=Position(125.3, 43.86), name=Name(element, element), interval_s=_STEP_S, range_min=-1.0, range_max=2e6,
        city_code="220100", element=element,
    )  # fmt: skip


def _write_grid(path: Path, side: int) -> None:
    """A street grid of 100 m blocks fed by a metered main."""
    import wntr

    model = wntr.network.WaterNetworkModel()
    model.options.time.pattern_timestep = 3600
    model.add_pattern(
        "home", [0.5, 0.4, 0.4, 0.4, 0.5, 0.7, 1.1, 1.5, 1.5, 1.3, 1.1, 1.1] + [1.1] * 9 + [1.0, 0.8, 0.6]
    )
    for r in range(side):
        for c in range(side):
            name, at = f"J{r}-{c}", (125.3 + 0.00125 * c, 43.86 + 0.0009 * r)
            model.add_junction(name, 0.6 / 3600, "home", 5.0 + 3.0 * np.sin(r + c), at)
    for r in range(side):
        for c in range(side):
            for other in ((r, c + 1), (r + 1, c)):
                if max(other) < side:
                    width = 0.2 if 0 in (r, c) else 0.1
                    name = f"P{r}-{c}_{other[0]}-{other[1]}"
                    model.add_pipe(name, f"J{r}-{c}", f"J{other[0]}-{other[1]}", 100.0, width, 110)
    model.add_reservoir("SOURCE", 80.0, coordinates=(125.298, 43.86))
    model.add_pipe("MAIN", "SOURCE", "J0-0", 100.0, 0.5, 120)
    wntr.network.write_inpfile(model, str(path), units="CMH")
