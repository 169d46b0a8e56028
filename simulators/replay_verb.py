"""The verb `lifeline replay`: what it opens, what it prints, how it exits."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from lifeline import city
from lifeline.clock import Clock
from lifeline.errors import ReplayError
from lifeline.mqtt import BrokerAddress
from simulators import replay as replaying
from simulators.publish import Fleet
from simulators.recorded.layouts import ORIGINS, Layout, open_recording, time_zone
from simulators.recorded.pack import write_pack
from simulators.recorded.record import Period, RowFault
from simulators.replay import MAX_SPEED, replay

SHOWN_FAULTS = 20
BROKER_TIMEOUT_S = 15.0


def replay_command(
    source: Path,
    layout: Layout,
    *,
    mqtt_url: str,
    out: Console,
    clock: Clock,
    stop: threading.Event,
    speed: str = "max",
    begin: str = "",
    end: str = "",
    start_at: str = "",
    zone: str = "UTC",
    pack: Path | None = None,
    city_code: str = "",
    faults_file: Path | None = None,
) -> int:
    """Replays `source` with a progress bar and prints the counts; 0 where every reading is receipted, else 1.

    `speed` is a factor or `max`. `begin`, `end` and `start_at` are times; without an offset, local times of `zone`, the
    zone of the recording; `start_at` may be `now`. The city is that of `pack`, else `city_code`, else the layout's own.
    The first SHOWN_FAULTS faults of the recording are printed, all go to `faults_file`. Raises ReplayError, LinkError,
    PackError.
    """
    local = time_zone(zone)
    recording = open_recording(layout, source, zone=local, pack=pack)
    code = city_code or (city.load(pack).code if pack else ORIGINS[layout].code)
    period = Period(_time("--from", begin, local), _time("--to", end, local))
    starts = clock.now() if start_at == "now" else _time("--start-at", start_at, local)
    with ExitStack() as stack:
        bar = stack.enter_context(_bar(out))
        task = bar.add_task("connecting", total=1.0)
        write = _fault_writer(faults_file, stack)
        seen = 0

        def tell_fault(fault: RowFault) -> None:
            nonlocal seen
            seen += 1
            write(str(fault))
            if seen <= SHOWN_FAULTS:
                bar.console.print("[yellow]passed over[/] ", end="")
                bar.console.print(str(fault), markup=False)

        def tell(progress: replaying.Progress) -> None:
            counts = f"{progress.sent} sent, {progress.receipted} receipted"
            bar.update(task, completed=progress.fraction, description=f"{progress.recorded_at:%Y-%m-%d %H:%M} {counts}")

        fleet = Fleet(
            code,
            sorted(recording.devices()),
            BrokerAddress.parse(mqtt_url),
            client_id=f"lifeline-replay-{code}",
            capacity=replaying.PENDING_READINGS * 2,
        )
        stack.enter_context(fleet)
        fleet.wait_online(BROKER_TIMEOUT_S)
        report = replay(
            recording,
            fleet,
            speed=_speed(speed),
            clock=clock,
            stop=stop,
            period=period,
            start_at=starts,
            report=tell_fault,
            progress=tell,
        )
    if report.faulty_rows:
        listed = f", all in {faults_file}" if faults_file else ""
        out.print(
            f"faults of the recording: {report.faulty_rows}, readings not sent: {report.not_sent}{listed}", markup=False
        )
    out.print(f"{report.sent} readings sent in {report.messages} messages, {report.receipted} receipted", markup=False)
    if report.stopped:
        out.print("stopped -> start the same replay again: nothing is stored twice")
    return 0 if report.complete else 1


def make_pack_command(
    source: Path, layout: Layout, folder: Path, *, out: Console, network: Path | None = None, zone: str = "UTC"
) -> int:
    """Writes a minimal city pack for the recording into `folder`; 0. Raises ReplayError and PackError."""
    origin = ORIGINS.get(layout)
    if origin is None:
        raise ReplayError(
            f"the {layout} layout cannot make a pack: it has values only", advice="write the pack by hand"
        )
    recording = open_recording(layout, source, zone=time_zone(zone))
    instruments = recording.instruments()
    write_pack(folder, instruments, origin, network=network)
    out.print(f"{folder}: city {origin.code}, {len(instruments)} sensors -> lifeline city load {folder}", markup=False)
    return 0


def _bar(out: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=out
    )


def _speed(text: str) -> float:
    if text == "max":
        return MAX_SPEED
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < MAX_SPEED:
        raise ReplayError(f"--speed {text!r} is no factor above 0", advice="give a number such as 60, or max")
    return factor


def _time(option: str, text: str, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ReplayError(f"{option} {text!r} is no time", advice="write it as 2018-02-01T00:00") from error
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)


def _fault_writer(path: Path | None, stack: ExitStack) -> Callable[[str], object]:
    if path is None:
        return str  # heard and forgotten
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as error:
        raise ReplayError(f"{path} cannot be written: {error.strerror}", advice="name another file") from error

    def write(text: str) -> None:
        file.write(f"{text}\n")

    return write
