"""What a model knows of its places before it rains: their pipes, their record, the level sensors upstream of them."""

from dataclasses import dataclass, field

import numpy as np

from detect.flood.basins import Basins
from detect.flood.drains import PHYSICAL
from detect.flood.features import (
    FORECAST,
    PIPE_POND,
    PIPE_POND_AHEAD,
    POND,
    POND_AHEAD,
    RAIN,
    RECORD,
    RECORD_AHEAD,
    columns,
)
from detect.flood.likeness import Likeness, guessed, ponds
from detect.flood.rainfield import WINDOWS_MIN
from detect.flood.record import SPANS_MIN, Record, spans_ahead, spans_so_far
from detect.port import Floats

_NONE = Record({})


@dataclass(frozen=True)
class Known:
    """By place id: `physical` (len(PHYSICAL),), the record, the level sensors upstream, nearest first, and `like`, the
    place's position in `likeness`."""

    physical: dict[str, Floats] = field(default_factory=dict)
    record: Record = _NONE
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    like: dict[str, int] = field(default_factory=dict)
    likeness: Likeness | None = None

    def completed(self, rows: Floats, place_ids: list[str], basins: Basins | None = None) -> Floats:
        """`rows` (n, len(FEATURES)) with what is known of their places filled in; `basins` of the same rows."""
        rows = rows.copy()
        unknown = np.full(len(PHYSICAL), np.nan)
        physical = np.array([self.physical.get(place, unknown) for place in place_ids]).reshape(-1, len(PHYSICAL))
        rain = columns(RAIN)
        past = rows[:, rain.start : rain.start + len(WINDOWS_MIN)]
        ahead = rows[:, columns(FORECAST)]
        rows[:, columns(PHYSICAL)] = physical
        for names, spans in ((RECORD, spans_so_far(past)), (RECORD_AHEAD, spans_ahead(past, ahead))):
            own = columns(names)
            rows[:, own.start : own.start + len(SPANS_MIN)] = self.record.depths(place_ids, spans)
            rows[:, own.start + len(SPANS_MIN) : own.stop] = _through_pipes(physical, spans)
        if basins is not None and len(rows):
            depth_m = rows[:, 0]
            rows[:, columns(PIPE_POND)], rows[:, columns(PIPE_POND_AHEAD)] = ponds(guessed(physical), basins, depth_m)
            number = np.array([self.like.get(place, -1) for place in place_ids], dtype=np.intp)
            if self.likeness is not None:
                for names, found in zip(
                    (POND, POND_AHEAD), ponds(self.likeness.of(number), basins, depth_m), strict=True
                ):
                    rows[:, columns(names)] = np.where(number[:, None] >= 0, found, np.nan)
        return rows


def _through_pipes(physical: Floats, spans_mm: Floats) -> Floats:
    """(n, 3): the rain's intensity over what the pipes can take, mm that they cannot take, the depth that this makes.

    The intensity is that over the time of concentration at the least: shorter rain has not all arrived.
    """
    of = dict(zip(PHYSICAL, physical.T, strict=True))
    hours = np.array(SPANS_MIN) / 60.0
    takes = np.minimum(of["bottleneck_mm_per_h"], of["capacity_mm_per_h"])[:, None]
    arrived = np.minimum(1.0, 60.0 * hours[None, :] / of["concentration_min"][:, None])
    load = np.max(spans_mm / hours * arrived, axis=1) / takes[:, 0]
    excess_mm = np.max(np.maximum(spans_mm * arrived - takes * hours, 0.0), axis=1)
    depth_m = 0.15 * excess_mm / np.maximum(of["pond_mm"], 0.05)
    return np.column_stack([load, excess_mm, np.minimum(depth_m, 3.0)])
