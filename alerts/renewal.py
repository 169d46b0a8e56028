"""The renewal ledger (P6.2): which pipes break next, ranked by expected breaks per km and year, each with its reasons.

A pipe's rate is that of its cohort (material and age), corrected by its own history: gamma-Poisson, the posterior mean
(a + n) / (b + t), so that a pipe of which little is known is judged by its like and one that breaks again and again by
itself. Leaks count as a part of a break; frost and surcharge multiply. Pure: values in, values out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LEAK_SHARE = 0.5
"""Of a leak in the history: it is mended before it breaks, and its pipe is weak. A working value."""
OWN_YEARS = 8.0
"""Breaks that a cohort stands for, in years of an average pipe's history; the larger, the slower a pipe is believed."""
_AGE_STEP, _OLDEST = 15, 75
_FEWEST_BREAKS = 3.0
"""A cohort is pulled to the city's rate, by its age, as if it had seen so many breaks at it."""


class Reason(StrEnum):
    """Why a pipe stands where it stands."""

    BREAKS = "broke-before"
    LEAKS = "leaked-before"
    COHORT = "weak-material-and-age"
    FROST = "frost"
    SURCHARGE = "surcharged-ground"
    LIKE_OTHERS = "like-others"


@dataclass(frozen=True, slots=True)
class Pipe:
    """A segment and its history of `years` years; frost days and hours of surcharge are per year."""

    asset_id: str
    length_m: float
    material: str
    laid: int | None
    breaks: int
    leaks: int
    years: float
    frost_days: float = 0.0
    surcharge_hours: float = 0.0
    geometry: Any = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A line of the ledger: `per_km_year` are expected breaks, `share` the part of all length up to and with it."""

    pipe: Pipe
    age: int | None
    per_km_year: float
    share: float
    reasons: tuple[Reason, ...]


def rank(pipes: Sequence[Pipe], year: int) -> list[Ranked]:
    """All pipes, the most urgent first; the same pipes give the same order."""
    if not pipes:
        return []
    km = np.array([max(pipe.length_m, 1.0) for pipe in pipes]) / 1000.0
    years = np.array([max(pipe.years, 0.1) for pipe in pipes])
    events = np.array([pipe.breaks + LEAK_SHARE * pipe.leaks for pipe in pipes])
    frost = _factor([pipe.frost_days for pipe in pipes], events, km * years)
    wet = _factor([pipe.surcharge_hours for pipe in pipes], events, km * years)
    exposure = km * years * frost * wet
    city = max(float(events.sum() / exposure.sum()), 1e-4)
    names = [_cohort(pipe, year) for pipe in pipes]
    older = _older(pipes, year)
    cohort: dict[tuple[str, int], float] = {}
    for name in set(names):
        of = np.array([one == name for one in names])
        prior = _FEWEST_BREAKS * float(older[of].mean())
        cohort[name] = float((events[of].sum() + prior) / (exposure[of].sum() + _FEWEST_BREAKS / city))
    like = np.array([cohort[name] for name in names])
    prior_km_years = OWN_YEARS * float(np.median(km))
    per_km = (like * prior_km_years + events) / (prior_km_years + exposure) * frost * wet
    order = sorted(range(len(pipes)), key=lambda k: (-per_km[k], pipes[k].asset_id))
    total, so_far = float(km.sum()), 0.0
    ranked = []
    for k in order:
        so_far += float(km[k])
        reasons = _reasons(pipes[k], like[k] / city, float(frost[k]), float(wet[k]))
        laid = pipes[k].laid
        age = None if laid is None else year - laid
        ranked.append(Ranked(pipes[k], age, float(per_km[k]), so_far / total, reasons))
    return ranked


def geojson(ranked: Sequence[Ranked]) -> dict[str, Any]:
    """The ledger as GeoJSON, pipes with a geometry only."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": one.pipe.geometry,
                "properties": {
                    "asset_id": one.pipe.asset_id, "rank": place, "per_km_year": round(one.per_km_year, 4),
                    "age": one.age, "material": one.pipe.material, "breaks": one.pipe.breaks,
                    "leaks": one.pipe.leaks, "reasons": [reason.value for reason in one.reasons],
                },
            }
            for place, one in enumerate(ranked, start=1)
            if one.pipe.geometry is not None
        ],
    }  # fmt: skip


def _cohort(pipe: Pipe, year: int) -> tuple[str, int]:
    age = -1 if pipe.laid is None else min(max(year - pipe.laid, 0), _OLDEST) // _AGE_STEP
    return pipe.material, age


def _older(pipes: Sequence[Pipe], year: int) -> Floats:
    """Age over the mean age, 1 where it is unknown: what a pipe is thought of before anything has broken."""
    ages = np.array([np.nan if pipe.laid is None else max(year - pipe.laid, 0) for pipe in pipes], dtype=float)
    if np.isnan(ages).all() or np.nanmean(ages) == 0:
        return np.ones(len(pipes))
    found: Floats = np.clip(np.where(np.isnan(ages), 1.0, ages / np.nanmean(ages)), 0.3, 3.0)
    return found


def _factor(values: Sequence[float], events: Floats, exposure: Floats) -> Floats:
    """How much more often pipes above the median break than those below, shrunk to 1; 1 where nothing differs."""
    given = np.array(values, dtype=float)
    high = given > np.median(given)
    if not high.any() or high.all():
        return np.ones(len(given))
    city = max(float(events.sum() / exposure.sum()), 1e-9)
    rates = [
        (float(events[of].sum()) + 2 * _FEWEST_BREAKS) / (float(exposure[of].sum()) * city + 2 * _FEWEST_BREAKS)
        for of in (high, ~high)
    ]
    found: Floats = np.where(high, rates[0], rates[1])
    return found


def _reasons(pipe: Pipe, cohort: float, frost: float, wet: float) -> tuple[Reason, ...]:
    found = [Reason.BREAKS] if pipe.breaks else []
    found += [Reason.LEAKS] if pipe.leaks else []
    found += [Reason.COHORT] if cohort > 1.25 else []
    found += [Reason.FROST] if frost > 1.1 else []
    found += [Reason.SURCHARGE] if wet > 1.1 else []
    return tuple(found) or (Reason.LIKE_OTHERS,)
