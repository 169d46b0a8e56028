"""The verbs `lifeline verdict`, `lifeline calibrate leak` and `lifeline place-sensors`."""

import csv
import json as json_module
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from lifeline import city as packs
from lifeline.city import CityPack
from lifeline.clock import SystemClock
from lifeline.errors import PackError
from lifeline.verbs.terminal import open_store, out, progress_bar
from lifeline.verdict import Said

if TYPE_CHECKING:
    from detect.leak.area import PipeMap
    from detect.leak.city import Instruments
    from detect.leak.network import Network
    from detect.port import Floats

app = typer.Typer()
verdict_app = typer.Typer(help="What people found out about leaks and bursts.", no_args_is_help=True)
calibrate_app = typer.Typer(help="Is a city ready for a detector, and what will it find.", no_args_is_help=True)
app.add_typer(verdict_app, name="verdict")
app.add_typer(calibrate_app, name="calibrate")

_COLUMNS = ("verdict", "subject", "said", "pipe", "flow_m3_per_h", "began_at", "said_at", "person", "note", "label")
Pack = Annotated[Path, typer.Option("--city", help="folder of the city pack")]
Subject = Annotated[str, typer.Argument(help="what the alarm is about, such as burst:CC-DMA-1")]
By = Annotated[str, typer.Option("--by", help="who found it out")]
Note = Annotated[str, typer.Option(help="in their words")]


@verdict_app.command("confirmed")
def confirmed(
    subject: Subject,
    pipe: Annotated[str, typer.Option(help="the pipe where the leak was")],
    by: By,
    flow: Annotated[float | None, typer.Option(help="m3/h, where it was measured")] = None,
    note: Note = "",
) -> None:
    """The leak was there, at this pipe."""
    _say(subject, Said.CONFIRMED, by, note, asset_id=pipe, flow_m3_per_h=flow)


@verdict_app.command("false")
def false(subject: Subject, by: By, note: Note = "") -> None:
    """Nothing was there: what the detector saw is normal from now on."""
    _say(subject, Said.FALSE, by, note)


@verdict_app.command("unusual-use")
def unusual_use(subject: Subject, by: By, note: Note = "") -> None:
    """Water was drawn, as it may be: a hydrant, a pool; what was normal before is normal again afterwards."""
    _say(subject, Said.UNUSUAL_USE, by, note)


@verdict_app.command("list")
def list_verdicts(
    city: Annotated[str | None, typer.Option(help="code of one city; none: all")] = None,
    to: Annotated[Path | None, typer.Option("--csv", help="write them all to this file: labelled data")] = None,
) -> None:
    """The newest verdicts, or all of them as labelled data."""
    from lifeline.store import verdicts

    with open_store() as store:
        found = verdicts.recent(store, city_code=city, limit=1_000_000 if to else 50)
    if to is not None:
        with to.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(
                [
                    "verdict",
                    "subject",
                    "said",
                    "pipe",
                    "flow_m3_per_h",
                    "began_at",
                    "said_at",
                    "person",
                    "note",
                    "label",
                ]
            )
            for v in reversed(found):
                label = json_module.dumps(v.label, ensure_ascii=False)
                writer.writerow(
                    [v.verdict_id, v.subject, v.said.value, v.asset_id or "", v.flow_m3_per_h, v.began_at.isoformat(),
                     v.said_at.isoformat(), v.person, v.note, label]
                )  # fmt: skip
        out.print(f"{to}: {len(found)} verdicts")
        return
    table = Table("verdict", "subject", "said", "pipe", "m3/h", "said at", "by", "note")
    for v in found:
        flow = "" if v.flow_m3_per_h is None else f"{v.flow_m3_per_h:g}"
        said_at = f"{v.said_at:%Y-%m-%d %H:%M}"
        table.add_row(str(v.verdict_id), v.subject, v.said.value, v.asset_id or "", flow, said_at, v.person, v.note)
    out.print(table)


