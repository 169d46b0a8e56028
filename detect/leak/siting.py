"""Where the next pressure sensor helps most: by how much it would shorten the way from the pipe named to the leak.

For a leak at pipe j the detector's posterior is about `p_k ~ exp(-d_jk^2 / 2)`, d being the distance of the two
signatures in standard deviations; the expected way is `sum_k p_k |jk|`. A new sensor adds to d what it tells that the
present ones do not: its signature and its noise, less what they predict of both (Schur complement). Sensitivities as in
Perez et al. 2011 and Casillas et al. 2013, who place sensors by the confusion of leaks; the noise is that of demands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from detect.leak.area import PipeMap
from detect.leak.balance import Layout
from detect.leak.hydraulics import CutModel, respond
from detect.leak.network import Network
from detect.port import Floats, Ints

DEMAND_VARIATION = 0.04
"""relative scatter of a node's daily demand: the detector's own assumption before the data say better"""
_FLOOR_M = 0.003
"""scatter of the daily mean of a pressure sensor itself"""
_TRUTHS = 160
"""leaks that are tried, drawn evenly along the network"""
_FARTHEST_M = 2000.0
"""a way is not counted as longer: the crew would be in another district"""
_APART_M = 100.0
"""of places nearer to each other the better one is named"""


@dataclass(frozen=True)
class Site:
    """A place for a sensor."""

    node: str
    gain_m: float
    """by so much shorter is the expected way, over the whole network"""
    way_m: float
    """what is left of it"""
    blind_share: float
    """part of the network's length from which a leak still is farther than 300 m on average"""


@dataclass(frozen=True)
class Siting:
    """Present state, the best single places, and the best sequence of several."""

    leak_m3_per_h: float
    way_m: float
    blind_share: float
    best: tuple[Site, ...]
    sequence: tuple[Site, ...]


class _Confusion:
    """How far leaks are apart in the present sensors' eyes; `add` gives it one more."""

    def __init__(self, signature: Floats, noise: Floats, truths: Ints, flow: float) -> None:
        """`signature` (n_rows, n_pipes) of 1 m3/h, `noise` (n_rows, n_rows)."""
        self._signature, self._noise, self._truths, self._flow = signature, noise, truths, flow
        self._factor = cho_factor(noise if len(noise) else np.eye(1), lower=True)
        whitened = _whiten(noise, signature)
        self.squared = flow**2 * _squares(whitened[:, truths], whitened)

    def with_row(self, row: Floats, cross: Floats, variance: float) -> Floats:
        """Squared distances (n_truths, n_pipes) with a row more; `cross` (n_rows,) is its covariance with the rest."""
        if len(cross):
            gain = cho_solve(self._factor, cross)
            row, variance = row - gain @ self._signature, variance - float(gain @ cross)
        left = self._flow * row / np.sqrt(max(variance, _FLOOR_M**2 / 4.0))
        added: Floats = self.squared + (left[self._truths][:, None] - left[None, :]) ** 2
        return added

    def add(self, row: Floats, cross: Floats, variance: float) -> "_Confusion":
        """Another one, with the row."""
        noise = np.block([[self._noise, cross[:, None]], [cross[None, :], np.array([[variance]])]])
        return _Confusion(np.vstack([self._signature, row]), noise, self._truths, self._flow)


