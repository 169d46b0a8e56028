"""Replays recorded street floods through the online code and prints what its forecasts and findings are worth.

Strictly causal: the nowcast is fitted to floods whose next hour was over before the first tested flood began, and each
forecast sees the readings up to its own time alone. The figures and what they mean: docs/flood.md.
"""

import csv
import json as json_module
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

from detect.flood.artefacts import FalseFloods, Recall, false_floods, recall
from detect.flood.nowcast import HORIZONS_MIN, WARN_PROBABILITY, Forecast, Nowcast, train
from detect.flood.recording import Event, Recording, read_events
from detect.flood.replay import ROAD, Rows, examples_of, first_wet_s, highest_m, replay
from detect.flood.score import Bin, Score, brier, reliability, score
from detect.flood.whole_file import whole_file
from detect.instant import instant, iso

LEVELS_M = (ROAD.blue, ROAD.yellow, ROAD.orange, ROAD.red)
_YELLOW = 1
_TICK_MIN = 5
_SELDOM_S = 600.0
_SIMPLE_M = 0.05
"""the simple rule: at 5 cm after five minutes it will reach 15"""


@dataclass(frozen=True)
class Reach:
    """Five minutes after the first 2 cm, of floods not there yet: will they reach 15 cm?"""

    split: str
    trained_on: int
    rules: dict[str, Score]
    by_level: dict[str, Score]
    brier: float
    climate_brier: float
    bins: list[Bin]
    any_time: Score
    """flood by flood: was 15 cm warned of at any time before, and reached"""
    lead_min: list[float] = field(repr=False)
    """of each flood that reached 15 cm: minutes from the first warning to 15 cm; 0 where none came before"""


@dataclass(frozen=True)
class Evaluation:
    """What came out, and the table that is printed."""

    reach: Reach
    false: FalseFloods | None
    recall: Recall
    seldom: Recall
    """the same of a sensor that reports every ten minutes"""
    faults: tuple[str, ...]
    table: str

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        reach = self.reach
        return {
            "source": "recorded",
            "split": reach.split,
            "trained_on": reach.trained_on,
            "warn_probability": WARN_PROBABILITY,
            "reach_15cm": {name: s.figures() for name, s in reach.rules.items()},
            "any_time_before_15cm": reach.any_time.figures(),
            "by_level": {name: s.figures() for name, s in reach.by_level.items()},
            "brier": _finite(reach.brier),
            "climate_brier": _finite(reach.climate_brier),
            "reliability": [[b.cases, round(b.forecast, 4), round(b.happened, 4)] for b in reach.bins],
            "lead_median_min": _finite(float(np.median(reach.lead_min)) if reach.lead_min else np.nan),
            "recall": self.recall.figures(),
            "recall_every_10_min": self.seldom.figures(),
            "false_floods": None
            if self.false is None
            else {
                "source": "simulated",
                "sensor_months": self.false.sensor_months,
                "artefacts": self.false.artefacts,
                "told": self.false.told,
                "orders_to_look": self.false.orders,
                "per_100_months": self.false.per_100_months,
            },
            "passed_over": list(self.faults),
        }


def evaluate(
    events: Path,
    *,
    train_on: Path | None = None,
    train_share: float = 0.7,
    json: Path | None = None,
    forecasts: Path | None = None,
    zone: tzinfo = UTC,
    sensor_months: int = 12,
    seed: int = 0,
    progress: Callable[[float], None] = lambda _: None,
) -> Evaluation:
    """Test the forecasts on `events` after the first `train_share` of them, or on all of them where `train_on` is
    another file of earlier ones. `sensor_months` of false floods are simulated, none with 0. `progress`: 0 to 1.

    Raises ReplayError where a file cannot be read.
    """
    recording = read_events(events, zone=zone)
    whole, cut_s = _split(recording, read_events(train_on, zone=zone) if train_on else None, train_share)
    rows, _ = replay(whole.events, whole.positions, progress=lambda p: progress(0.5 * p))
    begins = np.array([e.times_s[0] for e in whole.events])
    examples = examples_of(rows, whole.events, known_s=cut_s)
    nowcast = train(examples, seed=seed)
    progress(0.7)
    tested = rows.part(begins[rows.event] >= cut_s)
    found = nowcast.forecast(tested.features, [LEVELS_M] * len(tested.at_s))
    progress(0.8)
    held_out = tuple(e for e in whole.events if e.times_s[0] >= cut_s)
    reach = _reach(whole.events, cut_s, tested, found, len(np.unique(examples.flood)))
    false = false_floods(sensor_months, seed=seed) if sensor_months else None
    progress(0.95)
    told, seldom = recall(recording.events), recall(recording.events, every_s=_SELDOM_S)
    table = _table(reach, false, told, seldom, len(held_out), whole.faults)
    evaluation = Evaluation(reach, false, told, seldom, whole.faults, table)
    if forecasts is not None:
        _write_forecasts(forecasts, whole.events, tested, found)
    if json is not None:
        json.write_text(json_module.dumps(evaluation.figures(), indent=2) + "\n", encoding="utf-8")
    progress(1.0)
    return evaluation


