"""The score of a year of leak reports by the exact rules of the BattLeDIM competition, and the nulls beside it.

Vrachimis et al. 2022, doi:10.1061/(ASCE)WR.1943-5452.0001601: a report is a pipe and a time. It is true when a leak
runs at that time within 300 m along the pipes; then it earns the water saved from the report to the leak's end, less
the digging.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WATER_EUR_PER_M3 = 0.80
REACH_M = 300.0
CREW_EUR = 500.0


@dataclass(frozen=True)
class TrueLeak:
    """A leak that was: its pipe, first and last step, and its flow per step `(n_steps,)`, m3/h."""

    pipe: str
    start: int
    end: int
    flow_m3_per_h: np.ndarray


@dataclass(frozen=True)
class Verdict:
    """What one report was worth."""

    step: int
    pipe: str
    leak: int | None
    """number of the leak it found, None for a repetition or a false report"""
    distance_m: float
    value_eur: float
    false: bool


@dataclass(frozen=True)
class Score:
    """The whole year."""

    total_eur: float
    perfect_eur: float
    found: int
    leaks: int
    false: int
    verdicts: tuple[Verdict, ...]

    @property
    def share(self) -> float:
        """Of the perfect score."""
        return self.total_eur / self.perfect_eur if self.perfect_eur else 0.0


def water_eur(leak: TrueLeak, step: int, *, step_h: float) -> float:
    """Value of the water that leaks from `step` to the end of the leak."""
    first = max(step, leak.start)
    return WATER_EUR_PER_M3 * step_h * float(leak.flow_m3_per_h[first : leak.end + 1].sum())


def score(
    reports: Sequence[tuple[int, str]],
    leaks: Sequence[TrueLeak],
    distance_m: np.ndarray,
    pipes: Sequence[str],
    *,
    step_h: float = 1 / 12,
) -> Score:
    """Score reports `(step, pipe)`; those before step 0 are ignored. `distance_m` is between `pipes`."""
    number = {name: i for i, name in enumerate(pipes)}
    found: set[int] = set()
    verdicts = []
    for step, pipe in sorted((r for r in reports if r[0] >= 0), key=lambda r: r[0]):
        near = []
        for k, leak in enumerate(leaks):
            x = float(distance_m[number[pipe], number[leak.pipe]])
            if leak.start <= step <= leak.end and x <= REACH_M:
                near.append((x, k))
        fresh = sorted(n for n in near if n[1] not in found)
        if fresh:
            x, k = fresh[0]
            found.add(k)
            value = water_eur(leaks[k], step, step_h=step_h) - x / REACH_M * CREW_EUR
            verdicts.append(Verdict(step, pipe, k, x, value, False))
        elif near:
            verdicts.append(Verdict(step, pipe, None, min(near)[0], 0.0, False))
        else:
            verdicts.append(Verdict(step, pipe, None, np.inf, -CREW_EUR, True))
    return Score(
        total_eur=sum(v.value_eur for v in verdicts),
        perfect_eur=sum(water_eur(leak, leak.start, step_h=step_h) for leak in leaks),
        found=len(found),
        leaks=len(leaks),
        false=sum(v.false for v in verdicts),
        verdicts=tuple(verdicts),
    )


def random_reports(n: int, n_steps: int, pipes: Sequence[str], *, seed: int) -> list[tuple[int, str]]:
    """The null that any detector must beat: as many reports as were made, at random times and pipes."""
    rng = np.random.default_rng(seed)
    return [(int(rng.integers(n_steps)), pipes[int(rng.integers(len(pipes)))]) for _ in range(n)]


def night_flow_reports(
    inflow_m3_per_h: np.ndarray, pipe: str, *, steps_per_day: int = 288, excess: float = 0.05
) -> list[tuple[int, str]]:
    """The naive practice: call when a night's flow (02-05 h) exceeds the median of the 28 nights before by `excess`.

    It cannot place anything, so it names the pipe nearest to the middle of the network. A call is repeated after a week
    at the earliest.
    """
    days = len(inflow_m3_per_h) // steps_per_day
    first, last = round(2 / 24 * steps_per_day), round(5 / 24 * steps_per_day)
    nights = inflow_m3_per_h[: days * steps_per_day].reshape(days, steps_per_day)[:, first:last]
    flow = np.nanmean(np.where(np.isfinite(nights).any(axis=1, keepdims=True), nights, 0.0), axis=1)
    reports, silent_until = [], 0
    for day in range(14, days):
        usual = float(np.median(flow[max(0, day - 28) : day]))
        if day >= silent_until and flow[day] > (1 + excess) * usual:
            reports.append((day * steps_per_day + last, pipe))
            silent_until = day + 7
    return reports
