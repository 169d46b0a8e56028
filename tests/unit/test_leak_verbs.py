"""`calibrate leak` and `place-sensors` as an engineer uses them, on the small street grid and on a demo city."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.leak_twin import make_twin
from detect.leak.area import PipeMap
from detect.leak.balance import Sensors, lay_out
from detect.leak.calibrate import Calibration, calibrate
from detect.leak.calibration_page import page
from detect.leak.city import Instruments
from detect.leak.detector import Plan
from detect.leak.network import read_network
from detect.leak.recording import read_recording
from detect.leak.siting import place_sensors
from lifeline.cli import app
from simulators.packs import FOLDER
from simulators.recorded.layouts import Layout
from simulators.replay_verb import make_pack_command
from tests.packs import write_tiny_pack
from tests.unit.test_leak_detector import SENSORS, STEP_S, write_grid
from tests.unit.test_leak_live import grid_sensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`grid.inp`, eleven quiet days of it in `recorded`, one pressure of them 0.4 m noisier, and `pack`."""
    here = tmp_path_factory.mktemp("verbs")
    write_grid(here / "grid.inp")
    (here / "recorded").mkdir()
    make_twin(here / "grid.inp", here / "recorded", SENSORS, [], seed=3, days=11, step_s=STEP_S)
    out = Console(quiet=True)
    assert (
        make_pack_command(here / "recorded", Layout.BATTLEDIM, here / "pack", out=out, network=here / "grid.inp") == 0
    )
    return here


@pytest.fixture(scope="module")
def calibrated(folder: Path) -> tuple[Calibration, Plan, PipeMap]:
    network, recording = read_network(folder / "grid.inp"), read_recording(folder / "recorded")
    plan = Plan(network, recording.sensors)
    noisy = recording.samples.copy()
    noisy[:, 2] += 0.8 * np.random.default_rng(1).standard_normal(len(noisy))
    noisy[:, 4] += 3.0
    instruments = Instruments(grid_sensors(recording.sensors), recording.sensors, np.ones(noisy.shape[1]))
    samples = list(zip(recording.times_s.tolist(), noisy, strict=True))
    pipes = PipeMap([network.links[i] for i in network.pipes], network.ends[network.pipes], network.xy / 111_320.0)
    return calibrate(plan, instruments, samples, timezone="UTC", zone_names=str), plan, pipes


def test_a_calibration_says_which_sensor_does_not_fit_and_what_would_be_found(
    calibrated: tuple[Calibration, Plan, PipeMap],
) -> None:
    found, _, _ = calibrated
    assert found.measured
    assert found.verdict == "model"
    assert [s.verdict for s in found.sensors] == ["good", "good", "poor", "good", "good", "good"]
    assert found.sensors[4].bias_m == pytest.approx(3.0, abs=0.5)
    closed = [z for z in found.zones if z.closed]
    assert len(closed) == 1
    assert 0.0 < closed[0].half_m3_per_h <= closed[0].most_m3_per_h < 10.0
    assert found.sensors[2].seen_share < min(s.seen_share for n, s in enumerate(found.sensors) if n != 2)
    assert [r for r in found.reports if r.kind in ("leak", "burst")] == []


def test_the_report_shows_it(calibrated: tuple[Calibration, Plan, PipeMap]) -> None:
    found, plan, pipes = calibrated
    nodes_m = pipes.node_m(plan.network.xy / 111_320.0)[plan.layout.pressure_node]
    files = page(found, pipes, nodes_m, city="<小城>", made_at=datetime(2026, 11, 23, tzinfo=UTC))
    assert set(files) == {"index.html", "smallest.png", "seen.png", "each.png", "residuals.png"}
    assert all(content.startswith(b"\x89PNG") for name, content in files.items() if name.endswith(".png"))
    text = files["index.html"].decode()
    assert "&lt;小城&gt;" in text
    assert "T-J31" in text
    assert all(f"src='{name}'" in text for name in files if name.endswith(".png"))


def test_the_verbs_work_without_a_database(folder: Path, tmp_path: Path) -> None:
    run = CliRunner()
    said = run.invoke(
        app, ["calibrate", "leak", "--city", str(folder / "pack"), "--no-readings", "--report", str(tmp_path / "r")]
    )
    assert said.exit_code == 0, said.output
    assert "too few readings" in said.output
    assert (tmp_path / "r" / "index.html").exists()
    said = run.invoke(
        app, ["place-sensors", "--city", str(folder / "pack"), "--count", "2", "--json", str(tmp_path / "s.json")]
    )
    assert said.exit_code == 0, said.output
    sites = json.loads((tmp_path / "s.json").read_text())
    assert len(sites["sequence"]) == 2
    assert sites["sequence"][1]["way_m"] <= sites["sequence"][0]["way_m"] <= sites["way_m"]


def test_a_demo_city_with_pumps_that_are_not_metered_has_places_too(tmp_path: Path) -> None:
    said = CliRunner().invoke(
        app, ["place-sensors", "--city", str(FOLDER / "jilin"), "--count", "1", "--json", str(tmp_path / "s.json")]
    )
    assert said.exit_code == 0, said.output


def test_a_pack_without_a_network_is_refused_in_words(tmp_path: Path) -> None:
    pack = write_tiny_pack(tmp_path / "pack")
    (pack / "network.inp").unlink()
    said = CliRunner().invoke(app, ["place-sensors", "--city", str(pack)])
    assert said.exit_code == 1
    assert "network.inp" in str(said.exception)


def test_more_sensors_leave_a_shorter_way(folder: Path) -> None:
    network = read_network(folder / "grid.inp")
    pipes = PipeMap([network.links[i] for i in network.pipes], network.ends[network.pipes], network.xy / 111_320.0)
    few = Sensors(pressure=("J05",), flow=("MAIN",))
    one, six = (place_sensors(network, lay_out(network, s), pipes, count=1) for s in (few, SENSORS))
    assert six.way_m < one.way_m
    assert one.sequence[0].gain_m > six.sequence[0].gain_m > 0.0
    assert one.best[0] == one.sequence[0]
    assert "J05" not in {site.node for site in one.best}
