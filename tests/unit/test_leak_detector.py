"""The online detector on a small street grid: it finds a leak, cannot see the future, and survives being stopped."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.leak_twin import PlannedLeak, make_twin
from detect.leak.balance import Sensors, lay_out
from detect.leak.damage import LATE, LOST, Failing, damage
from detect.leak.detector import LeakDetector, Plan, Report
from detect.leak.evaluate import evaluate, replay
from detect.leak.hydraulics import CutModel, respond
from detect.leak.network import Network, read_network
from detect.leak.recording import Recording, read_recording
from detect.leak.trust import MISFIT_MOST
from lifeline.errors import PackError, SimulationError

SIDE = 6
STEP_S = 1800
DAYS = 26


def write_grid(path: Path) -> None:
    """A street grid of 6 x 6 junctions fed by a metered main, with a small zone behind a pressure-reducing valve."""
    import wntr

    model = wntr.network.WaterNetworkModel()
    model.options.hydraulic.headloss = "H-W"
    model.options.time.pattern_timestep = 3600
    day = [0.4, 0.35, 0.3, 0.3, 0.4, 0.6, 1.0, 1.5, 1.6, 1.3, 1.1, 1.1, 1.2, 1.2, 1.0, 1.0, 1.1, 1.4, 1.6, 1.5, 1.3]
    model.add_pattern("home", [*day, 1.0, 0.8, 0.6])
    rng = np.random.default_rng(7)
    for row in range(SIDE):
        for column in range(SIDE):
            litres = rng.uniform(0.5, 1.5)
            model.add_junction(
                f"J{row}{column}", base_demand=litres / 3600, demand_pattern="home", elevation=float(rng.uniform(0, 8)),
                coordinates=(column * 200.0, row * 200.0),
            )  # fmt: skip
    for row in range(SIDE):
        for column in range(SIDE):
            for other_row, other_column in ((row, column + 1), (row + 1, column)):
                if other_row < SIDE and other_column < SIDE:
                    name = f"P{row}{column}-{other_row}{other_column}"
                    width = 0.1 if rng.random() < 0.7 else 0.15
                    model.add_pipe(name, f"J{row}{column}", f"J{other_row}{other_column}", 200.0, width, 110)
    model.add_reservoir("SOURCE", base_head=70.0, coordinates=(-200.0, 0.0))
    model.add_junction("INLET", elevation=5.0, coordinates=(-100.0, 0.0))
    model.add_pipe("MAIN", "SOURCE", "INLET", 100.0, 0.25, 120)
    model.add_pipe("FEED", "INLET", "J00", 100.0, 0.2, 120)
    model.add_junction("LOW1", elevation=1.0, coordinates=(1200.0, 1000.0))
    model.add_junction("LOW2", base_demand=0.5 / 3600, demand_pattern="home", elevation=1.0, coordinates=(1300.0, 1000))
    model.add_valve("PRV", f"J{SIDE - 1}{SIDE - 1}", "LOW1", 0.1, "PRV", initial_setting=30.0)
    model.add_pipe("PLOW", "LOW1", "LOW2", 150.0, 0.08, 110)
    wntr.network.write_inpfile(model, str(path), units="CMH")


@dataclass(frozen=True)
class Grid:
    """The grid, a recording of it with one leak, and what the detector says about it."""

    inp: Path
    folder: Path
    network: Network
    plan: Plan
    recording: Recording
    reports: list[Report]


SENSORS = Sensors(pressure=("J05", "J23", "J31", "J50", "J55", "J14"), flow=("MAIN",))
LEAK = PlannedLeak("P33-34", start=14 * 48, peak=14 * 48, end=DAYS * 48 - 1, flow_m3_per_h=4.0)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    folder = tmp_path_factory.mktemp("grid")
    inp = folder / "grid.inp"
    write_grid(inp)
    make_twin(inp, folder, SENSORS, [LEAK], seed=3, days=DAYS, step_s=STEP_S)
    network = read_network(inp)
    recording = read_recording(folder)
    plan = Plan(network, recording.sensors)
    return Grid(inp, folder, network, plan, recording, replay(plan, recording))


def near(grid: Grid, pipe: str) -> bool:
    """Within the competition's 300 m of the leak."""
    pipes = [grid.network.links[i] for i in grid.network.pipes]
    return bool(grid.plan.distance_m[pipes.index(pipe), pipes.index(LEAK.pipe)] <= 300)