def _split(tested: Recording, earlier: Recording | None, share: float) -> tuple[Recording, float]:
    """All events in order, and the instant from which on they are tested."""
    if earlier is None:
        place = min(int(share * len(tested.events)), len(tested.events) - 1)
        return tested, float(tested.events[place].times_s[0])
    cut_s = float(tested.events[0].times_s[0])
    before = [e for e in earlier.events if e.times_s[-1] < cut_s]
    both = Recording((*before, *tested.events), earlier.positions | tested.positions, earlier.faults + tested.faults)
    return both, cut_s


def _reach(events: tuple[Event, ...], cut_s: float, rows: Rows, found: list[Forecast], trained_on: int) -> Reach:
    by_event = {
        int(e): n for n, (e, tick) in enumerate(zip(rows.event, rows.tick_min, strict=True)) if tick == _TICK_MIN
    }
    linear = Nowcast().forecast(rows.features[list(by_event.values())], [LEVELS_M] * len(by_event))
    straight = dict(zip(by_event, linear, strict=True))
    happened, warned, extrapolated, simple, probability = [], [], [], [], []
    for number, event in enumerate(events):
        wet_s = first_wet_s(event)
        if event.times_s[0] < cut_s or wet_s is None:
            continue
        now_s = wet_s + 60.0 * _TICK_MIN
        past = event.depths_m[event.times_s <= now_s]
        if past.max() >= LEVELS_M[_YELLOW]:
            continue
        happened.append(highest_m(event, now_s) >= LEVELS_M[_YELLOW])
        simple.append(past[-1] >= _SIMPLE_M)
        row = by_event.get(number)
        # a flood of which the filters had trusted nothing yet has no forecast, and no warning
        warned.append(row is not None and found[row].warns(_YELLOW))
        probability.append(0.0 if row is None else float(found[row].probability[_YELLOW, -1]))
        extrapolated.append(number in straight and straight[number].warns(_YELLOW))
    truth, p = np.array(happened, dtype=bool), np.array(probability, dtype=np.float64)
    rules = {
        "nowcast": score(np.array(warned, dtype=bool), truth),
        "linear extrapolation": score(np.array(extrapolated, dtype=bool), truth),
        "depth >= 5 cm": score(np.array(simple, dtype=bool), truth),
    }
    leads, any_time = _leads(events, cut_s, rows, found)
    return Reach(
        iso(cut_s), trained_on, rules, _by_level(events, rows, found, list(by_event.values())),
        brier(p, truth), float(truth.mean() * (1.0 - truth.mean())) if len(truth) else float("nan"),
        reliability(p, truth), any_time, leads,
    )  # fmt: skip


def _by_level(events: tuple[Event, ...], rows: Rows, found: list[Forecast], chosen: list[int]) -> dict[str, Score]:
    scores = {}
    for level, level_m in enumerate(LEVELS_M):
        for column, horizon in enumerate(HORIZONS_MIN):
            open_ = [n for n in chosen if found[n].depth_m < level_m]
            warned = [float(found[n].probability[level, column]) >= WARN_PROBABILITY for n in open_]
            later = [
                highest_m(events[rows.event[n]], rows.at_s[n], rows.at_s[n] + 60.0 * horizon) >= level_m for n in open_
            ]
            name = f"{100.0 * level_m:.0f} cm within {horizon:.0f} min"
            scores[name] = score(np.array(warned, dtype=bool), np.array(later, dtype=bool))
    return scores


def _leads(events: tuple[Event, ...], cut_s: float, rows: Rows, found: list[Forecast]) -> tuple[list[float], Score]:
    """Minutes from the first warning to 15 cm; and, flood by flood, whether one came at any time before."""
    first: dict[int, float] = {}
    for number, at_s, forecast in zip(rows.event.tolist(), rows.at_s.tolist(), found, strict=True):
        if forecast.warns(_YELLOW):
            first[number] = min(at_s, first.get(number, np.inf))
    leads, warned, happened = [], [], []
    for number, event in enumerate(events):
        if event.times_s[0] < cut_s or first_wet_s(event) is None:
            continue
        reached = np.flatnonzero(event.depths_m >= LEVELS_M[_YELLOW])
        until_s = float(event.times_s[reached[0]]) if len(reached) else np.inf
        happened.append(len(reached) > 0)
        warned.append(first.get(number, np.inf) < until_s)
        if len(reached):
            leads.append(max(until_s - first.get(number, np.inf), 0.0) / 60.0)
    return leads, score(np.array(warned, dtype=bool), np.array(happened, dtype=bool))


