"""What the core remembers of the last days for those who ask why: each zone's inflow, and what the days were like."""

import math
from dataclasses import dataclass, field

import numpy as np

from detect.instant import iso
from detect.leak.baseline import window_mean
from detect.leak.expected import Hour, HourModel
from detect.port import Floats, Json

HOURS = 168
DAYS = 24
_DAY_H = 24


@dataclass(slots=True)
class Course:
    """Hours `[hour, inflow of each zone, unexpected part of it]` and days `[last hour, mean of each channel]`."""

    hours: list[list[float | None]] = field(default_factory=list)
    days: list[list[float | None]] = field(default_factory=list)
    recent: list[list[float | None]] = field(default_factory=list)
    """what was not expected in each hour of the day under way"""

    def add(self, hour: Hour, unexpected: Floats, model: HourModel) -> None:
        """Takes in an hour: `unexpected` (n_channels,) is what the core did not expect in it."""
        inflow = model.zone_flow(hour)
        loss = unexpected[model.n_pressure + model.n_split :: 2]
        self.hours = [*self.hours[1 - HOURS :], [float(hour.index), *as_row(inflow), *as_row(loss)]]
        self.recent = [*self.recent[1 - _DAY_H :], as_row(unexpected)]
        if (hour.index + 1) % _DAY_H == 0 and len(self.recent) == _DAY_H:
            self.days = [*self.days[1 - DAYS :], [float(hour.index), *as_row(self.now())]]

    def now(self) -> Floats:
        """Mean of the last day (n_channels,), NaN where unknown."""
        return window_mean(np.array(self.recent, dtype=float))

    def before(self, hour: int) -> Floats | None:
        """Mean of the last whole day that had ended a day before `hour`; None where none is remembered."""
        known = [day for day in self.days if day[0] is not None and day[0] < hour - _DAY_H]
        return np.array(known[-1][1:], dtype=float) if known else None

    def curve(self, zone: int, zones: int, usual: float, threshold: float) -> Json | None:
        """Inflow of a zone as the console draws it, m3/h; None where it was never known.

        `usual` is the unexpected part that was there before, `threshold` how much more is out of the ordinary.
        """
        rows = [(row[0], row[1 + zone], row[1 + zones + zone]) for row in self.hours]
        known = [(h, i, u) for h, i, u in rows if h is not None and i is not None and u is not None]
        if not known:
            return None
        expected = [inflow - (unexpected - usual) for _, inflow, unexpected in known]
        return {
            "quantity": "balance",
            "unit": "m3/h",
            "times": [iso((hour + 0.5) * 3600.0) for hour, _, _ in known],
            "observed": [round(inflow, 3) for _, inflow, _ in known],
            "expected": [round(value, 3) for value in expected],
            "threshold": [round(value + threshold, 3) for value in expected],
        }

    def to_json(self) -> Json:
        return {"hours": self.hours, "days": self.days, "recent": self.recent}

    def restore(self, saved: Json) -> None:
        """The inverse of `to_json`."""
        self.hours, self.days, self.recent = saved["hours"], saved["days"], saved["recent"]


def as_row(values: Floats) -> list[float | None]:
    """As JSON takes it: five digits, null where unknown."""
    return [None if math.isnan(value) else value for value in np.round(values, 5).tolist()]