def test_the_leak_is_found_sized_and_placed(grid: Grid) -> None:
    calls = [r for r in grid.reports if r.kind in ("leak", "burst")]
    assert len(calls) == 1
    call = calls[0]
    began = grid.recording.times_s[LEAK.start]
    assert 0 < call.at.timestamp() - began < 3 * 86400
    assert call.began_at.timestamp() - began < 86400
    assert near(grid, call.element)
    assert grid.recording.leaks is not None
    assert call.flow_m3_per_h == pytest.approx(grid.recording.leaks[0].flow_m3_per_h[LEAK.start + 96], rel=0.35)
    assert sum(p for _, p in call.candidates) <= 1.0 + 1e-6


@pytest.mark.parametrize("cut_day", [9, 14.3, 15.6, 21])
def test_cutting_the_input_leaves_all_earlier_reports_unchanged(grid: Grid, cut_day: float) -> None:
    n = round(cut_day * 48)
    whole = grid.recording
    cut = Recording(whole.times_s[:n], whole.sensors, whole.samples[:n], None)
    detector = LeakDetector(grid.plan)
    reports = detector.push(cut.times_s, cut.samples)
    assert reports == [r for r in grid.reports if r.at.timestamp() <= cut.times_s[-1]]


@pytest.mark.parametrize("stop_day", [3.2, 15.0, 20.4])
def test_stopping_and_restoring_changes_nothing(grid: Grid, stop_day: float) -> None:
    n = round(stop_day * 48)
    times, samples = grid.recording.times_s, grid.recording.samples
    first = LeakDetector(grid.plan)
    reports = first.push(times[:n], samples[:n])
    second = LeakDetector(grid.plan)
    second.restore(json.loads(json.dumps(first.state())))
    reports += second.push(times[n:], samples[n:]) + second.finish()
    assert reports == grid.reports


def test_gaps_repetitions_and_a_dead_sensor_do_no_harm(grid: Grid) -> None:
    rng = np.random.default_rng(5)
    samples = grid.recording.samples.copy()
    samples[rng.random(samples.shape) < 0.05] = np.nan
    samples[17 * 48 :, 0] = samples[17 * 48, 0]
    samples[20 * 48 : 21 * 48, 1] /= 9.81
    times = np.repeat(grid.recording.times_s, 2)
    detector = LeakDetector(grid.plan)
    reports = detector.push(times, np.repeat(samples, 2, axis=0)) + detector.finish()
    calls = [r for r in reports if r.kind in ("leak", "burst")]
    assert [near(grid, r.element) for r in calls] == [True]
    assert {k.value for k, count in detector.checks.counts.items() if count.any()} == {"missing", "flat", "unit"}


def test_evaluate_prints_the_score_beside_the_nulls(grid: Grid, tmp_path: Path) -> None:
    parts: list[float] = []
    result = evaluate(
        grid.folder, network=grid.inp, reports_csv=tmp_path / "r.csv", json=tmp_path / "s.json", progress=parts.append
    )
    assert result.reports == tuple(grid.reports)
    assert result.score is not None
    assert result.score.found == 1
    for null in ("reports nothing", "at random", "night flow"):
        assert null in result.table
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines[0] == "pipe,time_utc,flow_m3_per_h,probability,kind"
    assert len(lines) == 1 + sum(r.kind in ("leak", "burst") for r in grid.reports)
    assert json.loads((tmp_path / "s.json").read_text())["detector"]["found"] == 1
    assert parts == sorted(parts)
    assert parts[-1] == 1.0


def test_damaged_input_raises_no_second_leak_and_names_who_failed(grid: Grid) -> None:
    bad = damage(grid.recording, 2)
    assert (bad.delay == damage(grid.recording, 2).delay).all()
    samples = list(bad.samples())
    assert np.isnan([sample for _, sample in samples]).mean() == pytest.approx(LOST + LATE, abs=0.01)
    reports = replay(grid.plan, bad)
    assert len([r for r in reports if r.kind in ("leak", "burst")]) == 1
    doubted = {(r.column, r.reason) for r in reports if r.kind == "sensor"}
    for fault in bad.faults:
        if fault.kind is not Failing.DRIFT:
            assert (fault.column, {"stuck": "sensor-flat", "unit": "sensor-unit"}[fault.kind.value]) in doubted


