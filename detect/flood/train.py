"""The work of `lifeline train flood`: storms over a city's drainage model, a nowcast, its report, its storage."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from detect.flood import model_file
from detect.flood.campaign import Instruments, instruments
from detect.flood.drains import Drains, read_drains
from detect.flood.nowcast import Nowcast
from detect.flood.observed import Correction, corrected
from detect.flood.report import write_report
from detect.flood.simulated import Judgement, Progress, drains_of, judged, quiet, trained
from detect.port import Batch, Json, Scope
from detect.window import Rows, batch_of
from lifeline.city import CityPack, load
from lifeline.errors import ReplayError, SettingsError
from lifeline.store import flood_models, history, readings, sensors
from lifeline.store.pool import Store
from lifeline.units import Quantity

_SLICE = timedelta(hours=6)
_FEW_FLOODS = 30
"""so many give a share of hits of 0.9 a standard error of 0.05"""


@dataclass(frozen=True)
class TrainedModel:
    """A model with what it is worth; `city_code` is empty where it belongs to no city pack."""

    city_code: str
    nowcast: Nowcast
    judgement: Judgement
    correction: Correction | None
    report: Path

    @property
    def notes(self) -> list[str]:
        """What people should know beside the table."""
        floods = next(iter(self.judgement.worths.values())).floods.happened
        few = f"only {floods} floods in the storms judged on: the figures say little; take more (--test-storms)"
        notes = [few] if floods < _FEW_FLOODS else []
        if self.correction is not None:
            return [*notes, self.correction.line()]
        return [
            *notes,
            "observed (real): not looked at (--with-observed); recorded floods: `lifeline evaluate flood EVENTS`",
        ]

    def store(self, store: Store, *, now: datetime) -> int:
        """Puts the model in use; its number. Raises StoreError."""
        content = model_file.to_bytes(self.nowcast)
        return flood_models.add(
            store, city_code=self.city_code, content=content, sha256=model_file.digest(content),
            made_with=model_file.made_with(), figures=self.figures(), now=now,
        )  # fmt: skip

    def figures(self) -> Json:
        """For the store and for JSON."""
        seen = None if self.correction is None else self.correction.__dict__
        finite = (
            None if seen is None else {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in seen.items()}
        )
        return {"simulated": self.judgement.figures(), "observed": finite}


def train_city(
    city: Path,
    *,
    storms: int,
    test_storms: int,
    processes: int,
    folder: Path,
    now: datetime,
    observed_from: Store | None = None,
    seed: int = 0,
    progress: Progress = quiet,
) -> TrainedModel:
    """Learns from a city pack, or a SWMM file alone. Raises PackError, ReplayError, SettingsError,
    SimulationError, StoreError."""
    drains, tools, pack = _model(city)
    _make(folder)
    nowcast, _ = trained([(drains, tools)], storms=storms, processes=processes, seed=seed, progress=progress)
    judgement = judged(
        nowcast, drains, tools, trained_on=(drains.name,), trained_storms=storms, own=True, storms=test_storms,
        processes=processes, seed=seed, progress=progress,
    )  # fmt: skip
    correction = None
    if observed_from is not None and pack is not None:
        nowcast, correction = _observed(nowcast, pack, observed_from, now, progress)
    content = model_file.to_bytes(nowcast)
    (folder / "model.bin").write_bytes(content)
    found = TrainedModel(pack.code if pack else "", nowcast, judgement, correction, folder / "report.html")
    facts = {
        "city_code": found.city_code, "trained_at": now.isoformat(), "made_with": model_file.made_with(),
        "sha256": model_file.digest(content), **found.figures(),
    }  # fmt: skip
    (folder / "figures.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    write_report(folder, found.judgement, found.notes, made_at=now)
    return found


def _make(folder: Path) -> None:
    """Now, and not after an hour of learning."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--out {folder}: no folder can be made there: {error}", advice="name another") from error


def _model(city: Path) -> tuple[Drains, Instruments, CityPack | None]:
    if not city.is_dir():
        drains = drains_of(city)
        return drains, instruments(drains), None
    pack = load(city)
    if pack.drainage_inp is None:
        raise ReplayError(f"{city}: has no drainage.inp", advice="floods are learned from the city's drainage model")
    drains = read_drains(pack.drainage_inp, f"{pack.code} drainage.inp")
    at = {s.element: s.sensor_id for s in pack.sensors if s.quantity is Quantity.WATER_DEPTH and s.element}
    levels = {s.element: s.sensor_id for s in pack.sensors if s.quantity is Quantity.LEVEL and s.element}
    inside = {node: sensor_id for node, sensor_id in levels.items() if node in drains.places}
    return drains, instruments(drains, at, inside), pack


def _observed(
    nowcast: Nowcast, pack: CityPack, store: Store, now: datetime, progress: Progress
) -> tuple[Nowcast, Correction]:
    stored = tuple(sensors.sensors(store, city_code=pack.code))
    wanted = (Quantity.WATER_DEPTH, Quantity.RAIN_INTENSITY, Quantity.TEMPERATURE, Quantity.LEVEL)
    chosen = tuple(s for s in stored if s.quantity in wanted)
    keys = [s.sensor_key for s in chosen]
    span = history.span(store, keys) if keys else None
    scope = Scope(pack.code, pack.timezone, chosen, levels=pack.levels)
    if span is None:
        return nowcast, replace(_NOTHING)
    return corrected(nowcast, scope, _slices(store, keys, span[0], min(span[1], now), progress))


_NOTHING = Correction(0, 0, 0.0, 1.0, np.nan, np.nan)


def _slices(store: Store, keys: list[int], begin: datetime, end: datetime, progress: Progress) -> Iterator[Batch]:
    order = np.argsort(np.array(keys, dtype=np.int64))
    at = begin
    while at <= end:
        rows = readings.readings_between(store, keys, at, at + _SLICE)
        number = order[np.searchsorted(np.array(keys, dtype=np.int64), rows["sensor_key"], sorter=order)]
        yield batch_of(Rows(number, rows["observed_at"].astype(np.int64) / 1e6, rows["value"]))
        at += _SLICE
        progress("observed floods", min((at - begin) / max(end - begin, _SLICE), 1.0))