def place_sensors(
    network: Network,
    layout: Layout,
    pipes: PipeMap,
    *,
    leak_m3_per_h: float = 5.0,
    count: int = 5,
    progress: Callable[[float], None] = lambda _: None,
) -> Siting:
    """Ranks the junctions of the zones; `count` is how long the sequence is. Raises SimulationError."""
    slope, nodes = _slopes(network, layout)
    ends = network.ends[network.pipes]
    of_pipe = (slope[:, ends[:, 0]] + slope[:, ends[:, 1]]) / 2.0
    mean = network.demand @ network.multiplier.mean(axis=1)
    scatter = slope * mean * DEMAND_VARIATION
    noise = scatter @ scatter.T + _FLOOR_M**2 * np.eye(len(nodes))
    present = [int(np.flatnonzero(nodes == n)[0]) for n in layout.pressure_node if n in nodes]
    truths = _truths(network.length_m[network.pipes], np.asarray(np.isin(ends, nodes).all(axis=1)))
    way_m = np.minimum(pipes.distances_m(truths), _FARTHEST_M)
    known = _Confusion(of_pipe[present], noise[np.ix_(present, present)], truths, leak_m3_per_h)
    now, blind = _way(known.squared, way_m)
    middle_m = pipes.node_m(network.xy)[nodes]
    best: tuple[Site, ...] = ()
    sequence: list[Site] = []
    rows = list(present)
    for step in range(count):
        base = sequence[-1].way_m if sequence else now
        ranked = []
        for i in range(len(nodes)):
            if i not in rows:
                left, still = _way(known.with_row(of_pipe[i], noise[rows, i], float(noise[i, i])), way_m)
                ranked.append((base - left, left, still, i))
            progress((step + i / len(nodes)) / count)
        if not ranked:
            break
        ranked.sort(key=lambda one: -one[0])
        sites = [(Site(network.nodes[nodes[i]], round(g, 1), round(w, 1), round(b, 4)), i) for g, w, b, i in ranked]
        if not best:
            best = _apart(sites, middle_m, 10)
        chosen = sites[0][1]
        sequence.append(sites[0][0])
        known = known.add(of_pipe[chosen], noise[rows, chosen], float(noise[chosen, chosen]))
        rows.append(chosen)
    progress(1.0)
    return Siting(leak_m3_per_h, round(now, 1), round(blind, 4), best, tuple(sequence))


def _slopes(network: Network, layout: Layout) -> tuple[Floats, Ints]:
    """Head of each junction of a zone per 1 m3/h at each node (n_junctions, n_nodes), the zone's inflow held fixed."""
    model = CutModel(network, layout.cut_pumps)
    try:
        mean = network.demand @ network.multiplier.mean(axis=1)
        levels = {name: network.tanks[name][1] for name in layout.sensors.level}
        pumped = {}
        for name in layout.cut_pumps:
            zone = layout.zone_of_node[network.ends[network.link_number[name], 1]]
            pumped[name] = float(mean[layout.zones[zone].nodes].sum()) if zone >= 0 else 0.0
        state = model.solve(mean, pumped=pumped, level_m=levels)
    finally:
        model.close()
    fixed = {network.node_number[n] for n in (*network.tanks, *network.reservoirs)}
    nodes = np.array([n for n in np.flatnonzero(layout.zone_of_node >= 0) if n not in fixed])
    slope = respond(network, state, heads=nodes.tolist(), flows=[]).head
    held = slope.copy()
    for zone in layout.zones:
        share = np.where(zone.nodes, mean, 0.0)
        if zone.closed and not zone.metered and share.sum() > 0:
            held[:, zone.nodes] -= (slope @ (share / share.sum()))[:, None]
    return held, nodes


def _truths(length_m: Floats, usable: np.ndarray) -> Ints:
    """Pipes under evenly spaced points of the network's length."""
    pipes = np.flatnonzero(usable)
    along = np.cumsum(length_m[pipes])
    points = (np.arange(_TRUTHS) + 0.5) / _TRUTHS * along[-1]
    return np.unique(pipes[np.searchsorted(along, points)])


def _whiten(noise: Floats, signature: Floats) -> Floats:
    if not len(noise):
        return signature
    lower = np.linalg.cholesky(noise)
    value: Floats = np.linalg.solve(lower, signature)
    return value


def _squares(one: Floats, other: Floats) -> Floats:
    """Squared distances of columns, (n_one, n_other)."""
    total = (one**2).sum(axis=0)[:, None] + (other**2).sum(axis=0)[None, :] - 2.0 * one.T @ other
    squared: Floats = np.maximum(total, 0.0)
    return squared


def _way(squared: Floats, way_m: Floats) -> tuple[float, float]:
    """Expected way over all truths, and the share of truths with one of more than 300 m."""
    weight = np.exp(-0.5 * (squared - squared.min(axis=1, keepdims=True)))
    weight /= weight.sum(axis=1, keepdims=True)
    expected = (weight * way_m).sum(axis=1)
    return float(expected.mean()), float((expected > 300.0).mean())


def _apart(sites: Sequence[tuple[Site, int]], middle_m: Floats, most: int) -> tuple[Site, ...]:
    chosen: list[tuple[Site, int]] = []
    for site, i in sites:
        if all(np.hypot(*(middle_m[i] - middle_m[j])) >= _APART_M for _, j in chosen):
            chosen.append((site, i))
        if len(chosen) == most:
            break
    return tuple(site for site, _ in chosen)
