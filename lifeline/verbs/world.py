"""The verbs that bring a world of their own: `lifeline demo|simulate|replay`."""

import threading
from pathlib import Path
from typing import Annotated

import typer

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.settings import Settings
from lifeline.supervise import stop_on_signals
from lifeline.verbs.terminal import out, run_stage

app = typer.Typer()


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="data folder; default: the user's own data folder")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="forget what earlier runs stored and start anew")] = False,
    scenario: Annotated[str, typer.Option(help="what happens: see `lifeline simulate`")] = "demo",
    crew: Annotated[bool, typer.Option(help="a simulated crew acknowledges the alarms; without it you do")] = True,
    for_s: Annotated[float, typer.Option("--for", help="stop after so many seconds; 0: run until Ctrl-C")] = 0.0,
) -> None:
    """Start a living city on this machine: broker, database, all stages and simulated devices."""
    from deploy.demo import Demo

    stop = threading.Event()
    stop_on_signals(stop)
    world = Demo(
        settings_module.load(), data=data, fresh=fresh, scenario=scenario, crew=crew, clock=SystemClock(), out=out
    )
    world.run(stop, for_s=for_s)


@app.command()
def simulate(
    scenario: Annotated[str, typer.Option(help="name of a shipped scenario, or a TOML file")] = "quiet",
    pack: Annotated[list[Path] | None, typer.Option(help="city pack, may be repeated; none: the demo cities")] = None,
    crew: Annotated[str, typer.Option(help="URL of the console: a simulated crew acknowledges its alarms")] = "",
    crew_token: Annotated[
        str, typer.Option(envvar="LIFELINE_CREW_TOKEN", help="API token of a person of the role crew")
    ] = "",
    every_s: Annotated[float, typer.Option(help="seconds between samples; 0: as often as the pack says")] = 5.0,
    speed: Annotated[float, typer.Option(help="how much faster than the clock the world runs")] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed gives the same city")] = 20261123,
) -> None:
    """Simulate cities on hydraulic and drainage models, their devices publishing over MQTT."""
    from lifeline.mqtt import BrokerAddress
    from simulators.packs import PACKS
    from simulators.run import run
    from simulators.scenario import load_scenario

    def simulated(settings: Settings, *, stop: threading.Event, clock: SystemClock) -> None:
        run(
            pack or PACKS,
            BrokerAddress.parse(settings.require_mqtt()),
            load_scenario(scenario),
            seed=seed,
            clock=clock,
            stop=stop,
            report=lambda line: print(f"  {line}", flush=True),
            console_url=crew or None,
            crew_token=crew_token,
            sample_every_s=every_s or None,
            speed=speed,
        )

    run_stage("simulate", simulated, settings_module.load())


@app.command()
def replay(
    source: Annotated[Path, typer.Argument(help="recorded file or folder")],
    layout: Annotated[str, typer.Option(help="battledim, floodnet or long: docs/replay.md")],
    speed: Annotated[str, typer.Option(help="a factor of the recorded speed, or max")] = "max",
    begin: Annotated[str, typer.Option("--from", help="leave out what was recorded before")] = "",
    end: Annotated[str, typer.Option("--to", help="leave out what was recorded from here on")] = "",
    start_at: Annotated[str, typer.Option(help="shift the times so that they begin here; may be now")] = "",
    zone: Annotated[str, typer.Option("--tz", help="time zone of times without an offset")] = "UTC",
    pack: Annotated[Path | None, typer.Option(help="pack of the recording's city")] = None,
    city: Annotated[str, typer.Option(help="code of the city; default: that of the pack or of the layout")] = "",
    make_pack: Annotated[Path | None, typer.Option(help="only write a minimal city pack into this folder")] = None,
    network: Annotated[Path | None, typer.Option(help="EPANET file for --make-pack")] = None,
    faults: Annotated[Path | None, typer.Option(help="write every fault of the recording to this file")] = None,
) -> None:
    """Send recorded data through the broker, as its devices would."""
    from simulators import replay_verb
    from simulators.recorded.layouts import layout_named

    known = layout_named(layout)
    if make_pack:
        raise typer.Exit(replay_verb.make_pack_command(source, known, make_pack, out=out, network=network, zone=zone))
    stop = threading.Event()
    stop_on_signals(stop)
    code = replay_verb.replay_command(
        source,
        known,
        mqtt_url=settings_module.load().require_mqtt(),
        out=out,
        clock=SystemClock(),
        stop=stop,
        speed=speed,
        begin=begin,
        end=end,
        start_at=start_at,
        zone=zone,
        pack=pack,
        city_code=city,
        faults_file=faults,
    )
    raise typer.Exit(code)
