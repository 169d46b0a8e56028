"""What the sensors should read in an hour: the cut hydraulic model driven by measured inflows, levels and meters.

`HourModel.residual` gives measured minus modelled values; `Baseline` learns what the model gets wrong on quiet days.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from detect.leak.balance import Layout
from detect.leak.hydraulics import CutModel
from detect.leak.network import Network
from detect.leak.signature import LEVELS, Signatures, build


@dataclass(frozen=True)
class Hour:
    """Means of one hour: pressures m, flows m3/h, levels and their change m, metered demands m3/h; NaN = unknown."""

    index: int
    """hours since 1970-01-01, UTC"""
    local_hour: int
    """hours since 1970-01-01, local time"""
    pressure: np.ndarray
    flow: np.ndarray
    level: np.ndarray
    level_change: np.ndarray
    demand: np.ndarray


@dataclass(frozen=True)
class Residual:
    """Measured minus modelled per channel `(n_channels,)`: pressures m, splits m3/h, zone losses by day and night."""

    value: np.ndarray
    level: np.ndarray
    """zone flow relative to its weekly mean `(n_zones,)`"""
    drivers: np.ndarray
    """what the learned correction may depend on, per channel `(n_channels, n_drivers)`"""


class HourModel:
    """The model side of the detector for one network and its sensors; holds no memory of the data."""

    def __init__(self, network: Network, layout: Layout) -> None:
        self.network, self.layout = network, layout
        self._epanet = CutModel(network, layout.cut_pumps)
        step_s = 3600
        self._nominal = np.stack([network.nominal(k * step_s + step_s / 2) for k in range(168)])
        zones = layout.zones
        self.mean_flow = np.array([max(self._nominal[:, z.nodes].sum(axis=1).mean(), 1e-6) for z in zones])
        self._zone_of_pressure = np.maximum(layout.zone_of_node[layout.pressure_node], 0)
        self._zone_of_split = np.array(
            [max(0, layout.zone_of_node[network.ends[layout.flow_link[i], 1]]) for i in layout.split], dtype=int
        )
        self.n_pressure, self.n_split, self.n_zones = len(layout.pressure_node), len(layout.split), len(zones)
        self.n_channels = self.n_pressure + self.n_split + 2 * self.n_zones
        self._metered = np.zeros(len(network.nodes), dtype=bool)
        self._metered[layout.demand_node] = True
        self._heads = sorted(set(layout.pressure_node.tolist()))
        self._flows = sorted({int(layout.flow_link[i]) for i in layout.split})
        self._initial_level = {n: network.tanks[n][1] for n in layout.sensors.level}

    def zone_flow(self, hour: Hour) -> np.ndarray:
        """Net inflow of each zone `(n_zones,)`, m3/h; NaN for a zone that is not closed or not known in this hour."""
        layout = self.layout
        return np.array(
            [layout.net_inflow(z, hour.flow, hour.level_change) if z.closed else np.nan for z in layout.zones]
        )

    def phase(self, hours: Sequence[Hour]) -> int:
        """Which day of its patterns the model shows on a Monday: the shift in days that fits the inflow best."""
        flows = np.stack([self.zone_flow(h) for h in hours])
        local = np.array([h.local_hour for h in hours])
        best, best_score = 0, -np.inf
        for shift in range(7):
            nominal = self._nominal[(local + (3 + shift) * 24) % 168]
            score = 0.0
            for z, zone in enumerate(self.layout.zones):
                ok = np.isfinite(flows[:, z])
                shown = nominal[ok][:, zone.nodes].sum(axis=1)
                # a model without patterns has no phase
                if ok.sum() > 48 and np.ptp(shown) > 0.0 and np.ptp(flows[ok, z]) > 0.0:
                    score += float(np.corrcoef(flows[ok, z], shown)[0, 1])
            if score > best_score + 1e-9:
                best, best_score = shift, score
        return best

    def residual(self, hour: Hour, shift_days: int) -> Residual:
        """Solve the hour and compare."""
        layout, zones = self.layout, self.layout.zones
        nominal = self._nominal[(hour.local_hour + (3 + shift_days) * 24) % 168]
        demand = nominal.copy()
        known = np.isfinite(hour.demand)
        demand[layout.demand_node[known]] = np.maximum(hour.demand[known], 0.0)
        inflow = self.zone_flow(hour)
        loss = np.full(2 * self.n_zones, np.nan)
        level = np.ones(self.n_zones)
        consumption = np.ones(self.n_zones)
        lost = np.zeros(self.n_zones, dtype=bool)
        for z, zone in enumerate(zones):
            expected = float(demand[zone.nodes].sum())
            consumption[z] = expected / self.mean_flow[z]
            flow = inflow[z]
            if zone.closed and np.isfinite(flow):
                loss[2 * z : 2 * z + 2] = flow - expected
                if not zone.metered:
                    rest = zone.nodes & ~self._metered
                    metered = float(demand[zone.nodes & self._metered].sum())
                    demand[rest] *= max(flow - metered, 0.0) / max(float(demand[rest].sum()), 1e-9)
                    expected = flow
            elif zone.closed and not zone.metered:
                lost[z] = True
            level[z] = expected / self.mean_flow[z]
        if hour.local_hour % 24 not in (2, 3, 4):
            loss[1::2] = np.nan
        pumped = {name: float(np.nan_to_num(hour.flow[layout.sensors.flow.index(name)])) for name in layout.cut_pumps}
        tank = {
            name: float(v) if np.isfinite(v) else self._initial_level[name]
            for name, v in zip(layout.sensors.level, hour.level, strict=True)
        }
        state = self._epanet.solve(demand, pumped=pumped, level_m=tank, heads=self._heads, flows=self._flows)
        head = state.head_m - self.network.elevation_m
        pressure = hour.pressure - head[layout.pressure_node]
        split = np.array([hour.flow[i] - state.flow_m3_per_h[layout.flow_link[i]] for i in layout.split])
        pressure[lost[self._zone_of_pressure]] = np.nan
        split[lost[self._zone_of_split]] = np.nan
        running = np.array([float(v > 5.0) for v in pumped.values()])
        zone_of = np.concatenate([self._zone_of_pressure, self._zone_of_split, np.repeat(np.arange(self.n_zones), 2)])
        drivers = np.column_stack([level[zone_of] ** 1.852, np.tile(running, (len(zone_of), 1))])
        drivers[-2 * self.n_zones :] = 0.0
        drivers[-2 * self.n_zones :, 0] = np.repeat(consumption, 2)
        return Residual(np.concatenate([pressure, split, loss]), level, drivers)

    def signatures(self, progress: Callable[[float], None] = lambda _: None) -> Signatures:
        """The table of leak signatures, zone balance channels included (1 m3/h of leak is 1 m3/h of loss)."""
        network, layout = self.network, self.layout
        totals = np.stack([self._nominal[:, z.nodes].sum(axis=1) for z in layout.zones], axis=1)
        relative = totals.sum(axis=1) / totals.sum(axis=1).mean()
        mean = self._nominal.mean(axis=0)
        share = np.zeros(len(network.nodes))
        for zone in layout.zones:
            if zone.closed and not zone.metered:
                rest = zone.nodes & ~self._metered
                share[rest] = mean[rest] / max(mean[rest].sum(), 1e-9)
        demands = []
        for level in LEVELS:
            demand = self._nominal[int(np.abs(relative - level).argmin())].copy()
            for z, zone in enumerate(layout.zones):
                demand[zone.nodes] *= level * self.mean_flow[z] / max(demand[zone.nodes].sum(), 1e-9)
            demands.append(demand)
        boundary = [{"pumped": self._mean_pumped(level), "level_m": self._initial_level} for level in LEVELS]
        hydraulic = build(
            network,
            self._epanet,
            demands,
            zone=layout.zone_of_node,
            share=share,
            heads=layout.pressure_node.tolist(),
            flows=[int(layout.flow_link[i]) for i in layout.split],
            boundary=boundary,
            progress=progress,
        )
        levels, sizes, _, pipes = hydraulic.table.shape
        balance = np.zeros((levels, sizes, 2 * self.n_zones, pipes))
        for z in range(self.n_zones):
            balance[:, :, 2 * z : 2 * z + 2, hydraulic.pipe_zone == z] = 1.0
        table = np.concatenate([hydraulic.table, balance], axis=2)
        return Signatures(table, hydraulic.size_m3_per_h, hydraulic.pipe_zone)

    def _mean_pumped(self, level: float) -> dict[str, float]:
        """What a metered pump brings on average: the demand of the zone behind it."""
        pumped = {}
        for name in self.layout.cut_pumps:
            zone = self.layout.zone_of_node[self.network.ends[self.network.link_number[name], 1]]
            pumped[name] = level * float(self.mean_flow[zone]) if zone >= 0 else 0.0
        return pumped

    def demand_noise(self, signatures: Signatures, *, relative: float) -> np.ndarray:
        """Covariance of pressures and splits when every node's daily demand varies on its own by `relative`."""
        ends = self.network.ends[self.network.pipes]
        mean = self._nominal.mean(axis=0)
        degree = np.bincount(ends.ravel(), minlength=len(mean)).clip(1)
        per_pipe = np.where(self._metered, 0.0, mean / degree)[ends].sum(axis=1)
        n = self.n_pressure + self.n_split
        effect = signatures.table[len(LEVELS) // 2, 0, :n] * per_pipe * relative
        covariance: np.ndarray = effect @ effect.T
        return covariance

    def common_demand(self, signatures: Signatures, *, relative: float) -> np.ndarray:
        """Covariance of pressures and splits when a zone whose inflow is not measured takes more or less as a whole."""
        ends = self.network.ends[self.network.pipes]
        mean = self._nominal.mean(axis=0)
        degree = np.bincount(ends.ravel(), minlength=len(mean)).clip(1)
        per_pipe = np.where(self._metered, 0.0, mean / degree)[ends].sum(axis=1)
        n = self.n_pressure + self.n_split
        covariance = np.zeros((n, n))
        for z, zone in enumerate(self.layout.zones):
            if not zone.closed:
                inside = signatures.pipe_zone == z
                together = signatures.table[len(LEVELS) // 2, 0, :n, inside].T @ per_pipe[inside] * relative
                covariance += np.outer(together, together)
        return covariance

    def close(self) -> None:
        """End the EPANET project."""
        self._epanet.close()
