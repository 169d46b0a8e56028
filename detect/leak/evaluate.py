"""Replays a recorded year through the live detector and prints what it would have said, and what that is worth.

The detector is the one of `detector.py`, fed a day at a time; nothing later than the present reaches it.
"""

import csv
import json as json_module
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

from detect.leak.damage import LATE, LATEST_STEPS, LOST, TWICE, Damaged, Fault, damage
from detect.leak.detector import BURST_M3_PER_H, LeakDetector, Plan, Report, Settings
from detect.leak.network import Network, read_network
from detect.leak.recording import Recording, read_recording
from detect.leak.score import Score, night_flow_reports, random_reports, score
from detect.leak.upkeep import UpkeepReason

CALLING = ("leak", "burst")
"""kinds of report that send a crew to a pipe"""


@dataclass(frozen=True)
class Evaluation:
    """What came out; `score` and the nulls are None where the recording has no truth."""

    reports: tuple[Report, ...]
    score: Score | None
    nulls: dict[str, Score]
    table: str
    burst_delays_min: tuple[float, ...] = ()
    """of the leaks that begin with more than `BURST_M3_PER_H`; infinite where one was missed"""
    damaged: "DamagedYear | None" = None


@dataclass(frozen=True)
class DamagedYear:
    """The same year with damaged input: its faults, and which report first named each failing sensor."""

    seed: int
    evaluation: Evaluation
    faults: tuple[tuple[Fault, Report | None], ...]
    others: int
    """reports that doubt a sensor which did not fail"""


def replay(
    plan: Plan,
    recording: Recording | Damaged,
    *,
    zone: tzinfo = UTC,
    settings: Settings | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Report]:
    """Feed a recording to a new detector, a day at a time, or as it arrives; returns its reports in order."""
    detector = LeakDetector(plan, zone=zone, settings=settings)
    reports: list[Report] = []
    if isinstance(recording, Damaged):
        begin_s, end_s = recording.recording.times_s[[0, -1]].tolist()
        for time_s, sample in recording.samples():
            reports += detector.push(np.array([time_s]), sample[None, :])
            progress(min(1.0, (time_s - begin_s) / max(end_s - begin_s, 1)))
        progress(1.0)
        return reports + detector.finish()
    per_day = max(1, round(86400 / recording.step_s))
    n = len(recording.times_s)
    for start in range(0, n, per_day):
        part = slice(start, start + per_day)
        reports += detector.push(recording.times_s[part], recording.samples[part])
        progress(min(1.0, (start + per_day) / n))
    return reports + detector.finish()


def evaluate(
    folder: Path,
    *,
    network: Path,
    reports_csv: Path | None = None,
    json: Path | None = None,
    tz: tzinfo = UTC,
    progress: Callable[[float], None] = lambda _: None,
    settings: Settings | None = None,
    damage_seed: int | None = None,
) -> Evaluation:
    """Replay `folder` on `network`; write the reports and scores where asked. `progress` gets the part done, 0 to 1.

    With `damage_seed` the year is replayed a second time with damaged input (`damage`).
    Raises `ReplayError`, `PackError` (a sensor that the network does not have) or `SimulationError`.
    """
    recording = read_recording(folder, zone=tz)
    net = read_network(network)
    plan = Plan(net, recording.sensors, progress=lambda p: progress(0.2 * p))
    end = 1.0 if damage_seed is None else 0.6
    try:
        reports = replay(
            plan, recording, zone=tz, settings=settings, progress=lambda p: progress(0.2 + (end - 0.2) * p)
        )
        evaluation = judge(net, plan.distance_m, recording, reports)
        if damage_seed is not None:
            bad = damage(recording, damage_seed)
            found = replay(plan, bad, zone=tz, settings=settings, progress=lambda p: progress(end + (1 - end) * p))
            year = _damaged_year(bad, damage_seed, judge(net, plan.distance_m, recording, found))
            evaluation = replace(
                evaluation, damaged=year, table=f"{evaluation.table}\n\n{_damage_table(evaluation, year)}"
            )
    finally:
        plan.close()
    if reports_csv is not None:
        _write_reports(reports_csv, reports)
    if json is not None:
        json.write_text(json_module.dumps(_summary(evaluation), indent=2) + "\n", encoding="utf-8")
    return evaluation


