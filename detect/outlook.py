"""The I/O of the flood forecasts: models and rain forecasts come from the store, forecasts go into it.

A model that cannot be read leaves the ladder without its upper rungs, and the log says why; the detector watches on.
"""

import numpy as np

from detect.flood import model_file
from detect.flood.detector import FloodDetector
from detect.flood.foresight import Shown
from detect.flood.levels import COLOURS
from detect.flood.nowcast import Nowcast
from detect.flood.rainfield import RainForecast
from detect.instant import instant
from detect.port import Scope
from detect.track import Track
from lifeline import log
from lifeline.clock import Clock
from lifeline.errors import ReplayError
from lifeline.finding import Finding
from lifeline.store import findings, flood_forecasts, flood_models, rain_forecasts
from lifeline.store.flood_forecasts import FloodForecast
from lifeline.store.pool import Store

_LOG = log.logger("detect")
_LOOK_S = 30.0


def nowcast_of(store: Store, city_code: str) -> tuple[Nowcast | None, int | None]:
    """The city's model in use and its number; no model where it cannot be read. Raises StoreError."""
    saved = flood_models.in_use(store, city_code)
    if saved is None:
        return None, None
    try:
        found = model_file.from_bytes(bytes(saved.content), sha256=saved.sha256, written_with=saved.made_with)
    except ReplayError as error:
        _LOG.error("the flood model is not used", city=city_code, model=saved.model_id, error=str(error))
        return None, saved.model_id
    return found, saved.model_id


class Outlook:
    """The forecasts of one city. `model_id`: the model that its detector was made with."""

    def __init__(self, store: Store, clock: Clock, scope: Scope, model_id: int | None) -> None:
        self._store, self._clock, self._scope, self._model_id = store, clock, scope, model_id
        self._looked_s = -np.inf
        self._written_s = 0.0
        self._rows = 0

    def before(self, track: Track) -> None:
        """Gives the flood detector what others foresee and have found. Raises StoreError."""
        detector = track.detector
        now = self._clock.now()
        if not isinstance(detector, FloodDetector) or now.timestamp() - self._looked_s < _LOOK_S:
            return
        self._looked_s = now.timestamp()
        rain = rain_forecasts.newest(self._store, self._scope.city_code, now=now)
        if detector.foresight is not None:
            detector.foresight.rain = (
                None if rain is None else RainForecast(rain.issued_at.timestamp(), rain.step_s, np.array(rain.members))
            )
        for zone in detector.street_bursts.zones:
            subjects = (f"burst:{zone.zone_id}", f"leak:{zone.zone_id}")
            said = [findings.latest_of_subject(self._store, subject) for subject in subjects]
            detector.street_bursts.evidence[zone.zone_id] = [_evidence(f) for f in said if f is not None]

    def after(self, track: Track) -> None:
        """Writes forecasts that are newer than what is written. Raises StoreError."""
        detector = track.detector
        if not isinstance(detector, FloodDetector) or detector.foresight is None:
            return
        foresight = detector.foresight
        if foresight.made_s <= self._written_s or not (foresight.shown or self._rows or not self._written_s):
            return
        rows = [self._row(shown) for shown in foresight.shown]
        with self._store.transaction() as connection:
            flood_forecasts.replace(connection, self._scope.city_code, rows)
        self._written_s, self._rows = foresight.made_s, len(rows)

    def _row(self, shown: Shown) -> FloodForecast:
        f, at = shown.forecast, list(shown.level_places)
        return FloodForecast(
            sensor_id=shown.sensor.sensor_id,
            city_code=self._scope.city_code,
            made_at=instant(shown.made_s),
            rung=f.rung.value,
            model_id=self._model_id,
            depth_m=round(f.depth_m, 4),
            data_age_s=round(f.data_age_s, 1),
            levels_m=tuple(f.levels_m[n] for n in at),
            probability_30=tuple(round(float(p), 4) for p in f.probability[at, 0]),
            probability_60=tuple(round(float(p), 4) for p in f.probability[at, 1]),
            quantiles_30_m=tuple(round(float(q), 4) for q in f.quantiles_m[0]),
            quantiles_60_m=tuple(round(float(q), 4) for q in f.quantiles_m[1]),
            crossing_min=tuple(None if np.isnan(c) else round(float(c), 1) for c in f.crossing_min[at]),
            warned=COLOURS[shown.warned - 1] if shown.warned else "none",
            reasons=tuple(r.value for r in f.reasons),
            closure=shown.closure,
        )


def _evidence(finding: Finding) -> dict[str, object]:
    return {
        "subject": finding.subject,
        "finding_id": finding.finding_id,
        "phase": finding.phase.value,
        "reason": finding.reason,
        "detected_at": finding.detected_at.isoformat(),
        "probability": finding.probability,
        "flow_m3_per_h": finding.flow_m3_per_h,
    }
