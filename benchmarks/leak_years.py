"""Years of simulated leaks for judging settings: makes them, replays each, and prints one table.

`python -m benchmarks.leak_years NETWORK.inp LAYOUT_FOLDER OUT [NAME ...]` takes the sensors from the recorded files in
LAYOUT_FOLDER, makes the twins that are not yet in OUT, and replays them. No year is a year of the recordings given:
the twins differ in leaks, model error and demand noise, and a setting is worth what it does to the mean and the worst.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.leak_twin import PlannedLeak, TwinSettings, make_twin
from detect.leak.balance import Sensors
from detect.leak.evaluate import Evaluation, evaluate
from detect.leak.network import Network, read_network
from detect.leak.recording import read_recording

STEP_S = 1800
DAYS = 365


@dataclass(frozen=True)
class Year:
    """What sets one twin year apart."""

    seed: int
    leaks: int
    settings: TwinSettings


PLAIN = TwinSettings(common_noise=0.010, node_noise=0.28, node_drift=0.05)
NOISY = TwinSettings(common_noise=0.025, node_noise=0.40, node_drift=0.10)
FAR = TwinSettings(common_noise=0.010, node_noise=0.28, node_drift=0.05, roughness=0.15, diameter=0.04, demand=0.15)
YEARS = {
    "plain-1": Year(11, 20, PLAIN),
    "plain-2": Year(12, 18, PLAIN),
    "plain-3": Year(13, 23, PLAIN),
    "far-model": Year(18, 20, FAR),
    "noisy-1": Year(14, 20, NOISY),
    "noisy-2": Year(15, 20, NOISY),
    "no-leak": Year(16, 0, PLAIN),
    "no-leak-noisy": Year(17, 0, NOISY),
    "unseen-1": Year(31, 20, PLAIN),
    "unseen-2": Year(32, 21, PLAIN),
    "unseen-3": Year(33, 19, PLAIN),
    "unseen-noisy-1": Year(34, 20, NOISY),
    "unseen-noisy-2": Year(35, 22, NOISY),
    "unseen-no-leak": Year(36, 0, PLAIN),
}
"""settings were chosen by looking at all but those named unseen"""


def plan_year(network: Network, *, count: int, seed: int) -> list[PlannedLeak]:
    """Leaks as in the competition: lasting ones of 4.5 to 10 m3/h, repaired ones of 9 to 34; half of them grow."""
    rng = np.random.default_rng(seed)
    n = DAYS * 86400 // STEP_S
    day = n / DAYS
    pipes = [network.links[i] for i in network.pipes]
    leaks = []
    for start in np.sort(rng.integers(round(20 * day), round(n * 0.94), count)):
        abrupt = rng.random() < 0.5
        if rng.random() < 0.45:
            size = float(np.exp(rng.uniform(np.log(4.5), np.log(10.0))))
            end = n - 1
            peak = start if abrupt else start + round(rng.uniform(10, 95) * day)
        else:
            size = float(np.exp(rng.uniform(np.log(9.0), np.log(34.0))))
            end = min(n - 1, start + round(rng.uniform(10, 48) * day))
            peak = start if abrupt else start + round(rng.uniform(0.15, 1.0) * (end - start))
        leaks.append(
            PlannedLeak(pipes[int(rng.integers(len(pipes)))], int(start), int(min(peak, n - 1)), int(end), size)
        )
    return leaks


def make_year(name: str, inp: Path, sensors: Sensors, out: Path) -> Path:
    """The folder of a year, made where it is not there yet; a run that was stopped in the middle leaves none."""
    folder, year = out / name, YEARS[name]
    if folder.is_dir():
        return folder
    unfinished = out / f"{name}.unfinished"
    unfinished.mkdir(parents=True, exist_ok=True)
    leaks = plan_year(read_network(inp), count=year.leaks, seed=year.seed)
    make_twin(inp, unfinished, sensors, leaks, seed=year.seed, days=DAYS, step_s=STEP_S, settings=year.settings)
    return unfinished.rename(folder)


def row(name: str, result: Evaluation) -> str:
    """One line of the table."""
    assert result.score is not None
    s = result.score
    naive = result.nulls["night flow +5 %"]
    share = f"{100 * s.share:6.1f} %" if s.leaks else f"{'-':>8s}"
    return f"{name:14s} {share} {s.found:4d} of {s.leaks:<3d} {s.false:5d} {100 * naive.share:12.1f} %"


def main() -> None:
    """Makes what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("layout", type=Path, help="a folder of recorded files, for the names of the sensors")
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(YEARS)}; none: all")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(YEARS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(YEARS)}")
    sensors = read_recording(arguments.layout).sensors
    print(f"{'year':14s} {'score':>8s} {'found':>11s} {'false':>5s} {'night flow':>14s}", flush=True)
    for name in arguments.names or YEARS:
        folder = make_year(name, arguments.network, sensors, arguments.out)
        print(row(name, evaluate(folder, network=arguments.network)), flush=True)


if __name__ == "__main__":
    main()