def _write_forecasts(path: Path, events: tuple[Event, ...], rows: Rows, found: list[Forecast]) -> None:
    with whole_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(
            ("time", "sensor", "horizon_min", "level_cm", "probability", "q10_cm", "q50_cm", "q90_cm", "rung", "warn",
             "crossing_min", "data_age_s", "reasons")
        )  # fmt: skip
        for number in np.argsort(rows.at_s, kind="stable").tolist():
            forecast, time = found[number], instant(float(rows.at_s[number])).isoformat()
            sensor, why = events[rows.event[number]].sensor_id, " ".join(r.value for r in forecast.reasons)
            crossing = ["" if np.isnan(c) else f"{c:.1f}" for c in forecast.crossing_min]
            for column, horizon in enumerate(HORIZONS_MIN):
                quantiles = [f"{100.0 * q:.1f}" for q in forecast.quantiles_m[column]]
                for level, level_m in enumerate(forecast.levels_m):
                    p = float(forecast.probability[level, column])
                    writer.writerow(
                        (time, sensor, f"{horizon:.0f}", f"{100.0 * level_m:.0f}", f"{p:.4f}", *quantiles,
                         forecast.rung.value, int(p >= WARN_PROBABILITY), crossing[level],
                         f"{forecast.data_age_s:.0f}", why)
                    )  # fmt: skip


def _table(
    reach: Reach, false: FalseFloods | None, told: Recall, seldom: Recall, tested: int, faults: tuple[str, ...]
) -> str:
    lines = [
        f"real street floods: {tested} from {reach.split[:10]} on, forecasts learned from {reach.trained_on} before",
        "",
        f"{'5 min after the first 2 cm: will it reach 15 cm?':<50}{'cases':>6}{'POD':>7}{'FAR':>7}{'CSI':>7}",
        *(_line(name, s) for name, s in reach.rules.items()),
        _line("nowcast, at any time before 15 cm", reach.any_time),
        "",
        f"{'5 min after the first 2 cm, nowcast':<50}{'cases':>6}{'POD':>7}{'FAR':>7}{'CSI':>7}",
        *(_line(name, s) for name, s in reach.by_level.items()),
        "",
        f"Brier score {_text(reach.brier, 3)} (climate {_text(reach.climate_brier, 3)}); forecast -> happened (cases): "
        + ", ".join(f"{b.forecast:.2f} -> {b.happened:.2f} ({b.cases})" for b in reach.bins),
    ]
    if reach.lead_min:
        lead = np.array(reach.lead_min)
        lines.append(
            f"of {len(lead)} floods that reached 15 cm, {np.mean(lead > 0.0):.2f} were warned of before, "
            f"median lead {np.median(lead):.1f} min (90 %: {np.percentile(lead, 90):.1f})"
        )
    lines += [
        "",
        f"real floods that reached 5 cm: {_told(told)}",
        f"the same floods, one reading in ten minutes: {_told(seldom)}",
    ]
    if false is not None:
        kinds = ", ".join(f"{kind} {n}" for kind, n in false.told.items())
        lines.append(
            f"simulated: {false.sensor_months} sensor-months with {false.artefacts} artefacts: "
            f"{false.per_100_months:.1f} false floods per 100 sensor-months ({kinds}); "
            f"{false.orders / false.sensor_months:.1f} orders to look in a sensor-month"
        )
    if faults:
        lines.append(f"passed over: {len(faults)} rows, first {faults[0]}")
    return "\n".join(lines)


def _told(of: Recall) -> str:
    return (
        f"{of.told} of {of.floods} told, recall {_text(of.told / max(of.floods, 1), 4)}, {of.looked_at} more looked "
        f"at, {_text(of.delay_median_s, 0)} s after 5 cm in the median, 95 %: {_text(of.delay_p95_s, 0)} s"
    )


def _line(name: str, s: Score) -> str:
    return f"  {name:<48}{s.cases:>6}{_text(s.pod, 2):>7}{_text(s.far, 2):>7}{_text(s.csi, 2):>7}"


def _text(value: float, digits: int) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
