"""Replays a recording through the flow watch alone: what it would have told of each zone, and which leaks that finds.

With the network the zones are those that the meters cut out, tanks taken into account by their levels; without it each
meter is a zone of its own. A leak is found by the first `flow-step` or `flow-grew` that is told while it runs and is
nearest to it in when it began; every such report finds one leak at the most, and one that finds none is false.
"""

import csv
import json as json_module
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np

from detect.calendar import Calendar
from detect.leak.balance import lay_out
from detect.leak.flow_watch import FALSE_EVERY_DAYS, FlowChange, FlowKind, FlowWatch
from detect.leak.network import Network, read_network
from detect.leak.recording import Recording, read_recording
from detect.port import Floats

HOUR_S = 3600
LEAST_SAMPLES = 0.7
TELLING = (FlowKind.STEP, FlowKind.SLOW)
_PROMPT_H = 12.0
COLUMNS = ("zone", "time_utc", "began_utc", "flow_m3_per_h", "kind", "number")
"""of the file of reports"""


@dataclass(frozen=True)
class FlowReport:
    """What was said of a zone."""

    zone: str
    change: FlowChange

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.change.hour * HOUR_S, UTC)

    @property
    def began_at(self) -> datetime:
        return datetime.fromtimestamp(self.change.began_hour * HOUR_S, UTC)


@dataclass(frozen=True)
class FlowEvaluation:
    """What came out; `delays_h` gives hours to the report for each leak of the truth, None for a missed one."""

    reports: tuple[FlowReport, ...]
    delays_h: dict[str, float | None] | None
    false: int | None
    days: float
    table: str


def zone_hours(recording: Recording, network: Network | None) -> tuple[list[str], Floats, Floats]:
    """Names of zones, UTC hours `(n_hours,)` and mean net inflow `(n_hours, n_zones)` in m3/h, NaN where unknown."""
    s = recording.sensors
    first = len(s.pressure)
    flow = recording.samples[:, first : first + len(s.flow)]
    level = recording.samples[:, first + len(s.flow) : first + len(s.flow) + len(s.level)]
    hour = recording.times_s // HOUR_S
    hours = np.arange(hour[0], hour[-1] + 1)
    place = hour - hour[0]

    def mean(column: Floats) -> Floats:
        known = np.isfinite(column)
        count = np.bincount(place[known], minlength=len(hours))
        total = np.bincount(place[known], weights=column[known], minlength=len(hours))
        enough = count >= LEAST_SAMPLES * HOUR_S / recording.step_s
        return np.where(enough, total / np.maximum(count, 1), np.nan)

    flows = np.column_stack([mean(c) for c in flow.T]) if len(s.flow) else np.zeros((len(hours), 0))
    if network is None:
        return list(s.flow), hours, flows
    # the level at the turn of hours: the last that was heard before it
    rise = np.zeros((len(hours), len(s.level)))
    for n, column in enumerate(level.T):
        last = np.full(len(hours), np.nan)
        known = np.isfinite(column)
        last[place[known]] = column[known]
        rise[:, n] = np.diff(last, prepend=np.nan)
    layout = lay_out(network, s)
    names, columns = [], []
    for zone in layout.zones:
        if not zone.closed:
            continue
        net = sum(sign * flows[:, i] for i, sign in zone.inflow) - sum(
            (area * rise[:, i] for i, area in zone.tanks), np.zeros(len(hours))
        )
        names.append("+".join(s.flow[i] for i, sign in zone.inflow if sign > 0))
        columns.append(net)
    return names, hours, np.column_stack(columns) if columns else np.zeros((len(hours), 0))


