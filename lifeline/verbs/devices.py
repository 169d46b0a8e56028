"""The verbs of devices: `lifeline devices list|show|quarantine|adopt|release|forget|retire`."""

import csv
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lifeline import settings as settings_module
from lifeline.clock import SystemClock
from lifeline.errors import NotFoundError, PackError
from lifeline.verbs.terminal import open_store, out

if TYPE_CHECKING:
    from lifeline.store.pool import Store

app = typer.Typer(help="Devices: who lives, who is unknown, who is taken in.", no_args_is_help=True)
Device = Annotated[str, typer.Argument(help="device id")]
City = Annotated[str, typer.Option("--city", help="GB/T 2260 code of the city")]
Who = Annotated[str, typer.Option("--by", help="who does this; goes into the audit trail")]


@app.command("list")
def list_devices(
    city: Annotated[str | None, typer.Option("--city", help="only of this city")] = None,
    trouble: Annotated[bool, typer.Option("--trouble", help="only those with a trouble")] = False,
    limit: Annotated[int, typer.Option(help="so many lines at the most")] = 200,
) -> None:
    """Every device that is named: last sign of life, clock, what is wrong with it."""
    from lifeline.liveness import Allowance, troubles
    from lifeline.store.devices import lives

    allowance, now = Allowance.of(settings_module.load()), SystemClock().now()
    table = _table("device", "city", "sensors", "last seen", "clock s", "stored", "rejected", "trouble")
    counts: Counter[str] = Counter()
    shown = 0
    with open_store() as store:
        known = lives(store, city_code=city)
    for life in known:
        found = troubles(life, allowance, now=now)
        counts.update(one.value for one in found)
        if (trouble and not found) or shown >= limit:
            continue
        shown += 1
        table.add_row(
            life.device_id,
            life.city_code,
            str(life.sensors),
            _ago(life.last_seen_at, now),
            "" if life.clock_skew_s is None else f"{life.clock_skew_s:+.1f}",
            f"{life.stored:,}",
            f"{life.rejected:,}",
            " ".join([*found, *(["(adopted)"] if life.adopted else [])]),
        )
    out.print(table)
    told = ", ".join(f"{number:,} {name}" for name, number in counts.most_common()) or "no trouble"
    out.print(f"{len(known):,} devices, {shown:,} shown; {told}", markup=False)


@app.command()
def show(device: Device) -> None:
    """The sensors of one device: newest reading of each, silent since when."""
    from lifeline.store.devices import newest_readings

    settings, now = settings_module.load(), SystemClock().now()
    with open_store() as store:
        found = newest_readings(store, device)
    if not found:
        raise NotFoundError(f"no sensor of device {device!r} is in use", advice="look at `lifeline devices quarantine`")
    table = _table("sensor", "channel", "quantity", "interval s", "observed", "received", "")
    for one in found:
        waits_s = None if one.observed_at is None else (now - one.observed_at).total_seconds()
        is_silent = waits_s is None or waits_s > settings.console.silent_intervals * one.interval_s
        table.add_row(
            one.sensor_id,
            one.channel,
            one.quantity,
            f"{one.interval_s:g}",
            _ago(one.observed_at, now),
            _ago(one.received_at, now),
            "silent" if is_silent else "",
        )
    out.print(table)


@app.command()
def quarantine(
    device: Annotated[str | None, typer.Argument(help="device id; none: all")] = None,
    template: Annotated[
        bool, typer.Option("--template", help="print lines of a sensors.csv to fill in, for `adopt`")
    ] = False,
    limit: Annotated[int, typer.Option(help="so many devices at the most")] = 100,
) -> None:
    """Who speaks and is in no city pack: since when, how much, which channels, what the newest message looks like."""
    from lifeline.store.strangers import figures, strangers

    now, limits = SystemClock().now(), settings_module.load().ingest
    with open_store() as store:
        found = strangers(store, device_id=device, limit=limit)
        full = figures(store)
    if template:
        from lifeline.city.sensors import COLUMNS

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in found:
            for channel in one.channels:
                given = {"device_id": one.device_id, "channel": channel}
                writer.writerow([given.get(column, "") for column in COLUMNS])
        return
    table = _table("device", "city", "first seen", "last seen", "readings", "not kept", "channels")
    for one in found:
        table.add_row(
            one.device_id or "(none named)",
            one.city_code,
            _ago(one.first_seen_at, now),
            _ago(one.last_seen_at, now),
            f"{one.readings:,}",
            f"{one.not_kept:,}",
            " ".join(one.channels),
        )
    out.print(table)
    for one in found if device else []:
        out.print(f"{one.messages:,} messages, the newest on {one.topic}:", markup=False)
        out.print(_printable(one.sample, 1000), markup=False)
    out.print(
        f"{full.devices:,} of at most {limits.quarantine_devices:,} devices, {full.kept_bytes / 1e6:,.1f} MB kept, "
        f"{full.not_kept:,} readings beyond the limits counted only",
        markup=False,
    )