def judge(network: Network, distance_m: np.ndarray, recording: Recording, reports: Sequence[Report]) -> Evaluation:
    """Score reports against the truth of the recording, next to the nulls."""
    pipes = [network.links[i] for i in network.pipes]
    calls = [r for r in reports if r.kind in CALLING]
    if recording.leaks is None:
        lines = [f"{len(calls)} leaks reported; the recording has no truth to score them by", *map(_line, reports)]
        return Evaluation(tuple(reports), None, {}, "\n".join(lines))
    steps = [(_step(recording, r), r.element) for r in calls]
    step_h = recording.step_s / 3600
    n = len(recording.times_s)
    true = score(steps, recording.leaks, distance_m, pipes, step_h=step_h)
    inflow = _inflow(network, recording)
    middle = pipes[int(np.where(np.isfinite(distance_m), distance_m, 1e4).sum(axis=0).argmin())]
    per_day = round(24 / step_h)
    chance = [
        score(random_reports(len(steps), n, pipes, seed=s), recording.leaks, distance_m, pipes, step_h=step_h)
        for s in range(20)
    ]
    nulls = {
        "reports nothing": score([], recording.leaks, distance_m, pipes, step_h=step_h),
        "as many at random (median of 20)": sorted(chance, key=lambda s: s.total_eur)[10],
        "night flow +5 %": score(
            night_flow_reports(inflow, middle, steps_per_day=per_day), recording.leaks, distance_m, pipes, step_h=step_h
        ),
    }
    evaluation = Evaluation(tuple(reports), true, nulls, "", _burst_delays_min(true, recording))
    return replace(evaluation, table=_table(evaluation, recording, calls))


def _burst_delays_min(found: Score, recording: Recording) -> tuple[float, ...]:
    """From the beginning of each leak that has its size within an hour to the report that found it."""
    assert recording.leaks is not None
    told = {v.leak: int(recording.times_s[v.step]) for v in found.verdicts if v.leak is not None}
    hour = max(1, round(3600 / recording.step_s))
    return tuple(
        (told[k] - int(recording.times_s[leak.start])) / 60 if k in told else np.inf
        for k, leak in enumerate(recording.leaks)
        if leak.flow_m3_per_h[leak.start : leak.start + hour].max(initial=0.0) > BURST_M3_PER_H
    )


def _damaged_year(bad: Damaged, seed: int, evaluation: Evaluation) -> DamagedYear:
    doubts = [r for r in evaluation.reports if r.kind == "sensor" and r.reason != UpkeepReason.SOUND]
    faults = []
    for fault in bad.faults:
        named = (r for r in doubts if r.column == fault.column and r.at.timestamp() >= fault.since_s)
        faults.append((fault, next(named, None)))
    failing = {fault.column for fault in bad.faults}
    return DamagedYear(seed, evaluation, tuple(faults), sum(r.column not in failing for r in doubts))


def _step(recording: Recording, report: Report) -> int:
    return int(np.searchsorted(recording.times_s, report.at.timestamp()))


def _inflow(network: Network, recording: Recording) -> np.ndarray:
    """What comes from the reservoirs: the sum of the metered links at them."""
    sources = {network.node_number[n] for n in network.reservoirs}
    total = np.zeros(len(recording.times_s))
    first = len(recording.sensors.pressure)
    for i, name in enumerate(recording.sensors.flow):
        start, end = network.ends[network.link_number[name]]
        if start in sources or end in sources:
            total += recording.samples[:, first + i] * (1 if start in sources else -1)
    return total


def _line(r: Report) -> str:
    return (
        f"{r.at:%Y-%m-%d %H:%M} {r.kind:7s} {r.element:12s} {r.flow_m3_per_h:7.2f} m3/h  p(300 m) {r.probability:.2f}"
    )


def _row(name: str, s: Score) -> str:
    return f"{name:34s} {s.total_eur:10,.0f} {100 * s.share:6.1f} % {s.found:5d} of {s.leaks:<3d} {s.false:5d}"


