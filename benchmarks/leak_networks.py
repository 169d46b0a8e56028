"""The leak core on networks that it was not made for: same code, same settings, random leaks.

`python -m benchmarks.leak_networks [NAME or FILE.inp ...]`: networks that wntr or epyt bring, or files. Sensors are
placed by one rule: a pressure for every thirty junctions, as far from each other on the plan as they come, a meter on
every link at a reservoir, a level for every tank. A twin of each (other roughness, diameters and demands) runs for
200 days with ten random leaks; what the core makes of the readings is scored by the rules of the competition, and
beside it what `pressure` makes of them without the network file: leaks told of while they ran, in the right zone.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull

from benchmarks.leak_expected import replay, reports_of, scores
from benchmarks.leak_twin import make_twin, plan_leaks
from benchmarks.table import Figure
from detect.leak.balance import Sensors, lay_out
from detect.leak.evaluate import evaluate
from detect.leak.network import Network, read_network
from detect.leak.recording import read_recording
from detect.leak.score import Score
from detect.leak.trust import TrustReason
from detect.port import Scope
from detect.pressure.detector import make as make_pressure
from detect.residual.place import METRES_PER_DEGREE
from lifeline.asset import Asset, AssetKind, Name, Position, Sensor, Site, Zone, ZoneKind
from lifeline.units import Quantity

TITLE = "the leak core on other networks, same code and settings, random leaks"
NETWORKS = ("Net3", "Hanoi", "ky4", "ky10")
DAYS, LEAKS, STEP_S, SEED = 200, 10, 1800, 5
_CALIBRATION_DAYS = 10
_CITY, _NAME = "999903", Name("管网", "network")
_JUNCTIONS_PER_PRESSURE, _LEAST_PRESSURES = 30, 5


@dataclass(frozen=True)
class Outcome:
    """What became of one network."""

    name: str
    junctions: int
    sensors: Sensors
    leaks: int
    reports: int
    found: int
    false: int
    median_distance_m: float
    weeks_not_judged: int
    """weeks at whose end the core said that its model cannot judge"""
    data_found: int
    data_false: int


def file_of(name: str) -> Path | None:
    """The EPANET file of a network that an installed package brings, or the file itself; None where there is none."""
    if name.endswith(".inp"):
        return Path(name)
    for package, folder in (("wntr", "library/networks"), ("epyt", "networks")):
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            continue
        for path in sorted((Path(found.origin).parent / folder).rglob("*.inp")):
            if path.stem.lower() == name.lower():
                return path
    return None


def sensors_of(network: Network) -> Sensors:
    """Where sensors stand, by the rule that the module names."""
    fixed = {network.node_number[n] for n in (*network.reservoirs, *network.tanks)}
    junctions = np.array([i for i in range(len(network.nodes)) if i not in fixed])
    count = max(_LEAST_PRESSURES, round(len(junctions) / _JUNCTIONS_PER_PRESSURE))
    at = network.xy[junctions]
    apart = np.hypot(*(at[:, None, :] - at[None, :, :]).transpose(2, 0, 1))
    chosen = [int(apart.sum(axis=1).argmin())]
    while len(chosen) < min(count, len(junctions)):
        chosen.append(int(apart[:, chosen].min(axis=1).argmax()))
    sources = {network.node_number[n] for n in network.reservoirs}
    meters = [name for name, ends in zip(network.links, network.ends, strict=True) if sources & set(ends.tolist())]
    return Sensors(tuple(network.nodes[junctions[i]] for i in chosen), tuple(meters), tuple(network.tanks))


def run(name: str, inp: Path, folder: Path) -> Outcome:
    """Makes the twin in `folder` and replays it."""
    network = read_network(inp)
    sensors = sensors_of(network)
    steps = DAYS * 86_400 // STEP_S
    first = _CALIBRATION_DAYS * 86_400 // STEP_S
    leaks = plan_leaks(network, n_steps=steps, count=LEAKS, seed=SEED, first=first, days=DAYS)
    make_twin(inp, folder, sensors, leaks, seed=SEED, days=DAYS, step_s=STEP_S)
    result = evaluate(folder, network=inp)
    assert result.score is not None
    by_data = _by_data(network, sensors, folder)
    distances = [v.distance_m for v in result.score.verdicts if v.leak is not None]
    return Outcome(
        name=name,
        junctions=len(network.nodes) - len(network.reservoirs) - len(network.tanks),
        sensors=sensors,
        leaks=result.score.leaks,
        reports=len(result.score.verdicts),
        found=result.score.found,
        false=result.score.false,
        median_distance_m=float(np.median(distances)) if distances else np.nan,
        weeks_not_judged=sum(r.reason == TrustReason.CANNOT_JUDGE for r in result.reports),
        data_found=by_data.found,
        data_false=by_data.false,
    )


def _by_data(network: Network, sensors: Sensors, folder: Path) -> Score:
    scope, recording = city_of(network, sensors), read_recording(folder)
    pipes = {a.asset_id: a for a in scope.assets if a.kind is AssetKind.PIPE}
    told = reports_of(replay(make_pressure, scope, recording), recording, pipes)
    return scores(told, network, recording, {name: a.zone_id for name, a in pipes.items()})[0]


def city_of(network: Network, sensors: Sensors) -> Scope:
    """The network as a city: its plan in degrees, its zones those that the meters cut out."""
    layout = lay_out(network, sensors)
    ends = network.ends[network.pipes]
    drawn = np.hypot(*(network.xy[ends[:, 0]] - network.xy[ends[:, 1]]).T)
    shown = drawn > 0
    metres = float(np.median(network.length_m[network.pipes][shown] / drawn[shown]))
    at = (network.xy - network.xy.mean(axis=0)) * metres / METRES_PER_DEGREE
    zones = []
    for n, zone in enumerate(layout.zones):
        points = at[zone.nodes]
        ring = [tuple(map(float, p)) for p in points[ConvexHull(points).vertices]]
        inflow = tuple(sensors.flow[i] for i, sign in zone.inflow if sign > 0)
        outflow = tuple(sensors.flow[i] for i, sign in zone.inflow if sign < 0)
        polygon = tuple((x, y) for x, y in [*ring, ring[0]])
        zones.append(Zone(_zone(n) or "", _CITY, ZoneKind.DMA, _NAME, _CITY, polygon, inflow, outflow))
    of_node = [_zone(int(z)) for z in layout.zone_of_node]
    assets = []
    for number in network.pipes.tolist():
        one, other = network.ends[number].tolist()
        line = {"type": "LineString", "coordinates": [at[one].tolist(), at[other].tolist()]}
        assets.append(Asset(network.links[number], _CITY, AssetKind.PIPE, line, of_node[one] or of_node[other]))
    for tank in network.tanks:
        node = network.node_number[tank]
        point = {"type": "Point", "coordinates": at[node].tolist()}
        assets.append(Asset(f"tank {tank}", _CITY, AssetKind.TANK, point, of_node[node]))

    def sensor(name: str, quantity: Quantity, node: int) -> Sensor:
        position = Position(float(at[node, 0]), float(at[node, 1]))
        return Sensor(
            sensor_id=name, device_id=name, channel=quantity.value, quantity=quantity, unit="", site=Site.PIPE,
            position=position, name=_NAME, interval_s=STEP_S, range_min=-1e9, range_max=1e9, city_code=_CITY,
            element=name, zone_id=of_node[node],
        )  # fmt: skip

    number = network.node_number
    known = [sensor(n, Quantity.PRESSURE, number[n]) for n in sensors.pressure]
    known += [sensor(n, Quantity.FLOW, int(network.ends[network.link_number[n], 1])) for n in sensors.flow]
    return Scope(_CITY, "UTC", tuple(known), zones=tuple(zones), assets=tuple(assets))


def _zone(number: int) -> str | None:
    return f"Z{number}" if number >= 0 else None


def outcomes(names: Sequence[str]) -> list[Outcome]:
    """All networks that are at hand; says which are not."""
    found = []
    for name in names:
        inp = file_of(name)
        if inp is None:
            print(f"{name}: not at hand; install epyt, or name a file")
            continue
        with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as folder:
            found.append(run(Path(name).stem, inp, Path(folder)))
        print(line(found[-1]), flush=True)
    return found


def line(o: Outcome) -> str:
    """One line of the table."""
    distance = f"{o.median_distance_m:5.0f} m" if np.isfinite(o.median_distance_m) else f"{'-':>7s}"
    s = o.sensors
    return (
        f"{o.name:10s} {o.junctions:6d} {len(s.pressure):4d}+{len(s.flow)}+{len(s.level)} {o.found:4d} of {o.leaks:<3d}"
        f" {o.false:5d} {distance} {o.weeks_not_judged:3d} of {DAYS // 7} {o.data_found:6d} {o.data_false:5d}"
    )


def measure() -> list[Figure]:
    """The table as figures."""
    figures = []
    for o in outcomes(NETWORKS):
        figures += [
            Figure(f"{o.name}: found", o.found, "leaks", "leaks that were", float(o.leaks)),
            Figure(f"{o.name}: false reports", o.false, "reports"),
            Figure(f"{o.name}: median distance", o.median_distance_m, "m", "reach", 300.0),
            Figure(f"{o.name}: the model cannot judge", o.weeks_not_judged, "weeks", "weeks that were", DAYS // 7),
            Figure(f"{o.name}: told of by pressure", o.data_found, "leaks", "leaks that were", float(o.leaks)),
            Figure(f"{o.name}: false by pressure", o.data_false, "reports"),
        ]
    return figures


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NETWORKS)
    names = parser.parse_args().names
    columns = ("found", "false", "median", "not judged", "by data", "false")
    print(f"{'network':10s} {'nodes':>6s} {'p+q+l':>8s}", *columns, sep="  ")
    outcomes(names)


if __name__ == "__main__":
    main()
