"""The hydraulic model, cut where something is measured: heads and flows of a moment, and how they answer to a leak."""

import shutil
import tempfile
import warnings
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

from detect.leak.network import M3_PER_H, Network
from lifeline.errors import SimulationError

_HEAD, _BASE_DEMAND, _ELEVATION, _FLOW = 10, 1, 0, 8
_SMALLEST_FLOW_M3_PER_H = 0.05
"""below this the head loss is taken as linear: keeps the derivative finite in still pipes"""


@dataclass(frozen=True)
class State:
    """One solved moment: heads (m) per node, flows (m3/h) per link (0 for a cut pump); NaN what was not asked for."""

    head_m: np.ndarray
    flow_m3_per_h: np.ndarray


class CutModel:
    """EPANET with every pump whose flow is measured replaced by that flow, and every tank by its measured level.

    One object holds one EPANET project (about 3 ms a solve for 800 nodes). Not safe to share between threads.
    """

    def __init__(self, network: Network, cut_pumps: Sequence[str] = ()) -> None:
        import wntr
        from wntr.epanet.toolkit import ENepanet

        self._network = network
        self._cut = tuple(network.link_number[name] for name in cut_pumps)
        folder = Path(tempfile.mkdtemp(prefix="lifeline-epanet-"))
        self._remove_files = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        source = wntr.network.from_dict(wntr.network.to_dict(network.model))
        for name in list(source.control_name_list):
            source.remove_control(name)
        for name in cut_pumps:
            source.remove_link(name)
        for name, (_, level_m) in network.tanks.items():
            x, y = source.get_node(name).coordinates
            head = source.get_node(name).elevation + level_m
            attached = [source.get_link(link) for link in source.get_links_for_node(name)]
            source.add_reservoir(f"{name}~", base_head=head, coordinates=(x, y))
            replacement = source.get_node(f"{name}~")
            for link in attached:
                if link.start_node_name == name:
                    link.start_node = replacement
                else:
                    link.end_node = replacement
            source.remove_node(name)
        for _, node in source.junctions():
            node.demand_timeseries_list.clear()
            node.add_demand(0.0, None)
        source.options.time.duration = 0
        source.options.hydraulic.demand_multiplier = 1.0
        source.options.hydraulic.accuracy = 1e-5
        source.options.hydraulic.pattern = None
        wntr.network.write_inpfile(source, str(folder / "cut.inp"), units="CMH")
        self._epanet = ENepanet()
        self._epanet.ENopen(*(str(folder / f"cut.{part}") for part in ("inp", "rpt", "bin")))
        self._epanet.ENopenH()
        e = self._epanet
        self._node = [e.ENgetnodeindex(f"{n}~" if n in network.tanks else n) for n in network.nodes]
        self._link = [0 if i in self._cut else e.ENgetlinkindex(n) for i, n in enumerate(network.links)]
        fixed = set(network.tanks) | set(network.reservoirs)
        self._junction = np.array([n not in fixed for n in network.nodes])
        self._demand = np.full(len(network.nodes), np.nan)

    def solve(
        self,
        demand_m3_per_h: np.ndarray,
        *,
        pumped: Mapping[str, float],
        level_m: Mapping[str, float],
        heads: Sequence[int] | None = None,
        flows: Sequence[int] | None = None,
    ) -> State:
        """Heads and flows for nodal demands `(n_nodes,)`, flows of the cut pumps and levels of the tanks.

        `heads` and `flows` number the nodes and links that are asked for (none given: all); reading costs as much as
        solving.
        """
        net, e = self._network, self._epanet
        demand = np.where(self._junction, demand_m3_per_h, 0.0)
        for link in self._cut:
            start, end = net.ends[link]
            through = pumped.get(net.links[link], 0.0)
            demand[start] += through if self._junction[start] else 0.0
            demand[end] -= through if self._junction[end] else 0.0
        try:
            for i in np.flatnonzero(self._junction & (demand != self._demand)).tolist():
                e.ENsetnodevalue(self._node[i], _BASE_DEMAND, float(demand[i]))
            self._demand = demand
            for name, level in level_m.items():
                tank = net.node_number[name]
                e.ENsetnodevalue(self._node[tank], _ELEVATION, float(net.elevation_m[tank] + level))
            e.ENinitH(10)
            e.ENrunH()
            head, flow = np.full(len(self._node), np.nan), np.full(len(self._link), np.nan)
            for i in range(len(head)) if heads is None else heads:
                head[i] = e.ENgetnodevalue(self._node[i], _HEAD)
            for i in range(len(flow)) if flows is None else flows:
                flow[i] = e.ENgetlinkvalue(self._link[i], _FLOW) if self._link[i] else 0.0
        except Exception as error:
            raise SimulationError(
                f"the hydraulic model does not solve: {error}", advice="run the file in EPANET and mend what it names"
            ) from error
        return State(head, flow)

    def close(self) -> None:
        """End the EPANET project and remove its files."""
        self._epanet.ENclose()
        self._remove_files()