def test_a_model_that_misses_what_happens_says_so_and_reports_nothing(grid: Grid) -> None:
    recording = grid.recording
    day = ((recording.times_s - recording.times_s[0]) // 86_400).astype(int)
    moved = np.random.default_rng(3).normal(0.0, 3.0, (day[-1] + 1, len(SENSORS.pressure)))
    samples = recording.samples.copy()
    samples[:, : len(SENSORS.pressure)] += moved[day]
    detector = LeakDetector(grid.plan)
    middle = len(samples) // 2
    reports = detector.push(recording.times_s[:middle], samples[:middle])
    again = LeakDetector(grid.plan)
    again.restore(json.loads(json.dumps(detector.state())))
    reports += again.push(recording.times_s[middle:], samples[middle:])
    assert {(r.kind, r.reason) for r in reports} == {("model", "cannot-judge")}
    assert reports[0].why is not None
    assert reports[0].why["misfit"] > MISFIT_MOST
    assert again.tracker is None
    assert again.trust is not None
    assert not again.trust.usable


def test_zones_come_from_the_meters(grid: Grid) -> None:
    layout = lay_out(grid.network, SENSORS)
    assert len(layout.zones) == 1
    zone = layout.zones[0]
    assert zone.closed
    assert zone.inflow == ((0, 1),)
    unmetered = lay_out(grid.network, Sensors(pressure=("J05",)))
    assert not unmetered.zones[0].closed
    with pytest.raises(PackError, match="'J99'"):
        lay_out(grid.network, Sensors(pressure=("J99",)))


def test_the_derivative_is_what_epanet_shows(grid: Grid) -> None:
    net = grid.network
    model = CutModel(net)
    demand = net.nominal(18 * 3600.0)
    state = model.solve(demand, pumped={}, level_m={})
    heads = [net.node_number[n] for n in ("J05", "J50", "J55", "LOW2")]
    flows = [net.link_number[n] for n in ("FEED", "P33-34", "PRV")]
    response = respond(net, state, heads=heads, flows=flows)
    for name in ("J23", "J54", "LOW2"):
        node = net.node_number[name]
        more = demand.copy()
        more[node] += 0.2
        after = model.solve(more, pumped={}, level_m={})
        np.testing.assert_allclose(
            response.head[:, node], (after.head_m - state.head_m)[heads] / 0.2, rtol=0.05, atol=2e-3
        )
        np.testing.assert_allclose(
            response.flow[:, node], (after.flow_m3_per_h - state.flow_m3_per_h)[flows] / 0.2, rtol=0.05, atol=1e-2
        )
    model.close()


def test_a_pump_without_a_meter_gives_more_the_less_it_lifts(tmp_path: Path) -> None:
    inp = tmp_path / "pump.inp"
    inp.write_text(
        "[JUNCTIONS]\n J1 0 0\n J2 0 20\n J3 0 15\n[RESERVOIRS]\n R 5\n[TANKS]\n T 40 3 0 6 20 0\n"
        "[PIPES]\n P1 J1 J2 800 150 120 0 Open\n P2 J2 J3 600 100 120 0 Open\n P3 J2 T 900 100 120 0 Open\n"
        "[PUMPS]\n PU R J1 HEAD C\n[CURVES]\n C 0 60\n C 40 50\n C 80 20\n"
        "[COORDINATES]\n R 0 0\n J1 100 0\n J2 900 0\n J3 1500 0\n T 900 900\n"
        "[OPTIONS]\n Units CMH\n Headloss H-W\n[END]\n"
    )
    network = read_network(inp)
    model = CutModel(network)
    demand = network.nominal(0.0)
    state = model.solve(demand, pumped={}, level_m={"T": 3.0})
    heads = [network.node_number[name] for name in ("J1", "J2", "J3")]
    response = respond(network, state, heads=heads, flows=[])
    more = demand.copy()
    more[network.node_number["J3"]] += 0.2
    after = model.solve(more, pumped={}, level_m={"T": 3.0})
    expected = (after.head_m - state.head_m)[heads] / 0.2
    np.testing.assert_allclose(response.head[:, network.node_number["J3"]], expected, rtol=0.05)
    model.close()


def test_distance_counts_half_of_both_pipes_and_ends_at_a_valve(grid: Grid) -> None:
    pipes = {grid.network.links[link]: i for i, link in enumerate(grid.network.pipes)}
    distance = grid.plan.distance_m
    assert distance[pipes["P00-01"], pipes["P00-01"]] == 0.0
    assert distance[pipes["P00-01"], pipes["P01-02"]] == 200.0
    assert distance[pipes["P00-01"], pipes["P02-03"]] == 400.0
    assert np.isinf(distance[pipes["PLOW"], pipes["P00-01"]])


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.inp"
    path.write_text("[JUNCTIONS]\n a b c d\n")
    with pytest.raises(SimulationError, match=r"bad\.inp"):
        read_network(path)
