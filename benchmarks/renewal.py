"""What the renewal ledger is worth: share of next year's breaks in the top tenth of length, on simulated histories.

The simulation is not the ledger's model: breaks follow a power of age, a material, a diameter, frost that hits small
old pipes, and a hidden weakness of each pipe that no record shows.
"""

import numpy as np
import numpy.typing as npt

from alerts.renewal import Pipe, rank
from benchmarks.table import Figure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TITLE = "renewal ledger: 4,000 pipes, 10 years of history, the year after"
_PIPES, _YEARS, _NOW, _ROUNDS = 4000, 10, 2026, 20
_MATERIALS = {"CI": 2.2, "DI": 0.8, "PVC": 1.0, "PE": 0.5, "ST": 1.5}


def measure() -> list[Figure]:
    """Means over seeded cities."""
    found: dict[str, list[float]] = {"ledger": [], "age alone": [], "breaks alone": [], "true hazard": []}
    breaks_per_km = []
    for seed in range(_ROUNDS):
        rng = np.random.default_rng(seed)
        pipes, hazard, after = _city(rng)
        km = np.array([pipe.length_m for pipe in pipes]) / 1000
        breaks_per_km.append(sum(pipe.breaks for pipe in pipes) / km.sum() / _YEARS)
        index = {pipe.asset_id: number for number, pipe in enumerate(pipes)}
        orders = {
            "ledger": np.array([index[one.pipe.asset_id] for one in rank(pipes, _NOW)]),
            "age alone": np.argsort(np.array([pipe.laid or 0 for pipe in pipes])),
            "breaks alone": np.argsort(-np.array([pipe.breaks for pipe in pipes]) / km, kind="stable"),
            "true hazard": np.argsort(-hazard),
        }
        for name, order in orders.items():
            top = order[np.cumsum(km[order]) <= 0.1 * km.sum()]
            found[name].append(float(after[top].sum() / after.sum()))
    means = {name: float(np.mean(values)) for name, values in found.items()}
    ours = means["ledger"]
    return [
        Figure("share of next year's breaks in the top 10 % of length", ours, "", "chance", 0.1),
        *(
            Figure(f"the same, ranked by {name}", means[name], "", "ledger", ours)
            for name in ("age alone", "breaks alone", "true hazard")
        ),
        Figure("breaks in the simulated history", float(np.mean(breaks_per_km)), "per km and year"),
    ]


def _city(rng: np.random.Generator) -> tuple[list[Pipe], Floats, Ints]:
    length = rng.gamma(2.0, 45.0, _PIPES) + 5.0
    laid = rng.integers(1960, 2020, _PIPES)
    material = rng.choice(list(_MATERIALS), _PIPES)
    material = np.where(laid < 1985, rng.choice(["CI", "ST"], _PIPES), material)
    diameter = rng.choice([100, 150, 200, 300, 500], _PIPES, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    frost = rng.uniform(60, 140, _PIPES)
    weakness = rng.gamma(1.0, 1.0, _PIPES)
    age = _NOW - laid
    hazard = 0.09 * (age / 30.0) ** 1.2 * np.array([_MATERIALS[m] for m in material]) * (150.0 / diameter) ** 0.6
    hazard *= weakness * np.where((diameter <= 150) & (age > 30), 1.0 + (frost - 60) / 80.0, 1.0)
    km = length / 1000
    breaks = rng.poisson(hazard * km * _YEARS)
    leaks = rng.poisson(0.5 * hazard * km * _YEARS)
    after = rng.poisson(hazard * km)
    record = zip(
        length.tolist(), material.tolist(), laid.tolist(), breaks.tolist(), leaks.tolist(), frost.tolist(), strict=False
    )
    pipes = [Pipe(f"P{k}", m, kind, year, b, c, _YEARS, f) for k, (m, kind, year, b, c, f) in enumerate(record)]
    return pipes, hazard, after
