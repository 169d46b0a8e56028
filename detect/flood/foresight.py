"""Forecasts while the city lives: every minute of event time, and what is told of them.

Subject `flood-expected:{sensor_id}`, kind `flood-expected`: opened when two forecasts in a row warn of yellow or more,
ended when the water is there (the flood has its own alarm) or when nothing was warned of for ten minutes.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from detect.flood.closure import Streets, advices
from detect.flood.datum import values
from detect.flood.features import WET_M
from detect.flood.levels import COLOURS, Ladder
from detect.flood.lookout import Lookout
from detect.flood.nowcast import HORIZONS_MIN, WARN_PROBABILITY, Forecast, Nowcast
from detect.flood.rainfield import RainForecast
from detect.flood.sky import Sky
from detect.instant import instant, iso
from detect.port import Json, Scope
from lifeline.asset import Sensor
from lifeline.finding import Finding, FindingKind, Phase

TICK_S = 60.0
_LEAST_LEVEL = 2
"""yellow: less is no reason to call anybody before it comes"""
_IN_A_ROW = 2
_GONE_S = 600.0
_SAY_AGAIN_S = 300.0
_SHOWN_PROBABILITY = 0.1
"""dry places below it are not shown"""


class ForesightReason(StrEnum):
    """Why something is said of a forecast."""

    FLOOD_FORESEEN = "flood-foreseen"
    FORECAST_GREW = "forecast-grew"
    FORECAST_FELL = "forecast-fell"
    FLOOD_CAME = "flood-came"
    NO_LONGER_FORESEEN = "no-longer-foreseen"


@dataclass(frozen=True)
class Shown:
    """The forecast of a place as people see it."""

    sensor: Sensor
    made_s: float
    forecast: Forecast
    """its levels are the place's four and those of the closing advice, ascending"""
    level_places: tuple[int, int, int, int]
    """where blue to red stand among the forecast's levels"""
    warned: int
    closure: Json | None


@dataclass(slots=True)
class _Expected:
    """What was told of one place."""

    in_a_row: int = 0
    told: int = 0
    began_s: float = 0.0
    warned_s: float = 0.0
    said_s: float = 0.0


