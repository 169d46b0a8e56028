"""Learns a nowcast from storms over a drainage model: records of places, four models, all judged on unseen storms.

The record that a row is completed with never holds the row's own storm: storms are dealt into folds, and each fold is
completed by the records of the others. So the models learn how far a record of other storms can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from detect.flood import likeness as likenesses
from detect.flood import record as records
from detect.flood.campaign import Instruments, Told
from detect.flood.drains import Drains
from detect.flood.exceedance import Examples, Exceedance, Size, fit
from detect.flood.features import (
    AROUND,
    FEATURES,
    FORECAST,
    PAST,
    PIPE_POND_AHEAD,
    POND,
    POND_AHEAD,
    RECORD,
    RECORD_AHEAD,
    TIME,
)
from detect.flood.known import Known
from detect.flood.likeness import Likeness
from detect.flood.nowcast import Models, Nowcast
from detect.flood.record import SPANS_MIN, Record

SIZE = Size(trees=150, leaves=16, leaf_rows=40, rate=0.1, folds=(0.7, 1.0), most=160_000)
_FOLDS = 4


def _positions(names: Sequence[str]) -> tuple[int, ...]:
    return tuple(FEATURES.index(name) for name in names)


_NOT_OF_STORMS = _positions((*PAST, *TIME, *AROUND[:2]))
"""a made-up storm has no season and no tide, its places no past, and the number of sensors is the city's"""
_RECORDS = _positions((*RECORD[: len(SPANS_MIN)], *RECORD_AHEAD[: len(SPANS_MIN)], *POND, *POND_AHEAD))
_AHEADS = _positions((*FORECAST, *RECORD_AHEAD, *POND_AHEAD, *PIPE_POND_AHEAD))


@dataclass(frozen=True)
class Catchment:
    """A drainage model with its sensors and the storms that were told of it."""

    drains: Drains
    tools: Instruments
    storms: tuple[Told, ...]


def known_of(catchment: Catchment, storms: Sequence[Told] | None = None) -> Known:
    """What is known of the places of a catchment, record and likeness from `storms` (none: without them)."""
    ids = catchment.tools.place_ids
    pipes = Known(dict(zip(ids, catchment.drains.physical, strict=True)), links=catchment.tools.links)
    if not storms:
        return pipes
    record = records.learned(ids, np.array([s.spans_mm for s in storms]), np.array([s.peak_m for s in storms]))
    first = np.cumsum([0, *(len(s.basins.pond_mm) for s in storms)])
    likeness = likenesses.learned(
        len(ids),
        np.concatenate([s.place for s in storms]),
        np.concatenate([s.depth_m for s in storms]),
        np.concatenate([n + s.basins.series for n, s in zip(first, storms, strict=False)]),
        np.concatenate([s.basins.pond_mm for s in storms]),
    )
    return replace(pipes, record=record, like={place: n for n, place in enumerate(ids)}, likeness=likeness)


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
                    rows = known.completed(storm.features.astype(np.float64), ids, storm.basins)
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
    each = [known_of(catchment, catchment.storms) for catchment in catchments]
    found = Known()
    for known in each:
        first = 0 if found.likeness is None else len(found.likeness.basin)
        likes = [k.likeness for k in (found, known) if k.likeness is not None]
        found = Known(
            found.physical | known.physical,
            Record(found.record.curves | known.record.curves),
            found.links | known.links,
            found.like | {place: first + n for place, n in known.like.items()},
            Likeness(np.concatenate([k.basin for k in likes]), np.concatenate([k.curve_m for k in likes]))
            if likes
            else None,
        )
    return found
