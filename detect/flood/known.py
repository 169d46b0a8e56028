"""What a model knows of its places before it rains: their pipes, their record, the level sensors upstream of them."""

from dataclasses import dataclass, field

import numpy as np

from detect.flood.drains import PHYSICAL
from detect.flood.features import FORECAST, RAIN, RECORD, RECORD_AHEAD, columns
from detect.flood.rainfield import WINDOWS_MIN
from detect.flood.record import SPANS_MIN, Record, spans_ahead, spans_so_far
from detect.port import Floats

_NONE = Record({})


@dataclass(frozen=True)
class Known:
    """By place id: `physical` (len(PHYSICAL),), the record, and the level sensors upstream, nearest first."""

    physical: dict[str, Floats] = field(default_factory=dict)
    record: Record = _NONE
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def completed(self, rows: Floats, place_ids: list[str]) -> Floats:
        """`rows` (n, len(FEATURES)) with `PHYSICAL`, `RECORD` and `RECORD_AHEAD` filled in where they are known."""
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