@dataclass
class Foresight:
    """The forecasts of one city. `rain` is put in from outside, and left out where nobody knows."""

    scope: Scope
    nowcast: Nowcast
    lookout: Lookout
    places: tuple[Sensor, ...]
    """in the order of the lookout's"""
    ladders: tuple[Ladder, ...]
    """of each place"""
    rain: RainForecast | None = None
    shown: list[Shown] = field(default_factory=list)
    """of the latest tick: places that are wet, warned of, or may become wet"""
    made_s: float = 0.0

    def __post_init__(self) -> None:
        self._streets = Streets(self.scope.drains)
        self._expected: dict[int, _Expected] = {}
        self._due_s = 0.0
        extra = tuple(a.depth_m for a in advices())
        self._levels = [tuple(sorted({*ladder.depths_m, *extra})) for ladder in self.ladders]

    def until(self, until_s: float, sky: Sky, *, strict: bool) -> list[Finding]:
        """Makes the forecasts that are due before `until_s` (or at it, where not `strict`)."""
        if self._due_s == 0.0:
            self._due_s = (until_s // TICK_S + 1.0) * TICK_S
        found: list[Finding] = []
        while self._due_s < until_s or (not strict and self._due_s == until_s):
            found += self._tick(self._due_s, sky)
            self._due_s += TICK_S
        return found

    def state(self) -> Json:
        """What is remembered; goes through JSON unchanged."""
        told = {self.lookout.ids[k]: values(e) for k, e in self._expected.items()}
        return {"due_s": self._due_s, "told": told, "lookout": self.lookout.state()}

    def restore(self, state: Json) -> None:
        """Goes on from what `state` gave; sensors that have gone are forgotten."""
        self._due_s = state["due_s"]
        place = {sensor_id: k for k, sensor_id in enumerate(self.lookout.ids)}
        self._expected = {place[i]: _Expected(*saved) for i, saved in state["told"].items() if i in place}
        self.lookout.restore(state["lookout"])

    def _tick(self, now_s: float, sky: Sky) -> list[Finding]:
        self.made_s = now_s
        if not self._expected and self.lookout.idle(now_s, self.rain):
            self.shown = []
            return []
        rows = self.lookout.rows(now_s, sky, self.rain)
        basins = self.lookout.basins(now_s, self.rain)
        forecasts = self.nowcast.forecast(rows, list(self._levels), list(self.lookout.ids), basins)
        shown, found = [], []
        for k, forecast in enumerate(forecasts):
            sensor, ladder = self.places[k], self.ladders[k]
            at = tuple(forecast.levels_m.index(m) for m in ladder.depths_m)
            # what this flood has reached already was told as a flood
            highest_m = self.lookout.memory.peak_m(k)
            open_ = [n for n in range(1, 5) if ladder.depths_m[n - 1] > highest_m and forecast.warns(at[n - 1])]
            warned = max(open_, default=0)
            likely = float(forecast.probability[at[0], -1]) >= _SHOWN_PROBABILITY
            if not (warned or k in self._expected or likely or forecast.depth_m >= WET_M):
                continue
            one = Shown(sensor, now_s, forecast, (at[0], at[1], at[2], at[3]), warned, self._closure(sensor, forecast))
            shown.append(one)
            found += self._say(k, one, ladder, now_s)
        self.shown = shown
        return found

    def _closure(self, sensor: Sensor, forecast: Forecast) -> Json | None:
        """The gravest advice that is likely enough within the hour, by when, and the stretch."""
        for advice in reversed(advices()):
            level = forecast.levels_m.index(advice.depth_m)
            if float(forecast.probability[level, -1]) < WARN_PROBABILITY:
                continue
            expected_m = max(float(forecast.quantiles_m[-1, 1]), advice.depth_m)
            minutes = float(forecast.crossing_min[level])
            return {
                "do": advice.do,
                "depth_m": advice.depth_m,
                "within_min": None if np.isnan(minutes) else round(minutes, 1),
                "probability": round(float(forecast.probability[level, -1]), 3),
                "source": advice.source,
                "stretch": self._streets.stretch(sensor, expected_m),
            }
        return None

    def _say(self, place: int, shown: Shown, ladder: Ladder, now_s: float) -> list[Finding]:
        e = self._expected.get(place)
        warned = shown.warned if shown.warned >= _LEAST_LEVEL else 0
        if e is None:
            if not warned:
                return []
            e = self._expected[place] = _Expected()
        if warned:
            e.in_a_row += 1
            e.warned_s = now_s
        else:
            e.in_a_row = 0
        if not e.told:
            if e.in_a_row >= _IN_A_ROW:
                e.told, e.began_s, e.said_s = warned, now_s - TICK_S, now_s
                return [self._finding(Phase.ONSET, ForesightReason.FLOOD_FORESEEN, shown, ladder, e, now_s)]
            if not warned:
                del self._expected[place]
            return []
        if shown.forecast.depth_m >= ladder.depths_m[e.told - 1] and not warned:
            del self._expected[place]
            return [self._finding(Phase.END, ForesightReason.FLOOD_CAME, shown, ladder, e, now_s)]
        if now_s - e.warned_s >= _GONE_S:
            del self._expected[place]
            return [self._finding(Phase.END, ForesightReason.NO_LONGER_FORESEEN, shown, ladder, e, now_s)]
        grew = warned > e.told
        if warned and (grew or (warned < e.told and now_s - e.said_s >= _SAY_AGAIN_S)):
            e.told, e.said_s = warned, now_s
            reason = ForesightReason.FORECAST_GREW if grew else ForesightReason.FORECAST_FELL
            return [self._finding(Phase.UPDATE, reason, shown, ladder, e, now_s)]
        return []

    def _finding(
        self, phase: Phase, reason: ForesightReason, shown: Shown, ladder: Ladder, e: _Expected, now_s: float
    ) -> Finding:
        sensor, f = shown.sensor, shown.forecast
        level = shown.level_places[e.told - 1]
        chance = float(f.probability[level, -1])
        crossing = float(f.crossing_min[level])
        return Finding(
            subject=f"flood-expected:{sensor.sensor_id}",
            kind=FindingKind.FLOOD_EXPECTED,
            phase=phase,
            city_code=self.scope.city_code,
            detector="flood",
            reason=reason.value,
            began_at=instant(e.began_s),
            detected_at=instant(now_s),
            probability=round(chance, 4),
            zone_id=sensor.zone_id,
            sensor_ids=(sensor.sensor_id,),
            position=sensor.position,
            depth_m=ladder.depths_m[e.told - 1],
            explanation={
                "level": COLOURS[e.told - 1],
                "rung": f.rung.value,
                "reasons": [r.value for r in f.reasons],
                "data_age_s": round(f.data_age_s, 1),
                "depth_now_m": round(f.depth_m, 3),
                "crossing_min": None if np.isnan(crossing) else round(crossing, 1),
                "crossing_at": None if np.isnan(crossing) else iso(now_s + 60.0 * crossing),
                "quantiles_m": {
                    f"{h:.0f}": [round(float(q), 3) for q in row]
                    for h, row in zip(HORIZONS_MIN, f.quantiles_m, strict=True)
                },
                "thresholds_m": dict(zip(COLOURS, ladder.depths_m, strict=True)),
                "source": ladder.source,
                "closure": shown.closure,
            },
        )