@dataclass(frozen=True)
class Response:
    """Change per 1 m3/h drawn at each node: heads `(n_head, n_nodes)` m, flows `(n_flow, n_nodes)` m3/h."""

    head: np.ndarray
    flow: np.ndarray


def respond(network: Network, state: State, *, heads: Sequence[int], flows: Sequence[int]) -> Response:
    """The derivative of a solved state, by one sparse factorisation (the adjoint of the global gradient algorithm).

    `heads` are node numbers, `flows` link numbers. Reservoirs and tanks hold their head; a regulating valve holds the
    head behind it. Todini & Pilati 1988; sensitivities as in Perez et al. 2011.
    """
    n = len(network.nodes)
    fixed = [network.node_number[name] for name in (*network.tanks, *network.reservoirs)]
    free = np.ones(n, dtype=bool)
    free[fixed] = False
    start, end = network.ends.T
    drop = np.abs(state.head_m[start] - state.head_m[end])
    flow = np.abs(state.flow_m3_per_h)
    is_pipe = np.array([k == "pipe" for k in network.kind])
    small = _SMALLEST_FLOW_M3_PER_H
    # h = r q^1.85  =>  dq/dh = q / (1.85 h); in still pipes r is not seen in the state, they conduct well
    conductance = np.where(is_pipe, np.maximum(flow, small) / (1.852 * np.maximum(drop, 1e-6)), 0.0)
    conductance = np.minimum(conductance, 1e6)
    open_valve = ~is_pipe & (flow > small)
    holding = _holding(network, state) & open_valve
    conductance[open_valve & ~holding] = 1e6
    # a pump whose flow is not measured gives more the less it has to lift; without it the nodes behind hang in the air
    for i in np.flatnonzero(open_valve & np.array([k == "pump" for k in network.kind])).tolist():
        lift = float(state.head_m[end[i]] - state.head_m[start[i]])
        conductance[i] = _pump_conductance(network, network.links[i], float(flow[i]), lift)
    closed = is_pipe & (flow == 0.0) & (drop > 1e-3)
    conductance[closed] = 0.0
    rows, columns, values = [], [], []
    for sign, a, b in ((1, start, start), (1, end, end), (-1, start, end), (-1, end, start)):
        rows.append(a)
        columns.append(b)
        values.append(sign * conductance)
    matrix = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n)).tolil()
    for i in range(n):
        if not free[i]:
            matrix.rows[i], matrix.data[i] = [i], [1.0]
        elif matrix[i, i] == 0.0:
            matrix[i, i] = 1e-9
    valves = np.flatnonzero(holding)
    matrix.resize(n + len(valves), n + len(valves))
    for k, valve in enumerate(valves):
        up, down = start[valve], end[valve]
        if free[up]:
            matrix[up, n + k] = 1.0
        if free[down]:
            matrix[down, n + k] = -1.0
        matrix[n + k, down] = 1.0
    # a head answers to node j as row i of the inverse: one solve with the transposed matrix per measured value
    try:
        factor = splu(matrix.T.tocsc())
    except RuntimeError as error:
        raise SimulationError(
            "a part of the network hangs on no reservoir or tank", advice="open the pipe, valve or pump that feeds it"
        ) from error
    right = np.zeros((n + len(valves), len(heads) + len(flows)))
    for column, node in enumerate(heads):
        right[node, column] = 1.0
    for column, link in enumerate(flows, start=len(heads)):
        if holding[link]:
            right[n + int(np.searchsorted(valves, link)), column] = 1.0
        else:
            right[start[link], column] += conductance[link]
            right[end[link], column] -= conductance[link]
    answer = -factor.solve(right)[:n].T * free
    return Response(answer[: len(heads)], answer[len(heads) :])


def _pump_conductance(network: Network, name: str, flow_m3_per_h: float, lift_m: float) -> float:
    """Flow that a running pump gives more per metre that it has to lift less, m3/h per m: the slope of its curve.

    A pump of constant power keeps the product of both, and so does one whose curve is not of the form a - b q^c.
    """
    pump = network.model.get_link(name)
    per_m = flow_m3_per_h / max(abs(lift_m), 1e-3)
    if pump.pump_type == "HEAD":
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # three points fix three coefficients: no covariance is left over
                _, b, c = pump.get_head_curve_coefficients()
        except (ValueError, RuntimeError, NotImplementedError):
            return float(min(per_m, 1e6))
        slope = b * c * (flow_m3_per_h / M3_PER_H) ** (c - 1.0) / M3_PER_H
        return float(min(1.0 / max(slope, 1e-6), 1e6))
    return float(min(per_m, 1e6))


def _holding(network: Network, state: State) -> np.ndarray:
    """Which links are pressure-reducing valves that hold their set pressure in this state `(n_links,)`."""
    holding = np.zeros(len(network.links), dtype=bool)
    for name in network.model.prv_name_list:
        i = network.link_number[name]
        down = network.ends[i, 1]
        set_head = network.elevation_m[down] + float(network.model.get_link(name).initial_setting)
        holding[i] = abs(state.head_m[down] - set_head) < 0.02
    return holding