def _table(evaluation: Evaluation, recording: Recording, calls: Sequence[Report]) -> str:
    assert evaluation.score is not None
    assert recording.leaks is not None
    lines = [f"{'':34s} {'EUR':>10s} {'perfect':>8s} {'found':>12s} {'false':>5s}", _row("detector", evaluation.score)]
    lines += [_row(name, s) for name, s in evaluation.nulls.items()]
    lines += [f"{'perfect':34s} {evaluation.score.perfect_eur:10,.0f}", ""]
    lines.append(
        f"{'leak':12s} {'began':16s} {'delay':>8s} {'distance':>9s} {'flow said':>9s} {'true':>6s} {'peak':>6s}"
    )
    found = {v.leak: (v, c) for v, c in zip(evaluation.score.verdicts, calls, strict=True) if v.leak is not None}
    for k, leak in enumerate(recording.leaks):
        began = datetime.fromtimestamp(int(recording.times_s[leak.start]), UTC)
        head = f"{leak.pipe:12s} {began:%Y-%m-%d %H:%M}"
        peak = leak.flow_m3_per_h.max(initial=0.0)
        if k in found:
            verdict, call = found[k]
            days = (call.at - began).total_seconds() / 86400
            true = leak.flow_m3_per_h[min(verdict.step, len(leak.flow_m3_per_h) - 1)]
            lines.append(
                f"{head} {days:6.1f} d {verdict.distance_m:7.0f} m {call.flow_m3_per_h:9.1f} {true:6.1f} {peak:6.1f}"
            )
        else:
            lines.append(f"{head}   missed {'':9s} {'':9s} {'':6s} {peak:6.1f}")
    for verdict, call in zip(evaluation.score.verdicts, calls, strict=True):
        if verdict.false:
            lines.append(f"false: {_line(call)}")
    if evaluation.burst_delays_min:
        delays = evaluation.burst_delays_min
        lines.append(
            f"bursts above {BURST_M3_PER_H:.0f} m3/h: {np.isfinite(delays).sum()} of {len(delays)} found, "
            f"median delay {np.median(delays):.0f} min"
        )
    doubts = [r for r in evaluation.reports if r.kind == "sensor" and r.reason != UpkeepReason.SOUND]
    lines += [f"sensor: {r.at:%Y-%m-%d %H:%M} {r.element} {r.reason}" for r in doubts]
    lines += [f"model: {r.at:%Y-%m-%d %H:%M} {r.reason} {r.why}" for r in evaluation.reports if r.kind == "model"]
    return "\n".join(lines)


def _damage_table(clean: Evaluation, year: DamagedYear) -> str:
    lines = [
        f"damaged input, seed {year.seed}: {100 * LOST:.0f} % of messages lost, {100 * TWICE:.0f} % twice, "
        f"{100 * LATE:.0f} % up to {LATEST_STEPS} steps late, failing sensors never mended"
    ]
    if clean.score is not None and year.evaluation.score is not None:
        lines += [_row("clean input", clean.score), _row("damaged input", year.evaluation.score)]
        fall = 1 - year.evaluation.score.total_eur / clean.score.total_eur if clean.score.total_eur else 0.0
        lines.append(f"the score falls by {100 * fall:.1f} %")
    for fault, named in year.faults:
        since = datetime.fromtimestamp(fault.since_s, UTC)
        said = "not named" if named is None else f"named after {(named.at - since).days} d as {named.reason}"
        lines.append(f"{fault.kind.value:6s} {fault.sensor:10s} since {since:%Y-%m-%d}  {said}")
    lines.append(f"doubts about sensors that did not fail: {year.others}")
    return "\n".join(lines)


def _write_reports(path: Path, reports: Sequence[Report]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pipe", "time_utc", "flow_m3_per_h", "probability", "kind"])
        for r in reports:
            if r.kind in CALLING:
                writer.writerow(
                    [r.element, f"{r.at:%Y-%m-%dT%H:%M:%SZ}", f"{r.flow_m3_per_h:.2f}", f"{r.probability:.3f}", r.kind]
                )


def _summary(evaluation: Evaluation) -> dict[str, Any]:
    def one(s: Score | None) -> dict[str, Any] | None:
        if s is None:
            return None
        return {
            "eur": round(s.total_eur, 2),
            "perfect_eur": round(s.perfect_eur, 2),
            "share": round(s.share, 4),
            "found": s.found,
            "leaks": s.leaks,
            "false": s.false,
        }

    known = [d for d in evaluation.burst_delays_min if np.isfinite(d)]
    median = float(np.median(evaluation.burst_delays_min)) if evaluation.burst_delays_min else np.inf
    year = evaluation.damaged
    return {
        "detector": one(evaluation.score),
        "bursts": {
            "all": len(evaluation.burst_delays_min),
            "found": len(known),
            "median_delay_min": median if np.isfinite(median) else None,
        },
        "damaged": None
        if year is None
        else {
            "seed": year.seed,
            "detector": one(year.evaluation.score),
            "faults": [
                {"sensor": f.sensor, "kind": f.kind.value, "named_as": None if named is None else named.reason}
                for f, named in year.faults
            ],
            "doubts_about_sound_sensors": year.others,
        },
        "nulls": {name: one(s) for name, s in evaluation.nulls.items()},
        "reports": sum(r.kind in CALLING for r in evaluation.reports),
    }
