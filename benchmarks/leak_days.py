"""Real leak days: places a leak from 29 measured pressures of one day against a leak-free day, model as it is.

Nothing is calibrated. Of the inflow only the sum is known, of both days; what people used on them differs too, so the
demand of the whole area is left free within 10 %, and the inflow is one more measured value beside the pressures: a
leak adds itself to it, a common demand its share. Prints the distance of the called pipe for each day. Data: Irofti et
al. 2025, from BattLeDIM 2018; it stays outside the project.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.leak.balance import Sensors
from detect.leak.detector import Plan, Settings
from detect.leak.network import Network, read_network
from detect.leak.place import place
from detect.leak.signature import LEVELS
from lifeline.units import SECONDS_PER_HOUR

_NUMBERS = (
    (54, 105, 114, 163, 188, 229, 288, 296, 332, 342, 410, 415, 429, 458, 469, 495, 506, 516, 519, 549),
    (613, 636, 644, 679, 722, 726, 740, 752, 769),
)
SENSORS = tuple(f"n{number}" for row in _NUMBERS for number in row)


METER_ERROR = 0.01
"""of a day's inflow: half of the 2 % that a class 2 meter may be wrong (OIML R 49)"""


@dataclass(frozen=True)
class Day:
    """A leak day beside a leak-free one."""

    pipe: str
    """the true one"""
    change_m: np.ndarray
    """(29,) mean head of the leak day less that of the other"""
    inflow_m3_per_h: np.ndarray
    """(2, n_times) of both days"""


def read_day(path: Path) -> Day:
    """A file `test_data_<pipe>_...mat`; inflows are the negative demands of the reservoirs, m3/s."""
    from scipy.io import loadmat

    data = loadmat(path)
    day = next(i for i in range(data["Head"].shape[1]) if data["Head"][0, i].size)
    with_leak, without = data["Head"][0, day], data["Head_nom"][0, day]
    inflow = np.array([-data[key][0, day].sum(axis=0) * SECONDS_PER_HOUR for key in ("Demand", "Demand_nom")])
    change = (with_leak.mean(axis=1) - without.mean(axis=1))[: len(SENSORS)]
    return Day(f"p{path.stem.split('_')[2]}", change, inflow)


def place_day(plan: Plan, network: Network, day: Day, settings: Settings) -> tuple[str, float, float]:
    """Called pipe, probability of lying within 300 m, flow (m3/h)."""
    n = len(SENSORS)
    change = np.append(day.change_m, day.inflow_m3_per_h[0].mean() - day.inflow_m3_per_h[1].mean())
    ends = network.ends[network.pipes]
    demand = np.mean([network.nominal(k * SECONDS_PER_HOUR) for k in range(168)], axis=0)
    use = (demand / np.bincount(ends.ravel(), minlength=len(demand)).clip(1))[ends].sum(axis=1)
    # what the use along each pipe does to every pressure, and to the inflow
    effect = np.vstack([plan.signatures.table[len(LEVELS) // 2, 0, :n] * use, use])
    each, common = effect * settings.demand_variation, effect.sum(axis=1) * settings.unmeasured_variation
    error = np.append(settings.track.model_error * day.change_m, METER_ERROR * day.inflow_m3_per_h[0].mean())
    covariance = each @ each.T + np.outer(common, common) + np.diag(error**2)
    covariance[np.arange(n), np.arange(n)] += settings.pressure_floor_m**2
    level = day.inflow_m3_per_h.mean(axis=0)[:, None] / plan.model.mean_flow.sum()
    mixed = plan.signatures.at_levels(plan.signatures.weights(level))
    mixed = np.concatenate([mixed, np.ones((len(mixed), 1, mixed.shape[2]))], axis=1)
    fit = place(change, 2 * covariance, mixed, plan.signatures, rows=np.arange(n + 1))
    pipe, probability = plan.reach.choose(fit.probability)
    return network.links[network.pipes[pipe]], probability, float(fit.flow_m3_per_h[pipe])


def main(data: Path) -> None:
    """Print the table for `data/ltown`."""
    network = read_network(data / "L-TOWN.inp")
    plan = Plan(network, Sensors(SENSORS))
    pipes = {network.links[i]: k for k, i in enumerate(network.pipes)}
    distances = []
    print(f"{'leak':8s} {'called':8s} {'distance':>9s} {'p(300 m)':>9s} {'m3/h':>6s}")
    for path in sorted((data / "fgll").glob("test_data_*.mat")):
        day = read_day(path)
        called, probability, flow = place_day(plan, network, day, Settings())
        distances.append(plan.distance_m[pipes[day.pipe], pipes[called]])
        print(f"{day.pipe:8s} {called:8s} {distances[-1]:7.0f} m {probability:9.2f} {flow:6.1f}")
    near = sum(d <= 300 for d in distances)
    print(f"within 300 m: {near} of {len(distances)}, median {np.median(distances):.0f} m")
    plan.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/ltown"))
