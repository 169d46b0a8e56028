"""Learns a nowcast from storms over a drainage model: records of places, four models, all judged on unseen storms.

The record that a row is completed with never holds the row's own storm: storms are dealt into folds, and each fold is
completed by the records of the others. So the models learn how far a record of other storms can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from detect.flood.campaign import Instruments, Told
from detect.flood.drains import Drains
from detect.flood.exceedance import Examples, Exceedance, Size, fit
from detect.flood.features import AROUND, FEATURES, FORECAST, PAST, RECORD, RECORD_AHEAD, TIME
from detect.flood.known import Known
from detect.flood.nowcast import Models, Nowcast
from detect.flood.record import SPANS_MIN, Record, learned
from detect.port import Floats

SIZE = Size(trees=150, leaves=16, leaf_rows=40, rate=0.1, folds=(0.7, 1.0), most=160_000)
_FOLDS = 4


def _positions(names: Sequence[str]) -> tuple[int, ...]:
    return tuple(FEATURES.index(name) for name in names)


_NOT_OF_STORMS = _positions((*PAST, *TIME, *AROUND[:2]))
"""a made-up storm has no season and no tide, its places no past, and the number of sensors is the city's"""
_RECORDS = _positions((*RECORD[: len(SPANS_MIN)], *RECORD_AHEAD[: len(SPANS_MIN)]))
_AHEADS = _positions((*FORECAST, *RECORD_AHEAD))


@dataclass(frozen=True)
class Catchment:
    """A drainage model with its sensors and the storms that were told of it."""

    drains: Drains
    tools: Instruments
    storms: tuple[Told, ...]


def known_of(catchment: Catchment, storms: Sequence[Told] | None = None) -> Known:
    """What is known of the places of a catchment, the record from `storms` (none: without a record)."""
    ids = catchment.tools.place_ids
    record = Record({})
    if storms:
        spans = np.array([s.spans_mm for s in storms])
        record = learned(ids, spans, np.array([s.peak_m for s in storms]))
    return Known(dict(zip(ids, catchment.drains.physical, strict=True)), record, catchment.tools.links)


class For(StrEnum):
    """Which places the models are for."""

    RECORDED = "recorded"
    """those of the catchments themselves"""
    ELSEWHERE = "elsewhere"
    """places without a record"""
    BOTH = "both"


def learn(catchments: Sequence[Catchment], *, places: For = For.BOTH, size: Size = SIZE, seed: int = 0) -> Nowcast:
    """A nowcast from the storms of one or more catchments; the record is that of all of them."""
    parts, flood = [], 0
    for catchment in catchments:
        order = np.random.default_rng(seed).permutation(len(catchment.storms))
        folds = [order[k::_FOLDS] for k in range(_FOLDS)]
        for fold in folds:
            others = [catchment.storms[n] for n in order if n not in set(fold.tolist())]
            known = known_of(catchment, others)
            for n in fold:
                storm = catchment.storms[n]
                flood += 1
                if len(storm.place):
                    ids = [catchment.tools.place_ids[p] for p in storm.place]
                    rows = known.completed(storm.features.astype(np.float64), ids)
                    parts.append((rows.astype(np.float32), storm.ahead_m, np.full(len(ids), flood), storm.weight))
    rows, ahead, numbers, weight = (np.concatenate([p[k] for p in parts]) for k in range(4))
    # folds are for calibration on later storms: storms of all catchments in one random order
    shuffled = np.random.default_rng(seed).permutation(flood + 1)
    examples = Examples(rows, ahead, shuffled[numbers], weight)
    return Nowcast(_models(examples, places, size, seed), _all_known(catchments), from_rain=True)


def _models(examples: Examples, places: For, size: Size, seed: int) -> Models:
    bare_rows = examples.rows.copy()
    bare_rows[:, list(_AHEADS)] = np.nan
    bare = replace(examples, rows=bare_rows)

    def fitted(of: Examples, leave_out: tuple[int, ...]) -> Exceedance | None:
        return fit(of, leave_out=(*_NOT_OF_STORMS, *leave_out), size=size, seed=seed)

    recorded, elsewhere = places is not For.ELSEWHERE, places is not For.RECORDED
    return Models(
        full=fitted(examples, ()) if recorded else None,
        full_elsewhere=fitted(examples, _RECORDS) if elsewhere else None,
        bare=fitted(bare, ()) if recorded else None,
        bare_elsewhere=fitted(bare, _RECORDS) if elsewhere else None,
    )


def _all_known(catchments: Sequence[Catchment]) -> Known:
    physical: dict[str, Floats] = {}
    curves: dict[str, Floats] = {}
    links: dict[str, tuple[str, ...]] = {}
    for catchment in catchments:
        known = known_of(catchment, catchment.storms)
        physical |= known.physical
        curves |= known.record.curves
        links |= known.links
    return Known(physical, Record(curves), links)
