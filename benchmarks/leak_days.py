"""Real leak days: places a leak from 29 measured pressures of one day against a leak-free day, model as it is.

Nothing is calibrated and no inflow is known, so the demand of the whole area is left free. Prints the distance of the
called pipe for each day. Data: Irofti et al. 2025, from BattLeDIM 2018; it stays outside the project.
"""

import sys
from pathlib import Path

import numpy as np

from detect.leak.balance import Sensors
from detect.leak.detector import Plan, Settings
from detect.leak.network import Network, read_network
from detect.leak.place import place

_NUMBERS = (
    (54, 105, 114, 163, 188, 229, 288, 296, 332, 342, 410, 415, 429, 458, 469, 495, 506, 516, 519, 549),
    (613, 636, 644, 679, 722, 726, 740, 752, 769),
)
SENSORS = tuple(f"n{number}" for row in _NUMBERS for number in row)


def change_of_day(path: Path) -> tuple[str, np.ndarray]:
    """The true pipe, and mean head of the leak day less that of the leak-free day `(29,)`, m."""
    from scipy.io import loadmat

    data = loadmat(path)
    day = next(i for i in range(data["Head"].shape[1]) if data["Head"][0, i].size)
    with_leak, without = data["Head"][0, day], data["Head_nom"][0, day]
    return f"p{path.stem.split('_')[2]}", (with_leak.mean(axis=1) - without.mean(axis=1))[: len(SENSORS)]


def place_day(plan: Plan, network: Network, change: np.ndarray, settings: Settings) -> tuple[str, float, float]:
    """Called pipe, probability of lying within 300 m, flow (m3/h)."""
    n = len(SENSORS)
    covariance = plan.model.demand_noise(plan.signatures, relative=settings.demand_variation)
    covariance = covariance + plan.model.common_demand(plan.signatures, relative=settings.unmeasured_variation)
    covariance[np.diag_indices(n)] += settings.pressure_floor_m**2 + (settings.track.model_error * change) ** 2
    mixed = plan.signatures.at_levels(plan.signatures.weights(np.ones((1, plan.model.n_zones))))
    fit = place(change, 2 * covariance, mixed, plan.signatures, rows=np.arange(n))
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
        true, change = change_of_day(path)
        called, probability, flow = place_day(plan, network, change, Settings())
        distances.append(plan.distance_m[pipes[true], pipes[called]])
        print(f"{true:8s} {called:8s} {distances[-1]:7.0f} m {probability:9.2f} {flow:6.1f}")
    near = sum(d <= 300 for d in distances)
    print(f"within 300 m: {near} of {len(distances)}, median {np.median(distances):.0f} m")
    plan.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/ltown"))