@calibrate_app.command("leak")
def calibrate_leak(
    city: Pack,
    report: Annotated[Path, typer.Option(help="folder for the report: index.html and its pictures")] = Path(
        "leak-calibration"
    ),
    days: Annotated[float, typer.Option(help="how much of the newest history is used")] = 28.0,
    dry: Annotated[
        bool, typer.Option("--no-readings", help="only what the model alone says; needs no database")
    ] = False,
) -> None:
    """Say whether the city's model fits its readings, what each sensor sees, and how small a leak would be found."""
    from detect.leak.calibrate import calibrate
    from detect.leak.calibration_page import page
    from detect.leak.detector import Plan
    from detect.leak.history import samples_of

    pack, network, instruments, pipes = _city(city)
    with progress_bar("signatures") as progress:
        plan = Plan(network, instruments.names, progress=progress)
        progress(1.0)
    with progress_bar("readings") as progress:
        samples: list[tuple[int, Floats]] = []
        if not dry:
            with open_store() as store:
                samples = list(samples_of(store, instruments, days=days, progress=progress))
        progress(1.0)
    names = _zone_names(pack, plan.signatures.pipe_zone.tolist(), pipes)
    with progress_bar("calibrating") as progress:
        found = calibrate(
            plan, instruments, samples, timezone=pack.timezone, zone_names=lambda z: names[z], progress=progress
        )
    nodes_m = pipes.node_m(network.xy)[plan.layout.pressure_node]
    files = page(found, pipes, nodes_m, city=f"{pack.name.zh} {pack.name.en}", made_at=SystemClock().now())
    plan.close()
    report.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (report / name).write_bytes(content)
    table = Table("zone", "closed", "km", "m3/h", "half of it, m3/h", "nine tenths, m3/h")
    for z in found.zones:
        length, flow = f"{z.length_m / 1000:.1f}", f"{z.mean_flow_m3_per_h:.1f}"
        table.add_row(z.zone_id, str(z.closed), length, flow, f"{z.half_m3_per_h:.1f}", f"{z.most_m3_per_h:.1f}")
    out.print("smallest leak that would be found:")
    out.print(table)
    poor = [f"{s.sensor_id} ({s.verdict}, scatter {s.scatter_m:.2f} m)" for s in found.sensors if s.verdict != "good"]
    out.print(f"{len(found.sensors)} pressure sensors" + (f", look at: {'; '.join(poor)}" if poor else ", all good"))
    source = (
        f"{found.days:g} days of readings"
        if found.measured or found.trust is not None
        else "too few readings: what random demands would do"
    )
    if found.trust is not None:
        seen = f"{100 * found.trust.seen_share:.0f} % of the length"
        out.print(
            f"{found.trust.reason.value}: pressures scatter from day to day {found.trust.misfit:.1f} times as random "
            f"demands do; a leak of {found.trust.leak_m3_per_h:.1f} m3/h is seen on {seen}"
        )
    out.print(f'{source}; advice: expected_pressure = "{found.verdict}"', markup=False)
    out.print(f"{report / 'index.html'}", markup=False)


@app.command("place-sensors")
def place_sensors(
    city: Pack,
    count: Annotated[int, typer.Option(min=1, max=50, help="how many are bought one after another")] = 5,
    leak: Annotated[float, typer.Option(help="for leaks of so many m3/h")] = 5.0,
    json: Annotated[Path | None, typer.Option("--json", help="write all figures to this file")] = None,
) -> None:
    """Rank the places where the next pressure sensor helps most to find leaks where they are."""
    from detect.leak import siting
    from detect.leak.balance import lay_out

    _, network, instruments, pipes = _city(city)
    with progress_bar("places") as progress:
        found = siting.place_sensors(
            network, lay_out(network, instruments.names), pipes, leak_m3_per_h=leak, count=count, progress=progress
        )
    where = {name: tuple(round(float(v), 6) for v in network.xy[i]) for name, i in network.node_number.items()}
    out.print(
        f"now: {found.way_m:.0f} m from the pipe named to a leak of {leak:g} m3/h, expected; "
        f"farther than 300 m on {100 * found.blind_share:.0f} % of the network's length"
    )
    for title, sites in (("the next one", found.best), ("one after another", found.sequence)):
        table = Table("node", "lon, lat", "shorter by, m", "then, m", "beyond 300 m", title=title)
        for s in sites:
            lon, lat = where[s.node]
            table.add_row(s.node, f"{lon}, {lat}", f"{s.gain_m:.1f}", f"{s.way_m:.0f}", f"{100 * s.blind_share:.0f} %")
        out.print(table)
    if json is not None:
        said: dict[str, Any] = asdict(found)
        for site in (*said["best"], *said["sequence"]):
            site["lon"], site["lat"] = where[site["node"]]
        json.write_text(json_module.dumps(said, indent=2) + "\n", encoding="utf-8")


def _say(subject: str, said: Said, by: str, note: str, **more: Any) -> None:
    from lifeline.store import verdicts

    with open_store() as store:
        verdict = verdicts.say(store, subject, said, person=by, now=SystemClock().now(), note=note, **more)
    out.print(f"verdict {verdict.verdict_id}: {subject} is {said.value}; the detectors mind it at their next step")


def _city(folder: Path) -> "tuple[CityPack, Network, Instruments, PipeMap]":
    """The pack, its network, its sensors on it and its pipes on the map. Raises PackError, SimulationError."""
    from detect.leak.area import PipeMap
    from detect.leak.city import instruments_of, network_of

    pack = packs.load(folder)
    if pack.network_inp is None:
        raise PackError(f"{folder} has no network.inp", advice="leaks are placed by a hydraulic model: add one")
    network = network_of(pack.network_inp)
    instruments = instruments_of(pack.sensors, network)
    if not instruments.names.pressure:
        raise PackError(f"{folder}: no pressure sensor stands on a node of network.inp", advice="fill in `element`")
    names = [network.links[i] for i in network.pipes]
    assets = [replace(asset, city_code=pack.code) for asset in pack.assets]
    return pack, network, instruments, PipeMap(names, network.ends[network.pipes], network.xy, assets)


def _zone_names(pack: CityPack, pipe_zone: list[int], pipes: "PipeMap") -> dict[int, str]:
    """A part of the network is called by the zone of the pack that most of its pipes are in."""
    counts: dict[int, dict[str, int]] = {}
    for zone, name in zip(pipe_zone, pipes.zones, strict=True):
        own = counts.setdefault(zone, {})
        if name is not None:
            own[name] = own.get(name, 0) + 1
    return {
        zone: max(own, key=lambda name: own[name]) if own else f"{pack.code}, part {zone + 1}"
        for zone, own in counts.items()
    }
