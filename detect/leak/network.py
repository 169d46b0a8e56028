"""What the detector knows of a pipe network: nodes, pipes, nominal demands, and the zones that the flow meters cut out.

Everything comes from an EPANET file; nothing is tied to one city. wntr is imported only when a file is read.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from lifeline.errors import SimulationError

M3_PER_H = 3600.0


@dataclass(frozen=True)
class Network:
    """A network as arrays. Flows in m3/h, lengths, heads and levels in m.

    `demand` is the nominal base demand per node and demand pattern `(n_nodes, n_patterns)`, `multiplier` the pattern
    values `(n_patterns, n_steps)` at `pattern_step_s`, the first one taken as Monday 00:00 local time.
    """

    nodes: tuple[str, ...]
    links: tuple[str, ...]
    kind: tuple[str, ...]
    """per link: `pipe`, `pump` or `valve`"""
    ends: np.ndarray
    """(n_links, 2) node numbers"""
    length_m: np.ndarray
    elevation_m: np.ndarray
    xy: np.ndarray
    """(n_nodes, 2) as drawn in the file"""
    demand: np.ndarray
    multiplier: np.ndarray
    pattern_step_s: int
    tanks: dict[str, tuple[float, float]]
    """diameter and initial level of each tank, m"""
    reservoirs: tuple[str, ...]
    model: Any
    """the wntr model, for the hydraulic solver"""

    @cached_property
    def node_number(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.nodes)}

    @cached_property
    def link_number(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.links)}

    @cached_property
    def pipes(self) -> np.ndarray:
        """Link numbers of the pipes."""
        return np.flatnonzero([k == "pipe" for k in self.kind])

    @cached_property
    def pipe_distance_m(self) -> np.ndarray:
        """Distance between pipes `(n_pipes, n_pipes)`: the shortest way between their ends plus half of both lengths.

        0 on the diagonal; valves and pumps are no way through, so what lies behind one is infinitely far.
        """
        ends = self.ends[self.pipes]
        length = self.length_m[self.pipes]
        nodes = dijkstra(self._graph(self.pipes), directed=False)
        way = np.full((len(length), len(length)), np.inf)
        for a in (0, 1):
            for b in (0, 1):
                np.minimum(way, nodes[np.ix_(ends[:, a], ends[:, b])], out=way)
        way += (length[:, None] + length[None, :]) / 2
        np.fill_diagonal(way, 0.0)
        return way

    def _graph(self, links: np.ndarray) -> csr_matrix:
        n = len(self.nodes)
        start, end = self.ends[links].T
        weight = np.maximum(self.length_m[links], 1e-6)
        order = np.argsort(-weight, kind="stable")
        # of parallel pipes the shortest is the way; coo_matrix would add them up
        shortest = {(min(a, b), max(a, b)): w for a, b, w in zip(start[order], end[order], weight[order], strict=True)}
        pairs = np.array(list(shortest), dtype=int).reshape(-1, 2)
        return coo_matrix((np.array(list(shortest.values())), (pairs[:, 0], pairs[:, 1])), shape=(n, n)).tocsr()

    def components(self, cut: Collection[int]) -> np.ndarray:
        """Number of the connected part of each node `(n_nodes,)` when the links in `cut` are taken away."""
        keep = np.setdiff1d(np.arange(len(self.links)), np.fromiter(cut, dtype=int))
        label: np.ndarray = connected_components(self._graph(keep), directed=False)[1]
        return label

    def nominal(self, second_of_week: float) -> np.ndarray:
        """Nominal demand of each node `(n_nodes,)` at a time of the week, m3/h."""
        step = int(second_of_week // self.pattern_step_s) % self.multiplier.shape[1]
        value: np.ndarray = self.demand @ self.multiplier[:, step]
        return value


def read_network(path: Path) -> Network:
    """Read an EPANET file. Raises `SimulationError` naming the file when it cannot be used."""
    import wntr

    try:
        model = wntr.network.WaterNetworkModel(str(path))
    except Exception as error:
        raise SimulationError(
            f"{path}: not a network file that can be read: {error}", advice="save it as an EPANET 2.2 .inp file"
        ) from error
    if not model.num_pipes:
        raise SimulationError(f"{path}: the network has no pipes", advice="check the [PIPES] section")
    nodes = tuple(model.node_name_list)
    links = tuple(model.link_name_list)
    number = {name: i for i, name in enumerate(nodes)}
    elements = [model.get_link(name) for name in links]
    demand, multiplier = _demands(model, nodes)
    return Network(
        nodes=nodes,
        links=links,
        kind=tuple(link.link_type.lower() for link in elements),
        ends=np.array([(number[link.start_node_name], number[link.end_node_name]) for link in elements]),
        length_m=np.array([getattr(link, "length", 0.0) or 0.0 for link in elements]),
        elevation_m=np.array([getattr(model.get_node(name), "elevation", 0.0) for name in nodes]),
        xy=np.array([model.get_node(name).coordinates for name in nodes], dtype=float),
        demand=demand,
        multiplier=multiplier,
        pattern_step_s=int(model.options.time.pattern_timestep),
        tanks={
            name: (float(model.get_node(name).diameter), float(model.get_node(name).init_level))
            for name in model.tank_name_list
        },
        reservoirs=tuple(model.reservoir_name_list),
        model=model,
    )


def _demands(model: Any, nodes: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Base demand by node and pattern, and the patterns over a week (shorter ones repeat)."""
    names: dict[str | None, int] = {}
    entries = []
    for row, name in enumerate(nodes):
        for item in getattr(model.get_node(name), "demand_timeseries_list", ()):
            column = names.setdefault(item.pattern_name, len(names))
            entries.append((row, column, item.base_value * M3_PER_H))
    steps = max(1, round(7 * 86400 / model.options.time.pattern_timestep))
    multiplier = np.ones((max(1, len(names)), steps))
    for pattern, column in names.items():
        known = model.get_pattern(pattern) if pattern is not None else None
        if known is not None and len(known.multipliers):
            multiplier[column] = np.resize(np.asarray(known.multipliers, dtype=float), steps)
    demand = np.zeros((len(tuple(nodes)), len(multiplier)))
    for row, column, value in entries:
        demand[row, column] += value
    return demand, multiplier * float(model.options.hydraulic.demand_multiplier)
