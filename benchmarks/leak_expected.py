"""Where a pressure is expected from matters: the hydraulic model, the other pressures, or the zone's own history.

`python -m benchmarks.leak_expected NETWORK.inp FOLDER ...` replays recorded years through the detectors as the live
stage would, readings in and findings out, lessons on their days. `residual` (balance and median pressure of a zone) and
`pressure` (each pressure from the others) do not know the network file: only where sensors and pipes lie. A leak is
found in its zone, within 1 km or within 300 m when it was told of while it ran and was not found before; a report that
finds none and is no repetition is false.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.leak_years import DAYS
from detect.instant import instant
from detect.leak.evaluate import CALLING, Evaluation, evaluate
from detect.leak.network import Network, read_network
from detect.leak.recording import Recording, read_recording
from detect.leak.score import Score, score
from detect.port import Batch, Detector, Factory, History, Listener, Scope
from detect.pressure.detector import make as make_pressure
from detect.residual.detector import make as make_residual
from lifeline import city
from lifeline.asset import Asset, AssetKind
from lifeline.finding import Finding, FindingKind, Phase
from lifeline.units import PASCAL_PER_METRE_OF_WATER, SECONDS_PER_HOUR, Quantity
from simulators.recorded.battledim import BattLeDim
from simulators.recorded.pack import BATTLEDIM, write_pack

_HOUR_S, _DAY_S = 3600, 86_400
_HISTORY_S = 300
"""history is condensed to means over so long"""
_REACHES_M = (300.0, 1000.0)
_LEAKS = (FindingKind.LEAK, FindingKind.BURST)


@dataclass(frozen=True)
class Told:
    """A report: its step, the pipe to begin at, and the zone."""

    step: int
    pipe: str
    zone_id: str | None


def scope_of(folder: Path, network: Path) -> Scope:
    """The recording as a city whose pack does not trust its network file."""
    with tempfile.TemporaryDirectory(prefix="lifeline-bench-") as made:
        pack = city.load(write_pack(Path(made) / "pack", BattLeDim(folder).instruments(), BATTLEDIM, network=network))
    kinds = {AssetKind.PIPE, AssetKind.TANK}
    assets = tuple(a for a in pack.assets if a.kind in kinds)
    return Scope(
        pack.code, pack.timezone, pack.sensors, zones=pack.zones, assets=assets, levels=pack.levels,
        settings=pack.settings,
    )  # fmt: skip


def columns_of(detector: Detector, recording: Recording) -> list[int]:
    """The column of the recording for each of the detector's sensors."""
    names = recording.sensors
    groups = ((Quantity.PRESSURE, names.pressure), (Quantity.FLOW, names.flow), (Quantity.LEVEL, names.level))
    column: dict[tuple[Quantity, str], int] = {}
    for quantity, elements in groups:
        column |= {(quantity, element): len(column) + n for n, element in enumerate(elements)}
    return [column[s.quantity, s.element or ""] for s in detector.sensors]


def replay(factory: Factory, scope: Scope, recording: Recording) -> list[Finding]:
    """All findings of a year; the detector learns when it would live."""
    detector = factory(scope)
    assert detector is not None and detector.learning is not None
    si = {Quantity.PRESSURE: PASCAL_PER_METRE_OF_WATER, Quantity.FLOW: 1.0 / SECONDS_PER_HOUR}
    values = recording.samples[:, columns_of(detector, recording)] * [si.get(s.quantity, 1.0) for s in detector.sensors]
    times = recording.times_s
    per_hour = _HOUR_S // recording.step_s
    learning, learned_s = detector.learning, -np.inf
    found: list[Finding] = []
    for start in range(0, len(times), per_hour):
        now_s = float(times[start])
        age_d = (now_s - learned_s) / _DAY_S
        if now_s - times[0] >= learning.least_days * _DAY_S and age_d >= learning.again_after_days:
            first = int(np.searchsorted(times, now_s - learning.days * _DAY_S))
            if detector.learn(_history(times[first:start], values[first:start]), instant(now_s)):
                learned_s = now_s
        if learned_s < 0:
            continue
        if isinstance(detector, Listener):
            detector.hear((), [])
        part = slice(start, start + per_hour)
        rows = _rows(times[part], values[part])
        found += detector.step(Batch(*rows), instant(now_s + _HOUR_S))
    return found