@app.command()
def adopt(
    file: Annotated[Path, typer.Argument(help="sensors as in a pack's sensors.csv (docs/city-pack.md)")],
    city: City,
    who: Who,
) -> None:
    """Take devices in: their channels become sensors, and what they sent before goes through the gate again."""
    from lifeline.city.fault import Faults
    from lifeline.city.sensors import Surroundings, read
    from lifeline.store import cities as city_store
    from lifeline.store.devices import adopt as take_in

    with open_store() as store:
        home = city_store.city(store, city)
        if home is None:
            raise NotFoundError(f"no city {city!r} is loaded", advice="look at `lifeline city show`")
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PackError(f"{file} cannot be read: {error}", advice="give a CSV file in UTF-8") from error
        faults = Faults()
        zones = {zone.zone_id for zone in city_store.zones(store, city)}
        around = Surroundings(city, home.centre, zones, None, city_store.levels(store, city))
        found, _ = read(text, file.name, faults, around)
        sensors = [sensor for sensor in found.values() if sensor is not None]
        if len(faults) or not sensors:
            listed = "\n".join(f"  {fault}" for fault in faults.sorted()) or "  no sensor in it"
            raise PackError(f"{file.name} cannot be adopted:\n{listed}", advice="correct it and adopt it again")
        take_in(store, sensors, who=who, now=SystemClock().now())
        out.print(f"{len(sensors)} sensors adopted", markup=False)
        for device in sorted({sensor.device_id for sensor in sensors}):
            _release(store, city, device)


@app.command()
def release(device: Device, city: City) -> None:
    """Put what was rejected of a device for its name or its channels through the gate again; twice does no harm."""
    with open_store() as store:
        _release(store, city, device)


@app.command()
def forget(
    device: Annotated[str, typer.Argument(help="device id; `-`: what names no device")],
    who: Who,
    city: Annotated[str, typer.Option("--city", help="city of its topic")] = "",
) -> None:
    """Make room in the quarantine: the payloads of a device's rejects go, their number stays counted."""
    from lifeline.store.strangers import NOBODY
    from lifeline.store.strangers import forget as forget_sender

    sender = NOBODY if device == "-" else (city, device)
    with open_store() as store:
        readings = forget_sender(store, sender, who=who, now=SystemClock().now())
    out.print(f"{readings:,} rejected readings are counted only from now on", markup=False)


@app.command()
def retire(device: Device, who: Who) -> None:
    """Take an adopted device out again; its readings stay."""
    from lifeline.store.devices import retire as take_out

    with open_store() as store:
        sensors = take_out(store, device, who=who, now=SystemClock().now())
    out.print(f"retired: {', '.join(sensors)}", markup=False)


def _release(store: "Store", city: str, device: str) -> None:
    from ingest.release import Release
    from lifeline.store.strangers import leave

    released = Release(store, settings_module.load().ingest, SystemClock()).device((city, device))
    leave(store, (city, device))
    written = released.written
    out.print(
        f"{device}: {released.messages:,} messages again: {written.stored:,} stored, {written.duplicate:,} duplicate, "
        f"{written.conflict:,} conflict, {written.rejected:,} rejected; {released.resolved:,} rejects resolved",
        markup=False,
    )


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False)


def _ago(at: datetime | None, now: datetime) -> str:
    """How long ago, in the greatest unit that says something."""
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _printable(data: bytes, most: int) -> str:
    text = data[:most].decode("utf-8", "replace")
    if sum(not char.isprintable() for char in text) > len(text) // 8:
        text = data[: most // 2].hex()
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