def replay_flow(
    recording: Recording,
    network: Network | None,
    *,
    calendar: Calendar,
    zone: tzinfo = UTC,
    progress: Callable[[float], None] = lambda _: None,
) -> list[FlowReport]:
    """Feeds every zone's hours to a new watch, in order of time."""
    names, hours, flows = zone_hours(recording, network)
    watches = [FlowWatch(calendar) for _ in names]
    found = []
    for k, hour in enumerate(hours.tolist()):
        offset = datetime.fromtimestamp(hour * HOUR_S, zone).utcoffset()
        local = hour + (round(offset.total_seconds()) // HOUR_S if offset else 0)
        for name, watch, flow in zip(names, watches, flows[k].tolist(), strict=True):
            found += [FlowReport(name, change) for change in watch.hour(hour, local, flow)]
        if k % 24 == 0:
            progress((k + 1) / len(hours))
    progress(1.0)
    return found


def evaluate_flow(
    recording: Recording,
    network: Network | None,
    *,
    calendar: Calendar,
    zone: tzinfo = UTC,
    progress: Callable[[float], None] = lambda _: None,
) -> FlowEvaluation:
    """Replays and, where the recording has a truth, judges. Raises `PackError` for a sensor the network lacks."""
    reports = replay_flow(recording, network, calendar=calendar, zone=zone, progress=progress)
    days = float(recording.times_s[-1] - recording.times_s[0]) / 86400
    head = f"flow alone: {days:.0f} days, two tests, each made for one false alarm in {FALSE_EVERY_DAYS:.0f} zone-days"
    lines = [head, *map(_line, reports)]
    if recording.leaks is None:
        told = sum(r.change.kind in TELLING for r in reports)
        lines.append(f"{told} losses told; the recording has no truth to judge them by")
        return FlowEvaluation(tuple(reports), None, None, days, "\n".join(lines))
    of_pipe = _zone_of_pipe(recording, network)
    calls = [r for r in reports if r.change.kind in TELLING]
    delays: dict[str, float | None] = {}
    matched: dict[int, int] = {}
    for n, report in enumerate(calls):
        at_s, began_s = report.at.timestamp(), report.began_at.timestamp()
        running = [
            (abs(began_s - float(recording.times_s[leak.start])), k)
            for k, leak in enumerate(recording.leaks)
            if k not in matched
            and recording.times_s[leak.start] <= at_s <= recording.times_s[min(leak.end, len(recording.times_s) - 1)]
            and of_pipe.get(leak.pipe, report.zone) == report.zone
        ]
        if running:
            matched[min(running)[1]] = n
    false = len(calls) - len(matched)
    lines += ["", f"{'leak':10s} {'zone':14s} {'began':16s} {'told after':>12s} {'m3/h told':>10s}"]
    prompt = 0
    for k, leak in enumerate(recording.leaks):
        began = datetime.fromtimestamp(int(recording.times_s[leak.start]), UTC)
        row = f"{leak.pipe:10s} {of_pipe.get(leak.pipe, '-'):14s} {began:%Y-%m-%d %H:%M}"
        if k in matched:
            call = calls[matched[k]]
            hours = (call.at - began).total_seconds() / HOUR_S
            prompt += hours <= _PROMPT_H
            delays[f"{leak.pipe} {began:%Y-%m-%d}"] = hours
            after = f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"
            lines.append(f"{row} {after:>12s} {call.change.flow_m3_per_h:10.1f}")
        else:
            delays[f"{leak.pipe} {began:%Y-%m-%d}"] = None
            lines.append(f"{row} {'missed':>12s}")
    lines += [f"false: {_line(r)}" for n, r in enumerate(calls) if n not in matched.values()]
    lines.append(
        f"found {len(matched)} of {len(recording.leaks)}, {prompt} within {_PROMPT_H:.0f} h, {false} false "
        f"({false * 365 / max(days, 1.0):.1f} a year)"
    )
    return FlowEvaluation(tuple(reports), delays, false, days, "\n".join(lines))


def _zone_of_pipe(recording: Recording, network: Network | None) -> dict[str, str]:
    """The zone that each leaking pipe is in; pipes of no closed zone are left out."""
    if network is None:
        return {}
    layout = lay_out(network, recording.sensors)
    found = {}
    for leak in recording.leaks or ():
        if leak.pipe not in network.link_number:
            continue
        zone = int(layout.zone_of_node[network.ends[network.link_number[leak.pipe], 1]])
        if zone >= 0 and layout.zones[zone].closed:
            inflow = layout.zones[zone].inflow
            found[leak.pipe] = "+".join(recording.sensors.flow[i] for i, sign in inflow if sign > 0)
    return found


def flow_rows(reports: Sequence[FlowReport]) -> list[dict[str, str]]:
    """The reports as rows of a table."""
    return [
        {
            "zone": r.zone,
            "time_utc": f"{r.at:%Y-%m-%dT%H:%M:%SZ}",
            "began_utc": f"{r.began_at:%Y-%m-%dT%H:%M:%SZ}",
            "flow_m3_per_h": f"{r.change.flow_m3_per_h:.2f}",
            "kind": r.change.kind.value,
            "number": str(r.change.number),
        }
        for r in reports
    ]


def _line(r: FlowReport) -> str:
    return (
        f"{r.at:%Y-%m-%d %H:%M} {r.zone:14s} {r.change.kind.value:14s} loss {r.change.number:<3d} since "
        f"{r.began_at:%m-%d %H:%M} {r.change.flow_m3_per_h:7.2f} m3/h"
    )


def has_pressures(folder: Path) -> bool:
    """Whether a folder of recordings holds pressures: else the meters alone are judged."""
    return folder.is_dir() and any(p.name.removesuffix(".gz").endswith("SCADA_Pressures.csv") for p in folder.iterdir())


def evaluate_folder(
    folder: Path,
    *,
    network: Path | None = None,
    country: str = "",
    reports_csv: Path | None = None,
    json: Path | None = None,
    tz: tzinfo = UTC,
    progress: Callable[[float], None] = lambda _: None,
) -> FlowEvaluation:
    """`evaluate_flow` of a folder; writes reports and figures where asked.

    Raises `ReplayError`, `PackError` (a sensor that the network does not have), `SettingsError` (a country whose
    holidays are not known) or `SimulationError`.
    """
    calendar = Calendar(country)
    recording = read_recording(folder, zone=tz)
    known = read_network(network) if network is not None else None
    found = evaluate_flow(recording, known, calendar=calendar, zone=tz, progress=progress)
    if reports_csv is not None:
        with reports_csv.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(flow_rows(found.reports))
    if json is not None:
        figures = {"expectation": "flow", "days": found.days, "delays_h": found.delays_h, "false": found.false}
        json.write_text(json_module.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return found