def _rows(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sensor = np.tile(np.arange(values.shape[1]), len(times))
    at_s, value = np.repeat(times.astype(float), values.shape[1]), values.ravel()
    known = np.isfinite(value)
    return sensor[known], at_s[known], value[known]


def _history(times: np.ndarray, values: np.ndarray) -> History:
    sensor, at_s, value = _rows(times, values)
    return History(sensor, at_s, value, np.ones(len(value), dtype=np.intp), np.zeros(len(value)))


def reports_of(found: Sequence[Finding], recording: Recording, pipes: dict[str, Asset]) -> list[Told]:
    """Each leak or burst once, when it was first told of."""
    names = list(pipes)
    middle = np.array([np.mean(np.array(a.geometry["coordinates"], dtype=float), axis=0) for a in pipes.values()])
    reports = []
    for finding in found:
        if finding.kind not in _LEAKS or finding.phase is not Phase.ONSET:
            continue
        if finding.candidates:
            pipe = finding.candidates[0].asset_id
        else:
            assert finding.position is not None
            here = np.array([finding.position.lon, finding.position.lat])
            narrower = np.array([np.cos(np.radians(here[1])), 1.0])
            pipe = names[int(np.hypot(*((middle - here) * narrower).T).argmin())]
        step = int(np.searchsorted(recording.times_s, finding.detected_at.timestamp()))
        reports.append(Told(step, pipe, finding.zone_id))
    return reports


def scores(
    told: Sequence[Told], network: Network, recording: Recording, zone_of: dict[str, str | None]
) -> tuple[Score, Score, Score]:
    """By zone, within 1 km and within 300 m."""
    pipes = [network.links[i] for i in network.pipes]
    zones = np.array([zone_of.get(p) or "" for p in pipes])
    steps = [(t.step, t.pipe) for t in told]

    def judged(distance_m: np.ndarray) -> Score:
        assert recording.leaks is not None
        return score(steps, recording.leaks, distance_m, pipes, step_h=recording.step_s / _HOUR_S)

    in_zone = judged(np.where(zones[:, None] == zones[None, :], 0.0, np.inf))
    near, km = (judged(network.pipe_distance_m * _REACHES_M[0] / reach) for reach in _REACHES_M)
    return in_zone, km, near


def row(name: str, told: Sequence[Told], network: Network, recording: Recording, zone_of: dict[str, str | None]) -> str:
    """One line of the table."""
    assert recording.leaks is not None
    in_zone, km, near = scores(told, network, recording, zone_of)
    told_of = [(v.step, recording.leaks[v.leak]) for v in in_zone.verdicts if v.leak is not None]
    days = [(step - leak.start) * recording.step_s / _DAY_S for step, leak in told_of]
    delay = f"{np.median(days):6.1f} d" if days else f"{'-':>8s}"
    return (
        f"{name:12s} {len(told):7d} {in_zone.found:5d} of {in_zone.leaks:<3d} {in_zone.false:5d} {delay} "
        f"{km.found:6d} {km.false:6d} {near.found:7d} {near.false:6d} {100 * near.share:7.1f} %"
    )


def main() -> None:
    """Prints one table per year."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--days", type=int, default=DAYS, help="only so many from the beginning")
    parser.add_argument("--without-model", action="store_true", help="leave the hydraulic model out")
    arguments = parser.parse_args()
    network = read_network(arguments.network)
    for folder in arguments.folders:
        scope = scope_of(folder, arguments.network)
        pipes = {a.asset_id: a for a in scope.assets if a.kind is AssetKind.PIPE}
        zone_of = {name: a.zone_id for name, a in pipes.items()}
        whole = read_recording(folder)
        n = arguments.days * _DAY_S // whole.step_s
        leaks = tuple(leak for leak in whole.leaks or () if leak.start < n)
        recording = replace(whole, times_s=whole.times_s[:n], samples=whole.samples[:n], leaks=leaks)
        print(f"{folder.name}: {'':7s} in its zone {'':22s} 1 km {'':9s} 300 m")
        print(
            f"{'':12s} {'reports':>7s} {'found':>11s} {'false':>5s} {'delay':>8s} {'found':>6s} {'false':>6s} "
            f"{'found':>7s} {'false':>6s} {'score':>9s}"
        )
        for name, factory in (("residual", make_residual), ("pressure", make_pressure)):
            told = reports_of(replay(factory, scope, recording), recording, pipes)
            print(row(name, told, network, recording, zone_of), flush=True)
        if not arguments.without_model and n >= len(whole.times_s):
            print(
                row(
                    "leak-model", _by_model(evaluate(folder, network=arguments.network), whole), network, whole, zone_of
                )
            )


def _by_model(result: Evaluation, recording: Recording) -> list[Told]:
    return [
        Told(int(np.searchsorted(recording.times_s, r.at.timestamp())), r.element, None)
        for r in result.reports
        if r.kind in CALLING
    ]


if __name__ == "__main__":
    main()
