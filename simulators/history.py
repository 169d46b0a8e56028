"""Quiet history of a city as a CSV of readings, for the backfill: demand and noise as in the live city, no rain."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from lifeline.city import load
from lifeline.units import Quantity
from simulators.faults import Instrument
from simulators.hydraulics import simulate
from simulators.weather import air_temperature_c

STEP = timedelta(minutes=5)
_SIGNIFICANT = "%.9g"


def write_history(
    pack: Path,
    file: Path,
    *,
    start: datetime,
    end: datetime,
    seed: int,
    step: timedelta = STEP,
    progress: Callable[[float], None] | None = None,
) -> int:
    """Writes `sensor_id,observed_at,value` (ISO 8601 UTC, SI), in the order of time; how many readings.

    Times are whole multiples of `step` from `start` on and before `end`. `progress` is told the share that is done.
    """
    city = load(pack)
    step_s = step.total_seconds()
    first = datetime.fromtimestamp(-(-start.timestamp() // step_s) * step_s, UTC)
    times = [first + k * step for k in range(int(max(0.0, (end - first) / step)) + 1) if first + k * step < end]
    if not times:
        return 0
    truth: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    if city.network_inp is not None:
        ids, values = simulate(city, times, seed=seed, progress=progress)
        truth = {sensor_id: values[:, column] for column, sensor_id in enumerate(ids)}
    air = np.array([air_temperature_c(when, city.timezone) for when in times])
    columns = {}
    for sensor in city.sensors:
        quiet = air if sensor.quantity is Quantity.TEMPERATURE else np.zeros(len(times))
        instrument = Instrument(sensor, seed=seed, stream=first.isoformat())
        columns[sensor.sensor_id] = [_SIGNIFICANT % v for v in instrument.measure(truth.get(sensor.sensor_id, quiet))]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("sensor_id", "observed_at", "value"))
        for row, when in enumerate(times):
            stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
            writer.writerows((sensor_id, stamp, column[row]) for sensor_id, column in columns.items())
    if progress is not None:
        progress(1.0)
    return len(times) * len(columns)
