"""How every measured quantity would answer to a leak at every pipe, for several flow states and leak sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detect.leak.hydraulics import CutModel, State, respond
from detect.leak.network import Network

LEVELS = (0.5, 1.0, 1.6)
"""zone flow relative to its weekly mean"""
SIZES = (0.05, 0.16)
"""leak flow relative to the mean flow of the whole network; the derivative is added as size 0"""


@dataclass(frozen=True)
class Signatures:
    """Change per m3/h of leak, `(n_levels, n_sizes, n_channels, n_pipes)`; in between it is interpolated.

    Head losses grow with the square of the flow, so a burst of 30 m3/h is no multiple of one of 1 m3/h: neglecting that
    misplaces large leaks by several hundred metres.
    """

    table: np.ndarray
    size_m3_per_h: np.ndarray
    pipe_zone: np.ndarray
    """zone number per pipe `(n_pipes,)`, -1 outside every zone"""

    def weights(self, level: np.ndarray) -> np.ndarray:
        """Mean interpolation weights `(n_zones, n_levels)` of a window of zone levels `(n_hours, n_zones)`."""
        grid = np.array(LEVELS)
        level = np.clip(level, 0.3, 2.2)
        i = np.clip(np.searchsorted(grid, level) - 1, 0, len(grid) - 2)
        part = (level - grid[i]) / (grid[i + 1] - grid[i])
        weight = np.zeros((*level.shape, len(grid)))
        np.put_along_axis(weight, i[..., None], (1 - part)[..., None], axis=-1)
        np.put_along_axis(weight, i[..., None] + 1, part[..., None], axis=-1)
        mean: np.ndarray = weight.mean(axis=0)
        return mean

    def at_levels(self, weights: np.ndarray) -> np.ndarray:
        """Signatures `(n_sizes, n_channels, n_pipes)` averaged over a window by the weights of each pipe's zone."""
        by_pipe = weights[np.maximum(self.pipe_zone, 0)]
        mixed: np.ndarray = np.einsum("pl,lscp->scp", by_pipe, self.table, optimize=True)
        return mixed

    def at_size(self, mixed: np.ndarray, flow_m3_per_h: np.ndarray) -> np.ndarray:
        """Signature `(n_channels, n_pipes)` for a leak flow per pipe `(n_pipes,)`, from `at_levels`."""
        grid = self.size_m3_per_h
        flow = np.clip(flow_m3_per_h, 0.0, 1.3 * grid[-1])
        i = np.clip(np.searchsorted(grid, flow) - 1, 0, len(grid) - 2)
        part = (flow - grid[i]) / (grid[i + 1] - grid[i])
        pipe = np.arange(mixed.shape[2])
        value: np.ndarray = (mixed[i, :, pipe] * (1 - part)[:, None] + mixed[i + 1, :, pipe] * part[:, None]).T
        return value


def build(
    network: Network,
    model: CutModel,
    demands: Sequence[np.ndarray],
    *,
    zone: np.ndarray,
    share: np.ndarray,
    heads: Sequence[int],
    flows: Sequence[int],
    boundary: Sequence[dict[str, dict[str, float]]],
    progress: Callable[[float], None] = lambda _: None,
) -> Signatures:
    """Solve the network with a leak at every node, in every flow state and size.

    `demands` are the nodal demands of each level `(n_nodes,)`, `zone` the zone of every node (-1: none), `share` the
    part of its zone's demand that a node takes when the measured inflow is held fixed (0 where demand is metered).
    """
    states = len(demands)
    mean_flow = float(np.mean([d.sum() for d in demands]))
    sizes = np.array([0.0, *(s * mean_flow for s in SIZES)])
    nodes = np.flatnonzero(zone >= 0)
    members = [np.where(zone == z, share, 0.0) for z in range(int(zone.max()) + 1)]
    table = np.zeros((states, len(sizes), len(heads) + len(flows), len(network.nodes)))

    def measured(state: State) -> np.ndarray:
        return np.concatenate([state.head_m[list(heads)], state.flow_m3_per_h[list(flows)]])

    def with_demand(demand: np.ndarray, a: int) -> np.ndarray:
        return measured(
            model.solve(demand, pumped=boundary[a]["pumped"], level_m=boundary[a]["level_m"], heads=heads, flows=flows)
        )

    for a, demand in enumerate(demands):
        base = model.solve(demand, pumped=boundary[a]["pumped"], level_m=boundary[a]["level_m"])
        response = respond(network, base, heads=heads, flows=flows)
        slope = np.vstack([response.head, response.flow])
        fixed = np.stack([slope @ m for m in members], axis=1)
        table[a, 0][:, nodes] = slope[:, nodes] - fixed[:, zone[nodes]]
        start = measured(base)
        for b, size in enumerate(sizes[1:], start=1):
            for count, node in enumerate(nodes):
                with_leak = demand - size * members[zone[node]]
                with_leak[node] += size
                table[a, b, :, node] = (with_demand(with_leak, a) - start) / size
                if count % 50 == 0:
                    progress(((a * len(SIZES) + b - 1) + count / len(nodes)) / (states * len(SIZES)))
    ends = network.ends[network.pipes]
    pipe_zone = np.maximum(zone[ends[:, 0]], zone[ends[:, 1]])
    return Signatures((table[..., ends[:, 0]] + table[..., ends[:, 1]]) / 2, sizes, pipe_zone)
